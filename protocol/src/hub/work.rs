//! Work that computes for long and runs beside the hub.

use alloc::string::String;

use crate::crypto::password::KdfParams;
use crate::crypto::password_hash::{hash_password, verify_password};
use crate::wire::sensitive::Sensitive;

/// Something to compute. Its cost does not depend on whether a user exists.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Work {
    /// Hash a password.
    HashPassword {
        /// The password.
        password: Sensitive,
        /// The salt.
        salt: [u8; 16],
        /// The cost.
        cost: KdfParams,
    },
    /// Compare a password with a hash.
    VerifyPassword {
        /// The password.
        password: Sensitive,
        /// The hash in PHC form.
        hash: String,
    },
}

impl Work {
    /// Does it. Takes a tenth of a second and some megabytes.
    #[must_use]
    pub fn run(&self) -> WorkAnswer {
        match self {
            Self::HashPassword {
                password,
                salt,
                cost,
            } => match hash_password(password.expose(), salt, *cost) {
                Ok(hash) => WorkAnswer::Hashed(hash),
                Err(_) => WorkAnswer::Failed,
            },
            Self::VerifyPassword { password, hash } => {
                WorkAnswer::Verified(verify_password(password.expose(), hash))
            }
        }
    }
}

/// What came of work.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WorkAnswer {
    /// The work could not be done.
    Failed,
    /// The password's hash in PHC form.
    Hashed(String),
    /// Whether the password is the right one.
    Verified(bool),
}
