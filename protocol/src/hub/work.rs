//! Work that computes for long and runs beside the hub.

use alloc::string::String;

use super::PasswordCost;
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
        cost: PasswordCost,
    },
    /// Compare a password with a hash.
    VerifyPassword {
        /// The password.
        password: Sensitive,
        /// The hash in PHC form.
        hash: String,
    },
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
