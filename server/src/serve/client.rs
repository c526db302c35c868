//! Where a request comes from.

use std::net::{IpAddr, SocketAddr};

use hyper::HeaderMap;

/// The header in which a proxy says for whom it asks.
pub(super) const FORWARDED_FOR: &str = "x-forwarded-for";

/// The address of who sent a request with these headers.
pub(super) fn of(peer: SocketAddr, headers: &HeaderMap) -> IpAddr {
    let forwarded_for = headers.get_all(FORWARDED_FOR).iter().next_back();
    address(peer, forwarded_for.and_then(|value| value.to_str().ok()))
}

/// The address of who asks. Only a proxy on this very machine is believed, and of its list only the last address,
/// which is the one that it added.
pub(super) fn address(peer: SocketAddr, forwarded_for: Option<&str>) -> IpAddr {
    let peer = peer.ip().to_canonical();
    if !peer.is_loopback() {
        return peer;
    }
    let last = forwarded_for.and_then(|list| list.rsplit(',').next());
    let told = last.and_then(|it| it.trim().parse::<IpAddr>().ok());
    told.map_or(peer, |told| told.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_proxy_on_this_machine_speaks_for_others() {
        let from = |peer: &str, list| address(peer.parse().unwrap(), list).to_string();
        assert_eq!(from("127.0.0.1:1", None), "127.0.0.1");
        assert_eq!(from("127.0.0.1:1", Some("192.0.2.7")), "192.0.2.7");
        assert_eq!(from("[::1]:1", Some("10.0.0.1, 192.0.2.7 ")), "192.0.2.7");
        assert_eq!(from("127.0.0.1:1", Some("unknown")), "127.0.0.1");
        assert_eq!(from("192.0.2.9:1", Some("127.0.0.1")), "192.0.2.9");
        assert_eq!(from("[::ffff:192.0.2.9]:1", None), "192.0.2.9");
    }
}
