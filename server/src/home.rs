//! The data directory: settings, secrets, the database, and the address of the running server. Owner-only.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use etcetera::BaseStrategy;
use serde::{Deserialize, Serialize};

/// The data directory of one server.
#[derive(Debug)]
pub struct Home {
    dir: PathBuf,
}

/// What the first start makes so that nobody has to invent it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secrets {
    /// Keys the hash under which a username is stored.
    pub username_pepper: String,
    /// Lets its holder make invites over HTTP.
    pub admin_token: String,
}

/// Proof that this process alone serves from a data directory, for as long as it lives.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "held for its lock")] File);

/// Why a data directory cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HomeError {
    /// Another server serves from this directory.
    Busy(PathBuf),
    /// A file cannot be read or written.
    Io(PathBuf, String),
    /// A file does not hold what it should.
    Malformed(PathBuf, String),
    /// The environment names no home directory.
    NoHome,
}

impl Home {
    /// Opens the data directory, and makes it if it is not there.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    pub fn open(dir: Option<&Path>) -> Result<Self, HomeError> {
        let dir = match dir {
            Some(dir) => dir.to_owned(),
            None => etcetera::choose_base_strategy()
                .map_err(|_| HomeError::NoHome)?
                .data_dir()
                .join("dialtone-server"),
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&dir)
            .map_err(|error| HomeError::io(&dir, &error))?;
        Ok(Self { dir })
    }

    /// Where it is.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where the settings file is, if there is one.
    #[must_use]
    pub fn settings_file(&self) -> PathBuf {
        self.dir.join("dialtone.toml")
    }

    /// Where the database of a server without a database setting is.
    #[must_use]
    pub fn database_file(&self) -> PathBuf {
        self.dir.join("dialtone.db")
    }

    /// Keeps every other server out of this directory while the answer lives: two would number messages twice.
    ///
    /// # Errors
    ///
    /// When another one is there, or the lock file cannot be made.
    pub fn lock(&self) -> Result<Lock, HomeError> {
        let path = self.dir.join("server.lock");
        let file = owner_only()
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| HomeError::io(&path, &error))?;
        match file.try_lock() {
            Ok(()) => Ok(Lock(file)),
            Err(TryLockError::WouldBlock) => Err(HomeError::Busy(self.dir.clone())),
            Err(TryLockError::Error(error)) => Err(HomeError::io(&path, &error)),
        }
    }

    /// Reads the secrets; makes them first if they are not there. Says whether it made them.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or written.
    pub fn secrets(&self, random: impl Fn() -> [u8; 32]) -> Result<(Secrets, bool), HomeError> {
        let path = self.dir.join("secrets.toml");
        let made = match fs::metadata(&path) {
            Ok(_) => false,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let fresh = Secrets {
                    username_pepper: URL_SAFE_NO_PAD.encode(random()),
                    admin_token: URL_SAFE_NO_PAD.encode(random()),
                };
                self.create_whole(&path, &fresh.to_toml())?
            }
            Err(error) => return Err(HomeError::io(&path, &error)),
        };
        let text = fs::read_to_string(&path).map_err(|error| HomeError::io(&path, &error))?;
        let secrets = toml::from_str(&text)
            // The parser's text would quote the line, which may hold a secret.
            .map_err(|_| HomeError::Malformed(path, "not the secrets of a server".into()))?;
        Ok((secrets, made))
    }

    /// Writes down the address under which the running server is reached.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn record_url(&self, url: &str) -> Result<(), HomeError> {
        let path = self.dir.join("server.url");
        let new = self.dir.join("server.url.new");
        let write = || {
            let mut file = owner_only().create(true).truncate(true).open(&new)?;
            writeln!(file, "{url}")?;
            fs::rename(&new, &path)
        };
        write().map_err(|error| HomeError::io(&path, &error))
    }

    /// The address that the server wrote down when it last started.
    ///
    /// # Errors
    ///
    /// When the file is there but cannot be read.
    pub fn recorded_url(&self) -> Result<Option<String>, HomeError> {
        let path = self.dir.join("server.url");
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text.trim().to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(HomeError::io(&path, &error)),
        }
    }

    /// Creates a file that appears with all its text or not at all. Says no when another process was first.
    fn create_whole(&self, path: &Path, text: &str) -> Result<bool, HomeError> {
        let new = self.dir.join(format!(".new-{}", std::process::id()));
        let write = || {
            let mut file = owner_only().create(true).truncate(true).open(&new)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            // Unlike a rename, a link never replaces what another process made meanwhile.
            let made = match fs::hard_link(&new, path) {
                Ok(()) => true,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
                Err(error) => return Err(error),
            };
            fs::remove_file(&new)?;
            File::open(&self.dir)?.sync_all()?;
            Ok(made)
        };
        write().map_err(|error| HomeError::io(path, &error))
    }
}

impl Secrets {
    fn to_toml(&self) -> String {
        format!(
            "# Made by the first start of dialtone-server. Keep a copy with the backup of the database:\n\
             # without the pepper nobody can log in any more.\n\
             username_pepper = \"{}\"\nadmin_token = \"{}\"\n",
            self.username_pepper, self.admin_token
        )
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(..)")
    }
}

impl HomeError {
    fn io(path: &Path, error: &io::Error) -> Self {
        Self::Io(path.to_owned(), error.to_string())
    }
}

impl fmt::Display for HomeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy(path) => write!(f, "another server serves from {}", path.display()),
            Self::Io(path, why) | Self::Malformed(path, why) => {
                write!(f, "{}: {why}", path.display())
            }
            Self::NoHome => f.write_str("no home directory is known: give --data-dir"),
        }
    }
}

impl std::error::Error for HomeError {}

/// Opens for writing a file that only its owner may read.
fn owner_only() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    options
}

/// Makes an empty file that only its owner may read, if there is none: a database would be made with looser rights.
///
/// # Errors
///
/// When it cannot be made.
pub fn make_owner_only(path: &Path) -> Result<(), HomeError> {
    owner_only()
        .create(true)
        .truncate(false)
        .open(path)
        .map(drop)
        .map_err(|error| HomeError::io(path, &error))
}

/// Reads a text file that may be missing.
///
/// # Errors
///
/// When it is there but cannot be read as text.
pub fn read_optional(path: &Path) -> Result<Option<String>, HomeError> {
    let mut text = String::new();
    match File::open(path).and_then(|mut file| file.read_to_string(&mut text)) {
        Ok(_) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(HomeError::io(path, &error)),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn secrets_are_made_once_and_only_their_owner_reads_them() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(Some(&dir.path().join("a/b"))).unwrap();
        let (first, made) = home.secrets(|| [1; 32]).unwrap();
        assert!(made);
        let (second, made) = home.secrets(|| [2; 32]).unwrap();
        assert!(!made);
        assert_eq!(first.admin_token, second.admin_token);
        let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(home.dir().to_owned()), 0o700);
        assert_eq!(mode(home.dir().join("secrets.toml")), 0o600);
    }

    #[test]
    fn a_malformed_secrets_file_is_named_without_its_text() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(Some(dir.path())).unwrap();
        fs::write(dir.path().join("secrets.toml"), "admin_token = hunter2").unwrap();
        let error = home.secrets(|| [1; 32]).unwrap_err().to_string();
        assert!(error.contains("secrets.toml"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn a_directory_serves_one_server() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(Some(dir.path())).unwrap();
        let lock = home.lock().unwrap();
        assert_eq!(
            home.lock().unwrap_err(),
            HomeError::Busy(dir.path().to_owned())
        );
        drop(lock);
        home.lock().unwrap();
    }

    #[test]
    fn the_url_is_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(Some(dir.path())).unwrap();
        assert_eq!(home.recorded_url().unwrap(), None);
        home.record_url("http://127.0.0.1:8080").unwrap();
        assert_eq!(
            home.recorded_url().unwrap().as_deref(),
            Some("http://127.0.0.1:8080")
        );
    }
}
