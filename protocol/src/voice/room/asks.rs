//! Questions that are on their way, those that are asked again because nobody could answer them yet, and who answers.

use alloc::collections::BTreeMap;

use super::Room;
use super::io::{AskId, Leaving, Output, PeerId};
use crate::crypto::voice::Speaker;
use crate::limits;
use crate::session::Attempt;
use crate::time::Instant;
use crate::voice::ask::Question;

/// What a question is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To enter the room.
    Enter,
    /// To let a device be heard.
    Admit(Speaker),
    /// To believe the first thing in a device's inbox.
    Hear(Speaker, PeerId),
    /// To send the first thing in a device's outbox.
    Say(Speaker, PeerId),
    /// To log in.
    LogIn(Attempt),
}

/// All questions.
#[derive(Debug, Default)]
pub(super) struct Asks {
    next: u64,
    open: BTreeMap<AskId, Asked>,
}

#[derive(Debug)]
struct Asked {
    purpose: Purpose,
    question: Question,
    /// How often it could not be answered yet.
    tries: u32,
    /// When it is asked again.
    again: Option<Instant>,
}

impl Asks {
    pub(super) fn add(&mut self, purpose: Purpose, question: Question) -> AskId {
        let id = AskId(self.next);
        self.next = self.next.saturating_add(1);
        let asked = Asked {
            purpose,
            question,
            tries: 0,
            again: None,
        };
        self.open.insert(id, asked);
        id
    }

    pub(super) fn purpose(&self, id: AskId) -> Option<Purpose> {
        self.open.get(&id).map(|asked| asked.purpose)
    }

    pub(super) fn question(&self, id: AskId) -> Option<&Question> {
        self.open.get(&id).map(|asked| &asked.question)
    }

    pub(super) fn take(&mut self, id: AskId) -> Option<Question> {
        self.open.remove(&id).map(|asked| asked.question)
    }

    pub(super) fn forget(&mut self, is_meant: impl Fn(Purpose) -> bool) {
        self.open.retain(|_, asked| !is_meant(asked.purpose));
    }

    /// It could not be answered yet.
    pub(super) fn put_off(&mut self, id: AskId, now: Instant) {
        if let Some(asked) = self.open.get_mut(&id) {
            let pause = limits::ASK_AGAIN_FIRST.saturating_mul(1 << asked.tries.min(10));
            asked.tries = asked.tries.saturating_add(1);
            asked.again = Some(now + pause.min(limits::ASK_AGAIN_MAX));
        }
    }

    /// The next question whose time has come again.
    pub(super) fn due(&mut self, now: Instant) -> Option<(AskId, Question)> {
        let is_due = |asked: &Asked| asked.again.is_some_and(|at| at <= now);
        let (id, asked) = self.open.iter_mut().find(|(_, asked)| is_due(asked))?;
        asked.again = None;
        Some((*id, asked.question.clone()))
    }

    /// All of them, to be asked of somebody else.
    pub(super) fn all(&mut self) -> impl Iterator<Item = (AskId, Question)> {
        self.open.iter_mut().map(|(id, asked)| {
            asked.again = None;
            (*id, asked.question.clone())
        })
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.open.values().filter_map(|asked| asked.again).min()
    }
}

impl Room {
    /// Nobody is there to answer: who may be heard is not watched over any more, so the room is left unless somebody
    /// comes within [`limits::UNANSWERED`] (spec 11.42).
    pub fn unanswered(&mut self, now: Instant) {
        self.pass(now);
        self.unanswered.get_or_insert(self.now);
    }

    /// Somebody else answers from now on, and is asked everything. The room is entered anew: whoever answers watches
    /// over those alone whom it admitted itself (spec 11.42).
    pub fn ask_anew(&mut self, now: Instant) {
        self.pass(now);
        self.unanswered = None;
        let room = self.place.room();
        self.leave_for(Leaving::Asked);
        let all = self.asks.all();
        self.outputs
            .extend(all.map(|(id, question)| Output::Ask { id, question }));
        if let Some(room) = room {
            self.begin(room);
        }
        self.pump();
    }

    /// When the room is left because nobody answers.
    pub(super) fn gives_up(&self) -> Option<Instant> {
        let since = self.unanswered.filter(|_| self.place.room().is_some())?;
        Some(since + limits::UNANSWERED)
    }
}
