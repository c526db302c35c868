//! A client of the base API, made to be cheap: it shares the machine with the server that it measures.

mod account;
mod address;
mod error;
mod frame;
mod http;
mod socket;

pub use account::{Access, Account, channel, enter};
pub use address::Address;
pub use error::BaseError;
pub(crate) use frame::{Frame, Scanner, put_pong, put_text};
pub(crate) use socket::open;
