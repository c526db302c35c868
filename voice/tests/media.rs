//! Sound through real STUN and TURN servers: coturn, which the tests start on the loopback.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "in a test a failure ends the test"
)]

#[path = "media/call.rs"]
mod call;
#[path = "media/coturn.rs"]
mod coturn;
#[path = "../../server/tests/support/port.rs"]
mod port;

use std::net::SocketAddr;
use std::num::NonZero;

use dialtone_client::link::Trust;
use dialtone_protocol::runtime::Runtime;
use dialtone_runtime_smol::Smol;
use dialtone_runtime_tokio::Tokio;
use dialtone_voice::media::{Login, Named, Server, Trouble};

use call::{Call, Net, PEER};
use coturn::Coturn;

const THREADS: NonZero<usize> = NonZero::new(2).unwrap();

fn start() -> Coturn {
    Coturn::start([port::free_port(), port::free_port()])
}

fn server(url: &str, password: &str) -> Server {
    let login = Login::new("ann", password).unwrap();
    let named = Named::parse(url, Some(&login)).unwrap();
    let address = SocketAddr::new(named.host.parse().unwrap(), named.port);
    named.at(address)
}

/// Two devices that are reached through a relay alone.
fn relay_only<R: Runtime>(runtime: &R, coturn: &Coturn, by: &str, password: &str) -> Call<R> {
    let trust = Trust::File(coturn.authority());
    let servers = [server(&coturn.url(by), password)];
    Call::new(runtime, &trust, &servers, true, [Net::open(), Net::open()])
}

/// They talk, the relay is killed, it comes back, and they talk again.
fn goes_through_the_relay_alone<R: Runtime>(runtime: &R, by: &str) {
    let mut coturn = start();
    let mut call = relay_only(runtime, &coturn, by, "secret");
    call.until_connected();
    call.talk();
    for device in &call.devices {
        assert!(device.mesh.health(PEER).is_some());
        assert_eq!(device.trouble, []);
    }
    coturn.kill();
    call.until("broken", |it| !it.pair.is_connected());
    coturn.go_on();
    call.until_connected();
    call.talk();
    for device in &call.devices {
        let relay = coturn.address();
        let elsewhere = device.sent_to.iter().filter(|to| **to != relay);
        assert_eq!(elsewhere.count(), 0, "nothing goes elsewhere");
        assert_eq!(
            device.sent_to.is_empty(),
            by != "udp",
            "streams need no datagrams"
        );
        let named = device.named.iter();
        assert!(named.clone().count() > 0 && named.clone().all(|it| it.contains("typ relay")));
    }
}

// spec 11.51, 11.52
#[test]
fn sound_goes_through_the_relay_alone_and_comes_back_after_it_was_lost() {
    let run = |runtime| async move { goes_through_the_relay_alone(&runtime, "udp") };
    Smol::run(THREADS, run).unwrap();
}

// spec 11.51, 11.52, 11.55
#[test]
fn sound_goes_through_the_relay_over_tcp_alone_and_comes_back_after_it_was_lost() {
    let run = |runtime| async move { goes_through_the_relay_alone(&runtime, "tcp") };
    Smol::run(THREADS, run).unwrap();
}

// spec 11.51, 11.52, 11.55
#[test]
fn sound_goes_through_the_relay_over_tls_alone_and_comes_back_after_it_was_lost() {
    let run = |runtime| async move { goes_through_the_relay_alone(&runtime, "tls") };
    Tokio::run(THREADS, run).unwrap();
}

// spec 11.51
#[test]
fn a_wrong_password_is_named() {
    let run = |runtime: Smol| async move {
        let coturn = start();
        for by in ["udp", "tcp", "tls"] {
            let mut call = relay_only(&runtime, &coturn, by, "wrong");
            call.until("refused", |it| !it.trouble.is_empty());
            for device in &call.devices {
                let [(named, why)] = device.trouble.as_slice() else {
                    panic!("{:?}", device.trouble);
                };
                assert_eq!(
                    (named, why),
                    (&server(&coturn.url(by), "wrong"), &Trouble::Login)
                );
                assert!(!device.pair.is_connected());
            }
        }
    };
    Smol::run(THREADS, run).unwrap();
}

// spec 11.55
#[test]
fn a_relay_with_another_ones_certificate_is_not_used() {
    let run = |runtime: Smol| async move {
        let (coturn, other) = (start(), start());
        let servers = [server(&coturn.url("tls"), "secret")];
        let trust = Trust::File(other.authority());
        let nets = [Net::open(), Net::open()];
        let mut call = Call::new(&runtime, &trust, &servers, true, nets);
        call.until("refused", |it| !it.trouble.is_empty());
        for device in &call.devices {
            let why = device.trouble[0].1.to_string();
            assert!(why.contains("certificate"), "{why}");
            assert!(!device.pair.is_connected());
        }
    };
    Smol::run(THREADS, run).unwrap();
}

// spec 11.54
#[test]
fn devices_behind_nats_hear_each_other_by_what_a_stun_server_sees() {
    let run = |runtime: Smol| async move {
        let coturn = start();
        let seen: SocketAddr = "192.0.2.1:3478".parse().unwrap();
        let net = |inside| Net::behind_nat(inside, seen, coturn.address());
        let nets = [net("10.0.0.1:5000"), net("10.0.0.2:5000")];
        let outside = nets.each_ref().map(Net::outside);
        let stun = Named::parse("stun:stun.example", None).unwrap().at(seen);
        let mut call = Call::new(&runtime, &Trust::System, &[stun], false, nets);
        call.until_connected();
        call.talk();
        for (device, outside) in call.devices.iter().zip(outside) {
            let wanted = format!("{} {} typ srflx", outside.ip(), outside.port());
            let named = &device.named;
            assert!(
                named.iter().any(|it| it.contains(&wanted)),
                "{wanted}: {named:?}"
            );
            assert!(!device.mesh.health(PEER).unwrap().relayed);
        }
    };
    Smol::run(THREADS, run).unwrap();
}
