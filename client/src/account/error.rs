//! Why an account cannot be opened or made.

use std::fmt;

use dialtone_protocol::client::RestoreError;
use dialtone_protocol::crypto::password::KdfError;

use crate::home::HomeError;
use crate::keystore_file::KeystoreFileError;
use crate::link::TrustError;
use crate::server_url::ServerUrlError;
use crate::store::StoreError;

/// Why an account cannot be opened or made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenError {
    /// The account to be made is there.
    AlreadyHere(String),
    /// The account ended before it was made.
    Ended,
    /// The home or the account's folder.
    Home(HomeError),
    /// The keystore.
    Keystore(KeystoreFileError),
    /// The way to this server has no TLS, and the user did not agree to that.
    NeedsConsent(String),
    /// The password cannot be stretched here.
    Password(KdfError),
    /// The records make no account.
    Restore(RestoreError),
    /// The address of the server.
    Server(ServerUrlError),
    /// The local store.
    Store(StoreError),
    /// The authorities for the server's certificate.
    Trust(TrustError),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyHere(name) => write!(f, "the account {name} is here already"),
            Self::Ended => f.write_str("the account ended before it was made"),
            Self::Home(error) => error.fmt(f),
            Self::Keystore(error) => error.fmt(f),
            Self::NeedsConsent(server) => write!(
                f,
                "{server} has no TLS: anybody on the way sees who talks to whom and when, and can cut it"
            ),
            Self::Password(error) => write!(f, "cannot stretch the password: {error}"),
            Self::Restore(error) => write!(f, "cannot go on with this account: {error}"),
            Self::Server(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
            Self::Trust(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for OpenError {}

macro_rules! from {
    ($($error:ident => $variant:ident),*) => {$(
        impl From<$error> for OpenError {
            fn from(error: $error) -> Self {
                Self::$variant(error)
            }
        }
    )*};
}

from!(
    HomeError => Home,
    KeystoreFileError => Keystore,
    RestoreError => Restore,
    ServerUrlError => Server,
    StoreError => Store,
    TrustError => Trust
);
