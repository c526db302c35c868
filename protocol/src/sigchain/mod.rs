//! The signed log of who belongs (spec 4).
//!
//! One append-only, hash-chained log says who the users are, which devices they have, who administers, which channels
//! there are and who is in them, and which keys their groups use. The server orders and checks it; every client
//! verifies all of it and believes nothing else.
//!
//! [`Entry`] is one entry as bytes and as meaning, without any judgement. [`Chain`] is the log as far as it was
//! verified: [`Chain::append`] is the only way into it, and what it answers depends on nothing but the bytes and the
//! entries before them. [`Draft`] makes new entries.
//!
//! An entry at index `i` takes effect with `i`: a question about an index is answered as the log stood after it.

mod chain;
mod decode;
mod device;
mod draft;
mod effect;
mod entry;
mod error;
mod payload;
mod query;
mod rules;
mod signatures;
mod state;

pub use chain::{Applied, Chain, Rejected, ReplayError};
pub use device::DeviceRecord;
pub use draft::Draft;
pub use effect::Effect;
pub use entry::Entry;
pub use error::{DecodeError, Invalid, Newer};
pub use payload::{Access, History, Payload, Role, SEALED_KEY_BYTES};
pub use query::Recipient;
pub use state::{Channel, Device, EpochRecord, Group, Invite, Span, User};
