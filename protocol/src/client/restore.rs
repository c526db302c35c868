//! Rebuilding an account from its records.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use minicbor::{Decode, Encode};

use super::Client;
use super::account::Account;
use super::error::RestoreError;
use super::intent::Wish;
use super::log::Log;
use super::records::Table;
use crate::chat::{self, Chat};
use crate::crypto::envelope::KeyRecord;
use crate::crypto::{Entropy, GroupKey, Secret};
use crate::ids::{Epoch, GroupId};
use crate::keys::Keys;
use crate::session::{self, Session};
use crate::time::{Instant, UnixMillis};
use crate::wire::cbor;

/// The key of the record of [`Cursors`].
pub(super) const CURSORS_KEY: [u8; 1] = *b"c";

/// How far the pages of the server were read.
#[derive(Clone, Copy, Debug, Default, Encode, Decode)]
#[cbor(map)]
pub(super) struct Cursors {
    #[n(0)]
    pub(super) envelopes: u64,
    #[n(1)]
    pub(super) names: u64,
}

/// Records of one table, by their keys.
type Records = Vec<(Vec<u8>, Vec<u8>)>;

pub(super) fn restore(
    seed: [u8; 32],
    records: impl IntoIterator<Item = (Table, Vec<u8>, Vec<u8>)>,
    now: Instant,
    unix: UnixMillis,
) -> Result<Client, RestoreError> {
    let mut tables: BTreeMap<Table, Records> = BTreeMap::new();
    for (table, key, value) in records {
        tables.entry(table).or_default().push((key, value));
    }
    let mut take = |table| tables.remove(&table).unwrap_or_default();

    let records = take(Table::Account);
    let find = |name: &[u8]| {
        records
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
    };
    let account = Account::restore(find(&Account::KEY).ok_or(RestoreError::NoAccount)?)?;
    let mut entropy = Entropy::from_seed(seed);
    let mut messages = Vec::new();
    for table in [Table::Messages, Table::Outbox] {
        messages.extend(
            take(table)
                .into_iter()
                .map(|(key, value)| (table, key, value)),
        );
    }
    let chat = Chat::restore(entropy.child(), messages).map_err(chat_error)?;

    let mut client = Client::assemble(entropy, account, chat, now, unix);
    client.link.maybe_registered = true;
    if let Some(record) = find(Session::record_key()) {
        let session = Session::restore(client.entropy.child(), record);
        client.session = session.map_err(session_error)?;
    }
    let checkpoint = take(Table::Checkpoint);
    let checkpoint = checkpoint.first().map(|(_, value)| value.as_slice());
    client.log = Log::restore(take(Table::Chain), checkpoint)?;
    let kept: Result<Vec<KeyRecord>, RestoreError> = take(Table::Keys)
        .iter()
        .map(|(key, value)| key_record(key, value))
        .collect();
    client.keys = Keys::new(kept?, now);
    for (key, value) in take(Table::Names) {
        client.names.restore(&key, &value)?;
    }
    for (_, value) in take(Table::Cursors) {
        let damaged = |_| RestoreError::Damaged(Table::Cursors);
        client.cursors = cbor::decode(&value).map_err(damaged)?;
        client.envelope_cursor = client.cursors.envelopes;
    }
    for (key, value) in take(Table::Pending) {
        let damaged = RestoreError::Damaged(Table::Pending);
        let number = key
            .try_into()
            .map(u64::from_be_bytes)
            .map_err(|_| damaged)?;
        let wish: Wish = cbor::decode(&value).map_err(|_| damaged)?;
        client.intents.restore(number, wish);
    }
    client.resume();
    Ok(client)
}

fn key_record(key: &[u8], value: &[u8]) -> Result<KeyRecord, RestoreError> {
    let damaged = RestoreError::Damaged(Table::Keys);
    let (group, epoch): (GroupId, Epoch) = cbor::decode(key).map_err(|_| damaged)?;
    let secret = Secret::from_slice(value).ok_or(damaged)?;
    Ok(KeyRecord {
        group,
        epoch,
        key: GroupKey::from_secret(secret),
    })
}

fn chat_error(error: chat::RestoreError) -> RestoreError {
    match error {
        chat::RestoreError::Damaged(table) => RestoreError::Damaged(table),
        chat::RestoreError::NeedsNewer(table) => RestoreError::NeedsNewer(table),
    }
}

fn session_error(error: session::RestoreError) -> RestoreError {
    match error {
        session::RestoreError::Damaged => RestoreError::Damaged(Table::Account),
        session::RestoreError::NeedsNewer => RestoreError::NeedsNewer(Table::Account),
    }
}

impl Client {
    /// Lets everything look at what was restored.
    fn resume(&mut self) {
        self.joined = self.can_read();
        self.log_moved(&[]);
        self.tell_chat(chat::Input::LogMoved);
    }
}
