//! What an account signs and believes for the process that carries its sound.

use dialtone_protocol::client::{ConnectionState, Event, Input, Table};
use dialtone_protocol::crypto::{DeviceSecret, Secret};
use dialtone_protocol::ids::{ChannelId, DeviceId, UserId};
use dialtone_protocol::sigchain::{Access, Chain, Draft, History, Payload};
use dialtone_protocol::voice::ask::{Answer, Between, Claim, Described, Question, Refusal};
use dialtone_protocol::wire::cbor;
use dialtone_protocol::wire::chain::ChainPage;
use dialtone_protocol::wire::event::ServerEvent;
use dialtone_protocol::wire::http::{Request, Response};
use minicbor::Decode;

use crate::channels::{add, make, two};
use crate::join::community;
use crate::net::Net;

const SDP: &str = "v=0\r\na=fingerprint:sha-256 AA\r\n";
const SWAPPED: &str = "v=0\r\na=fingerprint:sha-256 BB\r\n";

fn enter(net: &mut Net, peer: usize, room: ChannelId) -> Claim {
    match net.client(peer).answer_voice(&Question::Enter { room }) {
        Answer::Entered {
            user,
            device,
            proof,
        } => Claim {
            user,
            device,
            proof: Some(proof),
        },
        other => panic!("{other:?}"),
    }
}

fn admit(net: &mut Net, peer: usize, room: ChannelId, claim: &Claim) -> Answer {
    let peer_claim = claim.clone();
    net.client(peer).answer_voice(&Question::Admit {
        room,
        peer: peer_claim,
    })
}

fn refused(reason: Refusal) -> Answer {
    Answer::Refused { reason }
}

const VERIFIED: Answer = Answer::Admitted { verified: true };

fn between(room: ChannelId, own: &Claim, peer: &Claim) -> Between {
    Between {
        room,
        own: own.proof.clone().unwrap(),
        peer: peer.clone(),
    }
}

fn signed(answer: Answer) -> String {
    match answer {
        Answer::Signed { proof } => proof,
        other => panic!("{other:?}"),
    }
}

/// Two members of an open channel who are in its room.
struct Call {
    net: Net,
    room: ChannelId,
    alice: (usize, Claim),
    bob: (usize, Claim),
}

impl Call {
    fn new() -> Self {
        let (mut net, alice, bob) = two();
        let room = net.channel(alice, "general");
        let (a, b) = (enter(&mut net, alice, room), enter(&mut net, bob, room));
        assert_eq!(admit(&mut net, alice, room, &b), VERIFIED);
        assert_eq!(admit(&mut net, bob, room, &a), VERIFIED);
        Self {
            net,
            room,
            alice: (alice, a),
            bob: (bob, b),
        }
    }

    /// Alice's offer to Bob.
    fn offer(&mut self) -> Described {
        let question = Question::SignOffer {
            between: between(self.room, &self.alice.1, &self.bob.1),
            generation: 3,
            sdp: SDP.to_owned(),
        };
        let proof = signed(self.net.client(self.alice.0).answer_voice(&question));
        let sdp = SDP.to_owned();
        Described { sdp, proof }
    }

    fn check_offer(&mut self, offer: Described) -> Answer {
        let question = Question::CheckOffer {
            between: between(self.room, &self.bob.1, &self.alice.1),
            offer,
        };
        self.net.client(self.bob.0).answer_voice(&question)
    }

    /// Bob's answer to it.
    fn answer(&mut self, offer: Described) -> Described {
        let question = Question::SignAnswer {
            between: between(self.room, &self.bob.1, &self.alice.1),
            offer,
            sdp: SDP.to_owned(),
        };
        let proof = signed(self.net.client(self.bob.0).answer_voice(&question));
        let sdp = SDP.to_owned();
        Described { sdp, proof }
    }

    fn check_answer(&mut self, offer: Described, answer: Described) -> Answer {
        let question = Question::CheckAnswer {
            between: between(self.room, &self.alice.1, &self.bob.1),
            offer,
            answer,
        };
        self.net.client(self.alice.0).answer_voice(&question)
    }
}

// spec 11.30 to 11.33
#[test]
fn what_two_members_sign_for_each_other_is_believed() {
    let mut call = Call::new();
    let offer = call.offer();
    let generation = 3;
    assert_eq!(
        call.check_offer(offer.clone()),
        Answer::Offered { generation }
    );
    let answer = call.answer(offer.clone());
    assert_eq!(call.check_answer(offer, answer), Answer::Good);
}

// spec 11.32, 11.33
#[test]
fn a_swapped_fingerprint_is_refused_by_name() {
    let mut call = Call::new();
    let offer = call.offer();
    let swapped = Described {
        sdp: SWAPPED.to_owned(),
        ..offer.clone()
    };
    assert_eq!(call.check_offer(swapped), refused(Refusal::Forged));
    let mut answer = call.answer(offer.clone());
    answer.sdp = SWAPPED.to_owned();
    assert_eq!(call.check_answer(offer, answer), refused(Refusal::Forged));
}

// spec 11.32, 11.33
#[test]
fn what_was_signed_for_an_earlier_stay_fits_no_later_one() {
    let mut call = Call::new();
    let offer = call.offer();
    let answer = call.answer(offer.clone());
    // Bob enters anew: what was offered to him before is not for this stay.
    call.bob.1 = enter(&mut call.net, call.bob.0, call.room);
    assert_eq!(call.check_offer(offer), refused(Refusal::Forged));
    // And Alice does: an answer to her earlier offer is none to the next one.
    call.alice.1 = enter(&mut call.net, call.alice.0, call.room);
    let next = call.offer();
    assert_eq!(call.check_answer(next, answer), refused(Refusal::Forged));
}

// spec 11.31
#[test]
fn a_stay_that_was_followed_by_another_does_not_come_back() {
    let mut call = Call::new();
    let before = call.bob.1.clone();
    let after = enter(&mut call.net, call.bob.0, call.room);
    let (alice, room) = (call.alice.0, call.room);
    assert_eq!(admit(&mut call.net, alice, room, &after), VERIFIED);
    assert_eq!(
        admit(&mut call.net, alice, room, &before),
        refused(Refusal::Replayed)
    );
    assert_eq!(admit(&mut call.net, alice, room, &after), VERIFIED);
}

// spec 11.31
#[test]
fn nobody_is_added_to_a_roster() {
    let mut call = Call::new();
    let (alice, room) = (call.alice.0, call.room);
    // Another device under Bob's word, Bob's device under another user, a word for another room.
    let own = call.net.view(alice).me();
    let other = Claim {
        user: own.user.unwrap(),
        device: own.device.unwrap(),
        ..call.bob.1.clone()
    };
    let claimed = Claim {
        user: own.user.unwrap(),
        ..call.bob.1.clone()
    };
    for claim in [other, claimed] {
        let admitted = admit(&mut call.net, alice, room, &claim);
        assert_eq!(admitted, refused(Refusal::Forged));
    }
    let elsewhere = make(&mut call.net, alice, "other", Access::Open, History::All);
    call.net.wait(2);
    let there = enter(&mut call.net, call.bob.0, elsewhere);
    assert_eq!(
        admit(&mut call.net, alice, room, &there),
        refused(Refusal::Forged)
    );
    // A device that the log does not know yet may still come; it is not let in before.
    let unknown = Claim {
        device: DeviceId([7; 16]),
        ..call.bob.1.clone()
    };
    assert_eq!(admit(&mut call.net, alice, room, &unknown), Answer::NotYet);
    for proof in ["", "x", "AAAA"] {
        let broken = Claim {
            proof: Some(proof.to_owned()),
            ..call.bob.1.clone()
        };
        assert_eq!(
            admit(&mut call.net, alice, room, &broken),
            refused(Refusal::Malformed)
        );
    }
}

// spec 11.30, 11.31
#[test]
fn a_private_channels_room_is_for_its_members() {
    let (mut net, alice, bob) = two();
    let staff = make(&mut net, alice, "staff", Access::Private, History::All);
    let entered = net
        .client(bob)
        .answer_voice(&Question::Enter { room: staff });
    assert_eq!(entered, refused(Refusal::OwnNotEntitled));
    enter(&mut net, alice, staff);
    add(&mut net, alice, staff, bob);
    let claim = enter(&mut net, bob, staff);
    assert_eq!(admit(&mut net, alice, staff, &claim), VERIFIED);
}

// spec 11.35
#[test]
fn who_signs_nothing_is_heard_only_where_that_was_allowed() {
    let (mut net, alice, bob) = two();
    let room = net.channel(alice, "general");
    let staff = make(&mut net, alice, "staff", Access::Private, History::All);
    let stranger = Claim {
        user: UserId([0xab; 16]),
        device: DeviceId([0xcd; 16]),
        proof: None,
    };
    enter(&mut net, alice, room);
    let unsigned = refused(Refusal::Unsigned);
    assert_eq!(admit(&mut net, alice, room, &stranger), unsigned);
    for names in [vec!["abababa".to_owned()], vec!["cdcdcdcd".to_owned()]] {
        net.client(alice).allow_unverified_voice(names);
        assert_eq!(admit(&mut net, alice, room, &stranger), unsigned);
    }
    net.client(alice)
        .allow_unverified_voice(vec!["@ABABABAB".to_owned()]);
    assert_eq!(
        admit(&mut net, alice, room, &stranger),
        Answer::Admitted { verified: false }
    );
    // A member's devices sign, and nobody is unsigned in a private channel.
    let user = net.view(bob).me().user.unwrap();
    net.client(alice)
        .allow_unverified_voice(vec![user.to_string(), stranger.user.to_string()]);
    let member = Claim {
        user,
        ..stranger.clone()
    };
    assert_eq!(
        admit(&mut net, alice, room, &member),
        refused(Refusal::UnsignedMember)
    );
    enter(&mut net, alice, staff);
    assert_eq!(
        admit(&mut net, alice, staff, &stranger),
        refused(Refusal::UnsignedInPrivate)
    );
}

fn revoked(net: &mut Net, peer: usize) -> Vec<(UserId, DeviceId)> {
    let events = std::mem::take(&mut net.peers[peer].events);
    events
        .into_iter()
        .filter_map(|event| match event {
            Event::VoiceRevoked { user, device, .. } => Some((user, device)),
            _ => None,
        })
        .collect()
}

// spec 11.36
#[test]
fn a_deleted_channel_ends_its_room_for_everybody() {
    let (mut net, alice, bob) = two();
    let room = make(&mut net, alice, "short", Access::Open, History::All);
    net.wait(2);
    let (a, b) = (enter(&mut net, alice, room), enter(&mut net, bob, room));
    assert_eq!(admit(&mut net, alice, room, &b), VERIFIED);
    assert_eq!(admit(&mut net, bob, room, &a), VERIFIED);
    revoked(&mut net, alice);
    let now = net.now;
    net.client(alice).delete_channel(room, now).unwrap();
    net.run();
    let both = [(b.user, b.device), (a.user, a.device)];
    assert_eq!(revoked(&mut net, alice), both);
    let both = [(a.user, a.device), (b.user, b.device)];
    assert_eq!(revoked(&mut net, bob), both);
}

/// The device's key of an account, as it lies on its disk.
fn secret(net: &Net, peer: usize) -> DeviceSecret {
    #[derive(Decode)]
    #[cbor(map)]
    struct Record {
        #[cbor(n(1), with = "minicbor::bytes")]
        seed: [u8; 32],
    }
    let disk = net.disk(peer);
    let account = |(table, key, _): &&(Table, Vec<u8>, Vec<u8>)| {
        *table == Table::Account && key.as_slice() == b"a"
    };
    let (_, _, record) = disk.iter().find(account).unwrap();
    let record: Record = minicbor::decode(record).unwrap();
    DeviceSecret::from_seed(Secret::from_bytes(record.seed))
}

/// The server's log goes on with an entry of an admin.
fn append(net: &mut Net, admin: usize, payload: Payload) {
    let disk = net.disk(admin);
    let entries = disk.iter().filter(|(table, ..)| *table == Table::Chain);
    let mut chain = Chain::default();
    for (_, _, bytes) in entries {
        chain.append(bytes).unwrap();
    }
    let author = net.view(admin).me().device.unwrap();
    let entry = Draft::new(&chain, author, net.unix(), payload).sign(&secret(net, admin));
    chain.append(entry.bytes()).unwrap();
    let head = chain.head();
    net.tamper = Some(Box::new(move |request, response| match request {
        Request::Sigchain { .. } => {
            let mut page: ChainPage = cbor::decode(&response.body).unwrap();
            page.entries.push(entry.bytes().to_vec().into());
            page.head = head;
            Response::cbor(200, cbor::encode(&page))
        }
        _ => response,
    }));
    let head = head.unwrap();
    let event = ServerEvent::SigchainAppended { head }.to_text();
    for peer in 0..net.peers.len() {
        net.tell(peer, Input::Frame(event.as_bytes()));
    }
    net.run();
}

// spec 11.36
#[test]
fn a_removed_user_and_a_revoked_device_are_named_as_soon_as_the_entry_arrives() {
    for revokes in [false, true] {
        let (mut net, alice) = community();
        let link = net.invite(alice);
        let bob = net.join("bob", &link);
        let link = net.invite(alice);
        let carol = net.join("carol", &link);
        let room = net.channel(alice, "general");
        let claims = [alice, bob, carol].map(|peer| enter(&mut net, peer, room));
        for peer in [alice, bob, carol] {
            for claim in claims
                .iter()
                .filter(|claim| Some(claim.user) != net.view(peer).me().user)
                .cloned()
                .collect::<Vec<_>>()
            {
                assert_eq!(admit(&mut net, peer, room, &claim), VERIFIED);
            }
            revoked(&mut net, peer);
        }
        let Claim { user, device, .. } = claims[1];
        append(
            &mut net,
            alice,
            match revokes {
                true => Payload::RevokeDevice { device },
                false => Payload::RemoveUser { user },
            },
        );
        for peer in [alice, carol] {
            assert_eq!(revoked(&mut net, peer), [(user, device)], "{revokes}");
        }
        // What it signed before does not bring it back.
        assert_eq!(
            admit(&mut net, carol, room, &claims[1]),
            refused(Refusal::NotEntitled)
        );
    }
}

// spec 11.34
#[test]
fn the_token_of_the_session_is_handed_to_the_daemon() {
    let (mut net, alice) = community();
    let answer = net.client(alice).answer_voice(&Question::Token);
    assert!(matches!(answer, Answer::Token { token } if !token.expose().is_empty()));
}

// spec 11.38
#[test]
fn who_is_in_which_room_is_shown_as_the_server_says_it() {
    let (mut net, alice, bob) = two();
    let room = net.channel(alice, "general");
    let user = net.view(bob).me().user.unwrap();
    let rooms = |net: &Net| {
        let rooms = net.view(alice).voice_rooms();
        rooms
            .map(|(room, users)| (room, users.iter().copied().collect::<Vec<_>>()))
            .collect::<Vec<_>>()
    };
    let presence = |active| ServerEvent::VoicePresence {
        channel_id: room,
        sender: user,
        active,
    };
    net.tell(alice, Input::Frame(presence(true).to_text().as_bytes()));
    assert_eq!(rooms(&net), [(room, vec![user])]);
    net.tell(alice, Input::Frame(presence(false).to_text().as_bytes()));
    assert_eq!(rooms(&net), []);
    net.tell(alice, Input::Frame(presence(true).to_text().as_bytes()));
    net.cut(alice);
    assert_eq!(rooms(&net), [], "nothing is known without a connection");
}

// spec 7.7
#[test]
fn a_client_whose_daemon_lost_the_server_makes_sure_of_its_own_connection() {
    let (mut net, alice) = community();
    for deaf in [false, true] {
        net.deaf = deaf.then_some(alice);
        let now = net.now;
        net.client(alice).doubt_connection(now);
        net.run();
        net.wait(4);
        let stands = net.view(alice).state() == ConnectionState::Online;
        assert_ne!(stands, deaf);
    }
    net.deaf = None;
    net.wait(60);
    assert_eq!(net.view(alice).state(), ConnectionState::Online);
}
