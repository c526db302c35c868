//! The port to the store: a closed set of atomic operations.
//!
//! Each [`Op`] is one transaction: it happens wholly or not at all, and answers with the variant of [`Answer`] that
//! its documentation names. What an operation refuses is an answer, too; a [`StoreError`] means that the store failed,
//! and that a write may or may not have happened.
//!
//! A driver applies writes ([`Op::is_write`]) in the order in which they were issued and answers them in that order,
//! each only after it is durable. A read that is issued after a write was answered sees that write.

mod answer;
mod op;
mod rows;

use core::fmt;

pub use answer::Answer;
pub use op::Op;
pub use rows::{
    ChainEffect, ChainName, ChannelRow, DeviceRow, EnvelopeRow, HistoryPage, InviteRow,
    KeyEnvelopeRow, MessageRow, NameRow, NewDevice, NewEnvelope, NewKeyEnvelope, NewSession,
    PendingRow, ProfileRow, SessionRow, UserRow,
};

/// The SHA-256 of a token: the store never sees one.
pub type TokenHash = [u8; 32];

/// The HMAC of a username under the server's pepper: the store never sees one.
pub type UsernameHash = [u8; 32];

/// The store failed. A write may or may not have happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreError {
    /// What is stored contradicts itself.
    Corrupt,
    /// The store cannot be reached, is full or was too slow.
    Unavailable,
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Corrupt => "the store contradicts itself",
            Self::Unavailable => "the store is unavailable",
        })
    }
}

impl core::error::Error for StoreError {}
