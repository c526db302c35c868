//! What keys and news change on the first screen.

use dialtone_protocol::wire::link::Link;

use super::{Field, Mode, Welcome};
use crate::invites::in_one_row;
use crate::tui::editor::Edit;
use crate::tui::msg::{Effect, FormMsg};
use crate::tui::port::{Request, Update};
use crate::tui::text::sanitize_line;

/// The shortest password and passphrase, in characters.
const MIN_SECRET: usize = 8;

/// How long a username is, in characters (the base API's rule).
const USERNAME: std::ops::RangeInclusive<usize> = 2..=20;

/// A field of one line is never wrapped.
const UNWRAPPED: usize = usize::MAX;

impl Welcome {
    /// Takes in a key.
    pub fn handle_key(&mut self, key: FormMsg) -> Vec<Effect> {
        if self.busy.is_some() {
            // Only giving up is possible while something runs.
            if key == FormMsg::Cancel {
                self.busy = None;
                self.error = Some("given up".to_owned());
                return vec![Effect::Ask(Request::Abandon)];
            }
            return Vec::new();
        }
        if let Some(marked) = self.picker {
            self.pick(marked, &key);
            return Vec::new();
        }
        self.error = None;
        if key != FormMsg::Submit {
            self.consent = None;
        }
        match key {
            FormMsg::Cancel => {}
            FormMsg::Edit(edit) => self.edit(edit),
            FormMsg::Next => self.step(1),
            FormMsg::Previous => self.step(self.shown().len() - 1),
            FormMsg::ShowAccounts if self.accounts.is_empty() => {
                self.error =
                    Some("there is no account on this machine yet: join with a link".to_owned());
            }
            FormMsg::ShowAccounts => self.picker = Some(self.chosen),
            FormMsg::Submit => return self.submit(),
            FormMsg::SwitchMode => self.switch(),
        }
        Vec::new()
    }

    /// Takes in news of the account. Words of a server may stand in them.
    pub fn handle_account(&mut self, update: Update) {
        match update {
            Update::Accounts(accounts) => self.accounts = accounts,
            Update::Progress(text) if self.busy.is_some() => {
                self.busy = Some(sanitize_line(&text));
            }
            Update::EntryRefused(reason) => {
                self.busy = None;
                self.consent = None;
                self.error = Some(sanitize_line(&reason));
            }
            Update::ConsentNeeded(server) => {
                self.busy = None;
                self.error = Some(format!(
                    "{server} has no TLS: others see who talks to whom. enter goes on all the same"
                ));
                self.consent = Some(server);
            }
            _ => {}
        }
    }

    pub(super) fn edit(&mut self, edit: Edit) {
        let edit = match (self.focus, edit) {
            (Field::Account, Edit::Right) => return self.choose(1),
            (Field::Account, Edit::Left) => {
                return self.choose(self.accounts.len().saturating_sub(1));
            }
            (Field::Account, _) | (_, Edit::Newline | Edit::Up | Edit::Down) => return,
            (Field::Link, Edit::Insert(text)) => Edit::Insert(in_one_row(&text)),
            (_, Edit::Insert(text)) => Edit::Insert(text.replace(['\r', '\n'], "")),
            (_, edit) => edit,
        };
        let field = self.fields.entry(self.focus).or_default();
        if field.apply(&edit, UNWRAPPED).is_err() {
            self.error = Some("that is too much to paste: nothing was put in".to_owned());
        }
    }

    fn step(&mut self, by: usize) {
        let shown = self.shown();
        let at = shown
            .iter()
            .position(|field| *field == self.focus)
            .unwrap_or(0);
        if let Some(next) = shown.get((at + by) % shown.len()) {
            self.focus = *next;
        }
    }

    fn choose(&mut self, by: usize) {
        if !self.accounts.is_empty() {
            self.chosen = (self.chosen + by) % self.accounts.len();
        }
    }

    fn switch(&mut self) {
        if self.mode == Mode::Join && self.accounts.is_empty() {
            self.error =
                Some("there is no account on this machine yet: join with a link".to_owned());
            return;
        }
        (self.mode, self.focus) = match self.mode {
            Mode::Join => (Mode::Unlock, Field::Secret),
            Mode::Unlock => (Mode::Join, Field::Link),
        };
    }

    fn pick(&mut self, marked: usize, key: &FormMsg) {
        let is_letter = |letter: &str| *key == FormMsg::Edit(Edit::Insert(letter.to_owned()));
        let last = self.accounts.len().saturating_sub(1);
        if *key == FormMsg::Next || is_letter("j") {
            self.picker = Some((marked + 1).min(last));
        } else if *key == FormMsg::Previous || is_letter("k") {
            self.picker = Some(marked.saturating_sub(1));
        } else if *key == FormMsg::Submit {
            self.chosen = marked;
            self.picker = None;
            self.mode = Mode::Unlock;
            self.focus = Field::Secret;
        } else if *key == FormMsg::Cancel {
            self.picker = None;
        }
    }

    fn submit(&mut self) -> Vec<Effect> {
        if let Err((field, reason)) = self.check() {
            self.focus = field;
            self.error = Some(reason);
            return Vec::new();
        }
        self.busy = Some(match self.mode {
            Mode::Join => "making your keys".to_owned(),
            Mode::Unlock => "opening your keystore".to_owned(),
        });
        vec![Effect::Ask(self.request())]
    }

    /// What is missing or wrong first, and where.
    fn check(&self) -> Result<(), (Field, String)> {
        let fail = |field, reason: &str| Err((field, reason.to_owned()));
        if self.mode == Mode::Unlock {
            return match (self.account(), self.text(Field::Secret)) {
                (None, _) => fail(Field::Account, "choose an account"),
                (_, "") => fail(Field::Secret, "type the passphrase of this account"),
                _ => Ok(()),
            };
        }
        let link = self.text(Field::Link);
        if link.is_empty() {
            return fail(Field::Link, "paste the invite link that somebody sent you");
        }
        if let Err(error) = Link::parse(link) {
            return fail(Field::Link, &format!("{error}: paste all of it"));
        }
        if !USERNAME.contains(&self.text(Field::Username).chars().count()) {
            return fail(Field::Username, "a username has 2 to 20 characters");
        }
        let password = self.text(Field::Password);
        if password.chars().count() < MIN_SECRET {
            return fail(Field::Password, "a password has 8 characters or more");
        }
        if self.text(Field::Confirm) != password {
            return fail(
                Field::Confirm,
                "the two passwords differ: type the password again",
            );
        }
        let passphrase = self.text(Field::Passphrase).chars().count();
        if (1..MIN_SECRET).contains(&passphrase) {
            return fail(
                Field::Passphrase,
                "a passphrase has 8 characters or more, or none to use the password",
            );
        }
        Ok(())
    }
}
