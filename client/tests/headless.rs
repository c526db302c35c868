//! The commands without a screen, against a real server: spec 10.20 to 10.29.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "in a test a failure ends the test"
)]

#[allow(dead_code, reason = "other tests use the rest")]
mod common;

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use common::{Certificate, PATIENCE, Person, Running, Server, founded, holds, invited};
use dialtone_protocol::limits;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

/// Runs a test on each runtime.
macro_rules! on_both_runtimes {
    ($($(#[$attribute:meta])* $test:ident;)*) => {
        mod smol {$(
            $(#[$attribute])*
            #[test]
            fn $test() {
                super::$test("smol");
            }
        )*}
        mod tokio {$(
            $(#[$attribute])*
            #[test]
            fn $test() {
                super::$test("tokio");
            }
        )*}
    };
}

on_both_runtimes! {
    two_people_talk;
    the_server_is_killed_in_a_burst;
    the_sender_is_killed_in_a_burst;
}

fn two_people_talk(runtime: &'static str) {
    let (server, alice) = founded(runtime);
    let sent = alice.run(["send", "#general", "attack at dawn"]);
    assert_eq!(sent.lines(), Vec::<&str>::new());

    // The guest joins while nobody is online, and reads the past at once.
    let bob = invited("bob", runtime, &alice);
    let read = bob.run(["tail", "#general", "--json", "--count", "1"]);
    let objects = read.objects();
    assert_eq!(objects.len(), 1);
    assert_eq!(objects[0]["seq"], 1);
    assert_eq!(objects[0]["body"], "attack at dawn");
    assert_eq!(objects[0]["sender_name"], "alice");
    for field in ["message_id", "sender", "sent_at"] {
        assert!(objects[0][field].is_string(), "{field}: {}", objects[0]);
    }

    bob.run(["send", "general", "make it noon"]).lines();
    let read = alice.run([
        "tail",
        "#general",
        "--json",
        "--from-seq",
        "1",
        "--count",
        "2",
    ]);
    let said: Vec<_> = read
        .objects()
        .iter()
        .map(|line| (line["sender_name"].clone(), line["body"].clone()))
        .collect();
    assert_eq!(
        said,
        [
            ("alice".into(), "attack at dawn".into()),
            ("bob".into(), "make it noon".into())
        ]
    );

    let members = alice.run(["members"]);
    let roles: Vec<_> = members
        .lines()
        .into_iter()
        .map(|line| line.split('\t').take(3).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(roles, ["alice admin online", "bob member offline"]);

    for secret in ["attack at dawn", "make it noon", "general"] {
        assert!(!holds(&server.data(), secret.as_bytes()), "{secret}");
        assert!(!holds(alice.home(), secret.as_bytes()), "{secret}");
    }
}

fn the_server_is_killed_in_a_burst(runtime: &'static str) {
    let many: usize = knob("DIALTONE_SOAK_MESSAGES", 400);
    let kills: usize = knob("DIALTONE_SOAK_KILLS", 3);
    let (mut server, alice) = founded(runtime);
    let bob = invited("bob", runtime, &alice);

    let watching = bob.start(["tail", "#general", "--json", "--count", &many.to_string()]);
    let lines: Vec<_> = (0..many).map(|n| format!("message {n}")).collect();
    let burst = alice.start_with_input(["send", "#general", "--lines"], lines.join("\n"));
    for number in 1..=kills {
        // Spread over the burst, which has begun and has not ended.
        watching.until_lines(many * number / (kills + 1));
        server.kill();
        thread::sleep(Duration::from_millis(200));
        server.go_on();
    }
    burst.wait().lines();

    let check = |objects: Vec<serde_json::Value>| {
        let bodies: Vec<_> = objects.iter().map(|line| line["body"].clone()).collect();
        assert_eq!(bodies, lines);
        let numbers: Vec<_> = objects
            .iter()
            .map(|line| line["seq"].as_u64().unwrap())
            .collect();
        assert!(numbers.is_sorted_by(|a, b| a + 1 == *b), "{numbers:?}");
    };
    check(watching.wait().objects());
    let again = alice.run([
        "tail",
        "#general",
        "--json",
        "--from-seq",
        "1",
        "--count",
        &many.to_string(),
    ]);
    check(again.objects());
}

/// What a long run sets by the environment, or the measure of every run.
fn knob(name: &str, usual: usize) -> usize {
    env::var(name).map_or(usual, |value| value.parse().unwrap())
}

fn the_sender_is_killed_in_a_burst(runtime: &'static str) {
    const MANY: usize = 600;
    let (_server, alice) = founded(runtime);
    let bob = invited("bob", runtime, &alice);
    let watching = bob.start(["tail", "#general", "--count", "50"]);
    let lines: Vec<_> = (0..MANY).map(|n| format!("message {n}")).collect();
    let burst = alice.start_with_input(["send", "#general", "--lines"], lines.join("\n"));
    watching.wait().lines();
    burst.kill();
    alice.run(["send", "#general", "after the crash"]).lines();

    // What was queued before the crash comes before what was queued after it, each once.
    let channels = alice.run(["channels", "--json"]).objects();
    let count = channels[0]["last_seq"].as_u64().unwrap();
    let all = alice.run([
        "tail",
        "#general",
        "--json",
        "--from-seq",
        "1",
        "--count",
        &count.to_string(),
    ]);
    let bodies: Vec<_> = all
        .objects()
        .iter()
        .map(|line| line["body"].as_str().unwrap().to_owned())
        .collect();
    let (last, queued) = bodies.split_last().unwrap();
    assert_eq!(last, "after the crash");
    assert_eq!(queued, &lines[..queued.len()]);
}

#[test]
fn tail_waits_for_what_is_not_there_yet() {
    let (_server, alice) = founded("smol");
    let bob = invited("bob", "tokio", &alice);
    let waiting = bob.start(["tail", "#later", "--count", "1"]);
    waiting.until_err("no channel called #later yet");
    alice.run(["channels", "create", "later"]).lines();
    alice.run(["send", "#later", "here at last"]).lines();
    let ended = waiting.wait();
    let lines = ended.lines();
    assert_eq!(lines.len(), 1);
    assert!(lines[0].ends_with("alice: here at last"), "{}", lines[0]);
    // Whoever was away counts all of what was written meanwhile.
    let many = 250;
    let lines: Vec<_> = (0..many).map(|n| format!("message {n}")).collect();
    let burst = alice.start_with_input(["send", "#later", "--lines"], lines.join("\n"));
    burst.wait().lines();
    let channels = bob.run(["channels", "--json"]).objects();
    let later = channels.iter().find(|it| it["name"] == "later").unwrap();
    assert_eq!(later["unread"], many);
}

#[test]
fn who_joins_by_a_hosts_link_waits_for_a_vouch() {
    let (server, alice) = founded("smol");
    alice.run(["send", "#general", "before carol"]).lines();
    let carol = Person::new("carol", "smol");
    let joined = carol.join(&server.invite());
    let number = joined.lines()[0].to_owned();
    assert_eq!(number.split_whitespace().count(), 6, "{number}");
    assert!(joined.err.contains("vouch"), "{}", joined.err);
    assert_eq!(carol.run(["send", "#general", "too early"]).code(), 4);

    let members = alice.run(["members", "--json"]).objects();
    let waiting = members
        .iter()
        .find(|member| member["pending"] == true)
        .unwrap();
    assert_eq!(waiting["says"], "carol");
    assert_eq!(waiting["safety_number"], number);
    alice.run(["members", "vouch", "carol"]).lines();

    let read = carol.run([
        "tail",
        "#general",
        "--json",
        "--from-seq",
        "1",
        "--count",
        "1",
    ]);
    assert_eq!(read.objects()[0]["body"], "before carol");
}

#[test]
fn a_private_channel_is_for_those_who_were_added() {
    let (_server, alice) = founded("smol");
    let bob = invited("bob", "smol", &alice);
    let carol = invited("carol", "smol", &alice);
    alice
        .run(["channels", "create", "secret", "--private"])
        .lines();
    alice.run(["send", "#secret", "for two"]).lines();
    alice.run(["channels", "add", "#secret", "bob"]).lines();

    let read = bob.run([
        "tail",
        "#secret",
        "--json",
        "--from-seq",
        "1",
        "--count",
        "1",
    ]);
    assert_eq!(read.objects()[0]["body"], "for two");
    assert_eq!(carol.run(["send", "#secret", "let me in"]).code(), 1);
    assert!(!carol.run(["channels"]).out.contains("secret"));
}

#[test]
fn the_longest_message_arrives_whole() {
    let (_server, alice) = founded("smol");
    let bob = invited("bob", "smol", &alice);
    let tail = bob.start(["tail", "#general", "--json", "--count", "1"]);
    let is_here = |line: &serde_json::Value| line["name"] == "bob" && line["online"] == true;
    let give_up = Instant::now() + PATIENCE;
    while !alice
        .run(["members", "--json"])
        .objects()
        .iter()
        .any(is_here)
    {
        assert!(Instant::now() < give_up, "bob does not come");
    }
    // It comes over the socket, since the reader is connected.
    let long = "0123456789abcdef".repeat(limits::MAX_TEXT_BYTES / 16);
    let sent = alice.start_with_input(["send", "#general", "-"], long.clone());
    sent.wait().lines();
    assert_eq!(tail.wait().objects()[0]["body"], long.as_str());
}

// spec 10.29
#[test]
fn a_tail_that_is_asked_to_end_keeps_what_it_has_read() {
    let (_server, alice) = founded("smol");
    for name in ["INT", "TERM"] {
        alice.run(["send", "#general", name]).lines();
        let tail = alice.start(["tail", "#general"]);
        tail.until_out(name);
        tail.signal(name);
        let ended = tail.wait();
        assert_eq!(ended.code(), 1);
        assert_eq!(ended.out.lines().count(), 1, "read before: {}", ended.out);
        assert!(ended.err.contains("interrupted"), "{}", ended.err);
    }
}

// spec 10.29
#[test]
fn a_send_that_waits_for_lines_ends_when_it_is_asked_to() {
    let (_server, alice) = founded("smol");
    let bob = invited("bob", "smol", &alice);
    for name in ["INT", "TERM"] {
        let mut send = alice.command(["send", "#general", "--lines"]);
        let mut send = Running::new(send.stdin(Stdio::piped()));
        send.read_line(name);
        let read = bob.run(["tail", "#general", "--count", "1"]);
        assert!(read.lines()[0].ends_with(name), "{}", read.out);
        send.signal(name);
        let ended = send.wait();
        assert_eq!(ended.code(), 1);
        assert!(ended.err.contains("interrupted"), "{}", ended.err);
    }
}

#[test]
fn a_private_authority_is_trusted_when_it_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let mut authority = CertificateParams::new([]).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let root = file("root.pem", &authority.self_signed(&key).unwrap().pem());
    let issuer = Issuer::new(authority, key);
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let certificate = certificate.signed_by(&key, &issuer).unwrap();
    let certificate = Certificate {
        chain: file("chain.pem", &certificate.pem()),
        key: file("key.pem", &key.serialize_pem()),
    };
    let server = Server::start_with_tls("smol", certificate);
    let link = server.invite();
    assert!(link.starts_with("https://"), "{link}");

    let mallory = Person::new("mallory", "smol");
    let refused = mallory.run(["join", &link, "--username", "mallory", "--timeout", "2"]);
    assert_eq!(refused.code(), 3);
    assert!(refused.err.contains("certificate"), "{}", refused.err);

    for runtime in ["smol", "tokio"] {
        let person = Person::new(runtime, runtime);
        let named = ["--ca".as_ref(), root.as_os_str()];
        let with = |args: &[&str]| {
            let args = args.iter().map(OsStr::new).chain(named);
            person.run(args)
        };
        with(&["join", &server.invite(), "--username", runtime]).lines();
        if runtime == "smol" {
            with(&["channels", "create", "general"]).lines();
            with(&["send", "#general", "over a socket"]).lines();
            let read = with(&["tail", "#general", "--from-seq", "1", "--count", "1"]);
            assert!(read.lines()[0].ends_with("over a socket"));
        }
    }
}

// spec 10.28
#[test]
fn a_reader_that_has_enough_is_no_failure() {
    let (_server, alice) = founded("smol");
    for text in ["one", "two"] {
        alice.run(["send", "#general", text]).lines();
    }
    for command in [&["members"][..], &["tail", "#general", "--from-seq", "1"]] {
        let mut ended = alice
            .command(command)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(ended.stdout.take());
        let ended = ended.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&ended.stderr), "", "{command:?}");
        assert_eq!(ended.status.code(), Some(0), "{command:?}");
    }
}

#[test]
fn a_revoked_invite_lets_nobody_in() {
    let (_server, alice) = founded("smol");
    let bob = invited("bob", "smol", &alice);
    let link = alice.run(["invite"]).lines()[0].to_owned();
    let listed = alice.run(["invite", "list", "--json"]);
    let open = listed.objects();
    assert_eq!(open.len(), 1);
    assert_eq!(
        (&open[0]["by_name"], &open[0]["uses_left"]),
        (&"alice".into(), &1.into())
    );
    let id = open[0]["id"].as_str().unwrap();
    assert!(link.ends_with(id));

    assert_eq!(bob.run(["invite", "revoke", &id[..6]]).code(), 4);
    alice.run(["invite", "revoke", &link]).lines();
    assert_eq!(alice.run(["invite", "list"]).lines(), Vec::<&str>::new());
    assert_eq!(alice.run(["invite", "revoke", &id[..6]]).code(), 1);
    assert_eq!(Person::new("mallory", "smol").join(&link).code(), 4);

    // Those who are members go on under the new key.
    alice.run(["send", "#general", "the link is dead"]).lines();
    let read = bob.run(["tail", "#general", "--json", "--count", "1"]);
    assert_eq!(read.objects()[0]["body"], "the link is dead");
}

#[test]
fn once_somebody_has_founded_no_start_prints_a_founding_link() {
    let (mut server, alice) = founded("smol");
    let before = server.log_text().matches("#found").count();
    server.kill();
    server.go_on();
    alice.run(["channels"]).lines();
    assert_eq!(
        (before, server.log_text().matches("#found").count()),
        (1, 1)
    );
}
