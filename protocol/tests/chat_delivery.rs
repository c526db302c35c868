//! Delivery: whatever the network and the disk do, every member ends with the same channel, each message once.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

mod chat_world;

use std::collections::BTreeSet;

use chat_world::member::{Frame, Member};
use chat_world::server::Server;
use chat_world::{CHANNEL, Log, device};
use dialtone_protocol::ids::Seq;
use proptest::prelude::*;

/// Something that the world does to one member.
#[derive(Clone, Debug)]
enum Deed {
    Send,
    /// A message of the member reaches the server.
    Rise,
    /// It is lost on its way.
    LoseUp,
    Deliver,
    /// The process dies after some of the outputs.
    DeliverAndCrash(usize),
    LoseDown,
    Repeat,
    Swap,
    Answer,
    AnswerAndCrash(usize),
    LoseAnswer,
    Connect,
    Disconnect,
    Restart,
    Tick,
    ReadLog,
    TakeKeys,
    LoadOlder,
    Rotate,
    GrowLog,
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        8 => Just(Deed::Send),
        8 => Just(Deed::Rise),
        1 => Just(Deed::LoseUp),
        8 => Just(Deed::Deliver),
        1 => (0..4usize).prop_map(Deed::DeliverAndCrash),
        1 => Just(Deed::LoseDown),
        1 => Just(Deed::Repeat),
        2 => Just(Deed::Swap),
        4 => Just(Deed::Answer),
        1 => (0..4usize).prop_map(Deed::AnswerAndCrash),
        1 => Just(Deed::LoseAnswer),
        2 => Just(Deed::Connect),
        1 => Just(Deed::Disconnect),
        1 => Just(Deed::Restart),
        3 => Just(Deed::Tick),
        2 => Just(Deed::ReadLog),
        2 => Just(Deed::TakeKeys),
        1 => Just(Deed::LoadOlder),
        1 => Just(Deed::Rotate),
        1 => Just(Deed::GrowLog),
    ]
}

struct World {
    server: Server,
    members: Vec<Member>,
    sent: usize,
}

impl World {
    fn new() -> Self {
        let log = Log::new();
        let members: Vec<_> = (1..=3).map(|number| Member::new(number, &log)).collect();
        Self {
            server: Server::new(&log),
            members,
            sent: 0,
        }
    }

    fn rise(&mut self, who: usize) {
        let Some((client_id, body)) = self.members[who].up.pop_front() else {
            return;
        };
        let number = self.members[who].facts.number;
        match self.server.send(device(number), client_id, &body) {
            Ok((message, new)) => {
                self.members[who]
                    .down
                    .push_back(Frame::Ack(message.clone()));
                if new {
                    for member in self.members.iter_mut().filter(|member| member.online) {
                        member.down.push_back(Frame::New(message.clone()));
                    }
                }
            }
            Err(reason) => self.members[who]
                .down
                .push_back(Frame::Refused(client_id, reason)),
        }
    }

    fn act(&mut self, who: usize, deed: &Deed) {
        let member = &mut self.members[who];
        match deed {
            Deed::Send => {
                // Before the log says that the member is in the channel, there is nothing to send to.
                if !member.disk.is_empty() || member.online {
                    member.send(&format!("{who}:{}", self.sent));
                    self.sent += 1;
                }
            }
            Deed::Rise => self.rise(who),
            Deed::LoseUp => drop(member.up.pop_front()),
            Deed::Deliver => {
                if let Some(frame) = member.down.pop_front() {
                    member.take(frame, None);
                }
            }
            Deed::DeliverAndCrash(after) => {
                if let Some(frame) = member.down.pop_front() {
                    member.take(frame, Some(*after));
                }
            }
            Deed::LoseDown => drop(member.down.pop_front()),
            Deed::Repeat => {
                if let Some(frame) = member.down.front().cloned() {
                    member.down.push_back(frame);
                }
            }
            Deed::Swap => {
                if member.down.len() >= 2 {
                    member.down.swap(0, 1);
                }
            }
            Deed::Answer => drop(member.answer(&self.server, None)),
            Deed::AnswerAndCrash(after) => drop(member.answer(&self.server, Some(*after))),
            Deed::LoseAnswer => {
                if let Some((id, ..)) = member.fetches.pop_front() {
                    let page = None;
                    member.input(dialtone_protocol::chat::Input::Page { id, page });
                }
            }
            Deed::Connect => member.connect(&self.server),
            Deed::Disconnect => member.disconnect(),
            Deed::Restart => member.restart(),
            Deed::Tick => member.tick(),
            Deed::ReadLog => member.read_log(),
            Deed::TakeKeys => member.take_keys(),
            Deed::LoadOlder => member.load_older(),
            Deed::Rotate => drop(self.server.log.borrow_mut().rotate()),
            Deed::GrowLog => drop(self.server.log.borrow_mut().grow()),
        }
    }

    /// The network heals: everybody comes back, and reads all of the past.
    fn heal(&mut self) {
        for _ in 0..3 {
            for who in 0..self.members.len() {
                let member = &mut self.members[who];
                member.facts.catch_up();
                member.facts.take_keys();
                member.connect(&self.server);
                member.settle(&mut self.server);
            }
        }
        for member in &mut self.members {
            for _ in 0..1000 {
                let first = member
                    .chat
                    .messages(CHANNEL)
                    .next()
                    .map(|message| message.seq);
                if first.is_none_or(|first| first == Seq(1)) {
                    break;
                }
                member.load_older();
                member.settle(&mut self.server);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    // spec 8.5, 8.6, 8.15, 8.16, 8.17
    #[test]
    fn every_member_ends_with_every_message_once_and_in_order(
        deeds in prop::collection::vec((0..3usize, deed()), 1..150),
    ) {
        let mut world = World::new();
        for (who, deed) in &deeds {
            world.act(*who, deed);
        }
        world.heal();

        let stored = world.server.stored.len();
        prop_assert_eq!(stored, world.sent, "each text is stored once");
        let expected = world.members[0].shown();
        let distinct: BTreeSet<_> = expected.iter().collect();
        prop_assert_eq!(distinct.len(), stored, "{:?}", expected);
        for member in &world.members {
            prop_assert_eq!(&member.shown(), &expected);
            let seqs: Vec<_> = member.messages().iter().map(|message| message.seq.0).collect();
            prop_assert_eq!(seqs, (1..=stored as u64).collect::<Vec<_>>());
            prop_assert_eq!(member.chat.drafts(CHANNEL).count(), 0);
            prop_assert_eq!(member.warnings(), vec![]);
            prop_assert!(expected.iter().all(|text| text.contains(':')), "{:?}", expected);
        }
    }
}
