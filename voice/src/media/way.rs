//! By what this device can be reached.

use std::net::SocketAddr;

use str0m::Candidate;

/// A way by which this device can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    /// An address of its own.
    Host(SocketAddr),
    /// What a server sees in place of it.
    Reflexive { seen: SocketAddr, base: SocketAddr },
    /// An address at a relay, and the one from which that is reached.
    Relayed { at: SocketAddr, from: SocketAddr },
}

impl Way {
    /// As ICE has it (RFC 8445, section 5.1.1). What leads nowhere is none.
    pub(super) fn candidate(self) -> Option<Candidate> {
        match self {
            Self::Host(address) => Candidate::host(address, "udp"),
            Self::Reflexive { seen, base } => Candidate::server_reflexive(seen, base, "udp"),
            Self::Relayed { at, from } => Candidate::relayed(at, from, "udp"),
        }
        .ok()
    }
}
