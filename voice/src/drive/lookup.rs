//! Names of STUN and TURN servers, and the addresses that are used of those that they have.

use std::net::{SocketAddr, ToSocketAddrs};

use crate::media::{Named, Server, Service};

/// A server as it is named, and where it is.
#[derive(Debug)]
pub(super) struct LookedUp {
    pub(super) named: Named,
    /// None if the name cannot be looked up now.
    pub(super) addresses: Vec<SocketAddr>,
}

/// Looks names up, which may take long.
pub(super) fn look_up(names: Vec<Named>) -> Vec<LookedUp> {
    let one = |named: Named| {
        let found = (named.host.as_str(), named.port).to_socket_addrs();
        let addresses = found.map(Iterator::collect).unwrap_or_default();
        LookedUp { named, addresses }
    };
    names.into_iter().map(one).collect()
}

impl LookedUp {
    /// The server at the address that the system prefers; for STUN one of each kind, since each kind has its own NAT.
    /// What is used already stays while the name still leads there, or while nobody knows where it leads.
    pub(super) fn choose(&self, used: &[Server]) -> Vec<Server> {
        let named = &self.named;
        let is_it = |it: &&Server| {
            it.host == named.host
                && it.address.port() == named.port
                && it.service.transport() == named.service.transport()
        };
        let used: Vec<SocketAddr> = used.iter().filter(is_it).map(|it| it.address).collect();
        let found = if self.addresses.is_empty() {
            &used
        } else {
            &self.addresses
        };
        let first = |wanted: fn(&SocketAddr) -> bool| {
            let stays = used.iter().find(|it| wanted(it) && found.contains(it));
            stays.or_else(|| found.iter().find(|it| wanted(it)))
        };
        let chosen = match named.service {
            Service::Stun => [first(SocketAddr::is_ipv4), first(SocketAddr::is_ipv6)],
            Service::Turn { .. } => [first(|_| true), None],
        };
        let chosen = chosen.into_iter().flatten();
        chosen.map(|at| named.at(*at)).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;
    use crate::media::Login;

    fn at(last: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, last], 3478))
    }

    fn six() -> SocketAddr {
        SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], 3478))
    }

    fn chosen(url: &str, addresses: &[SocketAddr], used: &[Server]) -> Vec<Server> {
        let named = Named::parse(url, Login::new("ann", "secret").as_ref()).unwrap();
        let addresses = addresses.to_vec();
        LookedUp { named, addresses }.choose(used)
    }

    fn places(servers: &[Server]) -> Vec<SocketAddr> {
        servers.iter().map(|it| it.address).collect()
    }

    #[test]
    fn a_relay_is_used_at_one_address_and_stun_at_one_of_each_kind() {
        let all = [at(1), six(), at(2)];
        assert_eq!(places(&chosen("turn:turn.example", &all, &[])), [at(1)]);
        let both = [at(1), six()];
        assert_eq!(places(&chosen("stun:stun.example", &all, &[])), both);
    }

    // spec 11.54
    #[test]
    fn what_is_used_stays_while_its_name_leads_there_or_cannot_be_looked_up() {
        let url = "turn:turn.example";
        let used = chosen(url, &[at(2)], &[]);
        assert_eq!(chosen(url, &[at(1), at(2)], &used), used);
        assert_eq!(chosen(url, &[], &used), used);
        assert_eq!(places(&chosen(url, &[at(1)], &used)), [at(1)]);
        // It is of no account to others.
        assert_eq!(chosen("turn:other.example", &[], &used), []);
        assert_eq!(chosen("turn:turn.example?transport=tcp", &[], &used), []);
        assert_eq!(chosen("stun:turn.example", &[], &used), []);
    }

    #[test]
    fn an_address_needs_no_look_up_and_a_name_without_one_has_none() {
        // RFC 6761, section 6.4: no name below invalid. ever has one.
        let names = ["stun:127.0.0.1:99", "stun:stun.invalid"];
        let names = names.map(|it| Named::parse(it, None).unwrap());
        let found = look_up(names.to_vec());
        assert_eq!(found[0].addresses, [SocketAddr::from(([127, 0, 0, 1], 99))]);
        assert_eq!(found[1].addresses, []);
    }
}
