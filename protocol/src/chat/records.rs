//! How chat is kept: records of deterministic CBOR, each with the version of its format.
//!
//! In the table of messages a key of 16 bytes (a channel) says where the processed part of the channel begins, one of
//! 24 (channel, number) is a message, one of 32 (channel, device) says what is remembered of a device beside the kept
//! messages. In the table of the outbox a key of 24 bytes (channel, counter) is a draft (spec 8.19).

use alloc::vec::Vec;
use core::fmt;

use minicbor::{Decode, Encode};

use super::channel::{Anchor, Channel};
use super::message::{Message, Signed};
use super::outbox::Entry;
use super::{Chat, opening};
use crate::client::{Change, Table};
use crate::ids::{ChannelId, ClientId, DeviceId, Seq, Transcript};
use crate::wire::cbor;

/// The version of every record here.
const VERSION: u32 = 1;

/// A record with its version.
#[derive(Encode, Decode)]
#[cbor(map)]
struct Versioned<T> {
    #[n(0)]
    version: u32,
    #[n(1)]
    record: T,
}

#[derive(Decode)]
#[cbor(map)]
struct Version {
    #[n(0)]
    version: u32,
}

/// Where the processed part of a channel begins, and how far the user has read.
#[derive(Encode, Decode)]
#[cbor(map)]
struct ChannelRecord {
    #[n(0)]
    seq: Option<Seq>,
    #[n(1)]
    transcript: Option<Transcript>,
    #[n(2)]
    read: Seq,
}

/// What is remembered of a device beside the kept messages.
#[derive(Default, Encode, Decode)]
#[cbor(map)]
struct DeviceRecord {
    /// Its newest message that is not kept any more.
    #[n(0)]
    seq: Option<Seq>,
    #[n(1)]
    signed: Option<Signed>,
    /// Whether it signed on another log, and the user decided to go on.
    #[n(2)]
    decided: Option<bool>,
    /// The names of its messages that are not kept any more, as far as they are needed; none rather than empty.
    #[n(3)]
    names: Option<Vec<NameRecord>>,
}

/// The name of a message that is not kept any more. The head that it was signed at is that of its device's mark.
#[derive(Encode, Decode)]
struct NameRecord {
    #[n(0)]
    seq: Seq,
    #[n(1)]
    client_id: ClientId,
}

/// Why records cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RestoreError {
    /// A record of this table makes no sense, or one is missing.
    Damaged(Table),
    /// A newer version of the program wrote a record of this table.
    NeedsNewer(Table),
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(table) => write!(f, "a record of {} is damaged", table.name()),
            Self::NeedsNewer(table) => {
                write!(f, "a record of {} needs a newer version", table.name())
            }
        }
    }
}

impl core::error::Error for RestoreError {}

fn put<T: Encode<()>>(table: Table, key: Vec<u8>, record: T) -> Change {
    let version = VERSION;
    let value = cbor::encode(&Versioned { version, record });
    Change::Put { table, key, value }
}

fn numbered(channel: ChannelId, number: u64) -> Vec<u8> {
    [&channel.0[..], &number.to_be_bytes()].concat()
}

pub(super) fn put_message(channel: ChannelId, message: &Message) -> Change {
    put(Table::Messages, numbered(channel, message.seq.0), message)
}

pub(super) fn delete_message(channel: ChannelId, seq: Seq) -> Change {
    Change::Delete {
        table: Table::Messages,
        key: numbered(channel, seq.0),
    }
}

pub(super) fn put_channel(channel: &Channel) -> Change {
    let record = ChannelRecord {
        seq: channel.anchor.map(|anchor| anchor.seq),
        transcript: channel.anchor.map(|anchor| anchor.transcript),
        read: channel.read,
    };
    put(Table::Messages, Vec::from(channel.id.0), record)
}

/// What is remembered of a device: its newest mark before the kept messages, the names that go with it, and the user's
/// decision.
pub(super) fn put_device(channel: &Channel, device: DeviceId) -> Change {
    let kept_from = channel.anchor.map_or(Seq(0), |anchor| anchor.seq);
    let mark = channel
        .marks
        .range((device, Seq(0))..=(device, kept_from))
        .next_back();
    let named = (device, ClientId([0; 16]))..=(device, ClientId([u8::MAX; 16]));
    let names: Vec<_> = channel
        .names
        .range(named)
        .filter(|(_, named)| named.seq <= kept_from)
        .map(|((_, client_id), named)| NameRecord {
            seq: named.seq,
            client_id: *client_id,
        })
        .collect();
    let record = DeviceRecord {
        seq: mark.map(|((_, seq), _)| *seq),
        signed: mark.map(|(_, signed)| *signed),
        decided: channel.forks.get(&device).copied(),
        names: (!names.is_empty()).then_some(names),
    };
    let key = [channel.id.0, device.0].concat();
    put(Table::Messages, key, record)
}

pub(super) fn delete_device(channel: ChannelId, device: DeviceId) -> Change {
    Change::Delete {
        table: Table::Messages,
        key: [channel.0, device.0].concat(),
    }
}

pub(super) fn put_draft(channel: ChannelId, number: u64, entry: &Entry) -> Change {
    put(Table::Outbox, numbered(channel, number), entry)
}

pub(super) fn delete_draft(channel: ChannelId, number: u64) -> Change {
    Change::Delete {
        table: Table::Outbox,
        key: numbered(channel, number),
    }
}

impl Chat {
    /// Rebuilds chat from the records of [`Table::Messages`] and [`Table::Outbox`], in any order. Records of other
    /// tables are not looked at. [`Input::LogMoved`](super::Input::LogMoved) then tells it the channels to follow.
    ///
    /// # Errors
    ///
    /// When a record cannot be read, or the messages of a channel are not in one piece.
    pub fn restore(
        seed: [u8; 32],
        records: impl IntoIterator<Item = (Table, Vec<u8>, Vec<u8>)>,
    ) -> Result<Self, RestoreError> {
        let mut chat = Self::new(seed);
        for (table, key, value) in records {
            let read = match table {
                Table::Messages => chat.restore_message(&key, &value),
                Table::Outbox => chat.restore_draft(&key, &value),
                Table::Account
                | Table::Chain
                | Table::Checkpoint
                | Table::Keys
                | Table::Names
                | Table::Cursors
                | Table::Pending => Ok(()),
            };
            read.map_err(|flaw| flaw.of(table))?;
        }
        for channel in chat.channels.values() {
            if !in_one_piece(channel) {
                return Err(RestoreError::Damaged(Table::Messages));
            }
        }
        opening::index_locked(&mut chat);
        Ok(chat)
    }

    fn restore_message(&mut self, key: &[u8], value: &[u8]) -> Result<(), Flaw> {
        let (id, rest) = key.split_first_chunk::<16>().ok_or(Flaw::Damaged)?;
        let channel = self.channel(ChannelId(*id));
        if rest.is_empty() {
            let record: ChannelRecord = read(value)?;
            channel.read = record.read;
            channel.anchor = match (record.seq, record.transcript) {
                (Some(seq), Some(transcript)) => Some(Anchor { seq, transcript }),
                _ => None,
            };
        } else if let Ok(seq) = <[u8; 8]>::try_from(rest) {
            let message: Message = read(value)?;
            if message.seq != Seq(u64::from_be_bytes(seq)) {
                return Err(Flaw::Damaged);
            }
            channel.keep(message);
        } else if let Ok(device) = <[u8; 16]>::try_from(rest) {
            let record: DeviceRecord = read(value)?;
            let device = DeviceId(device);
            if let (Some(seq), Some(signed)) = (record.seq, record.signed) {
                channel.keep_mark(device, seq, signed);
                for name in record.names.unwrap_or_default() {
                    channel.keep_name(device, name.client_id, name.seq, signed.head);
                }
            }
            if let Some(decided) = record.decided {
                channel.forks.insert(device, decided);
            }
        } else {
            return Err(Flaw::Damaged);
        }
        Ok(())
    }

    fn restore_draft(&mut self, key: &[u8], value: &[u8]) -> Result<(), Flaw> {
        let (id, number) = key.split_first_chunk::<16>().ok_or(Flaw::Damaged)?;
        let number = number.try_into().map_err(|_| Flaw::Damaged)?;
        let entry = read(value)?;
        let channel = self.channel(ChannelId(*id));
        channel.outbox.insert(u64::from_be_bytes(number), entry);
        Ok(())
    }
}

/// Why one record cannot be read.
enum Flaw {
    Damaged,
    NeedsNewer,
}

impl Flaw {
    const fn of(self, table: Table) -> RestoreError {
        match self {
            Self::Damaged => RestoreError::Damaged(table),
            Self::NeedsNewer => RestoreError::NeedsNewer(table),
        }
    }
}

fn read<'b, T: Decode<'b, ()>>(value: &'b [u8]) -> Result<T, Flaw> {
    let found: Version = cbor::decode(value).map_err(|_| Flaw::Damaged)?;
    if found.version != VERSION {
        return Err(Flaw::NeedsNewer);
    }
    let versioned: Versioned<T> = cbor::decode(value).map_err(|_| Flaw::Damaged)?;
    Ok(versioned.record)
}

/// Whether the kept messages follow the anchor without a gap.
fn in_one_piece(channel: &Channel) -> bool {
    let Some(anchor) = channel.anchor else {
        return channel.messages.is_empty();
    };
    let last = channel.last_seq();
    let first = channel.messages.first_key_value().map(|(seq, _)| *seq);
    first.is_none_or(|first| first == anchor.seq.next())
        && u64::try_from(channel.messages.len()) == Ok(last.0.saturating_sub(anchor.seq.0))
}
