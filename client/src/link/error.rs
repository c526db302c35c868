//! Why the way to the server failed: the engine's word for it, and the detail for people.

use std::fmt;

use dialtone_protocol::client::LinkFailure;

/// Why a connection, a call or a socket failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkError {
    /// What the engine is told.
    pub failure: LinkFailure,
    /// What people are told on top.
    pub detail: String,
}

impl LinkError {
    pub(crate) fn new(failure: LinkFailure, detail: impl fmt::Display) -> Self {
        Self {
            failure,
            detail: detail.to_string(),
        }
    }
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.failure, self.detail)
    }
}

impl std::error::Error for LinkError {}
