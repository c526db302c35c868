//! Founding and joining.

use dialtone_protocol::client::{
    Access, Body, ConnectionState, Event, History, IntentName, Refusal, Standing,
};
use dialtone_protocol::wire::http::{Request, Response};

use crate::net::{Net, URL};

pub(crate) fn texts(net: &Net, peer: usize, channel: &str) -> Vec<(String, String)> {
    let id = net.channel(peer, channel);
    let messages = net.view(peer).messages(id);
    messages
        .map(|message| {
            let text = match message.body {
                Body::Text(text) => text.to_owned(),
                other => format!("{other:?}"),
            };
            (message.sender_name.unwrap_or("?").to_owned(), text)
        })
        .collect()
}

fn said(name: &str, text: &str) -> (String, String) {
    (name.to_owned(), text.to_owned())
}

/// A community of alice with one open channel.
pub(crate) fn community() -> (Net, usize) {
    let mut net = Net::new();
    let alice = net.found("Alice");
    let now = net.now;
    net.client(alice)
        .create_channel("general", Access::Open, History::All, now)
        .unwrap();
    net.run();
    net.wait(1);
    (net, alice)
}

// spec 9.3
#[test]
fn the_founder_is_a_member_and_can_write() {
    let (mut net, alice) = community();
    assert_eq!(net.view(alice).state(), ConnectionState::Online);
    let me = net.view(alice).me();
    assert!(me.admin);
    assert_eq!(
        (me.standing, me.username.as_str()),
        (Standing::Member, "alice")
    );
    assert!(net.peers[alice].events.contains(&Event::Joined));
    let members = net.view(alice).members();
    assert_eq!(members.len(), 1);
    assert_eq!(
        (members[0].name.as_deref(), members[0].online),
        (Some("alice"), true)
    );
    let general = net.channel(alice, "general");
    net.send(alice, general, "hello");
    assert_eq!(texts(&net, alice, "general"), [said("alice", "hello")]);
}

// spec 9.7, 9.8
#[test]
fn a_newcomer_reads_the_history_while_its_inviter_is_away() {
    let (mut net, alice) = community();
    let general = net.channel(alice, "general");
    net.send(alice, general, "before you came");
    let link = net.invite(alice);
    net.leave(alice);

    let bob = net.join("Bob", &link);
    assert_eq!(
        net.view(bob).me().standing,
        Standing::Member,
        "{:?}",
        net.peers[bob].events
    );
    assert_eq!(
        texts(&net, bob, "general"),
        [said("alice", "before you came")]
    );

    net.send(bob, general, "thanks");
    net.connect(alice);
    assert_eq!(
        texts(&net, alice, "general"),
        [said("alice", "before you came"), said("bob", "thanks")]
    );
    net.send(alice, general, "welcome");
    assert_eq!(
        texts(&net, bob, "general").last(),
        Some(&said("alice", "welcome"))
    );
    let members = net.view(bob).members();
    let online: Vec<_> = members
        .iter()
        .map(|it| (it.name.as_deref(), it.online))
        .collect();
    assert_eq!(online, [(Some("alice"), true), (Some("bob"), true)]);
}

// spec 9.7
#[test]
fn an_invite_is_good_for_one() {
    let (mut net, alice) = community();
    let link = net.invite(alice);
    let bob = net.join("bob", &link);
    assert_eq!(net.view(bob).me().standing, Standing::Member);
    let carol = net.join("carol", &link);
    let refused = Event::IntentRefused {
        intent: IntentName::Join,
        reason: Refusal::TokenSpent,
    };
    assert!(
        net.peers[carol].events.contains(&refused),
        "{:?}",
        net.peers[carol].events
    );
    assert_eq!(net.view(carol).state(), ConnectionState::Refused);
}

// spec 9.9
#[test]
fn who_comes_by_the_host_waits_for_a_vouch() {
    let (mut net, alice) = community();
    let general = net.channel(alice, "general");
    net.send(alice, general, "hello");
    let link = net.host_link("");
    let bob = net.join("Bob", &link);
    let me = net.view(bob).me();
    assert_eq!(me.standing, Standing::Pending);
    assert!(net.view(bob).channels().is_empty());

    let waiting = net.view(alice).members();
    let waiting = waiting
        .iter()
        .find(|it| it.pending.is_some())
        .expect("bob waits");
    let pending = waiting.pending.clone().unwrap();
    assert_eq!(Some(pending.safety_number), me.safety_number);
    assert_eq!(pending.says.as_deref(), Some("bob"));
    assert_eq!(waiting.name, None);

    let (user, now) = (waiting.user, net.now);
    net.client(alice).vouch(user, now).unwrap();
    net.run();
    net.wait(3);
    assert_eq!(net.view(bob).me().standing, Standing::Member);
    assert_eq!(texts(&net, bob, "general"), [said("alice", "hello")]);
    let names: Vec<_> = net
        .view(alice)
        .members()
        .iter()
        .map(|it| it.name.clone())
        .collect();
    assert_eq!(names, [Some("alice".to_owned()), Some("bob".to_owned())]);
    assert!(
        net.view(alice)
            .members()
            .iter()
            .all(|it| it.pending.is_none())
    );
}

// spec 9.4
#[test]
fn nobody_founds_twice() {
    let (mut net, _) = community();
    let link = net.host_link("#found");
    let eve = net.join("eve", &link);
    let reason = Refusal::AlreadyFounded;
    let refused = Event::IntentRefused {
        intent: IntentName::Found,
        reason,
    };
    assert!(net.peers[eve].events.contains(&refused));
    assert_eq!(net.view(eve).state(), ConnectionState::Refused);
}

// spec 9.4
#[test]
fn a_bare_link_does_not_found() {
    let mut net = Net::new();
    let link = net.host_link("");
    let bob = net.join("bob", &link);
    let refused = Event::IntentRefused {
        intent: IntentName::Join,
        reason: Refusal::NotFounded,
    };
    assert!(net.peers[bob].events.contains(&refused));
}

#[test]
fn an_unknown_token_is_named() {
    let mut net = Net::new();
    let bob = net.join(
        "bob",
        &format!("{URL}/invite/11111111-2222-4333-8444-555555555555#found"),
    );
    let refused = Event::IntentRefused {
        intent: IntentName::Found,
        reason: Refusal::TokenUnknown,
    };
    assert!(
        net.peers[bob].events.contains(&refused),
        "{:?}",
        net.peers[bob].events
    );
}

// spec 9.2
#[test]
fn a_lost_answer_to_the_registration_loses_nothing() {
    let mut net = Net::new();
    let link = net.host_link("#found");
    let alice = net.add("alice", &link);
    net.loses = Some(|request| matches!(request, Request::Register(_)));
    net.connect(alice);
    net.wait(5);
    assert_eq!(
        net.view(alice).me().standing,
        Standing::Member,
        "{:?}",
        net.peers[alice].events
    );
}

// spec 9.2
#[test]
fn a_registration_that_the_network_delivered_twice_is_no_refusal() {
    let mut net = Net::new();
    let link = net.host_link("#found");
    // The first of the two used up the invite, and its answer came last or never.
    net.tamper = Some(Box::new(|request, response| match request {
        Request::Register(_) => Response::error(410, "invite already used"),
        _ => response,
    }));
    let alice = net.join("alice", &link);
    net.wait(5);
    assert_eq!(
        net.view(alice).me().standing,
        Standing::Member,
        "{:?}",
        net.peers[alice].events
    );
}

// spec 9.40, 9.43
#[test]
fn two_who_join_at_once_both_come_in() {
    let (mut net, alice) = community();
    let links = [net.invite(alice), net.invite(alice)];
    let both = ["bob", "carol"].map(|name| {
        let link = &links[usize::from(name == "carol")];
        net.add(name, link)
    });
    let now = net.now;
    for peer in both {
        net.client(peer).connect(now);
    }
    net.run();
    net.wait(3);
    for peer in both {
        assert_eq!(
            net.view(peer).me().standing,
            Standing::Member,
            "{:?}",
            net.peers[peer].events
        );
    }
    let names: Vec<_> = net
        .view(alice)
        .members()
        .into_iter()
        .filter_map(|it| it.name)
        .collect();
    assert_eq!(names, ["alice", "bob", "carol"]);
}
