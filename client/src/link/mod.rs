//! The way to the server: connections, calls, the socket, and the loop that carries out what the engine asks.
//!
//! Everything here is written once over the port of the runtime. It holds no rule of the protocol.

pub(crate) mod drive;
mod error;
mod http;
mod resolve;
#[cfg(test)]
mod tests;
pub(crate) mod timing;
mod tls;
mod wire;
mod ws;

pub use error::LinkError;
pub use tls::{Tls, Trust, TrustError};
pub use wire::{Connector, Wire, open_stream};
pub use ws::{Happened, run as run_socket};
