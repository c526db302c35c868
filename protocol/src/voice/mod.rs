//! Voice: how two devices come to a connection through a server that only relays.
//!
//! A [`Pair`] negotiates one connection with one other device: who offers, what happens when both do, restarts of ICE
//! when a connection fails or the network changes, and candidates that come too early. What carries sound stands behind
//! it and is told by [`Command`]s; what it says to the other device is a [`Say`].

pub mod ask;
mod io;
pub mod ipc;
mod pair;
pub mod room;

pub use io::{Command, Event, Input, Output, PairError, Say};
pub use pair::Pair;
