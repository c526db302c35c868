//! One channel: what is processed of it, in one piece, and what waits at its end.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::fetch::Fetching;
use super::io::Received;
use super::message::{Body, Message, Refused, Signed};
use super::outbox::Outbox;
use crate::ids::{ChannelId, ClientId, DeviceId, Epoch, Seq, Transcript};
use crate::limits::{
    KEPT_BYTES, KEPT_MESSAGES, MAX_BODY_BYTES, MAX_HELD_MESSAGES, MAX_NAMES_LET_GO,
};
use crate::time::Instant;

/// What a kept message costs beside its text: the struct, its place in three indexes.
const MESSAGE_OVERHEAD: usize = 512;

/// A message that came and is not processed yet.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) message: Received,
    /// When it came, counted in messages of this engine: a log that was asked for later is long enough for it.
    pub(super) stamp: u64,
}

/// The past that is wanted.
#[derive(Clone, Debug, Default)]
pub(super) enum Older {
    /// Nothing is asked for.
    #[default]
    Idle,
    /// A page is to be fetched or under way.
    Asked(Fetching),
    /// A page came, each message with the transcript before it, and is judged from its end on as far as the log that
    /// is known allows.
    Judging {
        messages: Vec<(Received, Transcript)>,
        stamp: u64,
    },
    /// The server told another past: no more of it on this connection.
    Broken,
}

/// Where the processed part begins: just after `seq`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Anchor {
    pub(super) seq: Seq,
    pub(super) transcript: Transcript,
}

/// One channel.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) id: ChannelId,
    /// Whether the log lets this device read it now.
    pub(super) followed: bool,
    /// None before the first page came.
    pub(super) anchor: Option<Anchor>,
    /// Every number from the anchor to the newest, none missing.
    pub(super) messages: BTreeMap<Seq, Message>,
    bytes: usize,
    /// What each device signed, along the channel. Of the part that is not kept: the newest of each device.
    pub(super) marks: BTreeMap<(DeviceId, Seq), Signed>,
    /// The epochs of these marks, along the channel.
    epochs: BTreeMap<Seq, Epoch>,
    /// Names that devices gave to accepted messages. Of the part that is not kept: those that only their name tells
    /// from a new message, since their device has signed nothing later there.
    pub(super) names: BTreeMap<(DeviceId, ClientId), Named>,
    pub(super) read: Seq,
    pub(super) held: BTreeMap<Seq, Held>,
    /// The highest number that the server named.
    pub(super) last_known: Seq,
    /// Nobody said whether there is more than is known: a page is asked for to see.
    pub(super) unsure: bool,
    /// The first held message needs more of the log than is known.
    pub(super) awaits_log: bool,
    pub(super) fetching: Fetching,
    pub(super) older: Older,
    /// The server told another past: the channel rests until the next connection.
    pub(super) broken: bool,
    /// Devices that signed on another log, and whether the user decided to go on.
    pub(super) forks: BTreeMap<DeviceId, bool>,
    /// Devices whose other transcript was named already.
    pub(super) warned: BTreeSet<DeviceId>,
    pub(super) outbox: Outbox,
}

impl Channel {
    pub(super) fn new(id: ChannelId) -> Self {
        Self {
            id,
            followed: false,
            anchor: None,
            messages: BTreeMap::new(),
            bytes: 0,
            marks: BTreeMap::new(),
            epochs: BTreeMap::new(),
            names: BTreeMap::new(),
            read: Seq(0),
            held: BTreeMap::new(),
            last_known: Seq(0),
            unsure: false,
            awaits_log: false,
            fetching: Fetching::default(),
            older: Older::default(),
            broken: false,
            forks: BTreeMap::new(),
            warned: BTreeSet::new(),
            outbox: Outbox::default(),
        }
    }

    /// Where the next message comes to stand, once there is an anchor.
    pub(super) fn end(&self) -> Option<Anchor> {
        let newest = self.messages.last_key_value().map(|(seq, message)| Anchor {
            seq: *seq,
            transcript: message.transcript,
        });
        newest.or(self.anchor)
    }

    /// The newest processed number; zero before there is any.
    pub(super) fn last_seq(&self) -> Seq {
        self.end().map_or(Seq(0), |end| end.seq)
    }

    /// The transcript up to `seq`, if it lies in the processed part.
    pub(super) fn transcript_at(&self, seq: Seq) -> Option<Transcript> {
        let anchor = self.anchor.filter(|anchor| anchor.seq == seq);
        anchor
            .map(|anchor| anchor.transcript)
            .or_else(|| self.messages.get(&seq).map(|message| message.transcript))
    }

    /// Whether sending waits for the user to decide about a fork.
    pub(super) fn forked(&self) -> bool {
        self.forks.values().any(|decided| !decided)
    }

    /// Holds a message until its turn. It is dropped where it has had its turn, where it is larger than an honest
    /// server lets it be, and where too many wait: what is missing then is fetched again.
    pub(super) fn hold(&mut self, message: Received, stamp: u64) {
        let seq = message.seq;
        let past = self.end().is_some_and(|end| seq <= end.seq);
        if seq == Seq(0) || past || message.body.len() > MAX_BODY_BYTES {
            return;
        }
        self.last_known = self.last_known.max(seq);
        self.held.entry(seq).or_insert(Held { message, stamp });
        if self.held.len() > MAX_HELD_MESSAGES {
            self.held.pop_last();
        }
    }

    /// Whether nothing that the server named is missing.
    pub(super) fn is_caught_up(&self) -> bool {
        self.end()
            .is_some_and(|end| !self.unsure && self.last_known <= end.seq)
    }

    /// The message whose turn it is, if it came.
    pub(super) fn next_held(&self) -> Option<&Held> {
        self.held.get(&self.end()?.seq.next())
    }

    /// Puts a judged message into its place, or judges one that stands there anew.
    pub(super) fn keep(&mut self, message: Message) {
        if let Some(signed) = message.body.signed() {
            self.keep_mark(message.device, message.seq, signed);
            self.keep_name(message.device, message.client_id, message.seq, signed.head);
        }
        self.bytes += cost(&message);
        if let Some(old) = self.messages.insert(message.seq, message) {
            self.bytes = self.bytes.saturating_sub(cost(&old));
        }
    }

    /// Takes in what a device signed.
    pub(super) fn keep_mark(&mut self, device: DeviceId, seq: Seq, signed: Signed) {
        self.marks.insert((device, seq), signed);
        self.epochs.insert(seq, signed.epoch);
    }

    /// Takes in the name that a device gave to an accepted message.
    pub(super) fn keep_name(&mut self, device: DeviceId, client_id: ClientId, seq: Seq, head: u64) {
        let named = Named { seq, head };
        self.names.entry((device, client_id)).or_insert(named);
    }

    /// Whether the device gave this name to an accepted message before `seq`.
    pub(super) fn is_used(&self, device: DeviceId, client_id: ClientId, seq: Seq) -> bool {
        let used = self.names.get(&(device, client_id));
        used.is_some_and(|used| used.seq < seq)
    }

    /// The newest head that a device signed; zero for none.
    pub(super) fn newest_head(&self, device: DeviceId) -> u64 {
        let all = (device, Seq(0))..=(device, Seq(u64::MAX));
        let newest = self.marks.range(all).next_back();
        newest.map_or(0, |(_, signed)| signed.head)
    }

    /// Why a message of a device cannot stand at `seq`, behind what stands before it, if it cannot (spec 8.10).
    pub(super) fn goes_back(&self, device: DeviceId, seq: Seq, signed: Signed) -> Option<Refused> {
        let head = self
            .marks
            .range((device, Seq(0))..(device, seq))
            .next_back();
        let epoch = self.epochs.range(..seq).next_back();
        if head.is_some_and(|(_, before)| signed.head < before.head) {
            Some(Refused::HeadWentBack)
        } else if epoch.is_some_and(|(_, before)| signed.epoch < *before) {
            Some(Refused::EpochWentBack)
        } else {
            None
        }
    }

    /// Accepted messages that stand behind `message` and cannot stand beside it, since their device signs less there,
    /// their epoch is an earlier one, or they use the same name again.
    pub(super) fn displaced(&self, message: &Message, signed: Signed) -> BTreeMap<Seq, Refused> {
        let device = message.device;
        let namesake = self.names.get(&(device, message.client_id));
        let namesake = namesake.filter(|used| used.seq > message.seq);
        let behind = message.seq.next();
        // Neither goes back among those: what is too early stands in front.
        let early_heads = self
            .marks
            .range((device, behind)..=(device, Seq(u64::MAX)))
            .take_while(|(_, later)| later.head < signed.head)
            .map(|((_, seq), _)| (*seq, Refused::HeadWentBack));
        let early_epochs = self
            .epochs
            .range(behind..)
            .take_while(|(_, later)| **later < signed.epoch)
            .map(|(seq, _)| (*seq, Refused::EpochWentBack));
        let namesake = namesake.map(|used| (used.seq, Refused::ClientIdReused));
        // Whichever comes last here is the reason that judging in order would give.
        early_epochs.chain(early_heads).chain(namesake).collect()
    }

    /// Refuses a message that was accepted. Answers it, if it is kept.
    pub(super) fn refuse(&mut self, seq: Seq, reason: Refused) -> Option<&Message> {
        let message = self.messages.get_mut(&seq)?;
        self.bytes = self.bytes.saturating_sub(cost(message));
        message.body = Body::Refused(reason);
        self.bytes = self.bytes.saturating_add(cost(message));
        self.marks.remove(&(message.device, seq));
        self.epochs.remove(&seq);
        let name = (message.device, message.client_id);
        if self.names.get(&name).is_some_and(|used| used.seq == seq) {
            self.names.remove(&name);
        }
        Some(message)
    }

    /// Whether more of the past may be kept.
    pub(super) fn has_room(&self) -> bool {
        self.messages.len() < 2 * KEPT_MESSAGES && self.bytes < 2 * KEPT_BYTES
    }

    /// Lets go of the oldest messages once twice as much is kept as shall be (spec 8.18). Answers the numbers that
    /// went, and the marks that stay behind in their place.
    pub(super) fn trim(&mut self) -> Trimmed {
        let mut trimmed = Trimmed::default();
        if self.messages.len() <= 2 * KEPT_MESSAGES && self.bytes <= 2 * KEPT_BYTES {
            return trimmed;
        }
        while self.messages.len() > KEPT_MESSAGES || self.bytes > KEPT_BYTES {
            let Some((seq, message)) = self.messages.pop_first() else {
                break;
            };
            self.bytes = self.bytes.saturating_sub(cost(&message));
            self.anchor = Some(Anchor {
                seq,
                transcript: message.transcript,
            });
            if message.body.signed().is_some() {
                trimmed.marks.insert(message.device, seq);
                trimmed.devices.insert(message.device);
            }
            trimmed.messages.insert(seq);
        }
        self.forget_names(&mut trimmed);
        let (marks, epochs) = (&mut self.marks, &mut self.epochs);
        marks.retain(|(device, seq), _| {
            let says_most = trimmed.marks.get(device).is_none_or(|last| seq >= last);
            if !says_most {
                epochs.remove(seq);
            }
            says_most
        });
        trimmed
    }

    /// Forgets the names of what was let go of, but for those that alone tell a replay from a new message: what its
    /// device signed at an earlier head than its newest one there would go back.
    fn forget_names(&mut self, trimmed: &mut Trimmed) {
        let marks = &self.marks;
        let head_of = |device: DeviceId, seq: Seq| marks.get(&(device, seq)).map(|it| it.head);
        self.names.retain(|(device, _), named| {
            let last = trimmed.marks.get(device).copied();
            let let_go = last.filter(|last| named.seq <= *last);
            let_go.is_none_or(|last| head_of(*device, last) == Some(named.head))
        });
        let mut let_go: Vec<_> = self
            .names
            .iter()
            .filter(|(_, named)| self.anchor.is_some_and(|anchor| named.seq <= anchor.seq))
            .map(|(name, named)| (named.seq, *name))
            .collect();
        let too_many = let_go.len().saturating_sub(MAX_NAMES_LET_GO);
        let_go.sort_unstable();
        for (_, name) in let_go.into_iter().take(too_many) {
            self.names.remove(&name);
            trimmed.devices.insert(name.0);
        }
    }

    /// The user goes on in spite of forks. Answers the devices that this was said of.
    pub(super) fn decide(&mut self) -> Vec<DeviceId> {
        let mut devices = Vec::new();
        for (device, decided) in &mut self.forks {
            if !*decided {
                *decided = true;
                devices.push(*device);
            }
        }
        devices
    }

    /// The devices of which something is remembered beside the kept messages.
    pub(super) fn devices_marked(&self) -> BTreeSet<DeviceId> {
        let marks = self.marks.keys().map(|(device, _)| *device);
        marks.chain(self.forks.keys().copied()).collect()
    }

    /// Forgets what is on its way: nobody will answer it.
    pub(super) fn disconnect(&mut self) {
        self.fetching = Fetching::default();
        self.older = match core::mem::take(&mut self.older) {
            Older::Idle | Older::Broken => Older::Idle,
            Older::Asked(_) => Older::Asked(Fetching::default()),
            judging @ Older::Judging { .. } => judging,
        };
        self.outbox.disconnect();
    }

    /// When something is due to be asked for or sent again.
    pub(super) fn due(&self) -> Option<Instant> {
        let older = match &self.older {
            Older::Asked(fetching) => fetching.due(),
            Older::Idle | Older::Judging { .. } | Older::Broken => None,
        };
        let newer = self.fetching.due();
        newer
            .into_iter()
            .chain(older)
            .chain(self.outbox.due())
            .min()
    }

    /// Ends the waits that are over by `now`.
    pub(super) fn wake(&mut self, now: Instant) {
        self.fetching.wake(now);
        if let Older::Asked(fetching) = &mut self.older {
            fetching.wake(now);
        }
        self.outbox.wake(now);
    }

    /// Forgets all that the server told, to begin again with its newest page. One's own drafts and decisions stay.
    pub(super) fn forget(&mut self) {
        let fresh = Self::new(self.id);
        let old = core::mem::replace(self, fresh);
        self.followed = old.followed;
        self.forks = old.forks;
        self.outbox = old.outbox;
    }
}

/// An accepted message that has a name: where it stands, and the head that its device signed there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named {
    pub(super) seq: Seq,
    head: u64,
}

/// What [`Channel::trim`] let go of.
#[derive(Debug, Default)]
pub(super) struct Trimmed {
    pub(super) messages: BTreeSet<Seq>,
    /// The newest accepted message of each device among them.
    marks: BTreeMap<DeviceId, Seq>,
    /// The devices of which something else is remembered now.
    pub(super) devices: BTreeSet<DeviceId>,
}

fn cost(message: &Message) -> usize {
    let text = match &message.body {
        Body::Text { text, .. } => text.len(),
        Body::Locked { sealed, .. } => sealed.len(),
        Body::NeedsNewer { .. } | Body::Refused(_) => 0,
    };
    text.saturating_add(MESSAGE_OVERHEAD)
}
