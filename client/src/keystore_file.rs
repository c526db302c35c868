//! The keystore as a file: written whole or not at all, readable by its owner alone.
//!
//! Both functions stretch a passphrase, which takes long: they belong on the pool for blocking work.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use dialtone_protocol::crypto::keystore::{self, FileKey, KeystoreError};
use dialtone_protocol::crypto::password::KdfParams;
use dialtone_protocol::crypto::random::Entropy;

use crate::private;
use crate::secrets::Passphrase;

/// Makes a keystore with a new file key, in place of one that may be there.
///
/// # Errors
///
/// When the file cannot be written; what was there is then still there.
pub fn create(
    path: &Path,
    passphrase: &Passphrase,
    seed: [u8; 32],
) -> Result<FileKey, KeystoreFileError> {
    let mut entropy = Entropy::from_seed(seed);
    let made = keystore::create(passphrase.expose(), KdfParams::FLOOR, &mut entropy);
    let (key, bytes) = made.map_err(|reason| KeystoreFileError::unusable(path, reason))?;
    private::write_atomically(path, &bytes).map_err(|error| KeystoreFileError::io(path, &error))?;
    Ok(key)
}

/// Opens a keystore.
///
/// # Errors
///
/// When it is missing, cannot be read or is damaged, or the passphrase is not its own.
pub fn unlock(path: &Path, passphrase: &Passphrase) -> Result<FileKey, KeystoreFileError> {
    let bytes = fs::read(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => KeystoreFileError::Missing(path.to_owned()),
        _ => KeystoreFileError::io(path, &error),
    })?;
    keystore::unlock(&bytes, passphrase.expose())
        .map_err(|reason| KeystoreFileError::unusable(path, reason))
}

/// Why a keystore cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeystoreFileError {
    /// The system refused.
    Io {
        /// The file.
        path: PathBuf,
        /// Its reason.
        reason: String,
    },
    /// The file is not there.
    Missing(PathBuf),
    /// The file is damaged, or made by a newer version.
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: KeystoreError,
    },
    /// The passphrase is not the one that it was made with.
    WrongPassphrase,
}

impl KeystoreFileError {
    fn io(path: &Path, error: &io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            reason: error.to_string(),
        }
    }

    fn unusable(path: &Path, reason: KeystoreError) -> Self {
        match reason {
            KeystoreError::WrongPassphrase => Self::WrongPassphrase,
            reason => Self::Unusable {
                path: path.to_owned(),
                reason,
            },
        }
    }
}

impl fmt::Display for KeystoreFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, reason } => {
                write!(f, "cannot use the keystore {}: {reason}", path.display())
            }
            Self::Missing(path) => write!(f, "the keystore {} is missing", path.display()),
            Self::Unusable { path, reason } => {
                write!(f, "cannot use the keystore {}: {reason}", path.display())
            }
            Self::WrongPassphrase => f.write_str("the passphrase is wrong"),
        }
    }
}

impl std::error::Error for KeystoreFileError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> Passphrase {
        Passphrase::new(text.into())
    }

    #[test]
    fn the_right_passphrase_opens_what_it_made() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keystore");
        let made = create(&path, &typed("right horse"), [1; 32]).unwrap();
        let opened = unlock(&path, &typed("right horse")).unwrap();
        let mut entropy = Entropy::from_seed([2; 32]);
        let sealed = made.seal_record("table", b"key", b"value", &mut entropy);
        assert_eq!(
            *opened.open_record("table", b"key", &sealed).unwrap(),
            b"value"
        );
        assert_eq!(
            unlock(&path, &typed("wrong horse")).unwrap_err(),
            KeystoreFileError::WrongPassphrase
        );
    }

    /// Spec 10.4.
    #[test]
    fn a_truncated_or_missing_keystore_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keystore");
        assert_eq!(
            unlock(&path, &typed("right horse")).unwrap_err(),
            KeystoreFileError::Missing(path.clone())
        );
        create(&path, &typed("right horse"), [1; 32]).unwrap();
        let whole = fs::read(&path).unwrap();
        for length in [0, 1, whole.len() / 2, whole.len() - 1] {
            fs::write(&path, &whole[..length]).unwrap();
            let error = unlock(&path, &typed("right horse")).unwrap_err();
            assert!(
                matches!(error, KeystoreFileError::Unusable { .. }),
                "{length}: {error}"
            );
        }
    }

    /// Spec 10.4: a crash between the write and the rename.
    #[test]
    fn a_crash_while_a_keystore_is_replaced_leaves_the_old_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keystore");
        create(&path, &typed("right horse"), [1; 32]).unwrap();
        fs::write(dir.path().join("keystore.new"), b"half of a new one").unwrap();
        unlock(&path, &typed("right horse")).unwrap();
    }
}
