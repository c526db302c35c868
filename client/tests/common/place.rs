//! Where programs run: on this machine as it is, or in a network of the test's own.

use std::ffi::OsStr;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;

/// Somewhere that programs run.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    address: IpAddr,
    /// The command that brings a program there.
    enter: Vec<String>,
}

impl Place {
    /// On this machine, as it is.
    pub(crate) const fn here() -> Self {
        Self {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            enter: Vec::new(),
        }
    }

    /// Somewhere else, where this address is its own.
    pub(crate) const fn there(address: IpAddr, enter: Vec<String>) -> Self {
        Self { address, enter }
    }

    /// A command that runs a program here.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        match self.enter.split_first() {
            None => Command::new(program),
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(program);
                command
            }
        }
    }

    /// Where a server listens.
    pub(crate) const fn address(&self) -> IpAddr {
        self.address
    }

    pub(crate) const fn is_other(&self) -> bool {
        !self.enter.is_empty()
    }
}
