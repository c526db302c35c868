//! Why a home or an account in it cannot be used.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why a home or an account in it cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HomeError {
    /// Another process uses this account.
    Busy(String),
    /// This file of the home makes no sense.
    Damaged(PathBuf),
    /// The system refused.
    Io {
        /// What it refused to read or write.
        path: PathBuf,
        /// Its reason.
        reason: String,
    },
    /// There is no account in the home.
    NoAccount,
    /// The system names no place for the data of users.
    NoPlace,
    /// The home has no account of this name.
    NotHere(String),
    /// More than one account could be meant.
    WhichAccount(Vec<String>),
}

impl HomeError {
    pub(super) fn io(path: &Path, error: &io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            reason: error.to_string(),
        }
    }
}

impl fmt::Display for HomeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy(name) => write!(f, "another dialtone is using the account {name}"),
            Self::Damaged(path) => write!(f, "the file {} is damaged", path.display()),
            Self::Io { path, reason } => write!(f, "cannot use {}: {reason}", path.display()),
            Self::NoAccount => f.write_str("there is no account here yet"),
            Self::NoPlace => f.write_str("the system names no folder for the data of users"),
            Self::NotHere(name) => write!(f, "there is no account called {name} here"),
            Self::WhichAccount(names) => {
                write!(f, "several accounts are here: {}", names.join(", "))
            }
        }
    }
}

impl std::error::Error for HomeError {}
