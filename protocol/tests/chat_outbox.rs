//! The outbox: durable before it is sent, sent until it is stored, stored once.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

mod chat_world;

use chat_world::member::{Frame, Member};
use chat_world::server::Server;
use chat_world::{CHANNEL, Log, SharedLog, UNIX, device};
use dialtone_protocol::Machine;
use dialtone_protocol::chat::{
    Chat, Delivery, Event, Input, Output, Refusal, SendError, SendFailure, Transmit, Warning,
};
use dialtone_protocol::ids::{ClientId, Epoch, MessageId, Seq};
use dialtone_protocol::limits::{MAX_IN_FLIGHT, MAX_OUTBOX_MESSAGES, MAX_TEXT_BYTES};

fn scene() -> (SharedLog, Server, Member) {
    let log = Log::new();
    let mut server = Server::new(&log);
    let mut alice = Member::new(1, &log);
    alice.read_log();
    alice.connect(&server);
    alice.settle(&mut server);
    (log, server, alice)
}

fn deliveries(member: &Member) -> Vec<Delivery> {
    member
        .chat
        .drafts(CHANNEL)
        .map(|draft| draft.delivery)
        .collect()
}

fn refuse(alice: &mut Member, client_id: ClientId, reason: Refusal) {
    alice.take(Frame::Refused(client_id, reason), None);
}

// spec 8.2, 8.15
#[test]
fn a_message_is_durable_before_it_is_sent() {
    let (_, _, mut alice) = scene();
    let mut turn = alice.chat.turn(&alice.facts);
    turn.send_message(CHANNEL, "hello", UNIX, alice.now)
        .unwrap();
    assert!(matches!(turn.poll_output(), Some(Output::Persist(_))));
    assert!(matches!(
        turn.poll_output(),
        Some(Output::Transmit(Transmit::Send { .. }))
    ));
}

// spec 8.17
#[test]
fn an_ack_and_an_echo_in_either_order_give_one_message() {
    for ack_first in [true, false] {
        let (_, mut server, mut alice) = scene();
        let client_id = alice.send("hello");
        let (_, body) = alice.up.pop_front().unwrap();
        let (message, _) = server.send(device(1), client_id, &body).unwrap();
        let (ack, echo) = (Frame::Ack(message.clone()), Frame::New(message));
        let frames = if ack_first { [ack, echo] } else { [echo, ack] };
        for frame in frames {
            alice.take(frame, None);
        }
        assert_eq!(alice.shown(), ["hello"]);
        assert_eq!(deliveries(&alice), []);
        let acked = |event: &&Event| matches!(event, Event::Acked { seq: Seq(1), .. });
        assert_eq!(alice.events.iter().filter(acked).count(), 1);
        assert!(alice.chat.is_settled());
    }
}

// spec 8.16
#[test]
fn after_a_reconnect_the_same_bytes_are_sent_again() {
    let (_, mut server, mut alice) = scene();
    alice.send("hello");
    let first = alice.up.front().cloned().unwrap();
    // It is stored, but neither ack nor echo comes, and the process dies as well.
    server.send(device(1), first.0, &first.1).unwrap();
    alice.restart();
    alice.connect(&server);
    assert_eq!(alice.up, [first]);
    alice.settle(&mut server);
    assert_eq!(alice.shown(), ["hello"]);
    assert_eq!(server.stored.len(), 1);
    assert_eq!(deliveries(&alice), []);
}

// spec 8.16
#[test]
fn an_epoch_that_moved_makes_it_seal_again_under_the_same_name() {
    let (log, mut server, mut alice) = scene();
    alice.send("hello");
    let (name, body) = alice.up.pop_front().unwrap();
    log.borrow_mut().rotate();
    alice.facts.catch_up();
    alice.connect(&server);
    assert!(
        alice.up.is_empty() && alice.wants_key,
        "the new key has not come"
    );
    alice.take_keys();
    let (again, sealed) = alice.up.front().cloned().unwrap();
    assert_eq!(again, name);
    assert_ne!(sealed, body);
    alice.settle(&mut server);
    assert_eq!(alice.shown(), ["hello"]);
}

// spec 8.16
#[test]
fn a_stale_epoch_waits_for_the_log() {
    let (log, mut server, mut alice) = scene();
    let client_id = alice.send("hello");
    alice.up.clear();
    log.borrow_mut().rotate();
    refuse(&mut alice, client_id, Refusal::StaleEpoch);
    assert!(alice.wants_log && alice.up.is_empty());
    alice.facts.take_keys();
    alice.settle(&mut server);
    assert_eq!(alice.shown(), ["hello"]);
}

// spec 8.16
#[test]
fn a_server_that_calls_an_open_epoch_stale_is_not_asked_at_once() {
    let (_, mut server, mut alice) = scene();
    let client_id = alice.send("hello");
    alice.up.clear();
    refuse(&mut alice, client_id, Refusal::StaleEpoch);
    alice.read_log();
    assert!(alice.up.is_empty());
    alice.tick();
    assert_eq!(alice.up.len(), 1);
    alice.settle(&mut server);
    assert_eq!(alice.shown(), ["hello"]);
}

// spec 8.15
#[test]
fn a_busy_server_is_left_alone_for_a_while() {
    let (_, mut server, mut alice) = scene();
    let client_id = alice.send("hello");
    alice.up.clear();
    refuse(&mut alice, client_id, Refusal::Busy);
    alice.send("world");
    assert!(alice.up.is_empty());
    alice.tick();
    alice.settle(&mut server);
    assert_eq!(alice.shown(), ["hello", "world"]);
}

// spec 8.15
#[test]
fn a_message_without_an_answer_is_sent_again() {
    let (_, mut server, mut alice) = scene();
    alice.send("hello");
    let first = alice.up.pop_front();
    alice.tick();
    assert_eq!(alice.up.front(), first.as_ref());
    alice.settle(&mut server);
    assert_eq!(alice.shown(), ["hello"]);
}

// spec 8.15
#[test]
fn only_so_many_are_on_their_way_at_once() {
    let (_, mut server, mut alice) = scene();
    let texts: Vec<_> = (0..MAX_IN_FLIGHT + 5)
        .map(|number| number.to_string())
        .collect();
    for text in &texts {
        alice.send(text);
    }
    assert_eq!(alice.up.len(), MAX_IN_FLIGHT);
    alice.settle(&mut server);
    assert_eq!(alice.shown(), texts);
}

// spec 8.17
#[test]
fn a_refused_message_keeps_its_text_and_can_be_tried_again() {
    let (_, mut server, mut alice) = scene();
    let client_id = alice.send("hello");
    alice.up.clear();
    refuse(&mut alice, client_id, Refusal::NotEntitled);
    let reason = SendFailure::NotEntitled;
    let failed = Event::SendFailed {
        channel: CHANNEL,
        client_id,
        reason,
    };
    assert!(alice.events.contains(&failed));
    alice.restart();
    alice.connect(&server);
    assert_eq!(deliveries(&alice), [Delivery::Failed(reason)]);
    assert!(alice.up.is_empty(), "it is not sent by itself");
    alice.turn(None, |turn, now| turn.retry(CHANNEL, client_id, now));
    alice.settle(&mut server);
    assert_eq!(alice.shown(), ["hello"]);
}

// spec 8.17
#[test]
fn only_a_failed_message_can_be_discarded() {
    let (_, _, mut alice) = scene();
    let client_id = alice.send("hello");
    let discard =
        |alice: &mut Member| alice.turn(None, |turn, now| turn.discard(CHANNEL, client_id, now));
    assert_eq!(discard(&mut alice), None, "it may be stored already");
    refuse(&mut alice, client_id, Refusal::Malformed);
    assert_eq!(discard(&mut alice).as_deref(), Some("hello"));
    assert_eq!(deliveries(&alice), []);
    alice.restart();
    assert_eq!(deliveries(&alice), []);
}

// spec 8.17
#[test]
fn a_server_that_confirms_and_loses_a_message_is_named() {
    let (_, mut server, mut alice) = scene();
    let client_id = alice.send("hello");
    alice.up.clear();
    alice.input(Input::Ack {
        channel: CHANNEL,
        client_id,
        seq: Seq(1),
        message_id: MessageId([1; 16]),
    });
    assert_eq!(deliveries(&alice), [Delivery::Acked(Seq(1))]);
    // Another message stands at that number.
    let bob = Member::new(2, &server.log);
    let plain = bob.facts.plain("mine");
    let sealed = bob.facts.seal(ClientId([2; 16]), Epoch(0), &plain);
    server.store(device(2), ClientId([2; 16]), sealed);
    alice.settle(&mut server);
    let broken = Warning::BrokenAck {
        channel: CHANNEL,
        seq: Seq(1),
    };
    assert_eq!(alice.warnings(), [broken]);
    assert_eq!(deliveries(&alice), [Delivery::Failed(SendFailure::Lost)]);
}

// spec 8.15
#[test]
fn what_waits_for_a_channel_that_one_left_fails() {
    let (_, server, mut alice) = scene();
    alice.disconnect();
    alice.send("hello");
    alice.facts.in_channel = false;
    alice.connect(&server);
    assert_eq!(
        deliveries(&alice),
        [Delivery::Failed(SendFailure::NotEntitled)]
    );
    let send = alice.turn(None, |turn, now| turn.send_message(CHANNEL, "x", UNIX, now));
    assert_eq!(send, Err(SendError::NotEntitled));
}

// spec 8.3, 8.15
#[test]
fn a_text_is_refused_where_it_cannot_be_sent() {
    let (_, mut server, mut alice) = scene();
    let send = |alice: &mut Member, text: &str| {
        alice.turn(None, |turn, now| {
            turn.send_message(CHANNEL, text, UNIX, now)
        })
    };
    assert_eq!(send(&mut alice, ""), Err(SendError::Empty));
    let (got, max) = (MAX_TEXT_BYTES + 1, MAX_TEXT_BYTES);
    let text = "x".repeat(got);
    assert_eq!(
        send(&mut alice, &text),
        Err(SendError::TooLong { got, max })
    );
    assert!(send(&mut alice, &text[1..]).is_ok());
    alice.settle(&mut server);
    assert_eq!(alice.shown(), [&text[1..]]);
    alice.disconnect();
    for _ in 0..MAX_OUTBOX_MESSAGES {
        send(&mut alice, "x").unwrap();
    }
    assert_eq!(send(&mut alice, "x"), Err(SendError::OutboxFull));
}

// spec 8.16
#[test]
fn a_message_waits_for_those_before_it_that_name_an_earlier_head() {
    let (log, mut server, mut alice) = scene();
    let first = alice.send("first");
    // It is on its way on an old socket, and may still arrive.
    let late = alice.up.pop_front().unwrap();
    log.borrow_mut().grow();
    alice.read_log();
    alice.send("second");
    assert!(alice.up.is_empty());
    refuse(&mut alice, first, Refusal::Busy);
    alice.tick();
    assert_eq!(alice.up, [late], "only the first goes out again");
    alice.settle(&mut server);
    assert_eq!(alice.shown(), ["first", "second"]);
}

// spec 8.19
#[test]
fn records_of_a_newer_version_or_with_a_gap_are_not_restored() {
    use dialtone_protocol::chat::RestoreError;
    use dialtone_protocol::client::Table;
    let (_, mut server, mut alice) = scene();
    for text in ["one", "two", "three"] {
        alice.send(text);
    }
    alice.settle(&mut server);
    let restore = |disk: &std::collections::BTreeMap<(Table, Vec<u8>), Vec<u8>>| {
        let records = disk
            .iter()
            .map(|((table, key), value)| (*table, key.clone(), value.clone()));
        Chat::restore([0; 32], records).map(|chat| chat.last_seq(CHANNEL))
    };
    assert_eq!(restore(&alice.disk), Ok(Seq(3)));
    let key = |seq: u64| {
        (
            Table::Messages,
            [&CHANNEL.0[..], &seq.to_be_bytes()].concat(),
        )
    };

    let mut gap = alice.disk.clone();
    gap.remove(&key(2)).unwrap();
    assert_eq!(restore(&gap), Err(RestoreError::Damaged(Table::Messages)));
    let mut newer = alice.disk.clone();
    newer.get_mut(&key(2)).unwrap()[2] = 2;
    assert_eq!(
        restore(&newer),
        Err(RestoreError::NeedsNewer(Table::Messages))
    );
    let mut torn = alice.disk.clone();
    torn.get_mut(&key(2)).unwrap().pop();
    assert_eq!(restore(&torn), Err(RestoreError::Damaged(Table::Messages)));
}
