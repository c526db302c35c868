//! Voice where the network is bad: real servers, real daemons and real sockets behind a router that loses, delays,
//! reorders and cuts.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::print_stderr,
    reason = "in a test a failure ends the test"
)]

#[allow(dead_code, reason = "other tests use the rest")]
mod common;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "voice/people.rs"]
mod people;
#[path = "network/shaped.rs"]
mod shaped;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "voice/sound.rs"]
mod sound;

use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use common::{Ended, Person, Server, founded_at, invited_at};
use people::{Voice, kill_daemon_of, log_of, moment, words};
use shaped::Network;
use sound::{Wav, likeness};

/// How long it may take until they hear each other again: tenfold of what it takes.
const BACK: f64 = 30.0;

/// How long the network is cut.
const CUT: Duration = Duration::from_secs(5);

/// Two people who talk with each other without a break, and what is between them.
struct Talk {
    network: Network,
    _server: Server,
    alice: Side,
    bob: Side,
    words: Wav,
}

struct Side {
    person: Person,
    voice: Voice,
}

/// What one of them heard, and said on the way.
struct Heard {
    sound: Wav,
    /// When the recording began, and when the other one began to talk, in seconds since 1970.
    ear: f64,
    mouth: f64,
    ended: Ended,
}

impl Talk {
    /// Alice has the server beside her, Bob is on the other side of the router, and so are those who are in the
    /// community, too.
    fn begin(shape: &str, others: &[&'static str]) -> (Self, Vec<Person>) {
        let mut network = Network::new(7);
        let (server, alice) = founded_at(&network.here, "smol");
        let bob = invited_at(&network.there, "bob", "smol", &alice);
        let others = others
            .iter()
            .map(|name| invited_at(&network.there, name, "smol", &alice));
        let others = others.collect();
        if !shape.is_empty() {
            network.tell(shape);
        }
        let (path, words) = words(&alice, 100);
        let talk = |person: Person| Side {
            voice: Voice::start(&person, &["--input", path.to_str().unwrap()]),
            person,
        };
        let alice = talk(alice);
        alice.voice.running.until_err("in the room");
        let bob = talk(bob);
        alice.voice.running.until_err("bob speaks");
        bob.voice.running.until_err("alice speaks");
        let talk = Self {
            network,
            _server: server,
            alice,
            bob,
            words,
        };
        (talk, others)
    }

    /// How often each was heard to begin to speak.
    fn begun(&self) -> (usize, usize) {
        let alice_heard = self.alice.voice.running.times("bob speaks");
        (alice_heard, self.bob.voice.running.times("alice speaks"))
    }

    /// Waits until both are heard again by the other one, and for some words more.
    fn until_back(&self, begun: (usize, usize)) {
        let (alice, bob) = (&self.alice.voice.running, &self.bob.voice.running);
        alice.until_err_again("bob speaks", begun.0);
        bob.until_err_again("alice speaks", begun.1);
        thread::sleep(Duration::from_secs(3));
    }

    /// Both hang up. What Alice heard comes first.
    fn end(self) -> (Heard, Heard, Wav) {
        let Self {
            alice, bob, words, ..
        } = self;
        let logs = [&alice, &bob].map(|it| log_of(&it.person));
        let heard = |side: Side, own: &str, other: &str| {
            let (sound, ended) = side.voice.ended();
            Heard {
                sound,
                ear: moment(own, "recording begins"),
                mouth: moment(other, "the microphone is open"),
                ended,
            }
        };
        let alice = heard(alice, &logs[0], &logs[1]);
        let bob = heard(bob, &logs[1], &logs[0]);
        (alice, bob, words)
    }
}

impl Heard {
    /// How like the words is what was heard of so many seconds of them, each by itself; they began to be said at a
    /// moment.
    fn likeness(&self, words: &[f32], from: f64, seconds: usize) -> f64 {
        let first = ((from - self.mouth) * 48_000.0) as usize;
        let mut parts = words[first..].chunks_exact(48_000);
        let alike = parts
            .by_ref()
            .take(seconds)
            .map(|it| likeness(it, &self.sound));
        alike.sum::<f64>() / seconds as f64
    }

    /// After how many seconds there was sound again.
    fn back_after(&self, moment: f64) -> f64 {
        let from = ((moment - self.ear) * 48_000.0) as usize;
        let mut parts = self.sound[from..].chunks_exact(4800);
        let loud = |part: &[f32]| part.iter().map(|it| it * it).sum::<f32>() / 4800.0 > 0.001;
        parts.position(loud).unwrap() as f64 / 10.0
    }
}

fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs_f64()
}

#[test]
fn loss_and_jitter_leave_words_as_they_are() {
    let (talk, _) = Talk::begin("loss 0.1 delay 20 jitter 40", &[]);
    let from = now();
    thread::sleep(Duration::from_secs(8));
    let (alice, bob, words) = talk.end();
    for heard in [alice, bob] {
        let alike = heard.likeness(&words, from + 1.0, 6);
        eprintln!("alike: {alike}");
        assert!(alike > 0.6, "{alike}");
    }
}

// spec 11.56
#[test]
fn after_a_cut_both_hear_each_other_again_by_themselves() {
    let (mut talk, _) = Talk::begin("", &[]);
    let begun = talk.begun();
    let cut = Instant::now();
    talk.network.tell("cut");
    let (alice, bob) = (&talk.alice.voice.running, &talk.bob.voice.running);
    alice.until_err("nothing comes from bob any more: it goes on by itself");
    bob.until_err("nothing comes from alice any more: it goes on by itself");
    thread::sleep(CUT.saturating_sub(cut.elapsed()));
    talk.network.tell("heal");
    let healed = now();
    talk.until_back(begun);
    let (alice, bob, words) = talk.end();
    for (heard, other) in [(alice, "bob"), (bob, "alice")] {
        let back = heard.back_after(healed);
        eprintln!("back {back:.1} s after a cut of {CUT:?}");
        assert!(back < BACK, "{back}");
        let alike = heard.likeness(&words, healed + back + 0.5, 1);
        assert!(alike > 0.8, "{alike}");
        let said = format!("{other} is heard");
        let times = heard.ended.err.matches(&said).count();
        assert_eq!(times, 2, "{:#?}", heard.ended);
    }
}

// spec 7.7, 11.24
#[test]
fn with_another_address_both_hear_each_other_again_by_themselves() {
    let (talk, _) = Talk::begin("", &[]);
    let begun = talk.begun();
    let changed = now();
    Network::change_address(&talk.network.there);
    talk.until_back(begun);
    let bob = &talk.bob.voice.running;
    bob.until_err("the server is not reached: who is heard is heard on, and it is tried again");
    bob.until_err("the server is there again");
    let (alice, bob, words) = talk.end();
    for heard in [alice, bob] {
        // What was on its way, and what makes up for what is lost, is heard for a moment.
        let back = 1.0 + heard.back_after(changed + 1.0);
        eprintln!("back {back:.1} s after another address");
        assert!(back < BACK, "{back}");
        let alike = heard.likeness(&words, changed + back + 0.5, 1);
        assert!(alike > 0.8, "{alike}");
    }
}

// spec 11.46
#[test]
fn who_is_killed_is_gone_and_the_others_go_on() {
    let (talk, mut others) = Talk::begin("", &["carl"]);
    let carl = others.pop().unwrap();
    let carl_hears = Voice::start(&carl, &[]);
    let (alice, bob) = (&talk.alice.voice.running, &talk.bob.voice.running);
    for one in [alice, bob] {
        one.until_err("carl is heard");
    }
    kill_daemon_of(&carl);
    carl_hears.running.kill();
    for one in [alice, bob] {
        one.until_err("carl left");
    }
    let from = now();
    thread::sleep(Duration::from_secs(3));
    let (alice, bob, words) = talk.end();
    for heard in [alice, bob] {
        let alike = heard.likeness(&words, from + 0.5, 1);
        assert!(alike > 0.8, "{alike}");
    }
}
