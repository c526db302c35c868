//! What can go wrong between the kit and a server.

use std::fmt;
use std::io;

/// Why a server could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BaseError {
    /// The server's URL cannot be used.
    Address(String),
    /// The server said something that the base API does not have.
    Garbled(String),
    /// The connection failed.
    Io(String),
    /// The server refused a call.
    Refused {
        /// What was asked.
        call: String,
        /// The answer's status.
        status: u16,
        /// The answer's body.
        body: String,
    },
}

impl fmt::Display for BaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(why) => write!(f, "this address cannot be used: {why}"),
            Self::Garbled(what) => write!(f, "the server's answer makes no sense: {what}"),
            Self::Io(why) => write!(f, "the connection failed: {why}"),
            Self::Refused { call, status, body } => {
                write!(f, "{call} was refused: {status} {}", body.trim())
            }
        }
    }
}

impl std::error::Error for BaseError {}

impl From<io::Error> for BaseError {
    fn from(error: io::Error) -> Self {
        Self::Io(error.to_string())
    }
}
