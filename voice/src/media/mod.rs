//! Connections that carry sound: ICE, DTLS and SRTP by str0m, without any socket of their own.
//!
//! A [`Mesh`] holds the connections with all devices of a room. It carries out the commands of their
//! [`Pair`](dialtone_protocol::voice::Pair)s and says what came of them; a driver hands it datagrams, what streams bring
//! and time, and sends what it puts out. It asks STUN servers by which address this device is seen, and holds
//! allocations on TURN servers.

mod addresses;
mod clock;
mod connection;
mod frames;
mod io;
mod kept;
mod mesh;
mod relay;
mod server;
mod servers;
mod stun;
#[cfg(test)]
mod tests;
mod trouble;
mod way;

pub use addresses::{MAX_ADDRESSES, local_addresses};
pub use clock::Clock;
pub use io::{Health, Output, Packet, PeerEvent, SocketId, StreamId};
pub use mesh::Mesh;
pub use server::{Login, MAX_SERVERS, Named, Server, Service, Transport, UrlError};
pub use trouble::Trouble;
