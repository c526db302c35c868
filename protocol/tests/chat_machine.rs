//! The contract of machines, and a hostile server: any inputs in any order.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

mod chat_world;

use std::collections::BTreeMap;
use std::time::Duration;

use chat_world::{CHANNEL, Facts, GROUP, Log, UNIX, device};
use dialtone_protocol::chat::{
    Chat, FetchId, Input, InputError, Output, Page, Received, Refusal, Transmit, Turn,
};
use dialtone_protocol::ids::{ChannelId, ClientId, Epoch, MessageId, Seq, Transcript};
use dialtone_protocol::wire::base64;
use dialtone_protocol::{Instant, Machine};
use proptest::prelude::*;

/// An input that any server may cause, or an intent of the user.
#[derive(Clone, Debug)]
enum Act {
    Online,
    Offline,
    Message(Received),
    Ack(u8, u64),
    Refused(u8, Refusal),
    Lagged(u64),
    Page(u64, Option<Page>),
    LogMoved,
    LogAsked,
    LogRead,
    KeyArrived,
    Send,
    LoadOlder,
    StartOver,
    DecideForks,
    MarkRead(u64),
    Wait,
}

fn body() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => (1..4u8, 0..6u8).prop_map(|(number, name)| base64::encode(&sealed(number, name))),
        1 => prop::collection::vec(any::<u8>(), 0..200).prop_map(|bytes| base64::encode(&bytes)),
        1 => ".{0,40}",
    ]
}

fn sealed(number: u8, name: u8) -> Vec<u8> {
    let facts = Facts::new(number, &Log::new());
    facts.seal(ClientId([name; 16]), Epoch(0), &facts.plain("text"))
}

fn message() -> impl Strategy<Value = Received> {
    (0..12u64, 1..4u8, 0..6u8, body()).prop_map(|(seq, number, name, body)| Received {
        seq: Seq(seq),
        message_id: MessageId([name; 16]),
        device: device(number),
        client_id: ClientId([name; 16]),
        body,
        sent_at: UNIX,
    })
}

fn page() -> impl Strategy<Value = Page> {
    let messages = prop::collection::vec(message(), 0..4);
    let transcript = prop_oneof![Just(Transcript::default()), Just(Transcript([1; 32]))];
    (messages, 0..12u64, 0..8u64, any::<bool>(), transcript).prop_map(
        |(mut messages, last, first, dense, transcript)| {
            if dense {
                for (seq, message) in (first..).zip(&mut messages) {
                    message.seq = Seq(seq);
                }
            }
            let last_seq = Seq(last);
            Page {
                transcript,
                last_seq,
                messages,
            }
        },
    )
}

fn act() -> impl Strategy<Value = Act> {
    let refusal = prop_oneof![
        Just(Refusal::Busy),
        Just(Refusal::StaleEpoch),
        Just(Refusal::NotEntitled)
    ];
    prop_oneof![
        2 => Just(Act::Online),
        1 => Just(Act::Offline),
        6 => message().prop_map(Act::Message),
        2 => (0..8u8, 0..12u64).prop_map(|(which, seq)| Act::Ack(which, seq)),
        2 => (0..8u8, refusal).prop_map(|(which, reason)| Act::Refused(which, reason)),
        1 => prop_oneof![0..12u64, Just(u64::MAX)].prop_map(Act::Lagged),
        6 => (0..10u64, prop::option::of(page())).prop_map(|(id, page)| Act::Page(id, page)),
        2 => Just(Act::LogMoved),
        2 => Just(Act::LogAsked),
        2 => Just(Act::LogRead),
        1 => Just(Act::KeyArrived),
        3 => Just(Act::Send),
        2 => Just(Act::LoadOlder),
        1 => Just(Act::StartOver),
        1 => Just(Act::DecideForks),
        1 => (0..12u64).prop_map(Act::MarkRead),
        3 => Just(Act::Wait),
    ]
}

struct Run {
    chat: Chat,
    facts: Facts,
    now: Instant,
    sent: Vec<ClientId>,
    outputs: Vec<Output>,
}

impl Run {
    fn new() -> Self {
        let log = Log::new();
        let facts = Facts::new(1, &log);
        Self {
            chat: Chat::new([1; 32]),
            facts,
            now: Instant::ZERO,
            sent: Vec::new(),
            outputs: Vec::new(),
        }
    }

    fn act(&mut self, act: &Act) -> Result<(), TestCaseError> {
        let mut turn = self.chat.turn(&self.facts);
        let which = |which: u8| self.sent.get(usize::from(which)).copied();
        let channels;
        let input = match act.clone() {
            Act::Online => Input::Online,
            Act::Offline => Input::Offline,
            Act::Message(message) => Input::Message {
                channel: CHANNEL,
                message,
            },
            Act::Ack(number, seq) => Input::Ack {
                channel: CHANNEL,
                client_id: which(number).unwrap_or(ClientId([number; 16])),
                seq: Seq(seq),
                message_id: MessageId([number; 16]),
            },
            Act::Refused(number, reason) => Input::Refused {
                client_id: which(number).unwrap_or(ClientId([number; 16])),
                reason,
            },
            Act::Lagged(seq) => {
                let other = ChannelId([0; 16]);
                channels = BTreeMap::from([(CHANNEL, Seq(seq)), (other, Seq(seq))]);
                Input::Lagged {
                    channels: &channels,
                }
            }
            Act::Page(id, page) => Input::Page {
                id: FetchId(id),
                page,
            },
            Act::LogMoved => Input::LogMoved,
            Act::LogAsked => Input::LogAsked,
            Act::LogRead => Input::LogRead,
            Act::KeyArrived => Input::KeyArrived {
                group: GROUP,
                epoch: Epoch(0),
            },
            intent => {
                return self.intend(&intent);
            }
        };
        if let Err(InputError::UnknownFetch(_)) = turn.handle_input(input, self.now) {
            prop_assert!(turn.poll_output().is_none(), "spec 1.5");
        }
        Ok(())
    }

    fn intend(&mut self, intent: &Act) -> Result<(), TestCaseError> {
        let now = self.now;
        let mut turn: Turn<'_> = self.chat.turn(&self.facts);
        match intent {
            Act::Send => self
                .sent
                .extend(turn.send_message(CHANNEL, "mine", UNIX, now)),
            Act::LoadOlder => turn.load_older(CHANNEL, now),
            Act::StartOver => turn.start_over(CHANNEL, now),
            Act::DecideForks => turn.decide_forks(CHANNEL, now),
            Act::MarkRead(seq) => self.chat.mark_read(CHANNEL, Seq(*seq), now),
            _ => {
                let due = turn.poll_timeout().unwrap_or(now);
                self.now = due.max(now + Duration::from_millis(1));
            }
        }
        Ok(())
    }

    fn drain(&mut self) -> Result<usize, TestCaseError> {
        let mut turn = self.chat.turn(&self.facts);
        let mut count = 0;
        loop {
            let due = turn.poll_timeout();
            let Some(output) = turn.poll_output() else {
                return Ok(count);
            };
            prop_assert!(due.is_some_and(|due| due <= self.now), "spec 1.2");
            self.outputs.push(output);
            count += 1;
        }
    }

    /// What is kept has no gap, and every message of one's own is either a draft or in its place, never both.
    fn check(&self) -> Result<(), TestCaseError> {
        let seqs: Vec<_> = self
            .chat
            .messages(CHANNEL)
            .map(|message| message.seq.0)
            .collect();
        prop_assert!(
            seqs.windows(2).all(|pair| pair[0] + 1 == pair[1]),
            "{seqs:?}"
        );
        for draft in self.chat.drafts(CHANNEL) {
            let mut kept = self.chat.messages(CHANNEL);
            let placed = kept.any(|message| {
                message.device == device(1)
                    && message.client_id == draft.client_id
                    && message.body.signed().is_some()
            });
            prop_assert!(!placed);
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    // spec 1.2, 1.3, 1.4, 1.5, 1.6
    #[test]
    fn any_server_finds_a_machine_that_keeps_its_contract(acts in prop::collection::vec(act(), 0..60)) {
        let (mut one, mut two) = (Run::new(), Run::new());
        for act in [Act::LogMoved, Act::Online].iter().chain(&acts) {
            for run in [&mut one, &mut two] {
                run.act(act)?;
                run.drain()?;
                run.chat.turn(&run.facts).handle_timeout(run.now);
                run.drain()?;
                let due = run.chat.turn(&run.facts).poll_timeout();
                prop_assert!(due.is_none_or(|due| due > run.now), "spec 1.3");
                run.chat.turn(&run.facts).handle_timeout(run.now);
                prop_assert_eq!(run.drain()?, 0, "spec 1.4");
                run.check()?;
            }
        }
        prop_assert_eq!(&one.outputs, &two.outputs, "spec 1.6");
    }

    // spec 8.2
    #[test]
    fn what_is_sent_was_persisted_before(acts in prop::collection::vec(act(), 0..40)) {
        let mut run = Run::new();
        for act in [Act::LogMoved, Act::Online].iter().chain(&acts) {
            run.act(act)?;
            run.drain()?;
        }
        let mut durable = Vec::new();
        for output in &run.outputs {
            match output {
                Output::Persist(changes) => durable.extend(changes.iter().cloned()),
                Output::Transmit(Transmit::Send { body, .. }) => {
                    let bytes = base64::decode(body).unwrap();
                    let kept = durable.iter().any(|change| match change {
                        dialtone_protocol::client::Change::Put { value, .. } => {
                            value.windows(bytes.len()).any(|window| window == bytes)
                        }
                        _ => false,
                    });
                    prop_assert!(kept);
                }
                _ => {}
            }
        }
    }
}
