//! How commands end: exit codes, and what is said when something is missing.

#[allow(dead_code, reason = "other tests use the rest")]
mod common;

use std::process::Stdio;
use std::thread;
use std::time::Duration;

use common::{Person, Running, founded, free_port};

#[test]
fn every_exit_code_means_what_it_says() {
    let (mut server, alice) = founded("smol");
    let link = alice.run(["invite"]).lines()[0].to_owned();
    let bob = Person::new("bob", "smol");
    bob.join(&link).lines();

    // 1: it failed.
    assert_eq!(bob.run(["send", "#nowhere", "hello"]).code(), 1);
    let mut wrong = bob.command(["channels"]);
    wrong.env("DIALTONE_PASSPHRASE", "not the right one");
    let ended = Running::new(&mut wrong).wait();
    assert_eq!(ended.code(), 1);
    assert!(ended.err.contains("passphrase is wrong"), "{}", ended.err);

    // 2: it was called wrongly.
    assert_eq!(bob.run(["sing"]).code(), 2);
    assert_eq!(
        bob.run(["join", "https://example.org", "--username", "bob"])
            .code(),
        2
    );
    assert_eq!(bob.run(["send", "#general", ""]).code(), 2);

    // 4: it was refused. The invite is spent; the name is taken; a member is not an admin.
    let carol = Person::new("carol", "smol");
    assert_eq!(carol.join(&link).code(), 4);
    let fresh = alice.run(["invite"]).lines()[0].to_owned();
    let other_bob = Person::new("bob", "smol");
    assert_eq!(other_bob.join(&fresh).code(), 4);
    assert_eq!(bob.run(["channels", "create", "mine"]).code(), 4);

    // 5: another process has the account, and does not end in time. Then it ends, and a waiting one goes on.
    alice.run(["send", "#general", "hello"]).lines();
    let tail = bob.start(["tail", "#general"]);
    tail.until_out("hello");
    let busy = bob.run(["channels", "--wait", "1"]);
    assert_eq!(busy.code(), 5);
    assert!(busy.err.contains("another dialtone"), "{}", busy.err);
    let waiting = bob.start(["channels", "--wait", "60"]);
    thread::sleep(Duration::from_secs(1));
    tail.kill();
    waiting.wait().lines();

    // 3: nobody is there.
    server.kill();
    let ended = bob.run(["channels", "--timeout", "2"]);
    assert_eq!(ended.code(), 3);
    assert!(ended.err.contains("cannot be reached"), "{}", ended.err);
}

#[test]
fn nothing_is_asked_without_a_terminal() {
    let nobody = Person::new("nobody", "smol");
    let mut join = nobody.command([
        "join",
        "http://127.0.0.1:1/invite/token",
        "--username",
        "nobody",
    ]);
    join.env_remove("DIALTONE_PASSWORD").stdin(Stdio::null());
    let ended = Running::new(&mut join).wait();
    assert_eq!(ended.code(), 2);
    assert!(ended.err.contains("DIALTONE_PASSWORD"), "{}", ended.err);
}

#[test]
fn without_tls_only_this_machine_is_talked_to() {
    let nobody = Person::new("nobody", "smol");
    // 192.0.2.0/24 is for examples: nobody is there.
    let ended = nobody.join("http://192.0.2.1/invite/token");
    assert_eq!(ended.code(), 2);
    assert!(ended.err.contains("--insecure-http"), "{}", ended.err);
}

#[test]
fn a_server_that_is_not_there_is_unreachable() {
    let nobody = Person::new("nobody", "tokio");
    let link = format!("http://127.0.0.1:{}/invite/token", free_port());
    let ended = nobody.run(["join", &link, "--username", "nobody", "--timeout", "2"]);
    assert_eq!(ended.code(), 3);
}

#[test]
fn a_home_without_an_account_says_how_to_make_one() {
    let nobody = Person::new("nobody", "smol");
    let ended = nobody.run(["channels"]);
    assert_eq!(ended.code(), 1);
    assert!(ended.err.contains("dialtone join"), "{}", ended.err);
    assert!(ended.out.is_empty());
}
