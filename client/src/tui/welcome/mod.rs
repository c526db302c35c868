//! The first screen: opening an account of this machine, or making one by an invite link.

#[cfg(test)]
mod tests;
mod update;
mod view;

use std::collections::BTreeMap;

use super::editor::{Edit, Editor};
use super::port::{Hidden, Request};

/// What the screen is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Making an account by a link.
    Join,
    /// Opening an account of this machine.
    Unlock,
}

/// A field to fill in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// The account to open; chosen, not typed.
    Account,
    /// What opens the account's keystore.
    Secret,
    /// The invite link.
    Link,
    /// The name of the new account.
    Username,
    /// The password of the new account.
    Password,
    /// The password once more.
    Confirm,
    /// What seals the new keystore, if it is not the password.
    Passphrase,
}

impl Field {
    const UNLOCK: [Self; 2] = [Self::Account, Self::Secret];
    const JOIN: [Self; 5] = [
        Self::Link,
        Self::Username,
        Self::Password,
        Self::Confirm,
        Self::Passphrase,
    ];

    const fn label(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Secret | Self::Passphrase => "passphrase",
            Self::Link => "invite link",
            Self::Username => "username",
            Self::Password => "password",
            Self::Confirm => "password again",
        }
    }

    const fn hint(self) -> &'static str {
        match self {
            Self::Account => "ctrl+s shows all accounts of this machine",
            Self::Secret => "opens the keystore: your password, unless you chose another one",
            Self::Link => "paste the link that somebody sent you",
            Self::Username => "2 to 20 letters, as others see you",
            Self::Password => "8 characters or more: the server never sees it",
            Self::Confirm => "the same once more",
            Self::Passphrase => "seals your keys on this machine; empty: the password",
        }
    }

    const fn is_secret(self) -> bool {
        matches!(
            self,
            Self::Secret | Self::Password | Self::Confirm | Self::Passphrase
        )
    }
}

/// What the first screen shows.
#[derive(Debug)]
pub struct Welcome {
    mode: Mode,
    accounts: Vec<String>,
    /// The account to open.
    chosen: usize,
    fields: BTreeMap<Field, Editor>,
    focus: Field,
    error: Option<String>,
    /// What is being done, while it is.
    busy: Option<String>,
    /// The marked account, while the list of accounts is open.
    picker: Option<usize>,
    /// The server without TLS that the next enter agrees to.
    consent: Option<String>,
}

impl Welcome {
    /// The screen of somebody who has these accounts, the one used last first, and maybe came with a link.
    #[must_use]
    pub fn new(accounts: Vec<String>, link: Option<&str>) -> Self {
        let mode = match (link, accounts.is_empty()) {
            (None, false) => Mode::Unlock,
            _ => Mode::Join,
        };
        let mut welcome = Self {
            mode,
            accounts,
            chosen: 0,
            fields: BTreeMap::new(),
            focus: Field::Link,
            error: None,
            busy: None,
            picker: None,
            consent: None,
        };
        if let Some(link) = link {
            welcome.edit(Edit::Insert(link.to_owned()));
        }
        welcome.focus = match (mode, link) {
            (Mode::Unlock, _) => Field::Secret,
            (Mode::Join, Some(_)) => Field::Username,
            (Mode::Join, None) => Field::Link,
        };
        welcome
    }

    const fn shown(&self) -> &'static [Field] {
        match self.mode {
            Mode::Unlock => &Field::UNLOCK,
            Mode::Join => &Field::JOIN,
        }
    }

    fn text(&self, field: Field) -> &str {
        self.fields.get(&field).map_or("", Editor::text)
    }

    fn account(&self) -> Option<&str> {
        self.accounts.get(self.chosen).map(String::as_str)
    }

    /// What the filled-in fields ask for.
    fn request(&self) -> Request {
        let hidden = |field| Hidden(self.text(field).to_owned());
        match self.mode {
            Mode::Unlock => Request::Unlock {
                account: self.account().unwrap_or_default().to_owned(),
                passphrase: hidden(Field::Secret),
                insecure: self.consent.is_some(),
            },
            Mode::Join => Request::Join {
                link: self.text(Field::Link).to_owned(),
                username: self.text(Field::Username).to_owned(),
                password: hidden(Field::Password),
                passphrase: match self.text(Field::Passphrase) {
                    "" => hidden(Field::Password),
                    _ => hidden(Field::Passphrase),
                },
                insecure: self.consent.is_some(),
            },
        }
    }
}
