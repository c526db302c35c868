//! Pages: the newcomer's first, the gap's, the past's, and what a lying server gets for another past.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

mod chat_world;

use chat_world::member::{Frame, Member};
use chat_world::server::Server;
use chat_world::{CHANNEL, Log, UNIX, device, user};
use dialtone_protocol::chat::{Body, Event, Input, Page, Part, Refused, Warning};
use dialtone_protocol::ids::{ClientId, Epoch, Seq, Transcript};
use dialtone_protocol::wire::base64;

/// A channel in which Alice has said `count` things, and Bob, who has seen none of them.
fn scene(count: u8) -> (Server, Member, Member) {
    let log = Log::new();
    let mut server = Server::new(&log);
    let (alice, mut bob) = (Member::new(1, &log), Member::new(2, &log));
    for number in 1..=count {
        say(&mut server, &alice, number);
    }
    bob.read_log();
    (server, alice, bob)
}

fn say(server: &mut Server, alice: &Member, number: u8) {
    let plain = alice.facts.plain(&number.to_string());
    let client_id = ClientId([number; 16]);
    let sealed = alice.facts.seal(client_id, Epoch(0), &plain);
    server.store(device(1), client_id, sealed);
}

fn other_history(seq: u64) -> Warning {
    Warning::OtherHistory {
        channel: CHANNEL,
        seq: Seq(seq),
    }
}

/// Answers the oldest fetch with a page that a lying server made of the honest one.
fn answer(server: &Server, bob: &mut Member, lie: impl FnOnce(&mut Page)) {
    let (id, part, limit) = bob.fetches.pop_front().unwrap();
    let mut page = server.page(part, limit.min(3));
    lie(&mut page);
    let page = Some(page);
    bob.input(Input::Page { id, page });
}

fn answer_all(server: &Server, bob: &mut Member) {
    while !bob.fetches.is_empty() {
        answer(server, bob, |_| {});
    }
}

// spec 8.5
#[test]
fn numbers_at_the_end_of_all_numbers_end_nothing() {
    let (mut server, _, mut bob) = scene(2);
    bob.connect(&server);
    answer(&server, &mut bob, |page| {
        page.messages[0].seq = Seq(u64::MAX - 1);
        page.messages[1].seq = Seq(u64::MAX);
    });
    answer_all(&server, &mut bob);
    bob.restart();
    bob.connect(&server);
    answer_all(&server, &mut bob);
    // And the user may start over with an honest one.
    bob.turn(None, |turn, now| turn.start_over(CHANNEL, now));
    bob.settle(&mut server);
    assert_eq!(bob.shown(), ["1", "2"]);
}

// spec 8.4
#[test]
fn a_newcomer_starts_from_the_newest_page_and_reads_back_to_the_start() {
    let (mut server, _, mut bob) = scene(8);
    bob.connect(&server);
    assert_eq!(bob.fetches[0].1, Part::Newest);
    bob.settle(&mut server);
    assert_eq!(bob.shown(), ["6", "7", "8"]);
    assert_eq!(bob.chat.unread(CHANNEL, user(2)), 3);
    bob.load_older();
    bob.settle(&mut server);
    assert_eq!(bob.shown(), ["3", "4", "5", "6", "7", "8"]);
    assert_eq!(bob.chat.unread(CHANNEL, user(2)), 3, "the past is not news");
    bob.load_older();
    bob.settle(&mut server);
    assert_eq!(bob.shown().len(), 8);
    assert!(
        bob.events
            .contains(&Event::HistoryStart { channel: CHANNEL })
    );
    assert_eq!(bob.warnings(), []);
}

// spec 8.5
#[test]
fn a_message_ahead_of_its_turn_is_held_until_the_gap_is_filled() {
    let (mut server, alice, mut bob) = scene(1);
    bob.connect(&server);
    bob.settle(&mut server);
    for number in 2..=5 {
        say(&mut server, &alice, number);
    }
    bob.take(Frame::New(server.stored[4].clone()), None);
    assert_eq!(bob.shown(), ["1"]);
    assert_eq!(bob.fetches[0].1, Part::After(Seq(1)));
    bob.settle(&mut server);
    assert_eq!(bob.shown(), ["1", "2", "3", "4", "5"]);
}

// spec 8.5
#[test]
fn a_page_that_does_not_come_is_asked_for_again_later() {
    let (mut server, _, mut bob) = scene(2);
    bob.connect(&server);
    for _ in 0..3 {
        let (id, ..) = bob.fetches.pop_front().unwrap();
        bob.input(Input::Page { id, page: None });
        assert!(bob.fetches.is_empty(), "not at once");
        bob.tick();
    }
    bob.settle(&mut server);
    assert_eq!(bob.shown(), ["1", "2"]);
}

// spec 8.6
#[test]
fn a_past_that_does_not_lead_to_the_known_one_names_the_server() {
    let (mut server, _, mut bob) = scene(8);
    bob.connect(&server);
    bob.settle(&mut server);
    bob.load_older();
    answer(&server, &mut bob, |page| {
        page.messages[1].client_id = ClientId([77; 16])
    });
    assert_eq!(bob.warnings(), [other_history(5)]);
    assert_eq!(bob.shown(), ["6", "7", "8"]);

    // The channel itself goes on, and the next connection tries the past again.
    bob.connect(&server);
    bob.load_older();
    bob.settle(&mut server);
    assert_eq!(bob.shown().len(), 6);
}

// spec 8.6
#[test]
fn a_past_that_begins_with_something_before_it_names_the_server() {
    let (server, _, mut bob) = scene(2);
    bob.connect(&server);
    answer(&server, &mut bob, |page| {
        page.transcript = Transcript([1; 32])
    });
    assert_eq!(bob.warnings(), [other_history(0)]);
    assert_eq!(bob.shown().len(), 0);
}

// spec 8.7
#[test]
fn a_server_that_changes_the_past_behind_a_gap_is_named() {
    let (mut server, alice, mut bob) = scene(2);
    bob.connect(&server);
    bob.settle(&mut server);
    for number in 3..=5 {
        say(&mut server, &alice, number);
    }
    bob.take(Frame::New(server.stored[4].clone()), None);
    answer(&server, &mut bob, |page| {
        page.transcript = Transcript([1; 32])
    });
    assert_eq!(bob.warnings(), [other_history(2)]);
    assert!(bob.fetches.is_empty(), "it rests on this connection");
    assert_eq!(bob.shown(), ["1", "2"]);
    // What the server says on the next connection is judged anew.
    bob.connect(&server);
    bob.settle(&mut server);
    assert_eq!(bob.shown().len(), 5);
}

// spec 8.7
#[test]
fn a_server_that_lost_its_tail_is_named_and_the_user_may_start_over() {
    let (mut server, alice, mut bob) = scene(3);
    bob.connect(&server);
    bob.settle(&mut server);
    // A backup from before the second message is restored, and Alice goes on there.
    let mut restored = Server::new(&server.log);
    say(&mut restored, &alice, 1);
    say(&mut restored, &alice, 12);
    bob.connect(&restored);
    bob.take(Frame::New(restored.stored[1].clone()), None);
    assert_eq!(bob.warnings(), [other_history(2)]);
    assert_eq!(bob.shown(), ["1", "2", "3"], "what was shown stays");

    bob.turn(None, |turn, now| turn.start_over(CHANNEL, now));
    assert_eq!(bob.shown().len(), 0);
    bob.connect(&restored);
    bob.settle(&mut restored);
    assert_eq!(bob.shown(), ["1", "12"]);
    bob.restart();
    assert_eq!(
        bob.shown(),
        ["1", "12"],
        "nothing of the old past is on the disk"
    );
}

// spec 8.10
#[test]
fn a_replay_is_refused_also_when_the_original_is_read_later() {
    let (mut server, alice, mut bob) = scene(3);
    let plain = alice.facts.plain("2");
    let twin = alice.facts.seal(ClientId([2; 16]), Epoch(0), &plain);
    server.store(device(1), ClientId([2; 16]), twin);
    say(&mut server, &alice, 5);
    say(&mut server, &alice, 6);
    bob.connect(&server);
    bob.settle(&mut server);
    assert!(
        matches!(bob.body(4), Body::Text { .. }),
        "the original is not here yet"
    );
    bob.load_older();
    bob.settle(&mut server);
    assert!(matches!(bob.body(2), Body::Text { .. }));
    assert_eq!(bob.body(4), Body::Refused(Refused::ClientIdReused));
    bob.restart();
    assert_eq!(bob.body(4), Body::Refused(Refused::ClientIdReused));
}

// spec 8.14
#[test]
fn read_marks_and_unread_counts_survive_a_restart() {
    let (mut server, alice, mut bob) = scene(3);
    bob.connect(&server);
    bob.settle(&mut server);
    bob.chat.mark_read(CHANNEL, Seq(2), bob.now);
    bob.tick();
    assert_eq!(bob.chat.unread(CHANNEL, user(2)), 1);
    bob.chat.mark_read(CHANNEL, Seq(1), bob.now);
    assert_eq!(bob.chat.read_mark(CHANNEL), Seq(2), "it never goes back");
    bob.restart();
    assert_eq!(bob.chat.unread(CHANNEL, user(2)), 1);
    say(&mut server, &alice, 4);
    bob.connect(&server);
    bob.settle(&mut server);
    assert_eq!(bob.chat.unread(CHANNEL, user(2)), 2);
    // One's own messages are not news.
    bob.turn(None, |turn, now| {
        turn.send_message(CHANNEL, "mine", UNIX, now)
    })
    .unwrap();
    bob.settle(&mut server);
    assert_eq!(bob.chat.unread(CHANNEL, user(2)), 2);
}

// spec 8.18
#[test]
fn the_oldest_messages_are_let_go_of_and_can_be_fetched_again() {
    use dialtone_protocol::limits::KEPT_MESSAGES;
    let (mut server, mut alice, mut bob) = scene(0);
    let older = alice.facts.plain("from an older log");
    alice.facts.catch_up();
    say(&mut server, &alice, 1);
    say(&mut server, &alice, 2);
    bob.connect(&server);
    bob.settle(&mut server);
    let count = 2 * KEPT_MESSAGES as u64 + 1;
    for number in 3..=count {
        // Nothing that needs a key, since opening takes its time.
        let mut name = [0; 16];
        name[..8].copy_from_slice(&number.to_be_bytes());
        let message = server.store(device(1), ClientId(name), vec![1]);
        bob.take(Frame::New(message), None);
    }
    let kept: Vec<_> = bob
        .chat
        .messages(CHANNEL)
        .map(|message| message.seq.0)
        .collect();
    assert_eq!(
        kept,
        (count - KEPT_MESSAGES as u64 + 1..=count).collect::<Vec<_>>()
    );
    bob.restart();
    assert_eq!(
        bob.chat.messages(CHANNEL).count(),
        KEPT_MESSAGES,
        "also on the disk"
    );

    // What Alice signed in the part that went still binds her.
    let name = ClientId([201; 16]);
    let sealed = alice.facts.seal(name, Epoch(0), &older);
    server.store(device(1), name, sealed);
    bob.connect(&server);
    bob.settle(&mut server);
    assert_eq!(bob.body(count + 1), Body::Refused(Refused::HeadWentBack));
    // And none of it can be said again.
    for number in [0, 1] {
        let again = server.stored[number].clone();
        let bytes = base64::decode(&again.body).unwrap();
        server.store(again.device, again.client_id, bytes);
    }
    bob.connect(&server);
    bob.settle(&mut server);
    for seq in [count + 2, count + 3] {
        assert_eq!(bob.body(seq), Body::Refused(Refused::ClientIdReused));
    }

    bob.load_older();
    bob.settle(&mut server);
    assert_eq!(bob.chat.messages(CHANNEL).count(), KEPT_MESSAGES + 6);
    assert_eq!(bob.warnings(), []);
}

// spec 8.5
#[test]
fn a_channel_that_one_comes_back_to_is_looked_after_at_once() {
    let (mut server, alice, mut bob) = scene(1);
    bob.connect(&server);
    bob.settle(&mut server);
    bob.facts.in_channel = false;
    bob.input(Input::LogMoved);
    say(&mut server, &alice, 2);
    bob.facts.in_channel = true;
    bob.input(Input::LogMoved);
    bob.settle(&mut server);
    assert_eq!(bob.shown(), ["1", "2"]);
    // Once is enough.
    bob.input(Input::LogMoved);
    assert!(bob.fetches.is_empty());
    bob.connect(&server);
    assert!(bob.fetches.is_empty());
}

// spec 8.4
#[test]
fn a_channel_that_the_log_gives_back_after_the_hello_is_looked_after_at_once() {
    let (mut server, alice, mut bob) = scene(1);
    bob.connect(&server);
    bob.settle(&mut server);
    bob.facts.in_channel = false;
    bob.input(Input::LogMoved);
    bob.disconnect();
    say(&mut server, &alice, 2);
    // The hello is said before the log is read on.
    assert!(bob.chat.resume().is_empty());
    bob.facts.in_channel = true;
    bob.input(Input::LogMoved);
    bob.online = true;
    bob.input(Input::Online);
    bob.settle(&mut server);
    assert_eq!(bob.shown(), ["1", "2"]);
}
