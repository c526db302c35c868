//! Servers in virtual time: well-behaved ones, silent ones, and such as say anything.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod evil;
mod world;

use super::*;
use world::{World, address, place, server, server_at};

fn relayed() -> Way {
    Way::Relayed {
        at: address("192.0.2.1:50000"),
        from: address("10.0.0.1:5000"),
    }
}

// spec 11.51
#[test]
fn each_transport_gives_an_address() {
    for (url, streams) in [("turn:x", 0), ("turn:x?transport=tcp", 1), ("turns:x", 1)] {
        let mut world = World::new(&[server(url)]);
        assert_eq!(world.streams.len(), streams, "{url}");
        world.open();
        world.wait(3);
        assert_eq!(world.ways, [relayed()], "{url}");
        // An hour on, it is still there.
        world.wait(3600);
        assert_eq!(
            (world.ways.as_slice(), world.opened),
            ([relayed()].as_slice(), streams)
        );
        assert_eq!(world.trouble, []);
        // Its socket goes, and it with it.
        world.sockets.clear();
        world.use_all();
        assert!(world.ways.is_empty() && world.streams.is_empty() && world.servers.due().is_none());
    }
}

// spec 11.55
#[test]
fn a_stream_that_cannot_be_opened_is_said_once_and_tried_again() {
    let mut world = World::new(&[server("turns:x")]);
    for tries in 1..4 {
        assert_eq!((world.opened, world.streams.len()), (tries, 1));
        world.close("refused");
        assert_eq!(world.trouble, [Trouble::Stream("refused".to_owned())]);
        world.wait(14);
        assert_eq!(world.streams.len(), 0);
        world.wait(1);
    }
    world.open();
    world.wait(3);
    assert_eq!(world.ways, [relayed()]);
    // One that stood is opened again at once; then trouble is new.
    world.close("gone");
    assert_eq!((world.ways.len(), world.trouble.len()), (0, 1));
    world.wait(1);
    world.close("refused");
    assert_eq!(world.trouble.len(), 2);
}

// spec 11.51
#[test]
fn a_server_that_says_nothing_is_given_up_and_asked_again() {
    for url in ["turn:x", "turn:x?transport=tcp"] {
        let mut world = World::new(&[]);
        world.answers = false;
        world.want(&[server(url)]);
        world.open();
        world.wait(7);
        assert_eq!(world.trouble, [], "{url}");
        world.wait(1);
        assert_eq!(world.trouble, [Trouble::Silent], "{url}");
        assert!(world.streams.is_empty());
        world.answers = true;
        world.wait(15);
        world.open();
        world.wait(3);
        assert_eq!(world.ways, [relayed()], "{url}");
    }
}

// spec 11.51
#[test]
fn a_wrong_password_is_named_and_another_one_used_at_once() {
    for url in ["turn:x", "turn:x?transport=tcp"] {
        let mut world = World::new(&[server_at(url, "wrong", place())]);
        world.open();
        world.wait(3);
        assert_eq!(world.trouble, [Trouble::Login], "{url}");
        world.wait(60);
        world.close("idle");
        assert_eq!(world.trouble.len(), 1, "it is said once");
        world.want(&[server(url)]);
        world.open();
        world.wait(3);
        assert_eq!(world.ways, [relayed()], "{url}");
        // A login that changes where one is in use ends nothing.
        let opened = world.opened;
        world.want(&[server_at(url, "other", place())]);
        assert_eq!(
            (world.ways.as_slice(), world.opened),
            ([relayed()].as_slice(), opened)
        );
    }
}

// spec 11.55
#[test]
fn what_is_said_of_an_earlier_stream_is_passed_over() {
    let mut world = World::new(&[server("turn:x?transport=tcp")]);
    let old = *world.streams.keys().next().unwrap();
    world.close("refused");
    world.wait(15);
    let sent = world.sent;
    world.servers.stream_opened(old, world.now);
    world
        .servers
        .stream_bytes(old, b"what is no TURN", world.now);
    world.servers.stream_closed(old, "again", world.now);
    world.settle();
    assert_eq!((world.sent, world.streams.len()), (sent, 1));
    world.open();
    world.wait(3);
    assert_eq!(world.ways, [relayed()]);
}

// spec 11.54
#[test]
fn what_servers_see_is_named_once_for_each_socket() {
    let other = address("192.0.2.2:3478");
    let mut world = World::new(&[server("stun:x"), server_at("stun:y", "", other)]);
    let reflexive = |base| Way::Reflexive {
        seen: address("198.51.100.7:7000"),
        base: address(base),
    };
    assert_eq!(world.ways, [reflexive("10.0.0.1:5000")]);
    world.sockets.insert(SocketId(1), address("10.0.0.9:5000"));
    // These reach no server.
    world
        .sockets
        .insert(SocketId(2), address("[2001:db8::1]:5000"));
    world.sockets.insert(SocketId(3), address("127.0.0.1:5000"));
    world.use_all();
    let both = ["10.0.0.1:5000", "10.0.0.9:5000"].map(reflexive);
    assert_eq!(world.ways, both);
    world.wait(600);
    assert_eq!(world.ways, both);
    assert!((80..=120).contains(&world.sent), "{}", world.sent);
    world.sockets.remove(&SocketId(0));
    world.use_all();
    assert_eq!(world.ways, both[1..]);
    // Whoever is reached through relays alone has no use for it.
    world.relay_only = true;
    world.use_all();
    let sent = world.sent;
    world.wait(600);
    assert_eq!((world.ways.len(), world.sent), (0, sent));
}

#[test]
fn the_first_few_servers_are_used() {
    let at = |number: u8| SocketAddr::from(([198, 51, 100, number], 3478));
    let many = |url| (0..100).map(move |it| server_at(url, "secret", at(it)));
    let mut world = World::new(&many("stun:x").collect::<Vec<_>>());
    assert_eq!(world.sent, MAX_SERVERS);
    world.want(&many("turns:x").collect::<Vec<_>>());
    assert_eq!(world.streams.len(), MAX_RELAYS);
}
