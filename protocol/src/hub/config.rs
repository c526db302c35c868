//! The settings of the hub.

use super::Ice;
use crate::crypto::password::KdfParams;
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
    /// Where voice finds its way through networks.
    pub ice: Ice,
    /// The cost of a password's hash; [`KdfParams::SERVER`] unless a test says otherwise.
    pub password_cost: KdfParams,
}
