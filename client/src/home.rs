//! The folders of a user: where accounts lie, which of them is meant, and who uses one now.
//!
//! A home holds one folder for each server and username. Only its owner may read it.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use dialtone_protocol::crypto::password::normal_username;
use etcetera::BaseStrategy;
use serde::{Deserialize, Serialize};

use crate::private;
use crate::server_url::ServerUrl;

mod error;
#[cfg(test)]
mod tests;

pub use error::HomeError;

/// The folder in which all accounts of this user lie.
#[derive(Clone, Debug)]
pub struct Home {
    root: PathBuf,
    logs: PathBuf,
}

impl Home {
    /// Opens the home in `folder`, or else where the system keeps the data of users. Makes the folder if needed.
    ///
    /// # Errors
    ///
    /// When no place is known or the folder cannot be made.
    pub fn open(folder: Option<PathBuf>) -> Result<Self, HomeError> {
        let (root, logs) = match folder {
            Some(folder) => (folder.clone(), folder),
            None => {
                let places = etcetera::choose_base_strategy().map_err(|_| HomeError::NoPlace)?;
                let data = places.data_dir().join("dialtone");
                let state = places.state_dir().map(|it| it.join("dialtone"));
                (data.clone(), state.unwrap_or(data))
            }
        };
        private::create_dir(&root).map_err(|error| HomeError::io(&root, &error))?;
        Ok(Self { root, logs })
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// Where programs write what they say of themselves: in the home if one was named, or else where the system keeps
    /// such things (`XDG_STATE_HOME`). It need not be there yet.
    #[must_use]
    pub fn logs(&self) -> &Path {
        &self.logs
    }

    /// The accounts in this home, in the order of their names.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read or an account's description is damaged.
    pub fn accounts(&self) -> Result<Vec<AccountDir>, HomeError> {
        let folder = self.accounts_folder();
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(HomeError::io(&folder, &error)),
        };
        let mut accounts = Vec::new();
        for entry in entries {
            let path = entry
                .map_err(|error| HomeError::io(&folder, &error))?
                .path();
            if let Some(account) = AccountDir::read(path)? {
                accounts.push(account);
            }
        }
        accounts.sort_by_key(AccountDir::name);
        Ok(accounts)
    }

    /// The account that is meant: the one called `wanted`, or the only one, or the one used last by a login or join.
    ///
    /// # Errors
    ///
    /// When there is none, or more than one could be meant.
    pub fn choose(&self, wanted: Option<&str>) -> Result<AccountDir, HomeError> {
        let mut accounts = self.accounts()?;
        if let Some(wanted) = wanted {
            accounts.retain(|account| account.is_called(wanted));
        } else if accounts.len() > 1
            && let Ok(preferred) = fs::read_to_string(self.preferred_file())
        {
            accounts.retain(|account| account.name() == preferred);
        }
        match (accounts.pop(), accounts.is_empty()) {
            (Some(account), true) => Ok(account),
            (Some(_), false) => Err(HomeError::WhichAccount(self.names()?)),
            (None, _) => match wanted {
                Some(wanted) => Err(HomeError::NotHere(wanted.to_owned())),
                None if self.accounts()?.is_empty() => Err(HomeError::NoAccount),
                None => Err(HomeError::WhichAccount(self.names()?)),
            },
        }
    }

    /// The account of a username on a server, whether it is there yet or not. The username is normalised as the
    /// server does it.
    #[must_use]
    pub fn account(&self, server: &ServerUrl, username: &str) -> AccountDir {
        let username = normal_username(username);
        let name = folder_name(server, &username);
        let description = Description {
            server: server.to_string(),
            username,
        };
        AccountDir {
            path: self.accounts_folder().join(name),
            description,
        }
    }

    /// Remembers the account that commands mean when they name none.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn prefer(&self, account: &AccountDir) -> Result<(), HomeError> {
        let _held = self.lock()?;
        let file = self.preferred_file();
        private::write_atomically(&file, account.name().as_bytes())
            .map_err(|error| HomeError::io(&file, &error))
    }

    /// Whether the user once agreed to talk to this server without TLS.
    #[must_use]
    pub fn allows_insecure(&self, server: &ServerUrl) -> bool {
        fs::read_to_string(self.insecure_file())
            .is_ok_and(|text| text.lines().any(|line| line == server.origin()))
    }

    /// Remembers that the user agreed to talk to this server without TLS.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn allow_insecure(&self, server: &ServerUrl) -> Result<(), HomeError> {
        let _held = self.lock()?;
        if self.allows_insecure(server) {
            return Ok(());
        }
        let file = self.insecure_file();
        let mut text = fs::read_to_string(&file).unwrap_or_default();
        text.push_str(&server.origin());
        text.push('\n');
        private::write_atomically(&file, text.as_bytes())
            .map_err(|error| HomeError::io(&file, &error))
    }

    /// Waits until no other process changes the files of the home itself, and keeps others from it while the answer
    /// lives. Nobody holds it for longer than a write takes.
    fn lock(&self) -> Result<File, HomeError> {
        let path = self.root.join("lock");
        let fail = |error: io::Error| HomeError::io(&path, &error);
        let file = private::open_or_create(&path).map_err(fail)?;
        file.lock().map_err(fail)?;
        Ok(file)
    }

    fn names(&self) -> Result<Vec<String>, HomeError> {
        Ok(self.accounts()?.iter().map(AccountDir::name).collect())
    }

    fn accounts_folder(&self) -> PathBuf {
        self.root.join("accounts")
    }

    fn preferred_file(&self) -> PathBuf {
        self.root.join("preferred")
    }

    fn insecure_file(&self) -> PathBuf {
        self.root.join("insecure-http")
    }
}

/// The folder of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountDir {
    path: PathBuf,
    description: Description,
}

/// What is known of an account before its keystore is unlocked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Description {
    server: String,
    username: String,
}

impl AccountDir {
    /// The server's URL.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.description.server
    }

    /// The username on that server.
    #[must_use]
    pub fn username(&self) -> &str {
        &self.description.username
    }

    /// The name of the folder, which is how a user can name the account: `alice@chat.example.org_443`.
    #[must_use]
    pub fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// Whether the account was made here, completely.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.description_file().exists()
    }

    /// Where the keystore is.
    #[must_use]
    pub fn keystore_file(&self) -> PathBuf {
        self.path.join("keystore")
    }

    /// Where the local store is.
    #[must_use]
    pub fn store_file(&self) -> PathBuf {
        self.path.join("store.redb")
    }

    /// Where the settings of voice are.
    #[must_use]
    pub fn voice_file(&self) -> PathBuf {
        self.path.join("voice.json")
    }

    /// Takes the account for this process alone, or says at once that another one has it. Makes the folder if needed.
    ///
    /// # Errors
    ///
    /// [`HomeError::Busy`] when another process has it; another error when the folder cannot be used.
    pub fn try_lock(&self) -> Result<AccountLock, HomeError> {
        let fail = |error: io::Error| HomeError::io(&self.path, &error);
        private::create_dir(&self.path).map_err(fail)?;
        private::restrict_dir(&self.path).map_err(fail)?;
        let file = private::open_or_create(&self.path.join("lock")).map_err(fail)?;
        match file.try_lock() {
            Ok(()) => Ok(AccountLock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(HomeError::Busy(self.name())),
            Err(TryLockError::Error(error)) => Err(fail(error)),
        }
    }

    /// Writes the description. From then on the account [`exists`](Self::exists).
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn describe(&self, _held: &AccountLock) -> Result<(), HomeError> {
        let file = self.description_file();
        serde_json::to_vec_pretty(&self.description)
            .map_err(io::Error::from)
            .and_then(|text| private::write_atomically(&file, &text))
            .map_err(|error| HomeError::io(&file, &error))
    }

    /// Removes everything of an account that the server never took.
    ///
    /// # Errors
    ///
    /// When the folder cannot be removed.
    pub fn remove(&self, _held: &AccountLock) -> Result<(), HomeError> {
        let fail = |error: io::Error| HomeError::io(&self.path, &error);
        // The description goes first: half of a removed account is not an account.
        match fs::remove_file(self.description_file()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(fail(error)),
            _ => {}
        }
        fs::remove_dir_all(&self.path).map_err(fail)
    }

    fn read(path: PathBuf) -> Result<Option<Self>, HomeError> {
        let file = path.join(DESCRIPTION);
        let text = match fs::read(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Ok(None),
            Err(error) => return Err(HomeError::io(&file, &error)),
        };
        match serde_json::from_slice(&text) {
            Ok(description) => Ok(Some(Self { path, description })),
            Err(_) => Err(HomeError::Damaged(file)),
        }
    }

    fn is_called(&self, wanted: &str) -> bool {
        self.name() == wanted || self.username() == wanted
    }

    fn description_file(&self) -> PathBuf {
        self.path.join(DESCRIPTION)
    }
}

/// The proof that this process alone uses an account. It ends when this is dropped, or when the process does.
#[derive(Debug)]
pub struct AccountLock {
    _file: File,
}

const DESCRIPTION: &str = "account.json";

/// A name for a folder that two accounts never share and that every file system takes.
fn folder_name(server: &ServerUrl, username: &str) -> String {
    let mut name = String::new();
    escape_into(&mut name, username);
    name.push('@');
    escape_into(&mut name, &server.host_port_path());
    name
}

fn escape_into(name: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' => name.push(char::from(byte)),
            b':' => name.push('_'),
            _ => {
                name.push('%');
                name.push_str(&format!("{byte:02x}"));
            }
        }
    }
}
