//! The pure engines of dialtone.
//!
//! Every rule of the protocol lives here as a state machine that does no I/O. [`client::Client`] is an account on one
//! server: its link, the signed log of who belongs, its keys and its messages. [`hub::Hub`] is the server. A driver
//! feeds a machine with what happened and when, and carries out what it answers.
//!
//! This crate is not a program, a client of HTTP or a database. It opens no socket, reads no clock, draws no
//! randomness, starts no thread and takes no lock. It is for whoever brings those: a runtime, a game loop, a
//! simulator, a fuzzer. The programs are `dialtone` and `dialtone-server`.
//!
//! # The run loop
//!
//! [`Machine`] is the whole contract between an engine and its driver:
//!
//! 1. Mutate once: hand in an input, a timeout, or a wish of the user.
//! 2. Take outputs until there is none, and carry out each in its order. What persists something is durable before the
//!    next output is carried out.
//! 3. Ask for the next deadline, and wait for it or for the next input.
//!
//! Here is a loop that has nobody to talk to: a client wants a connection, hears that there is none, and says when it
//! tries again. `examples/two_people.rs` has the whole of it, with two clients, the hub and its store in one thread:
//! `cargo run -p dialtone-protocol --example two_people`.
//!
//! ```
//! use dialtone_protocol::client::{Client, Input, LinkFailure, NewAccount, Output, Transmit};
//! use dialtone_protocol::wire::link::Link;
//! use dialtone_protocol::{Instant, Machine, UnixMillis};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let link = Link::parse("http://localhost:8080/invite/token#found")?;
//! let account = NewAccount::new(link, "anna", "dt1-stretched-by-the-driver");
//! let (seed, now, unix) = ([7; 32], Instant::ZERO, UnixMillis(1_790_000_000_000));
//! let mut client = Client::join(seed, account, now, unix);
//! client.connect(now);
//!
//! let mut durable = false;
//! while let Some(output) = client.poll_output() {
//!     match output {
//!         Output::Persist(_changes) => durable = true,
//!         Output::Transmit(Transmit::Call { id, .. }) => {
//!             assert!(durable, "the keys are on the disk before the server hears of them");
//!             let result = Err(LinkFailure::Unreachable);
//!             client.handle_input(Input::Answer { id, result }, now)?;
//!         }
//!         _ => {}
//!     }
//! }
//! let next = client.poll_timeout().ok_or("it tries again")?;
//! assert!(next > now);
//! client.handle_timeout(next);
//! assert!(client.poll_output().is_some());
//! # Ok(())
//! # }
//! ```
//!
//! # Time and randomness
//!
//! Time is [`Instant`], microseconds since a moment of the driver's choice that never go back, and [`UnixMillis`], the
//! wall clock, handed in where an engine is made or asked; nothing of security rests on it. Randomness is a seed of 32
//! bytes for each engine, never used twice; nonces and keys are hedged in case it is (`docs/spec.md`, 3.4). The same
//! seed and the same inputs give the same outputs, byte for byte.
//!
//! # Errors and panics
//!
//! An error means that an input was refused, and that nothing changed. Each operation has a small error type of its
//! own, whose text says what happened to what. No input from outside makes an engine panic, grow past the bounds of
//! [`limits`], or spend more than linear time in its size; a panic is a bug of this crate.
//!
//! # Features
//!
//! `std`, on by default, adds [`runtime`], the port that runtimes implement. The engines need `alloc` only.
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
pub mod voice;
pub mod wire;

pub use machine::Machine;
pub use time::{Instant, UnixMillis};
