//! The task between the screen and the account: it answers the screen's requests and tells what happens.
//!
//! First an account is opened or made, as often as the user tries; then the session runs until it is closed.

mod entry;
mod session;
mod voice;

use std::pin::pin;

use async_channel::{Receiver, Sender};
use dialtone_protocol::runtime::Runtime;
use futures_util::future::{Either, select};

use super::port::{Request, Update};
use crate::account::{Account, Options};
use crate::home::{AccountDir, Home, HomeError};
use voice::Line;
pub(super) use voice::Setup;

/// The task with what it works with.
pub(super) struct Task<R: Runtime> {
    pub(super) runtime: R,
    pub(super) home: Home,
    pub(super) options: Options,
    pub(super) voice: Setup,
    pub(super) requests: Receiver<Request>,
    pub(super) updates: Sender<Update>,
}

impl<R: Runtime> Task<R> {
    /// Answers requests until the account is closed or the screen is gone.
    pub(super) async fn run(self) {
        if let Some(account) = self.enter().await {
            let line = Line::new(self.runtime.clone(), self.voice.clone());
            session::run(account, line, &self.requests, &self.updates).await;
        }
        self.tell(Update::Closed);
    }

    /// Lets the user try until an account is open. `None` when the screen is gone.
    async fn enter(&self) -> Option<Account<R>> {
        loop {
            let request = self.requests.recv().await.ok()?;
            if request == Request::Close {
                return None;
            }
            let attempt = pin!(self.attempt(request));
            match select(attempt, pin!(self.given_up())).await {
                Either::Left((Ok(account), _)) => return account,
                Either::Left((Err(refused), _)) => self.tell(refused),
                Either::Right((is_last, _)) if is_last => return None,
                Either::Right(_) => {}
            }
        }
    }

    /// Waits until the user gives up an attempt. Says whether nothing else can follow.
    async fn given_up(&self) -> bool {
        loop {
            match self.requests.recv().await {
                Ok(Request::Abandon) => return false,
                Ok(Request::Close) | Err(_) => return true,
                Ok(_) => {}
            }
        }
    }

    fn tell(&self, update: Update) {
        // The screen may be gone. The channel is not bounded, so this never waits.
        let _ = self.updates.try_send(update);
    }
}

/// How an account is called on the first screen.
pub(super) fn label(account: &AccountDir) -> String {
    format!("{} on {}", account.username(), account.server())
}

/// The accounts of a home, the one used last first.
///
/// # Errors
///
/// When the home cannot be read.
pub(super) fn accounts(home: &Home, wanted: Option<&str>) -> Result<Vec<String>, HomeError> {
    let mut labels: Vec<_> = home.accounts()?.iter().map(label).collect();
    let first = match home.choose(wanted) {
        Ok(account) => Some(label(&account)),
        // The user chooses on the screen.
        Err(HomeError::NoAccount | HomeError::WhichAccount(_)) => None,
        Err(error) => return Err(error),
    };
    labels.sort_by_key(|label| Some(label) != first.as_ref());
    Ok(labels)
}
