//! The settings of the hub.

use alloc::vec::Vec;

use crate::crypto::password::KdfParams;
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
    /// The cost of a password's hash; [`KdfParams::SERVER`] unless a test says otherwise.
    pub password_cost: KdfParams,
}
