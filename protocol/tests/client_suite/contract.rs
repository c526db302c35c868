//! The contract of every engine, kept by the client's. That no deadline is due after a drain is asserted in `net`.

use dialtone_protocol::Machine;
use dialtone_protocol::client::{Access, CallId, History, Input, InputError, LinkFailure, Output};

use crate::join::community;

/// What all clients said in a story with a bit of everything.
fn story() -> Vec<(usize, Output)> {
    let (mut net, alice) = community();
    let link = net.invite(alice);
    let bob = net.join("bob", &link);
    let general = net.channel(bob, "general");
    net.send(bob, general, "hello");
    let now = net.now;
    net.client(alice)
        .create_channel("staff", Access::Private, History::FromJoin, now)
        .unwrap();
    net.cut(bob);
    net.wait(40);
    net.restart(alice);
    net.connect(alice);
    net.leave(bob);
    net.outputs
}

// spec 1.6
#[test]
fn the_same_seeds_and_inputs_give_the_same_outputs() {
    let (one, other) = (story(), story());
    assert!(one.len() > 100);
    assert!(one == other, "two runs differ");
}

// spec 1.4
#[test]
fn a_spurious_timeout_changes_nothing() {
    let (mut net, alice) = community();
    let now = net.now;
    let client = net.client(alice);
    let before = client.poll_timeout();
    for earlier in [now, dialtone_protocol::Instant::ZERO] {
        client.handle_timeout(earlier);
        assert_eq!(client.poll_output(), None);
        assert_eq!(client.poll_timeout(), before);
    }
}

// spec 1.2
#[test]
fn while_output_is_queued_the_deadline_is_now() {
    let (mut net, alice) = community();
    let general = net.channel(alice, "general");
    let now = net.now;
    let client = net.client(alice);
    client.send_message(general, "hello", now).unwrap();
    assert_eq!(client.poll_timeout(), Some(now));
    while client.poll_output().is_some() {}
    assert!(client.poll_timeout() > Some(now));
}

// spec 1.5
#[test]
fn what_was_not_asked_for_is_refused() {
    let (mut net, alice) = community();
    net.leave(alice);
    let now = net.now;
    let client = net.client(alice);
    for input in [
        Input::SocketOpened,
        Input::Frame(b"{}"),
        Input::SocketClosed {
            reason: LinkFailure::Lost,
        },
    ] {
        assert_eq!(client.handle_input(input, now), Err(InputError::NoSocket));
    }
    let id = CallId(u64::MAX);
    let answer = Input::Answer {
        id,
        result: Err(LinkFailure::Lost),
    };
    assert_eq!(
        client.handle_input(answer, now),
        Err(InputError::UnknownCall(id))
    );
    assert_eq!(client.poll_output(), None);
}
