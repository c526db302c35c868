//! Reading the log on while messages come: the two go over different connections.

use std::cell::Cell;
use std::rc::Rc;

use dialtone_protocol::client::{Access, ConnectionState, Event, History, Warning};
use dialtone_protocol::ids::{ChannelId, EntryHash};
use dialtone_protocol::wire::cbor;
use dialtone_protocol::wire::chain::ChainPage;
use dialtone_protocol::wire::http::{Request, Response};

use crate::channels::two;
use crate::join::texts;
use crate::net::{Hold, Net};

fn is_log(request: &Request) -> bool {
    matches!(request, Request::Sigchain { .. })
}

fn grow(net: &mut Net, peer: usize, name: &str) {
    let now = net.now;
    net.client(peer)
        .create_channel(name, Access::Open, History::All, now)
        .unwrap();
    net.run();
    net.wait(1);
}

fn hold_log(net: &mut Net, of: usize) {
    net.holds = Some(Hold { of, to: is_log });
}

const NEWER: &str = "signed at the newest head";

/// The log grows, and somebody writes at its new head, before the answer that is held comes.
fn say_at_a_newer_head(net: &mut Net, peer: usize, channel: ChannelId) {
    grow(net, peer, "second");
    net.send(peer, channel, NEWER);
    net.let_through();
    net.wait(5);
}

fn assert_read(net: &Net, peer: usize, text: &str) {
    let shown: Vec<_> = texts(net, peer, "general");
    assert_eq!(shown, [("alice".to_owned(), text.to_owned())]);
    let warned = |event: &&Event| matches!(event, Event::Warning(_));
    assert_eq!(net.peers[peer].events.iter().find(warned), None);
}

// spec 8.11
#[test]
fn a_log_that_was_read_before_a_message_came_says_nothing_about_it() {
    let (mut net, alice, bob) = two();
    let general = net.channel(alice, "general");
    // The answer ends with the first of two entries, and is slow.
    hold_log(&mut net, bob);
    grow(&mut net, alice, "first");
    say_at_a_newer_head(&mut net, alice, general);
    assert_read(&net, bob, NEWER);
}

// spec 8.11
#[test]
fn a_message_that_came_before_the_log_of_a_new_connection_waits_for_it() {
    let (mut net, alice, bob) = two();
    let general = net.channel(alice, "general");
    net.cut(bob);
    grow(&mut net, alice, "first");
    hold_log(&mut net, bob);
    while net.held.is_empty() {
        net.wait(1);
    }
    say_at_a_newer_head(&mut net, alice, general);
    assert_read(&net, bob, NEWER);
}

// spec 9.13
#[test]
fn a_key_that_was_made_while_somebody_joins_waits_for_the_log() {
    let (mut net, alice, _) = two();
    let general = net.channel(alice, "general");
    let (link, other) = (net.invite(alice), net.invite(alice));
    let carol = net.add("carol", &link);
    hold_log(&mut net, carol);
    net.connect(carol);
    assert!(!net.held.is_empty());
    // Everybody's key is replaced, and Carol's invite gets the new one. What says so on her socket is slow.
    net.deaf = Some(carol);
    let now = net.now;
    let invites = net.view(alice).invites();
    let other = invites
        .iter()
        .find(|it| other.ends_with(&it.id.to_string()))
        .unwrap()
        .id;
    net.client(alice).revoke_invite(other, now).unwrap();
    net.run();
    net.wait(1);
    assert_eq!(net.view(alice).invites().len(), 1);
    net.send(alice, general, "under the new key");
    net.let_through();
    net.deaf = None;
    net.leave(alice);
    net.wait(5);
    assert_read(&net, carol, "under the new key");
}

// spec 9.5
#[test]
fn an_answer_from_before_ones_own_append_accuses_nobody() {
    let (mut net, alice, _) = two();
    net.holds = Some(Hold {
        of: alice,
        to: |request| is_log(request) || matches!(request, Request::AppendSigchain(_)),
    });
    // The log is asked for while an append is on its way, and the server answers that question first; but its answer
    // to the append comes first here.
    let before = Rc::new(Cell::new(None));
    net.tamper = Some(Box::new(move |request, response| match request {
        Request::AppendSigchain(append) => {
            before.set(append.expected);
            response
        }
        Request::Sigchain { .. } => {
            let page = ChainPage {
                head: before.get(),
                entries: Vec::new(),
            };
            Response::cbor(200, cbor::encode(&page))
        }
        _ => response,
    }));
    grow(&mut net, alice, "mine");
    assert_eq!(net.held.len(), 2);
    net.tamper = None;
    net.let_through();
    net.wait(5);
    assert_eq!(net.view(alice).state(), ConnectionState::Online);
    let warned = |event: &&Event| matches!(event, Event::Warning(_));
    assert_eq!(net.peers[alice].events.iter().find(warned), None);
    assert_eq!(net.view(alice).channels().len(), 2);
}

// spec 9.5
#[test]
fn a_server_that_says_another_head_than_its_entries_have_is_named() {
    let (mut net, alice, bob) = two();
    net.cut(bob);
    net.tamper = Some(Box::new(|request, response| {
        if !is_log(request) {
            return response;
        }
        let mut page: ChainPage = cbor::decode(&response.body).unwrap();
        page.head.as_mut().unwrap().hash = EntryHash([0xee; 32]);
        Response::cbor(200, cbor::encode(&page))
    }));
    grow(&mut net, alice, "first");
    net.wait(60);
    let named = |event: &Event| matches!(event, Event::Warning(Warning::OtherLog { .. }));
    assert!(net.peers[bob].events.iter().any(named));
    assert_eq!(net.view(bob).state(), ConnectionState::Refused);
}
