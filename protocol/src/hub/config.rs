//! The settings of the hub.

use alloc::vec::Vec;

use crate::wire::event::IceServer;
use crate::wire::sensitive::Sensitive;

/// What a host may set.
#[derive(Clone, Debug)]
pub struct Config {
    /// Keys the hashes of usernames.
    pub pepper: Sensitive,
    /// What `X-Admin-Token` must be. An empty one lets nobody in.
    pub admin_token: Sensitive,
    /// Whether original clients are served.
    pub compat: bool,
    /// What clients are told of voice.
    pub ice_servers: Vec<IceServer>,
    /// The cost of a password's hash.
    pub password_cost: PasswordCost,
}

/// The cost of a password's hash (Argon2id).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordCost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
}

impl Default for PasswordCost {
    /// 19 MiB and two passes: the smallest that OWASP recommends, since passwords of our clients are stretched
    /// before they are sent.
    fn default() -> Self {
        Self {
            memory_kib: 19 * 1024,
            passes: 2,
        }
    }
}
