//! Pages of history: the gap in front of what came live, and the past.

use alloc::vec::Vec;

use super::accept::{self, Claim, Verdict};
use super::channel::{Anchor, Channel, Older};
use super::fetch::Fetching;
use super::io::{Event, FetchId, Page, Part, Received, Transmit, Warning};
use super::place::Placed;
use super::receive::{sealed, transcript_after};
use super::{Turn, records};
use crate::ids::{ChannelId, Seq, Transcript};
use crate::limits::PAGE_MESSAGES;
use crate::time::Instant;

/// Why a page is not taken.
enum Flaw {
    /// It does not answer what was asked: it is asked for again.
    Unhelpful,
    /// It tells another past, from this number on.
    OtherHistory(Seq),
}

impl Turn<'_> {
    /// Fetches the page of messages before the oldest one that is kept. [`Event::Messages`], [`Event::HistoryStart`]
    /// or [`Event::HistoryLimit`] follows, once the server has answered.
    pub fn load_older(&mut self, id: ChannelId, now: Instant) {
        self.chat.pass(now);
        if let Some(channel) = self.chat.channels.get_mut(&id) {
            if !channel.has_room() {
                self.chat.out.event(Event::HistoryLimit { channel: id });
            } else if matches!(channel.older, Older::Idle) {
                channel.older = Older::Asked(Fetching::default());
            }
        }
        self.pursue(id);
        self.chat.out.flush();
    }

    /// Asks for what is missing of a channel, each part once at a time.
    pub(super) fn pursue(&mut self, id: ChannelId) {
        let Some(channel) = self.chat.channels.get_mut(&id) else {
            return;
        };
        if !self.chat.online || !channel.followed || channel.broken {
            return;
        }
        let newer = channel.missing().filter(|_| channel.fetching.is_idle());
        if newer.is_some() {
            channel.fetching.ask();
        }
        let mut older = None;
        if let (Older::Asked(fetching), Some(anchor)) = (&mut channel.older, channel.anchor) {
            if anchor.seq == Seq(0) {
                channel.older = Older::Idle;
                self.chat.out.event(Event::HistoryStart { channel: id });
            } else if fetching.is_idle() {
                fetching.ask();
                older = Some(Part::Before(anchor.seq.next()));
            }
        }
        for part in newer.into_iter().chain(older) {
            let fetch = FetchId(self.chat.next_fetch);
            self.chat.next_fetch = self.chat.next_fetch.saturating_add(1);
            self.chat.fetches.insert(fetch, (id, part));
            self.chat.out.transmit(Transmit::Fetch {
                id: fetch,
                channel: id,
                part,
                limit: PAGE_MESSAGES,
            });
        }
    }

    pub(super) fn take_page(&mut self, fetch: FetchId, page: Option<Page>) {
        let Some((id, part)) = self.chat.fetches.remove(&fetch) else {
            return;
        };
        match part {
            Part::Before(_) => self.take_older(id, page),
            Part::Newest | Part::After(_) => self.take_newer(id, part, page),
        }
        self.advance(id, None);
    }

    fn take_newer(&mut self, id: ChannelId, part: Part, page: Option<Page>) {
        let stamp = self.chat.stamp();
        let Some(channel) = self.chat.channels.get_mut(&id) else {
            return;
        };
        let anchor = channel.anchor;
        let taken = page.map_or(Err(Flaw::Unhelpful), |page| channel.fill(part, page, stamp));
        match taken {
            Ok(()) => channel.fetching.succeed(),
            Err(Flaw::Unhelpful) => {
                let (entropy, now) = (&mut self.chat.entropy, self.chat.now);
                channel.fetching.fail(entropy, now);
            }
            Err(Flaw::OtherHistory(seq)) => {
                channel.fetching.succeed();
                self.break_off(id, seq);
                return;
            }
        }
        if channel.anchor != anchor {
            self.chat.out.persist(records::put_channel(channel));
        }
    }

    fn take_older(&mut self, id: ChannelId, page: Option<Page>) {
        let stamp = self.chat.stamp();
        let Some(channel) = self.chat.channels.get_mut(&id) else {
            return;
        };
        let chained = page.map_or(Err(Flaw::Unhelpful), |page| channel.chain(page));
        match (chained, &mut channel.older) {
            (Ok(messages), older) => *older = Older::Judging { messages, stamp },
            (Err(Flaw::Unhelpful), Older::Asked(fetching)) => {
                fetching.fail(&mut self.chat.entropy, self.chat.now);
            }
            (Err(Flaw::Unhelpful), _) => {}
            (Err(Flaw::OtherHistory(seq)), older) => {
                *older = Older::Broken;
                let channel = id;
                self.chat.out.warn(Warning::OtherHistory { channel, seq });
            }
        }
    }

    /// Judges a page of the past from its end on, so that what is kept stays in one piece (spec 8.6).
    pub(super) fn judge_older(&mut self, id: ChannelId, log_read: Option<u64>) {
        let mut moved = false;
        while self.judge_oldest(id, log_read) {
            moved = true;
        }
        let Some(channel) = self.chat.channels.get_mut(&id).filter(|_| moved) else {
            return;
        };
        self.chat.out.persist(records::put_channel(channel));
        if channel.anchor.is_some_and(|anchor| anchor.seq == Seq(0)) {
            self.chat.out.event(Event::HistoryStart { channel: id });
        }
    }

    /// Judges the last message of the page that is under way. Answers whether it went to its place.
    fn judge_oldest(&mut self, id: ChannelId, log_read: Option<u64>) -> bool {
        let Some(channel) = self.chat.channels.get_mut(&id) else {
            return false;
        };
        let (Older::Judging { messages, stamp }, Some(anchor)) = (&channel.older, channel.anchor)
        else {
            return false;
        };
        // What was let go in the meantime is asked for again when it is wanted again.
        let last = messages.last();
        let Some((message, before)) = last.filter(|(message, _)| message.seq == anchor.seq) else {
            channel.older = Older::Idle;
            return false;
        };
        let sealed = sealed(message);
        let claim = Claim {
            seq: message.seq,
            device: message.device,
            client_id: message.client_id,
            sealed: sealed.as_deref(),
        };
        let read = log_read.is_some_and(|asked| *stamp <= asked);
        let Verdict::Keep { user, body, seen } = accept::judge(claim, channel, self.context, read)
        else {
            self.want_log();
            return false;
        };
        let placed = Placed::new(message, anchor.transcript, user, body);
        channel.anchor = Some(Anchor {
            seq: anchor.seq.previous(),
            transcript: *before,
        });
        if let Older::Judging { messages, .. } = &mut channel.older {
            messages.pop();
        }
        self.place(id, placed, seen);
        true
    }
}

impl Channel {
    /// Which newer messages are missing (spec 8.5).
    fn missing(&self) -> Option<Part> {
        let Some(end) = self.end() else {
            return Some(Part::Newest);
        };
        let more = self.unsure || self.last_known > end.seq;
        let gap = more && self.next_held().is_none();
        gap.then_some(Part::After(end.seq))
    }

    /// Takes in a page of newer messages: they are held until their turn.
    fn fill(&mut self, part: Part, page: Page, stamp: u64) -> Result<(), Flaw> {
        let first = dense(&page)?;
        match part {
            Part::After(after) => {
                if page.last_seq == Seq(0) && after > Seq(0) {
                    // The channel is gone at the server: the log will say that it was deleted, or the server keeps
                    // its messages back.
                    return Err(Flaw::Unhelpful);
                }
                let here = self.transcript_at(after);
                if page.last_seq < after || here.is_some_and(|here| here != page.transcript) {
                    return Err(Flaw::OtherHistory(after));
                }
                let helps = match first {
                    Some(first) => first == after.next(),
                    None => self.last_known <= self.last_seq(),
                };
                if !helps {
                    return Err(Flaw::Unhelpful);
                }
            }
            Part::Newest | Part::Before(_) => {
                if first.is_none() && page.last_seq != Seq(0) {
                    return Err(Flaw::Unhelpful);
                }
                let seq = first.unwrap_or(Seq(1)).previous();
                starts_well(seq, page.transcript)?;
                let transcript = page.transcript;
                self.read = self.read.max(seq);
                self.anchor = Some(Anchor { seq, transcript });
            }
        }
        self.unsure = false;
        self.last_known = self.last_known.max(page.last_seq);
        for message in page.messages {
            self.hold(message, stamp);
        }
        Ok(())
    }

    /// Checks that a page of the past leads up to what is kept (spec 8.6). Answers its messages, each with the
    /// transcript before it.
    fn chain(&self, page: Page) -> Result<Vec<(Received, Transcript)>, Flaw> {
        let anchor = self.anchor.ok_or(Flaw::Unhelpful)?;
        let first = dense(&page)?.ok_or(Flaw::OtherHistory(anchor.seq))?;
        let last = page.messages.last().map(|message| message.seq);
        if last != Some(anchor.seq) {
            return Err(Flaw::Unhelpful);
        }
        starts_well(first.previous(), page.transcript)?;
        let mut transcript = page.transcript;
        let mut messages = Vec::with_capacity(page.messages.len());
        for message in page.messages {
            let before = transcript;
            transcript = transcript_after(before, &message, sealed(&message).as_deref());
            messages.push((message, before));
        }
        match transcript == anchor.transcript {
            true => Ok(messages),
            false => Err(Flaw::OtherHistory(anchor.seq)),
        }
    }
}

/// Checks that the numbers of a page rise by one each. Answers the first.
fn dense(page: &Page) -> Result<Option<Seq>, Flaw> {
    let Some(first) = page.messages.first().map(|message| message.seq) else {
        return Ok(None);
    };
    let pairs = page.messages.iter().zip(page.messages.iter().skip(1));
    let dense = pairs
        .into_iter()
        .all(|(one, other)| one.seq < other.seq && one.seq.next() == other.seq);
    match dense && first > Seq(0) {
        true => Ok(Some(first)),
        false => Err(Flaw::Unhelpful),
    }
}

/// Before the first message the transcript is all zeros.
fn starts_well(seq: Seq, transcript: Transcript) -> Result<(), Flaw> {
    if seq == Seq(0) && transcript != Transcript::default() {
        return Err(Flaw::OtherHistory(seq));
    }
    Ok(())
}
