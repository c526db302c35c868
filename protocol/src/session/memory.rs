//! What the session remembers from one start to the next.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use minicbor::{Decode, Encode};
use zeroize::Zeroize;

use crate::client::{Change, Table};
use crate::ids::{ServerId, StoreId};
use crate::wire::cbor;
use crate::wire::sensitive::Sensitive;

/// The version of the record.
const VERSION: u32 = 1;

/// Why the session's record cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RestoreError {
    /// It makes no sense.
    Damaged,
    /// A newer version of the program wrote it.
    NeedsNewer,
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Damaged => "the record of the session is damaged",
            Self::NeedsNewer => "the record of the session needs a newer version",
        })
    }
}

impl core::error::Error for RestoreError {}

/// The token, and who the server was.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) token: Option<Sensitive>,
    pub(super) server: Option<ServerId>,
    pub(super) store: Option<StoreId>,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct Record {
    #[n(0)]
    version: u32,
    #[n(1)]
    token: Option<String>,
    #[n(2)]
    server: Option<ServerId>,
    #[n(3)]
    store: Option<StoreId>,
}

#[derive(Decode)]
#[cbor(map)]
struct Version {
    #[n(0)]
    version: u32,
}

impl Drop for Record {
    fn drop(&mut self) {
        self.token.zeroize();
    }
}

impl Memory {
    /// The key of the record in [`Table::Account`].
    pub(super) const KEY: &'static [u8] = b"session";

    pub(super) fn put(&self) -> Change {
        let record = Record {
            version: VERSION,
            token: self.token.as_ref().map(|token| token.expose().into()),
            server: self.server,
            store: self.store,
        };
        Change::Put {
            table: Table::Account,
            key: Vec::from(Self::KEY),
            value: cbor::encode(&record),
        }
    }

    pub(super) fn read(value: &[u8]) -> Result<Self, RestoreError> {
        let damaged = |_| RestoreError::Damaged;
        let found: Version = cbor::decode(value).map_err(damaged)?;
        if found.version != VERSION {
            return Err(RestoreError::NeedsNewer);
        }
        let mut record: Record = cbor::decode(value).map_err(damaged)?;
        Ok(Self {
            token: record.token.take().map(Sensitive::new),
            server: record.server,
            store: record.store,
        })
    }
}
