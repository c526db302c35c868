//! What a member does not accept: each is a kept message with a reason, and never the end of the channel.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

mod chat_world;

use chat_world::member::{Frame, Member};
use chat_world::server::Server;
use chat_world::{CHANNEL, Log, SharedLog, UNIX, device, user};
use dialtone_protocol::chat::{Body, Locked, Refused, SendError, Warning, encode_text};
use dialtone_protocol::crypto::Secret;
use dialtone_protocol::crypto::message::{Address, Plain, Seen};
use dialtone_protocol::crypto::{DeviceSecret, Entropy, message};
use dialtone_protocol::ids::{ClientId, EntryHash, Epoch, Head, Seq, Transcript};

/// Alice writes, Bob reads, and the server stores whatever it is given.
struct Scene {
    log: SharedLog,
    server: Server,
    alice: Member,
    bob: Member,
}

fn scene() -> Scene {
    let log = Log::new();
    let mut server = Server::new(&log);
    let (alice, mut bob) = (Member::new(1, &log), Member::new(2, &log));
    bob.read_log();
    bob.connect(&server);
    bob.settle(&mut server);
    Scene {
        log,
        server,
        alice,
        bob,
    }
}

impl Scene {
    /// Stores sealed bytes as Alice's, and hands them to Bob.
    fn post(&mut self, name: u8, sealed: Vec<u8>) -> Body {
        let message = self.server.store(device(1), ClientId([name; 16]), sealed);
        let seq = message.seq.0;
        self.bob.take(Frame::New(message), None);
        self.bob.settle(&mut self.server);
        self.bob.body(seq)
    }

    /// Alice says something as she honestly would.
    fn say(&mut self, name: u8, text: &str) -> Body {
        self.alice.facts.catch_up();
        let plain = self.alice.facts.plain(text);
        let epoch = self.log.borrow().epoch();
        let sealed = self.alice.facts.seal(ClientId([name; 16]), epoch, &plain);
        self.post(name, sealed)
    }

    /// After all that, the channel goes on.
    fn goes_on(&mut self) {
        assert!(matches!(self.say(99, "still here"), Body::Text { .. }));
    }
}

const fn refused(reason: Refused) -> Body {
    Body::Refused(reason)
}

#[test]
fn an_honest_message_is_accepted() {
    let mut scene = scene();
    assert!(matches!(scene.say(1, "hello"), Body::Text { text, .. } if text == "hello"));
    let kept = scene.bob.chat.message(CHANNEL, Seq(1)).unwrap();
    assert_eq!((kept.user, kept.device), (Some(user(1)), device(1)));
    assert_eq!(scene.bob.warnings(), []);
}

// spec 8.8
#[test]
fn a_message_that_another_member_sealed_again_is_forged() {
    let mut scene = scene();
    // Mallory has the group's key, so the seal is right; but the signature under it cannot be Alice's.
    let mallory = DeviceSecret::from_seed(Secret::from_bytes([66; 32]));
    let address = Address {
        community: chat_world::COMMUNITY,
        channel: CHANNEL,
        epoch: Epoch(0),
        user: user(1),
        device: device(1),
        client_id: ClientId([1; 16]),
    };
    let plain = scene.alice.facts.plain("I never said this");
    let key = chat_world::group_key(Epoch(0));
    let mut entropy = Entropy::from_seed([0; 32]);
    let sealed = message::seal(&address, &plain, &key, &mallory, &mut entropy).unwrap();
    assert_eq!(scene.post(1, sealed), refused(Refused::ForgedSignature));
    scene.goes_on();
}

// spec 8.10
#[test]
fn a_replay_at_a_new_number_is_refused() {
    let mut scene = scene();
    let plain = scene.alice.facts.plain("pay me");
    let sealed = scene.alice.facts.seal(ClientId([1; 16]), Epoch(0), &plain);
    assert!(matches!(scene.post(1, sealed.clone()), Body::Text { .. }));
    assert_eq!(
        scene.post(1, sealed.clone()),
        refused(Refused::ClientIdReused)
    );
    // Under another name it is not even Alice's seal.
    assert_eq!(scene.post(2, sealed), refused(Refused::NotAuthentic));
    scene.goes_on();
}

// spec 8.10
#[test]
fn a_head_that_goes_back_is_refused() {
    let mut scene = scene();
    scene.log.borrow_mut().grow();
    let old = scene.alice.facts.plain("old");
    let old = scene.alice.facts.seal(ClientId([2; 16]), Epoch(0), &old);
    assert!(matches!(scene.say(1, "new"), Body::Text { .. }));
    assert_eq!(scene.post(2, old), refused(Refused::HeadWentBack));
    scene.goes_on();
}

// spec 8.9
#[test]
fn an_epoch_that_is_closed_at_the_signed_head_is_refused() {
    let mut scene = scene();
    assert!(matches!(scene.say(1, "epoch 0"), Body::Text { .. }));
    scene.log.borrow_mut().rotate();
    assert!(matches!(scene.say(2, "epoch 1"), Body::Text { .. }));
    let plain = scene.alice.facts.plain("epoch 0 again");
    let sealed = scene.alice.facts.seal(ClientId([3; 16]), Epoch(0), &plain);
    assert_eq!(scene.post(3, sealed), refused(Refused::EpochClosed));
    scene.goes_on();
}

// spec 8.10
#[test]
fn who_was_removed_cannot_write_under_the_old_key_with_the_servers_help() {
    let mut scene = scene();
    let mallory = Member::new(3, &scene.log);
    scene.log.borrow_mut().remove(device(3));
    scene.log.borrow_mut().rotate();
    assert!(matches!(scene.say(1, "without Mallory"), Body::Text { .. }));
    // All that Mallory signs was true once: a member, and the epoch open.
    let plain = mallory.facts.plain("still here");
    let name = ClientId([2; 16]);
    let sealed = mallory.facts.seal(name, Epoch(0), &plain);
    let message = scene.server.store(device(3), name, sealed);
    scene.bob.take(Frame::New(message), None);
    scene.bob.settle(&mut scene.server);
    assert_eq!(scene.bob.body(2), refused(Refused::EpochWentBack));
    scene.goes_on();
}

// spec 8.10
#[test]
fn an_earlier_epoch_gives_way_to_a_later_one_in_front_of_it_whichever_was_judged_first() {
    let mut scene = scene();
    let carol = Member::new(3, &scene.log);
    scene.bob.read_log();
    let plain = carol.facts.plain("late");
    let late = carol.facts.seal(ClientId([9; 16]), Epoch(0), &plain);
    scene.log.borrow_mut().rotate();
    scene.alice.facts.catch_up();
    let plain = scene.alice.facts.plain("in front");
    let front = scene.alice.facts.seal(ClientId([1; 16]), Epoch(1), &plain);
    for (number, name, sealed) in [(1, 1, front), (3, 9, late)] {
        let message = scene
            .server
            .store(device(number), ClientId([name; 16]), sealed);
        scene.bob.take(Frame::New(message), None);
    }
    // The second of them needs no key that Bob lacks, and no more of the log.
    scene.bob.read_log();
    assert!(matches!(scene.bob.body(1), Body::Locked { .. }));
    assert!(matches!(scene.bob.body(2), Body::Text { .. }));
    scene.bob.take_keys();
    assert!(matches!(scene.bob.body(1), Body::Text { .. }));
    assert_eq!(scene.bob.body(2), refused(Refused::EpochWentBack));
}

// spec 8.9
#[test]
fn a_device_that_was_removed_is_not_entitled() {
    let mut scene = scene();
    assert!(matches!(scene.say(1, "before"), Body::Text { .. }));
    scene.log.borrow_mut().remove(device(1));
    assert_eq!(scene.say(2, "after"), refused(Refused::NotEntitled));
}

// spec 8.9
#[test]
fn a_device_that_the_log_does_not_know_is_refused_once_the_log_was_read() {
    let mut scene = scene();
    let plain = scene.alice.facts.plain("who is this");
    let sealed = scene.alice.facts.seal(ClientId([1; 16]), Epoch(0), &plain);
    let message = scene.server.store(device(50), ClientId([1; 16]), sealed);
    scene.bob.take(Frame::New(message), None);
    assert!(scene.bob.wants_log, "the device may be a new one");
    assert_eq!(scene.bob.shown().len(), 0);
    scene.bob.settle(&mut scene.server);
    assert_eq!(scene.bob.body(1), refused(Refused::UnknownDevice));
    scene.goes_on();
}

// spec 8.8
#[test]
fn bytes_that_are_no_message_are_refused_by_name() {
    let mut scene = scene();
    let plain = scene.alice.facts.plain("x");
    let sealed = scene.alice.facts.seal(ClientId([1; 16]), Epoch(0), &plain);

    assert_eq!(
        scene.post(2, sealed[..20].to_vec()),
        refused(Refused::Truncated)
    );
    assert_eq!(scene.post(3, Vec::new()), refused(Refused::Truncated));
    let mut longer = sealed.clone();
    longer.truncate(sealed.len() - 1);
    assert_eq!(scene.post(1, longer), refused(Refused::NotAuthentic));
    let mut flipped = sealed.clone();
    *flipped.last_mut().unwrap() ^= 1;
    assert_eq!(scene.post(1, flipped), refused(Refused::NotAuthentic));

    let mut plain = scene.server.store(device(1), ClientId([4; 16]), Vec::new());
    plain.body = "hello in the clear".into();
    let seq = plain.seq.0;
    scene.bob.take(Frame::New(plain), None);
    assert_eq!(scene.bob.body(seq), refused(Refused::NotSealed));

    let newer = [&[2], &sealed[1..]].concat();
    assert_eq!(scene.post(1, newer), Body::NeedsNewer { signed: None });
}

// spec 8.3
#[test]
fn a_content_is_judged_by_its_kind() {
    let mut scene = scene();
    let mut plain = scene.alice.facts.plain("");
    plain.content = vec![0xa1, 0x00, 0x18, 0x63];
    let sealed = scene.alice.facts.seal(ClientId([1; 16]), Epoch(0), &plain);
    assert!(matches!(
        scene.post(1, sealed),
        Body::NeedsNewer { signed: Some(_) }
    ));
    plain.content = b"no cbor".to_vec();
    let sealed = scene.alice.facts.seal(ClientId([2; 16]), Epoch(0), &plain);
    assert_eq!(scene.post(2, sealed), refused(Refused::Malformed));
    scene.goes_on();
}

// spec 8.11
#[test]
fn a_fork_is_named_once_and_stops_sending_until_the_user_decides() {
    let mut scene = scene();
    let forked = |scene: &Scene, name| {
        let mut plain = scene.alice.facts.plain("from another log");
        plain.head.hash = EntryHash([0xee; 32]);
        scene
            .alice
            .facts
            .seal(ClientId([name; 16]), Epoch(0), &plain)
    };
    let sealed = forked(&scene, 1);
    assert_eq!(scene.post(1, sealed), refused(Refused::Fork));
    let fork = Warning::Fork {
        channel: CHANNEL,
        seq: Seq(1),
        user: user(1),
        device: device(1),
    };
    assert_eq!(scene.bob.warnings(), [fork]);
    assert!(scene.bob.chat.forked(CHANNEL));
    let send =
        |bob: &mut Member| bob.turn(None, |turn, now| turn.send_message(CHANNEL, "x", UNIX, now));
    assert_eq!(send(&mut scene.bob), Err(SendError::Forked));

    // The stop survives a restart, and so does the decision; the second message of the device is not named again.
    scene.bob.restart();
    assert!(scene.bob.chat.forked(CHANNEL));
    scene
        .bob
        .turn(None, |turn, now| turn.decide_forks(CHANNEL, now));
    scene.bob.restart();
    assert!(!scene.bob.chat.forked(CHANNEL));
    scene.bob.connect(&scene.server);
    let sealed = forked(&scene, 2);
    assert_eq!(scene.post(2, sealed), refused(Refused::Fork));
    assert_eq!(scene.bob.warnings(), [fork]);
    assert!(send(&mut scene.bob).is_ok());
    scene.goes_on();
}

// spec 8.11
#[test]
fn a_head_that_is_not_known_yet_waits_for_the_log() {
    let mut scene = scene();
    scene.log.borrow_mut().grow();
    scene.alice.facts.catch_up();
    let plain = scene.alice.facts.plain("ahead");
    let sealed = scene.alice.facts.seal(ClientId([1; 16]), Epoch(0), &plain);
    let message = scene.server.store(device(1), ClientId([1; 16]), sealed);
    scene.bob.take(Frame::New(message), None);
    assert!(scene.bob.wants_log);
    assert_eq!(scene.bob.shown().len(), 0, "it is not judged yet");
    scene.bob.settle(&mut scene.server);
    assert_eq!(scene.bob.shown(), ["ahead"]);
}

// spec 8.11
#[test]
fn a_log_that_was_asked_for_before_a_message_came_does_not_judge_it() {
    let mut scene = scene();
    scene.bob.ask_log();
    scene.log.borrow_mut().grow();
    scene.alice.facts.catch_up();
    let plain = scene.alice.facts.plain("ahead");
    let sealed = scene.alice.facts.seal(ClientId([1; 16]), Epoch(0), &plain);
    let message = scene.server.store(device(1), ClientId([1; 16]), sealed);
    scene.bob.take(Frame::New(message), None);
    scene.bob.log_answered();
    assert_eq!(scene.bob.shown().len(), 0, "the answer is older than it");
    assert!(scene.bob.wants_log, "so the log is asked for once more");
    scene.bob.settle(&mut scene.server);
    assert_eq!(scene.bob.shown(), ["ahead"]);
}

// spec 8.11
#[test]
fn a_head_that_the_server_never_shows_is_a_fork() {
    let mut scene = scene();
    let mut plain = scene.alice.facts.plain("from nowhere");
    plain.head = Head {
        index: 1000,
        hash: EntryHash([0xee; 32]),
    };
    let sealed = scene.alice.facts.seal(ClientId([1; 16]), Epoch(0), &plain);
    assert_eq!(scene.post(1, sealed), refused(Refused::Fork));
    assert!(scene.bob.chat.forked(CHANNEL));
}

// spec 8.12
#[test]
fn another_transcript_is_named_once_and_stops_nothing() {
    let mut scene = scene();
    assert!(matches!(scene.say(1, "one"), Body::Text { .. }));
    for name in [2, 3] {
        let plain = Plain {
            content: encode_text("I saw something else"),
            head: scene.alice.facts.plain("").head,
            seen: Seen {
                seq: Seq(1),
                transcript: Transcript([5; 32]),
            },
        };
        let sealed = scene
            .alice
            .facts
            .seal(ClientId([name; 16]), Epoch(0), &plain);
        assert!(matches!(scene.post(name, sealed), Body::Text { .. }));
    }
    let warning = Warning::OtherTranscript {
        channel: CHANNEL,
        seq: Seq(2),
        user: user(1),
        device: device(1),
    };
    assert_eq!(scene.bob.warnings(), [warning]);
    assert!(!scene.bob.chat.forked(CHANNEL));
    scene.goes_on();
}

// spec 8.13
#[test]
fn a_message_without_its_key_is_kept_and_opened_in_its_place() {
    let mut scene = scene();
    scene.log.borrow_mut().rotate();
    scene.bob.read_log();
    scene.alice.facts.catch_up();
    let plain = scene.alice.facts.plain("sealed anew");
    let sealed = scene.alice.facts.seal(ClientId([1; 16]), Epoch(1), &plain);
    let message = scene.server.store(device(1), ClientId([1; 16]), sealed);
    scene.bob.take(Frame::New(message), None);
    assert!(matches!(
        scene.bob.body(1),
        Body::Locked {
            reason: Locked::NoKey,
            epoch: Epoch(1),
            ..
        }
    ));
    assert!(scene.bob.wants_key);

    // It is kept over a restart, and opened when the key comes then.
    scene.bob.wants_key = false;
    scene.bob.restart();
    assert!(!scene.bob.wants_key, "offline nobody can help");
    scene.bob.connect(&scene.server);
    assert!(scene.bob.wants_key);
    scene.bob.take_keys();
    assert_eq!(scene.bob.shown(), ["sealed anew"]);
    scene.goes_on();
}

// spec 8.13
#[test]
fn a_message_from_before_ones_time_says_so_and_asks_for_nothing() {
    let mut scene = scene();
    scene.bob.facts.before_join.insert(Epoch(0));
    let body = scene.say(1, "secret of old");
    assert!(matches!(
        body,
        Body::Locked {
            reason: Locked::BeforeJoin,
            ..
        }
    ));
    assert!(!scene.bob.wants_key);
}

// spec 8.10
#[test]
fn a_key_that_comes_late_leaves_the_order_of_judgement_alone() {
    let mut scene = scene();
    scene.log.borrow_mut().rotate();
    scene.bob.read_log();
    // First comes a message in an epoch that Bob cannot open, then a replay of it, then the key.
    scene.alice.facts.catch_up();
    let plain = scene.alice.facts.plain("once");
    let sealed = scene.alice.facts.seal(ClientId([1; 16]), Epoch(1), &plain);
    for _ in 0..2 {
        let message = scene
            .server
            .store(device(1), ClientId([1; 16]), sealed.clone());
        scene.bob.take(Frame::New(message), None);
    }
    scene.bob.take_keys();
    assert!(matches!(scene.bob.body(1), Body::Text { .. }));
    assert_eq!(scene.bob.body(2), refused(Refused::ClientIdReused));
}
