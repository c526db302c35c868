//! Work that computes for long and runs beside the hub.

use alloc::boxed::Box;
use alloc::string::String;

use super::judging::{Judged, Judging};
use crate::crypto::password::{KdfMemory, KdfParams};
use crate::crypto::password_hash::{hash_password, verify_password};
use crate::wire::sensitive::Sensitive;

/// Something to compute. The cost of a password does not depend on whether a user exists.
#[derive(Debug)]
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
    /// Judge an append to the log. One at a time is wanted.
    JudgeAppend(Box<Judging>),
    /// Compare a password with a hash.
    VerifyPassword {
        /// The password.
        password: Sensitive,
        /// The hash in PHC form.
        hash: String,
    },
}

impl Work {
    /// Does it. A password takes a tenth of a second and some megabytes, which stay in `memory` for the next one; an
    /// append takes as long as it is large, up to a second.
    #[must_use]
    pub fn run(&self, memory: &mut KdfMemory) -> WorkAnswer {
        match self {
            Self::HashPassword {
                password,
                salt,
                cost,
            } => match hash_password(password.expose(), salt, *cost, memory) {
                Ok(hash) => WorkAnswer::Hashed(hash),
                Err(_) => WorkAnswer::Failed,
            },
            Self::JudgeAppend(judging) => WorkAnswer::Judged(judging.run()),
            Self::VerifyPassword { password, hash } => {
                WorkAnswer::Verified(verify_password(password.expose(), hash, memory))
            }
        }
    }

    /// Whether it is about a password. Whoever waits for the log must not wait for a flood of logins.
    #[must_use]
    pub const fn is_password(&self) -> bool {
        matches!(
            self,
            Self::HashPassword { .. } | Self::VerifyPassword { .. }
        )
    }
}

/// What came of work.
#[derive(Debug)]
#[non_exhaustive]
pub enum WorkAnswer {
    /// The work could not be done.
    Failed,
    /// The password's hash in PHC form.
    Hashed(String),
    /// What is thought of the append.
    Judged(Judged),
    /// Whether the password is the right one.
    Verified(bool),
}
