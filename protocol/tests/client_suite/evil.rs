//! A server that lies.

use dialtone_protocol::client::{
    ConnectionState, Event, Input, IntentName, Refusal, Standing, Table, Warning,
};
use dialtone_protocol::crypto::envelope::{self, KeyRecord, Recipient};
use dialtone_protocol::crypto::{DeviceSecret, Entropy, GroupKey, Secret};
use dialtone_protocol::ids::{CommunityId, DeviceId, Epoch, GroupId, RecipientId, Subject, UserId};
use dialtone_protocol::limits;
use dialtone_protocol::sigchain::Entry;
use dialtone_protocol::wire::cbor;
use dialtone_protocol::wire::chain::{
    ChainPage, EnvelopePage, NamePage, SealedName, StoredEnvelope,
};
use dialtone_protocol::wire::event::ServerEvent;
use dialtone_protocol::wire::http::{Request, Response};
use dialtone_protocol::wire::link::{Link, LinkKind};

use crate::channels::two;
use crate::join::{community, texts};
use crate::net::Net;

/// Changes each page of the log that the server answers.
fn with_log(net: &mut Net, mut change: impl FnMut(&mut ChainPage) + 'static) {
    net.tamper = Some(Box::new(move |request, response| match request {
        Request::Sigchain { .. } => {
            let mut page: ChainPage = cbor::decode(&response.body).unwrap();
            change(&mut page);
            Response::cbor(200, cbor::encode(&page))
        }
        _ => response,
    }));
}

fn warned(net: &Net, peer: usize, is: impl Fn(&Warning) -> bool) -> bool {
    let mut events = net.peers[peer].events.iter();
    events.any(|event| matches!(event, Event::Warning(warning) if is(warning)))
}

fn refused(net: &Net, peer: usize, reason: Refusal) -> bool {
    let refused = Event::IntentRefused {
        intent: IntentName::Join,
        reason,
    };
    net.peers[peer].events.contains(&refused)
}

fn appended(net: &Net, peer: usize) -> bool {
    let mut requests = net.requests.iter();
    requests.any(|(who, request)| *who == peer && matches!(request, Request::AppendSigchain(_)))
}

// spec 9.7
#[test]
fn another_community_is_not_joined() {
    let (mut net, alice) = community();
    let link = net.invite(alice);
    let (_, fragment) = link.split_once('#').unwrap();
    let (mut other, _) = community();
    let link = other.host_link(&format!("#{fragment}"));
    let bob = other.join("bob", &link);
    assert!(
        refused(&other, bob, Refusal::OtherCommunity),
        "{:?}",
        other.peers[bob].events
    );
    assert!(!appended(&other, bob));
    assert_eq!(other.records(bob, Table::Chain), 0);
    assert_eq!(other.view(bob).state(), ConnectionState::Refused);
}

// spec 9.7
#[test]
fn a_log_without_the_invite_is_not_joined() {
    let (mut net, alice) = community();
    let link = net.invite(alice);
    with_log(&mut net, |page| {
        page.entries.truncate(4);
        let last = page
            .entries
            .last()
            .map(|bytes| Entry::decode(bytes).unwrap());
        page.head = last.map(|entry| entry.head());
    });
    let bob = net.join("bob", &link);
    assert!(
        refused(&net, bob, Refusal::OtherCommunity),
        "{:?}",
        net.peers[bob].events
    );
    assert!(!appended(&net, bob));
    // The same account joins once the server tells the truth.
    net.tamper = None;
    net.connect(bob);
    net.wait(5);
    assert_eq!(net.view(bob).me().standing, Standing::Member);
}

// spec 9.6
#[test]
fn a_damaged_entry_ends_the_log_by_name() {
    let (mut net, alice) = community();
    let link = net.invite(alice);
    with_log(&mut net, |page| {
        if let Some(entry) = page.entries.get_mut(2) {
            let last = entry.len() - 1;
            entry[last] ^= 1;
        }
    });
    let bob = net.join("bob", &link);
    let index = 2;
    assert!(
        warned(&net, bob, |warning| matches!(
            warning,
            Warning::InvalidEntry { index: at, .. } if *at == index
        )),
        "{:?}",
        net.peers[bob].events
    );
    assert!(!appended(&net, bob));
}

// spec 9.5
#[test]
fn a_home_that_knows_a_log_refuses_a_server_without_it() {
    for kind in 0..3 {
        let (mut net, alice) = community();
        let general = net.channel(alice, "general");
        net.cut(alice);
        with_log(&mut net, move |page| match kind {
            0 => page.head = None,
            1 => {
                page.head = page
                    .head
                    .map(|head| dialtone_protocol::ids::Head { index: 1, ..head })
            }
            _ => page.head.as_mut().unwrap().hash.0[0] ^= 1,
        });
        net.wait(40);
        let named = warned(&net, alice, |warning| match kind {
            0 => *warning == Warning::NoLog,
            _ => matches!(warning, Warning::OtherLog { .. }),
        });
        assert!(named, "{kind}: {:?}", net.peers[alice].events);
        assert_eq!(net.view(alice).state(), ConnectionState::Refused);
        net.send(alice, general, "kept");
        net.wait(40);
        assert_eq!(net.view(alice).state(), ConnectionState::Refused);
    }
}

// spec 9.11
#[test]
fn a_planted_key_is_refused_and_the_right_one_asked_for() {
    let (mut net, alice) = community();
    let general = net.channel(alice, "general");
    net.send(alice, general, "hello");
    let link = net.invite(alice);
    let LinkKind::Open { secret, hash } = Link::parse(&link).unwrap().kind else {
        panic!("not a client's link");
    };
    let community = founded(&net);
    let dh = secret.keys().public().dh;
    net.tamper = Some(Box::new(move |request, response| match request {
        Request::Envelopes {
            invite: Some(_),
            after: 0,
        } => {
            let to = Recipient {
                id: RecipientId::Invite(hash),
                dh,
            };
            let key = GroupKey::from_secret(Secret::from_bytes([6; 32]));
            let records = [KeyRecord {
                group: GroupId::Open,
                epoch: Epoch(0),
                key,
            }];
            let sealer = DeviceSecret::from_seed(Secret::from_bytes([5; 32]));
            let mut entropy = Entropy::from_seed([4; 32]);
            let bytes = envelope::seal(&community, &to, &records, &sealer, &mut entropy).unwrap();
            let poster = DeviceId([3; 16]);
            let envelopes = vec![StoredEnvelope {
                cursor: 1,
                poster,
                bytes,
            }];
            Response::cbor(
                200,
                cbor::encode(&EnvelopePage {
                    next: u64::MAX,
                    envelopes,
                }),
            )
        }
        _ => response,
    }));
    let bob = net.join("bob", &link);
    assert!(warned(&net, bob, |warning| matches!(
        warning,
        Warning::BadEnvelope { .. }
    )));
    assert_eq!(net.view(bob).me().standing, Standing::Member);
    // Alice is online, so the right key comes from her.
    net.wait(60);
    assert!(
        net.peers[bob].events.contains(&Event::Joined),
        "{:?}",
        net.peers[bob].events
    );
    assert_eq!(
        texts(&net, bob, "general"),
        [("alice".to_owned(), "hello".to_owned())]
    );
    let names: Vec<_> = net
        .view(alice)
        .members()
        .into_iter()
        .map(|it| it.name)
        .collect();
    assert_eq!(names, [Some("alice".to_owned()), Some("bob".to_owned())]);
}

/// The community, as the first entry that its founder appended names it.
fn founded(net: &Net) -> CommunityId {
    let mut requests = net.requests.iter();
    let first = requests.find_map(|(_, request)| match request {
        Request::AppendSigchain(append) => append.entries.first(),
        _ => None,
    });
    Entry::decode(first.unwrap()).unwrap().community()
}

// spec 9.20
#[test]
fn a_ghost_gets_no_key() {
    let (mut net, alice) = community();
    let event = ServerEvent::KeyRequested {
        device_id: DeviceId([9; 16]),
        group: GroupId::Open,
        epoch: Epoch(0),
    };
    net.tell(alice, Input::Frame(event.to_text().as_bytes()));
    net.run();
    net.wait(60);
    let posted = net
        .requests
        .iter()
        .any(|(_, request)| matches!(request, Request::PostEnvelopes(_)));
    assert!(!posted);
}

// spec 9.9
#[test]
fn a_newcomer_whom_the_server_made_up_is_not_shown() {
    let (mut net, alice) = community();
    let link = net.host_link("");
    net.tamper = Some(Box::new(|request, response| match request {
        Request::Pending => {
            // Another user's id stands on the record that the newcomer signed.
            let text = String::from_utf8(response.body.clone()).unwrap();
            let Some(at) = text.find("user_id\":\"") else {
                return response;
            };
            let mut text = text.into_bytes();
            text[at + 10] = if text[at + 10] == b'0' { b'1' } else { b'0' };
            Response {
                body: text,
                ..response
            }
        }
        _ => response,
    }));
    let bob = net.join("bob", &link);
    assert_eq!(net.view(bob).me().standing, Standing::Pending);
    assert!(
        net.view(alice)
            .members()
            .iter()
            .all(|it| it.pending.is_none())
    );
}

#[test]
fn nonsense_panics_nothing_and_loses_nothing() {
    let (mut net, alice) = community();
    for frame in [
        "",
        "{",
        "null",
        "[]",
        r#"{"type":"channel.message.new"}"#,
        r#"{"type":7}"#,
    ] {
        net.tell(alice, Input::Frame(frame.as_bytes()));
        net.run();
    }
    let general = net.channel(alice, "general");
    net.send(alice, general, "still here");
    assert_eq!(texts(&net, alice, "general").len(), 1);
    net.tamper = Some(Box::new(|_, _| Response::text(200, "nonsense")));
    net.cut(alice);
    net.wait(120);
    net.tamper = None;
    net.wait(120);
    assert_eq!(net.view(alice).state(), ConnectionState::Online);
    assert_eq!(texts(&net, alice, "general").len(), 1);
}

// spec 9.50
#[test]
fn a_name_that_is_too_long_to_be_one_is_not_kept() {
    let (mut net, alice, bob) = two();
    net.cut(bob);
    net.tamper = Some(Box::new(|request, response| match request {
        Request::Names { .. } => {
            let name = SealedName {
                subject: Subject::User(UserId([0x77; 16])),
                group: GroupId::Open,
                epoch: Epoch(0),
                bytes: vec![0; limits::MAX_NAME_ENC_BYTES + 1],
            };
            let names = vec![name];
            let next = u64::MAX;
            Response::cbor(200, cbor::encode(&NamePage { next, names }))
        }
        _ => response,
    }));
    let before = net.records(bob, Table::Names);
    net.wait(60);
    assert_eq!(net.view(bob).state(), ConnectionState::Online);
    assert_eq!(net.records(bob, Table::Names), before);
    let general = net.channel(alice, "general");
    net.send(alice, general, "all is well");
    assert_eq!(texts(&net, bob, "general").len(), 1);
}
