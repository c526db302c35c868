//! The addresses by which this device can be reached.

use std::io;
use std::net::IpAddr;

/// Addresses that are used at most: each is a socket, and each pair of addresses of two devices is tried.
pub const MAX_ADDRESSES: usize = 8;

/// The addresses of this machine that others may reach: those of its networks, or the loopback alone, where everybody
/// is on this machine.
///
/// # Errors
///
/// When the system does not say.
pub fn local_addresses(loopback: bool) -> io::Result<Vec<IpAddr>> {
    let interfaces = if_addrs::get_if_addrs()?;
    let mut addresses: Vec<IpAddr> = interfaces
        .iter()
        .filter(|interface| interface.is_loopback() == loopback)
        .map(if_addrs::Interface::ip)
        .filter(is_usable)
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses.truncate(MAX_ADDRESSES);
    Ok(addresses)
}

/// Addresses of a link alone need its number beside them, which a candidate cannot carry.
fn is_usable(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !address.is_link_local() && !address.is_unspecified(),
        IpAddr::V6(address) => !address.is_unicast_link_local() && !address.is_unspecified(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn loopback_is_for_those_on_this_machine_alone() {
        let loopback = local_addresses(true).unwrap();
        assert!(loopback.iter().all(IpAddr::is_loopback));
        assert!(!loopback.is_empty());
        let others = local_addresses(false).unwrap();
        assert!(!others.iter().any(IpAddr::is_loopback));
    }
}
