//! dialtone's client as a library: the folders of a user, the keystore, the local store, the way to a server, and
//! accounts that run. The rules of the protocol are in `dialtone-protocol`; this crate carries them out.
//!
//! An [`account::Account`] is one account on one server. It runs on any runtime that implements the protocol's port.
//! [`headless`] holds the commands that need no screen.

pub mod account;
pub mod cli;
pub mod exit;
mod harmless;
pub mod headless;
pub mod home;
pub mod interrupt;
mod invites;
pub mod keystore_file;
pub mod link;
pub mod private;
pub mod secrets;
pub mod server_url;
pub mod store;
#[cfg(feature = "tui")]
pub mod tui;
pub mod voice;
