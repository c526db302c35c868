//! Two networks with a router of ours between them, which loses, delays, reorders and cuts.

use std::net::{IpAddr, Ipv4Addr};
use std::process::{Command, Stdio};

use crate::common::{Place, Running};

/// The router, and the place on either side of it. Both are gone with it.
pub(crate) struct Network {
    router: Running,
    told: usize,
    pub(crate) here: Place,
    pub(crate) there: Place,
}

impl Network {
    /// Makes both networks. `seed`: what the router draws its chances from.
    pub(crate) fn new(seed: u64) -> Self {
        let addresses = [1, 2].map(|host| IpAddr::V4(Ipv4Addr::new(10, 77, 0, host)));
        let mut command = Command::new("python3");
        command
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/network/router.py"
            ))
            .arg(seed.to_string())
            .args(addresses.map(|it| it.to_string()))
            .stdin(Stdio::piped());
        let router = Running::new(&mut command);
        router.until_lines(1);
        let line = router.first_line();
        let mut words = line.split(' ');
        assert_eq!(words.next(), Some("ready"), "{line}");
        let [here, there] = addresses.map(|address| {
            let process = words.next().unwrap();
            Place::there(address, enter(process))
        });
        Self {
            router,
            told: 1,
            here,
            there,
        }
    }

    /// Tells the router something; it holds when this returns.
    pub(crate) fn tell(&mut self, command: &str) {
        self.router.read_line(command);
        self.told += 1;
        self.router.until_lines(self.told);
        assert_eq!(self.router.last_line(), "ok", "{command}");
    }

    /// Takes the address of a place away and gives it another one, as when somebody walks into another network.
    pub(crate) fn change_address(place: &Place) {
        let address = |action: &str, address: &str| {
            let mut ip = place.command("ip");
            ip.args(["address", action, address, "dev", "tun0"]);
            assert!(ip.status().unwrap().success(), "{action} {address}");
        };
        address("del", &format!("{}/24", place.address()));
        address("add", "10.77.0.99/24");
    }
}

/// Whoever is root of the machine needs not be root of the network.
fn enter(process: &str) -> Vec<String> {
    let root = rustix::process::geteuid().is_root();
    let user: &[&str] = match root {
        true => &[],
        false => &["--user", "--preserve-credentials"],
    };
    let words = ["nsenter", "--target", process, "--net"].into_iter();
    words
        .chain(user.iter().copied())
        .map(String::from)
        .collect()
}
