//! Appending to the log: one append at a time, judged anew whenever the log moved.

use alloc::collections::BTreeMap;

use super::chores::{Chore, jitter};
use super::compose::{Author, Composed, compose};
use super::event::{Event, InviteId, Refusal};
use super::intent::{Verdict, Wish, Wisher};
use super::records::Table;
use super::{Client, calls::Purpose, io::HttpAnswer, io::LinkFailure};
use crate::ids::Head;
use crate::limits;
use crate::time::UnixMillis;
use crate::wire::answer::InviteAnswer;
use crate::wire::cbor;
use crate::wire::chain::ChainPage;
use crate::wire::link::{Link, LinkKind};
use crate::wire::request::Request;

/// Everything that is wished for, in its order.
#[derive(Debug, Default)]
pub(super) struct Intents {
    queue: BTreeMap<u64, Wish>,
    last: u64,
    flight: Option<Flight>,
}

/// An append that was sent. Whether it was taken is not known before its answer, or before the log was read.
#[derive(Debug)]
struct Flight {
    number: u64,
    composed: Composed,
}

impl Intents {
    /// Takes in a wish that was kept.
    pub(super) fn restore(&mut self, number: u64, wish: Wish) {
        self.last = self.last.max(number);
        self.queue.insert(number, wish);
    }

    pub(super) fn is_full(&self) -> bool {
        self.queue.len() >= limits::MAX_INTENTS
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn wishes(&self) -> impl Iterator<Item = &Wish> {
        self.queue.values()
    }
}

impl Client {
    /// Queues a wish. One that is queued already is not queued twice.
    pub(super) fn wish(&mut self, wish: Wish) {
        if self
            .intents
            .wishes()
            .any(|other| other.name() == wish.name() && !wish.is_kept())
        {
            return;
        }
        self.intents.last = self.intents.last.saturating_add(1);
        let number = self.intents.last;
        if wish.is_kept() {
            self.out
                .put_cbor(Table::Pending, number.to_be_bytes(), &wish);
        }
        self.intents.queue.insert(number, wish);
        self.chores.want(Chore::Append);
    }

    pub(super) fn wisher(&self) -> Option<Wisher> {
        let (user, device) = self.account.ids?;
        Some(Wisher {
            user,
            device,
            unix: self.unix(),
        })
    }

    /// Sends the next append that is wanted; wishes that the log has overtaken end here.
    pub(super) fn start_append(&mut self) {
        let Some((number, wish)) = self.next_wanted() else {
            self.chores.done(Chore::Append);
            return;
        };
        if matches!(&wish, Wish::Invite(invite) if invite.token.is_none()) {
            self.call(Purpose::InviteToken, &Request::CreateInvite);
            return;
        }
        match self.compose(&wish) {
            Ok(composed) => {
                let request = Request::AppendSigchain(composed.append.clone());
                let expected = composed.append.expected;
                self.intents.flight = Some(Flight { number, composed });
                self.call(Purpose::Append { expected }, &request);
            }
            Err(reason) => {
                self.chores.done(Chore::Append);
                self.end_intent(number, Err(reason));
                self.chores.want(Chore::Append);
            }
        }
    }

    /// Ends what is done or dropped, and answers the first wish that is to be appended.
    fn next_wanted(&mut self) -> Option<(u64, Wish)> {
        let who = self.wisher()?;
        while let Some((number, wish)) = self.intents.queue.first_key_value() {
            let number = *number;
            match wish.judge(self.log.chain(), who) {
                Verdict::Wanted => return Some((number, wish.clone())),
                Verdict::Done => self.end_intent(number, Ok(())),
                Verdict::Dropped(reason) => self.end_intent(number, Err(reason)),
            }
        }
        None
    }

    fn compose(&mut self, wish: &Wish) -> Result<Composed, Refusal> {
        let (user, device) = self.account.ids.ok_or(Refusal::NoKeys)?;
        let author = Author {
            user,
            device,
            secret: &self.account.secret,
            username: &self.account.username,
            invite: self.account.plan.invite(),
            unix: self.wall.at(self.now),
        };
        compose(
            wish,
            self.log.chain(),
            &self.keys,
            &self.names,
            &author,
            &mut self.entropy,
        )
    }

    /// A wish is over.
    fn end_intent(&mut self, number: u64, result: Result<(), Refusal>) {
        let Some(wish) = self.intents.queue.remove(&number) else {
            return;
        };
        if wish.is_kept() {
            self.out.delete(Table::Pending, number.to_be_bytes());
        }
        let intent = wish.name();
        match (result, &wish) {
            (Ok(()), Wish::Invite(invite)) => {
                let entry = invite.entry_in(self.log.chain());
                if let (Some(hash), Some(token)) = (entry, &invite.token) {
                    let kind = LinkKind::Open {
                        secret: invite.secret(),
                        hash,
                    };
                    let link = Link::new(&self.account.server_url, token, kind).to_text();
                    self.out.event(Event::InviteReady {
                        id: InviteId(invite.id),
                        link,
                    });
                }
                self.out.event(Event::IntentDone { intent });
            }
            (Ok(()), _) => self.out.event(Event::IntentDone { intent }),
            (Err(reason), _) => self.out.event(Event::IntentRefused { intent, reason }),
        }
        if matches!((result, &wish), (Err(_), Wish::Found | Wish::Join { .. })) {
            self.refuse_server();
        }
    }

    /// The answer to an append.
    pub(super) fn append_answered(
        &mut self,
        expected: Option<Head>,
        result: Result<HttpAnswer<'_>, LinkFailure>,
    ) {
        match result {
            Ok(HttpAnswer {
                status: 200 | 201, ..
            }) => {
                self.chores.done(Chore::Append);
                self.settle_flight(true);
            }
            Ok(HttpAnswer { status: 409, body }) => {
                self.chores.done(Chore::Append);
                self.intents.flight = None;
                let from = expected.map_or(0, |head| head.index.saturating_add(1));
                match cbor::decode::<ChainPage>(body) {
                    Ok(page) => {
                        // It says nothing about messages that came since the append was sent.
                        self.log_page(from, &page);
                    }
                    Err(_) => self.chores.want(Chore::Log),
                }
                // Who lost the race waits a little, or both lose the next one too (spec 9.43).
                let [random] = self.entropy.bytes();
                self.chores.want_at(
                    Chore::Append,
                    self.now + jitter(limits::APPEND_PAUSE, random),
                );
            }
            Ok(HttpAnswer {
                status: status @ (400 | 403 | 404 | 413),
                ..
            }) => {
                self.chores.done(Chore::Append);
                if let Some(flight) = self.intents.flight.take() {
                    self.end_intent(flight.number, Err(Refusal::Server(status)));
                }
            }
            // Whether it was taken is not known: the log is read before it is sent again (spec 9.42).
            Ok(_) | Err(_) => {
                self.chores.failed(Chore::Append, self.now);
                self.chores.want(Chore::Log);
            }
        }
        if !self.intents.is_empty() {
            self.chores.want(Chore::Append);
        }
    }

    /// Looks for the own entries of an append in the log; if they are there, keeps what goes with them. `accepted`
    /// says that the server took them, so that they may be added here without being read back.
    pub(super) fn settle_flight(&mut self, accepted: bool) {
        let Some(flight) = self.intents.flight.take() else {
            return;
        };
        let Composed {
            entries,
            keys,
            names,
            ..
        } = flight.composed;
        let Some(first) = entries.first().map(crate::sigchain::Entry::head) else {
            return;
        };
        let mut effects = alloc::vec::Vec::new();
        if accepted && self.log.next_index() == first.index {
            for entry in &entries {
                match self.log.take(entry.bytes(), &mut self.out) {
                    Ok(new) => effects.extend(new),
                    Err(_) => break,
                }
            }
        }
        if self.log.chain().entry_hash_at(first.index) == Some(first.hash) {
            for record in keys {
                self.keys.hold(record, self.log.chain());
            }
            for (subject, record) in names {
                self.names.adopt(subject, record, &mut self.out);
            }
        } else if accepted {
            self.chores.want(Chore::Log);
        }
        self.log_moved(&effects);
    }

    /// The answer to the request for an invite's token.
    pub(super) fn token_answered(&mut self, result: Result<HttpAnswer<'_>, LinkFailure>) {
        let mut wishes = self.intents.queue.iter_mut();
        let first = wishes.find_map(|(number, wish)| {
            let Wish::Invite(invite) = wish else {
                return None;
            };
            invite.token.is_none().then_some((*number, invite))
        });
        let Some((number, invite)) = first else {
            self.chores.done(Chore::Append);
            return;
        };
        match result {
            Ok(HttpAnswer {
                status: 200 | 201,
                body,
            }) => {
                self.chores.done(Chore::Append);
                let answer: Option<InviteAnswer> = serde_json::from_slice(body).ok();
                let expires = answer
                    .as_ref()
                    .and_then(|it| it.expires_at.parse::<UnixMillis>().ok());
                if let (Some(answer), Some(expires)) = (answer, expires) {
                    invite.token = Some(answer.token.expose().into());
                    invite.expires = expires.0;
                    let wish = Wish::Invite(invite.clone());
                    self.out
                        .put_cbor(Table::Pending, number.to_be_bytes(), &wish);
                } else {
                    self.end_intent(number, Err(Refusal::Garbled));
                }
            }
            Ok(HttpAnswer { status, .. }) if status < 500 => {
                self.chores.done(Chore::Append);
                self.end_intent(number, Err(Refusal::Server(status)));
            }
            Ok(_) | Err(_) => self.chores.failed(Chore::Append, self.now),
        }
        if !self.intents.is_empty() {
            self.chores.want(Chore::Append);
        }
    }
}
