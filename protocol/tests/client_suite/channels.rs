//! Channels, and what a lost answer or a cut does to them.

use dialtone_protocol::chat::Locked;
use dialtone_protocol::client::{
    Access, Body, ConnectionState, Delivery, Event, History, IntentError, IntentName, SendError,
};
use dialtone_protocol::ids::ChannelId;
use dialtone_protocol::wire::http::{Request, Response};

use crate::join::{community, texts};
use crate::net::Net;

/// Alice and bob, both online.
pub(crate) fn two() -> (Net, usize, usize) {
    let (mut net, alice) = community();
    let link = net.invite(alice);
    let bob = net.join("bob", &link);
    (net, alice, bob)
}

pub(crate) fn make(
    net: &mut Net,
    peer: usize,
    name: &str,
    access: Access,
    history: History,
) -> ChannelId {
    let now = net.now;
    let channel = net
        .client(peer)
        .create_channel(name, access, history, now)
        .unwrap();
    net.run();
    net.wait(1);
    assert_eq!(net.channel(peer, name), channel);
    channel
}

fn names(net: &Net, peer: usize) -> Vec<Option<String>> {
    net.view(peer)
        .channels()
        .into_iter()
        .map(|channel| channel.name)
        .collect()
}

pub(crate) fn add(net: &mut Net, peer: usize, channel: ChannelId, other: usize) {
    let user = net.view(other).me().user.unwrap();
    let now = net.now;
    net.client(peer).add_to_channel(channel, user, now).unwrap();
    net.run();
    net.wait(1);
}

// spec 9.10
#[test]
fn a_private_channel_is_for_those_who_were_taken_in() {
    let (mut net, alice, bob) = two();
    let staff = make(&mut net, alice, "staff", Access::Private, History::All);
    net.send(alice, staff, "just us");
    assert_eq!(names(&net, bob), [Some("general".to_owned())]);
    let now = net.now;
    let sent = net.client(bob).send_message(staff, "let me in", now);
    assert_eq!(sent, Err(SendError::NotInChannel));

    add(&mut net, alice, staff, bob);
    assert_eq!(
        names(&net, bob),
        [Some("general".to_owned()), Some("staff".to_owned())]
    );
    assert_eq!(
        texts(&net, bob, "staff"),
        [("alice".to_owned(), "just us".to_owned())]
    );
    net.send(bob, staff, "thanks");
    assert_eq!(texts(&net, alice, "staff").len(), 2);
}

// spec 9.31
#[test]
fn the_past_of_a_channel_from_the_join_on_stays_closed() {
    let (mut net, alice, bob) = two();
    let inner = make(&mut net, alice, "inner", Access::Private, History::FromJoin);
    net.send(alice, inner, "before");
    add(&mut net, alice, inner, bob);
    net.send(alice, inner, "after");
    let bodies: Vec<_> = net
        .view(bob)
        .messages(inner)
        .map(|message| message.body)
        .collect();
    assert_eq!(
        bodies,
        [Body::Locked(Locked::BeforeJoin), Body::Text("after")]
    );
    // The name was sealed for the newcomer once more.
    assert_eq!(net.channel(bob, "inner"), inner);
}

// spec 9.31
#[test]
fn a_newcomer_of_the_community_rotates_what_is_not_for_newcomers() {
    let (mut net, alice) = community();
    let news = make(&mut net, alice, "news", Access::Open, History::FromJoin);
    net.send(alice, news, "old news");
    let link = net.invite(alice);
    let bob = net.join("bob", &link);
    net.send(alice, news, "new news");
    net.send(bob, news, "read it");
    let bodies: Vec<_> = net
        .view(bob)
        .messages(news)
        .map(|message| message.body)
        .collect();
    assert_eq!(
        bodies,
        [
            Body::Locked(Locked::BeforeJoin),
            Body::Text("new news"),
            Body::Text("read it")
        ]
    );
    assert_eq!(texts(&net, alice, "news").len(), 3);
}

#[test]
fn a_channel_is_renamed_and_deleted_for_all() {
    let (mut net, alice, bob) = two();
    let general = net.channel(alice, "general");
    let now = net.now;
    net.client(alice)
        .rename_channel(general, "lobby", now)
        .unwrap();
    net.run();
    net.wait(1);
    for peer in [alice, bob] {
        assert_eq!(names(&net, peer), [Some("lobby".to_owned())]);
    }
    let now = net.now;
    net.client(alice).delete_channel(general, now).unwrap();
    net.run();
    net.wait(1);
    for peer in [alice, bob] {
        assert_eq!(names(&net, peer), []);
    }
    let now = net.now;
    let sent = net.client(bob).send_message(general, "too late", now);
    assert_eq!(sent, Err(SendError::NoChannel));
}

// spec 9.50
#[test]
fn a_new_name_that_comes_before_its_log_is_kept() {
    let (mut net, alice, bob) = two();
    let general = net.channel(alice, "general");
    net.tamper = Some(Box::new(|request, response| match request {
        Request::Sigchain { .. } => Response::error(503, "later"),
        _ => response,
    }));
    let now = net.now;
    net.client(alice)
        .rename_channel(general, "lobby", now)
        .unwrap();
    net.run();
    assert_eq!(names(&net, bob), [Some("general".to_owned())]);
    net.tamper = None;
    net.wait(5);
    assert_eq!(names(&net, bob), [Some("lobby".to_owned())]);
}

#[test]
fn what_the_log_would_refuse_is_refused_at_once() {
    let (mut net, alice, bob) = two();
    let now = net.now;
    let (open, all) = (Access::Open, History::All);
    let bobs = net.client(bob).create_channel("mine", open, all, now);
    assert_eq!(bobs, Err(IntentError::NotAdmin));
    assert_eq!(
        net.client(bob).create_invite(now),
        Err(IntentError::NotAdmin)
    );
    let alices = net.client(alice);
    assert_eq!(
        alices.create_channel(" ", open, all, now),
        Err(IntentError::BadName)
    );
    // spec 9.60
    assert_eq!(
        alices.create_channel("GENERA1", open, all, now),
        Err(IntentError::NameTaken)
    );
    let nobody = ChannelId([9; 16]);
    assert_eq!(
        alices.delete_channel(nobody, now),
        Err(IntentError::NoChannel)
    );
}

// spec 9.42
#[test]
fn an_append_whose_answer_is_lost_is_found_in_the_log() {
    let (mut net, alice, bob) = two();
    net.loses = Some(|request| matches!(request, Request::AppendSigchain(_)));
    let now = net.now;
    let (access, history) = (Access::Private, History::All);
    let channel = net
        .client(alice)
        .create_channel("staff", access, history, now)
        .unwrap();
    net.run();
    net.wait(5);
    let done = Event::IntentDone {
        intent: IntentName::CreateChannel(channel),
    };
    let times = net.peers[alice]
        .events
        .iter()
        .filter(|event| **event == done)
        .count();
    assert_eq!(times, 1);
    net.send(alice, channel, "the key is here");
    add(&mut net, alice, channel, bob);
    assert_eq!(texts(&net, bob, "staff").len(), 1);
}

/// Appends are carried out, and whoever asks does not learn of it.
fn answer_nothing_of_the_log(net: &mut Net) {
    net.tamper = Some(Box::new(|request, response| match request {
        Request::AppendSigchain(_) | Request::Sigchain { .. } | Request::Names { .. } => {
            Response::error(503, "later")
        }
        _ => response,
    }));
}

// spec 9.42
#[test]
fn an_append_whose_answer_died_with_the_client_is_found_in_the_log() {
    let (mut net, alice, bob) = two();
    answer_nothing_of_the_log(&mut net);
    let now = net.now;
    let (access, history) = (Access::Private, History::All);
    let channel = net
        .client(alice)
        .create_channel("staff", access, history, now)
        .unwrap();
    net.run();
    net.tamper = None;
    net.restart(alice);
    net.connect(alice);
    assert_eq!(net.channel(alice, "staff"), channel);
    net.send(alice, channel, "the key came by the envelope");
    add(&mut net, alice, channel, bob);
    assert_eq!(texts(&net, bob, "staff").len(), 1);
}

// spec 9.44
#[test]
fn who_is_taken_in_gets_the_name_that_died_with_the_client() {
    let (mut net, alice, bob) = two();
    let staff = make(&mut net, alice, "staff", Access::Private, History::FromJoin);
    answer_nothing_of_the_log(&mut net);
    let (user, now) = (net.view(bob).me().user.unwrap(), net.now);
    let client = net.client(alice);
    client.rename_channel(staff, "crew", now).unwrap();
    client.add_to_channel(staff, user, now).unwrap();
    net.run();
    net.tamper = None;
    net.restart(alice);
    net.connect(alice);
    net.wait(5);
    assert_eq!(net.channel(alice, "crew"), staff);
    assert_eq!(net.channel(bob, "crew"), staff);
}

#[test]
fn what_is_written_offline_is_sent_once_later() {
    let (mut net, alice, bob) = two();
    let general = net.channel(bob, "general");
    net.cut(bob);
    net.send(bob, general, "written in a tunnel");
    let marks: Vec<_> = net
        .view(bob)
        .messages(general)
        .map(|message| message.mark)
        .collect();
    assert_eq!(marks, [Delivery::Sending]);
    net.wait(40);
    assert_eq!(net.view(bob).state(), ConnectionState::Online);
    let expected = [("bob".to_owned(), "written in a tunnel".to_owned())];
    assert_eq!(texts(&net, bob, "general"), expected);
    assert_eq!(texts(&net, alice, "general"), expected);
}

#[test]
fn a_start_shows_the_past_before_the_network_answers() {
    let (mut net, alice, bob) = two();
    let general = net.channel(alice, "general");
    net.send(alice, general, "hello");
    net.restart(bob);
    assert_eq!(net.view(bob).state(), ConnectionState::Offline);
    assert_eq!(
        texts(&net, bob, "general"),
        [("alice".to_owned(), "hello".to_owned())]
    );
}

#[test]
fn a_message_in_any_channel_says_that_the_counts_changed() {
    let (mut net, alice, bob) = two();
    let general = net.channel(alice, "general");
    for many in 1..=3 {
        net.peers[bob].events.clear();
        net.send(alice, general, "news");
        assert!(net.peers[bob].events.contains(&Event::ChannelsChanged));
        let channels = net.view(bob).channels();
        assert_eq!((channels[0].unread, channels[0].caught_up), (many, true));
    }
}
