//! A client that dies after any of its batches goes on from its disk.

use dialtone_protocol::client::{Access, Client, History, RestoreError, Standing, Table};
use dialtone_protocol::ids::Seq;
use dialtone_protocol::wire::http::{Request, Response};
use dialtone_protocol::{Instant, UnixMillis};

use crate::join::{community, texts};
use crate::net::Net;

/// Runs `story` again and again with a client that dies after its first batch, its second, and so on, until it lives
/// through all of it.
fn at_every_batch(mut story: impl FnMut(usize) -> bool) {
    for batch in 1..200 {
        if !story(batch) {
            assert!(batch > 3, "nothing was made durable");
            return;
        }
    }
    panic!("batches without end");
}

/// Whether the client died, after it was started again if it did.
fn revive(net: &mut Net, peer: usize) -> bool {
    let died = net.peers[peer].client.is_none();
    net.peers[peer].dies_after = None;
    if died {
        net.restart(peer);
        net.connect(peer);
        net.wait(5);
    }
    died
}

// spec 9.2, 9.3
#[test]
fn a_founding_survives_a_crash_after_any_batch() {
    at_every_batch(|batch| {
        let mut net = Net::new();
        let link = net.host_link("#found");
        let alice = net.add("alice", &link);
        net.peers[alice].dies_after = Some(batch);
        net.connect_if_alive(alice);
        let died = revive(&mut net, alice);
        assert_eq!(
            net.view(alice).me().standing,
            Standing::Member,
            "batch {batch}"
        );
        assert_eq!(
            net.view(alice).members()[0].name.as_deref(),
            Some("alice"),
            "batch {batch}"
        );
        died
    });
}

// spec 9.2, 9.8
#[test]
fn a_join_survives_a_crash_after_any_batch() {
    at_every_batch(|batch| {
        let (mut net, alice) = community();
        let general = net.channel(alice, "general");
        net.send(alice, general, "hello");
        let link = net.invite(alice);
        net.leave(alice);
        let bob = net.add("bob", &link);
        net.peers[bob].dies_after = Some(batch);
        net.connect_if_alive(bob);
        let died = revive(&mut net, bob);
        assert_eq!(
            net.view(bob).me().standing,
            Standing::Member,
            "batch {batch}"
        );
        let said = texts(&net, bob, "general");
        assert_eq!(
            said,
            [("alice".to_owned(), "hello".to_owned())],
            "batch {batch}"
        );
        net.connect(alice);
        let names: Vec<_> = net
            .view(alice)
            .members()
            .into_iter()
            .map(|it| it.name)
            .collect();
        assert_eq!(
            names,
            [Some("alice".to_owned()), Some("bob".to_owned())],
            "batch {batch}"
        );
        died
    });
}

// spec 9.2
#[test]
fn whoever_is_vouched_for_gets_a_name_after_a_crash_after_any_batch() {
    at_every_batch(|more| {
        let (mut net, alice) = community();
        let link = net.host_link("");
        let bob = net.join("bob", &link);
        net.peers[bob].dies_after = Some(net.peers[bob].batches + more);
        let members = net.view(alice).members();
        let waiting = members.iter().find(|it| it.pending.is_some());
        let (user, now) = (waiting.expect("bob waits").user, net.now);
        net.client(alice).vouch(user, now).unwrap();
        net.run();
        net.wait(3);
        let died = revive(&mut net, bob);
        let names: Vec<_> = net.view(alice).members();
        let names: Vec<_> = names.into_iter().map(|it| it.name).collect();
        let expected = ["alice", "bob"].map(|name| Some(name.to_owned()));
        assert_eq!(names, expected, "batch {more}");
        died
    });
}

// spec 9.41, 9.42
#[test]
fn a_new_channel_and_its_first_message_survive_a_crash_after_any_batch() {
    at_every_batch(|more| {
        let (mut net, alice) = community();
        let before = net.peers[alice].batches;
        net.peers[alice].dies_after = Some(before + more);
        let now = net.now;
        let (access, history) = (Access::Private, History::All);
        let asked = net
            .client(alice)
            .create_channel("staff", access, history, now);
        let channel = asked.unwrap();
        net.run();
        net.wait(1);
        if let Some(client) = &mut net.peers[alice].client {
            client.send_message(channel, "first", net.now).unwrap();
        }
        net.run();
        let died = revive(&mut net, alice);
        assert_eq!(net.channel(alice, "staff"), channel, "batch {more}");
        let said = texts(&net, alice, "staff");
        assert!(said.len() <= 1, "batch {more}: {said:?}");
        net.send(alice, channel, "last");
        let said = texts(&net, alice, "staff");
        assert_eq!(
            said.last().map(|(_, text)| text.as_str()),
            Some("last"),
            "batch {more}"
        );
        died
    });
}

#[test]
fn what_cannot_be_read_is_named() {
    let restore = |records: Vec<(Table, Vec<u8>, Vec<u8>)>| {
        Client::restore([1; 32], records, Instant::ZERO, UnixMillis(0)).map(|_| ())
    };
    assert_eq!(restore(Vec::new()), Err(RestoreError::NoAccount));
    let (net, alice) = community();
    let whole = net.disk(alice);
    assert_eq!(restore(whole.clone()), Ok(()));
    for table in [
        Table::Account,
        Table::Chain,
        Table::Checkpoint,
        Table::Keys,
        Table::Names,
    ] {
        let mut broken = whole.clone();
        let record = broken
            .iter_mut()
            .find(|(other, ..)| *other == table)
            .unwrap();
        record.2.truncate(1);
        assert_eq!(restore(broken), Err(RestoreError::Damaged(table)));
    }
}

// spec 9.1
#[test]
fn no_record_of_a_log_may_be_missing() {
    let (net, alice) = community();
    let mut records = net.disk(alice);
    let first = records
        .iter()
        .position(|(table, ..)| *table == Table::Chain)
        .unwrap();
    records.remove(first);
    let restored = Client::restore([1; 32], records, Instant::ZERO, UnixMillis(0));
    assert_eq!(
        restored.map(|_| ()),
        Err(RestoreError::Damaged(Table::Chain))
    );
}

// spec 9.13
#[test]
fn an_envelope_that_came_before_its_log_survives_a_crash() {
    let (mut net, alice) = community();
    // The append is taken, and its envelopes are read, but neither its answer nor the log comes through.
    net.tamper = Some(Box::new(|request, response| match request {
        Request::AppendSigchain(_) | Request::Sigchain { .. } => Response::error(503, "lost"),
        _ => response,
    }));
    let now = net.now;
    let channel = net
        .client(alice)
        .create_channel("secret", Access::Private, History::All, now)
        .unwrap();
    net.run();
    net.wait(3);
    net.tamper = None;
    net.restart(alice);
    net.connect(alice);
    net.wait(5);
    assert_eq!(net.channel(alice, "secret"), channel);
    net.send(alice, channel, "only I can read this");
    let sent = net.view(alice).messages(channel).next().unwrap();
    assert_eq!(sent.seq, Some(Seq(1)), "{sent:?}");
}
