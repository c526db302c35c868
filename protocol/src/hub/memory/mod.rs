//! The reference store, in memory.
//!
//! It is the meaning of [`Op`]: every other store answers as this one does.

mod accounts;
mod channels;
mod history;
mod log;
mod sharing;

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::store::{
    Answer, ChainName, ChannelRow, DeviceRow, InviteRow, NewSession, Op, StoreError, TokenHash,
    UserRow, UsernameHash,
};
use crate::ids::{
    ChannelId, DeviceId, Epoch, GroupId, Head, RecipientId, ServerId, StoreId, Subject, UserId,
};
use crate::time::UnixMillis;
use history::History;

/// A store that forgets when it is dropped. A clone is a copy of the whole.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    ids: Option<(ServerId, StoreId)>,
    invites: BTreeMap<TokenHash, InviteRow>,
    users: BTreeMap<UserId, UserRow>,
    usernames: BTreeMap<UsernameHash, UserId>,
    /// In the order they were made: the order of time may tie.
    devices: Vec<DeviceRow>,
    sessions: BTreeMap<TokenHash, StoredSession>,
    profiles: BTreeMap<UserId, (UnixMillis, u64, String)>,
    /// Original channels, in the order they were made.
    originals: Vec<ChannelRow>,
    /// Of every channel: of its group, where the log made it, and its messages.
    histories: BTreeMap<ChannelId, (Option<GroupId>, History)>,
    key_envelopes: BTreeMap<(Option<ChannelId>, DeviceId, DeviceId), StoredKeyEnvelope>,
    entries: Vec<Vec<u8>>,
    head: Option<Head>,
    open_epochs: BTreeMap<GroupId, Epoch>,
    envelopes: BTreeMap<u64, (RecipientId, DeviceId, Vec<u8>)>,
    envelope_keys: BTreeMap<(RecipientId, GroupId, Epoch, DeviceId), u64>,
    names: BTreeMap<(Subject, DeviceId), (u64, ChainName)>,
    pending: BTreeMap<UserId, StoredPending>,
    /// The last number given to a profile, an envelope or a name.
    counter: u64,
}

#[derive(Clone, Debug)]
struct StoredSession {
    session: NewSession,
    user: UserId,
    device: DeviceId,
}

#[derive(Clone, Debug)]
struct StoredKeyEnvelope {
    envelope: String,
    created_at: UnixMillis,
    order: u64,
}

#[derive(Clone, Debug)]
struct StoredPending {
    device: DeviceId,
    record: Vec<u8>,
    names: BTreeMap<DeviceId, Vec<u8>>,
    created_at: UnixMillis,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Carries out one operation.
    ///
    /// # Errors
    ///
    /// Never; the signature is that of every store.
    pub fn apply(&mut self, op: Op) -> Result<Answer, StoreError> {
        Ok(match op {
            Op::Start {
                server_id,
                store_id,
            } => {
                let (server_id, store_id) = *self.ids.get_or_insert((server_id, store_id));
                Answer::Started {
                    server_id,
                    store_id,
                }
            }
            Op::CreateInvite { .. }
            | Op::FindInvite { .. }
            | Op::Register { .. }
            | Op::CreateUser { .. }
            | Op::FindUser { .. }
            | Op::FindUsers { .. }
            | Op::LogIn { .. }
            | Op::OpenSession { .. }
            | Op::FindSession { .. }
            | Op::Sessions { .. }
            | Op::EndSession { .. }
            | Op::AddDevice { .. }
            | Op::FindDevice { .. }
            | Op::Devices { .. } => self.apply_account(op),
            Op::PutProfile { .. }
            | Op::Profiles
            | Op::CreateChannel { .. }
            | Op::RenameChannel { .. }
            | Op::DeleteChannel { .. }
            | Op::FindChannel { .. }
            | Op::Channels
            | Op::PutKeyEnvelopes { .. }
            | Op::FindKeyEnvelope { .. }
            | Op::AppendMessage { .. }
            | Op::Messages { .. }
            | Op::LastSeqs { .. } => self.apply_channel(op),
            Op::ChainPage { .. }
            | Op::AppendChain { .. }
            | Op::PutEnvelopes { .. }
            | Op::Envelopes { .. }
            | Op::HeldKeys { .. }
            | Op::PutNames { .. }
            | Op::Names { .. }
            | Op::PutPending { .. }
            | Op::Pending { .. } => self.apply_log(op),
        })
    }

    fn next_number(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }
}
