//! The pure engines of dialtone.
//!
//! Every rule of the protocol lives here as a state machine that does no I/O: chat, key sharing, the signed log of
//! who belongs, the link to the server, and the server's own hub. A driver feeds a machine with what happened and
//! when, and carries out what it answers; [`Machine`] is the whole contract between the two.
//!
//! Nothing in this crate reads a clock, draws randomness, opens a socket, starts a thread or takes a lock, and no
//! input from outside makes it panic. The same seed and the same inputs give the same outputs, byte for byte.
#![no_std]
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

pub mod chat;
pub mod client;
pub mod crypto;
pub mod hub;
pub mod ids;
pub mod keys;
pub mod limits;
pub mod machine;
#[cfg(feature = "std")]
pub mod runtime;
pub mod session;
pub mod sigchain;
pub mod time;
pub mod wire;

pub use machine::Machine;
pub use time::{Instant, UnixMillis};
