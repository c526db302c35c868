//! dialtone's client as a library: the folders of a user, the keystore, the local store, the way to a server, and
//! accounts that run. The rules of the protocol are in `dialtone-protocol`; this crate carries them out.

pub mod home;
pub mod private;
pub mod secrets;
pub mod server_url;
#[cfg(feature = "tui")]
pub mod tui;
