//! How a command ends: its exit code, and what it says when something failed.

use std::fmt;

use dialtone_protocol::client::{IntentError, Refusal, SendError};

use crate::account::OpenError;
use crate::harmless::harmless;
use crate::home::HomeError;
use crate::keystore_file::KeystoreFileError;

/// The exit code of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "scripts rely on exactly these")]
pub enum Exit {
    /// It was done.
    Done = 0,
    /// It failed.
    Failed = 1,
    /// It was called wrongly.
    Usage = 2,
    /// The server could not be reached.
    Unreachable = 3,
    /// The server, the community's log or an admin's right refused it.
    Refused = 4,
    /// Another process uses the account.
    Busy = 5,
}

/// Why a command failed: what happened, to what, and what to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What happened, to what.
    pub what: String,
    /// What to do next, where something can be done.
    pub next: Option<String>,
}

/// What a command says that was asked to end.
const INTERRUPTED: &str = "interrupted";

impl Failure {
    /// A failure without advice.
    pub fn new(exit: Exit, what: impl fmt::Display) -> Self {
        Self {
            exit,
            what: what.to_string(),
            next: None,
        }
    }

    /// Whoever read the results has gone, as `head` does: the command ends, and there is nothing to say.
    #[must_use]
    pub fn nobody_reads() -> Self {
        Self::new(Exit::Done, "nobody reads the results any more")
    }

    /// The user, or whoever started it, asked the command to end.
    #[must_use]
    pub fn interrupted() -> Self {
        Self::new(Exit::Failed, INTERRUPTED)
    }

    /// Whether the command ended because it was asked to.
    #[must_use]
    pub fn is_interruption(&self) -> bool {
        self.what == INTERRUPTED
    }

    /// Adds what to do next.
    #[must_use]
    pub fn or(mut self, next: impl fmt::Display) -> Self {
        self.next = Some(next.to_string());
        self
    }
}

/// A line each. Names of others and words of a server may stand in them, and are made harmless for a terminal here.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&harmless(&self.what))?;
        match &self.next {
            Some(next) => write!(f, "\n{}", harmless(next)),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}

impl From<HomeError> for Failure {
    fn from(error: HomeError) -> Self {
        let failure = Self::new(Exit::Failed, &error);
        match error {
            HomeError::Busy(_) => Self {
                exit: Exit::Busy,
                ..failure
            }
            .or("End it, or wait for it longer with --wait SECONDS."),
            HomeError::NoAccount => failure.or("Make one with: dialtone join LINK --username NAME"),
            HomeError::NoPlace => failure.or("Name a folder with --home DIR or DIALTONE_HOME."),
            HomeError::NotHere(_) | HomeError::WhichAccount(_) => Self {
                exit: Exit::Usage,
                ..failure
            }
            .or("Name the one you mean with --account NAME."),
            HomeError::Damaged(_) => failure.or(RESTORE_BACKUP),
            HomeError::Io { .. } => failure,
        }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        let failed = Self::new(Exit::Failed, &error);
        match error {
            OpenError::Home(error) => error.into(),
            OpenError::Keystore(KeystoreFileError::WrongPassphrase) => {
                failed.or("Try again, or set DIALTONE_PASSPHRASE.")
            }
            OpenError::Keystore(_) | OpenError::Store(_) | OpenError::Restore(_) => {
                failed.or(RESTORE_BACKUP)
            }
            OpenError::NeedsConsent(_) => Self {
                exit: Exit::Usage,
                ..failed
            }
            .or("Use https://, or agree once with --insecure-http."),
            OpenError::Server(_) => Self {
                exit: Exit::Usage,
                ..failed
            },
            OpenError::Trust(_) => failed.or("Name the right file with --ca FILE or DIALTONE_CA."),
            OpenError::AlreadyHere(_) | OpenError::Ended | OpenError::Password(_) => failed,
        }
    }
}

impl From<SendError> for Failure {
    fn from(error: SendError) -> Self {
        let exit = match error {
            SendError::NotMember | SendError::NotInChannel | SendError::Original => Exit::Refused,
            SendError::Empty | SendError::TooLong { .. } => Exit::Usage,
            _ => Exit::Failed,
        };
        Self::new(exit, error)
    }
}

impl From<IntentError> for Failure {
    fn from(error: IntentError) -> Self {
        let exit = match error {
            IntentError::NotMember | IntentError::NotAdmin | IntentError::NotAllowed => {
                Exit::Refused
            }
            IntentError::BadName => Exit::Usage,
            _ => Exit::Failed,
        };
        Self::new(exit, error)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let failure = Self::new(Exit::Refused, refusal);
        match refusal {
            Refusal::AlreadyFounded => failure.or("Ask a member for an invite."),
            Refusal::NotFounded => {
                failure.or("If it is you who founds it, say so with --found.")
            }
            Refusal::InviteSpent | Refusal::TokenUnknown | Refusal::TokenSpent => {
                failure.or("Ask for a new invite.")
            }
            Refusal::OtherCommunity => failure.or(
                "Do not go on: the server may be another one than whoever invited you means, or it is lying.",
            ),
            Refusal::AccountRefused => failure.or("Choose another username."),
            _ => failure,
        }
    }
}

const RESTORE_BACKUP: &str = "Nothing was changed. Put the account's folder back from a backup, or move it away and join anew.";

#[cfg(test)]
mod tests {
    use dialtone_protocol::client::LinkFailure;

    use super::*;
    use crate::link::LinkError;

    /// Spec 10.26.
    #[test]
    fn a_failure_says_nothing_of_a_server_to_the_terminal_itself() {
        let reason = "the server closed it: bye\n\x1b[2J\u{9b}2J\u{202e}";
        let failure = Failure::new(Exit::Unreachable, LinkError::new(LinkFailure::Lost, reason))
            .or("Try again.\x07");
        let told = failure.to_string();
        let lines: Vec<_> = told.lines().collect();
        assert!(
            lines[0].ends_with("bye\u{23ce}\u{fffd}[2J\u{fffd}2J\u{fffd}"),
            "{told:?}"
        );
        assert_eq!(lines[1..], ["Try again.\u{fffd}"]);
    }
}
