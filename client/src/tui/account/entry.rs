//! Opening an account of this machine, or making one by a link.

use std::time::Duration;

use dialtone_protocol::client::{Client, ConnectionState, Event, IntentName, Standing};
use dialtone_protocol::runtime::Runtime;
use dialtone_protocol::wire::link::Link;

use super::{Task, label};
use crate::account::{self, Account, Newcomer, OpenError, Options, Report};
use crate::exit::{Exit, Failure};
use crate::home::{AccountDir, AccountLock};
use crate::secrets::Passphrase;
use crate::server_url::ServerUrl;
use crate::tui::port::{Request, Update};
use crate::tui::snapshot::Profile;

/// How long another process that ends gets to give the account free.
const BUSY_PATIENCE: Duration = Duration::from_secs(3);

/// How long an account that was refused gets to end.
const END_WITHIN: Duration = Duration::from_secs(2);

impl<R: Runtime> Task<R> {
    /// One attempt to get in. `Ok(None)` when the request was none. An error says what to tell the user.
    pub(super) async fn attempt(&self, request: Request) -> Result<Option<Account<R>>, Update> {
        match request {
            Request::Unlock {
                account,
                passphrase,
                insecure,
            } => {
                let found = self.home.accounts().map_err(refused)?;
                let found = found.into_iter().find(|dir| label(dir) == account);
                let missing =
                    || Update::EntryRefused(format!("{account} is not on this machine any more"));
                let dir = found.ok_or_else(missing)?;
                self.open(&dir, Passphrase::new(passphrase.0), insecure)
                    .await
                    .map(Some)
            }
            Request::Join {
                link,
                username,
                password,
                passphrase,
                insecure,
            } => {
                let failed = |error: &dyn ToString| Update::EntryRefused(error.to_string());
                let link = Link::parse(&link).map_err(|error| failed(&error))?;
                let server: ServerUrl = link.url.parse().map_err(|error| failed(&error))?;
                let dir = self.home.account(&server, &username);
                let passphrase = Passphrase::new(passphrase.0);
                if dir.exists() {
                    // A join that was interrupted goes on where it was.
                    return self.open(&dir, passphrase, insecure).await.map(Some);
                }
                let newcomer = Newcomer {
                    link,
                    username,
                    password: Passphrase::new(password.0),
                    passphrase,
                    found: false,
                };
                self.join(&dir, newcomer, insecure).await.map(Some)
            }
            _ => Ok(None),
        }
    }

    async fn open(
        &self,
        dir: &AccountDir,
        passphrase: Passphrase,
        insecure: bool,
    ) -> Result<Account<R>, Update> {
        let lock = self.lock(dir).await?;
        let options = self.options(insecure);
        let opened = Account::open(&self.runtime, &self.home, dir, lock, passphrase, &options);
        let account = opened.await.map_err(not_opened)?;
        self.home.prefer(dir).map_err(refused)?;
        // What is here is shown before the network answers.
        self.entered(&account).await?;
        Ok(account)
    }

    async fn join(
        &self,
        dir: &AccountDir,
        newcomer: Newcomer,
        insecure: bool,
    ) -> Result<Account<R>, Update> {
        let lock = self.lock(dir).await?;
        let options = self.options(insecure);
        let made = Account::create(&self.runtime, &self.home, dir, lock, newcomer, &options);
        let account = made.await.map_err(not_opened)?;
        account.with(Client::connect).await;
        match self.until_in(&account).await {
            Ok(()) => {
                self.entered(&account).await?;
                Ok(account)
            }
            Err(failure) => {
                account.close(END_WITHIN).await;
                if failure.exit == Exit::Refused {
                    // The server took nothing of it, and another link or name needs the place.
                    let lock = self.lock(dir).await?;
                    dir.remove(&lock).map_err(refused)?;
                }
                Err(refused(failure))
            }
        }
    }

    /// Waits until the server and the log took the new account.
    async fn until_in(&self, account: &Account<R>) -> Result<(), Failure> {
        let ended = || Failure::new(Exit::Failed, "the account ended before it was made");
        loop {
            let look = |client: &mut Client, _| (client.me(), client.state());
            let (me, state) = account.with(look).await.ok_or_else(ended)?;
            match me.standing {
                Standing::Member => return Ok(()),
                Standing::Pending if state == ConnectionState::Online => return Ok(()),
                _ => {}
            }
            match account.reports().recv().await.map_err(|_| ended())? {
                Report::Event(Event::IntentRefused {
                    intent: IntentName::Found | IntentName::Join,
                    reason,
                }) => return Err(reason.into()),
                Report::Event(Event::StateChanged(state)) => {
                    if let Some(progress) = progress(state) {
                        self.tell(Update::Progress(progress.to_owned()));
                    }
                }
                Report::Event(_) => {}
                Report::Trouble(error) => {
                    self.tell(Update::Progress(format!("{error}; trying again")));
                }
                Report::Failed(error) => return Err(Failure::new(Exit::Failed, error)),
            }
        }
    }

    async fn entered(&self, account: &Account<R>) -> Result<(), Update> {
        let me = account.with(|client, now| {
            client.connect(now);
            Profile::from(&client.me())
        });
        let me = me
            .await
            .ok_or_else(|| Update::EntryRefused("the account ended".to_owned()))?;
        self.tell(Update::Entered(me));
        Ok(())
    }

    async fn lock(&self, dir: &AccountDir) -> Result<AccountLock, Update> {
        let waiting = || {
            let text = "waiting for another dialtone that uses this account";
            self.tell(Update::Progress(text.to_owned()));
        };
        account::lock(&self.runtime, dir, BUSY_PATIENCE, waiting)
            .await
            .map_err(refused)
    }

    fn options(&self, insecure: bool) -> Options {
        Options {
            allow_insecure: self.options.allow_insecure || insecure,
            ..self.options.clone()
        }
    }
}

const fn progress(state: ConnectionState) -> Option<&'static str> {
    match state {
        ConnectionState::Connecting => Some("talking to the server"),
        ConnectionState::Syncing | ConnectionState::Online => {
            Some("reading who belongs to the community")
        }
        _ => None,
    }
}

fn not_opened(error: OpenError) -> Update {
    match error {
        OpenError::NeedsConsent(server) => Update::ConsentNeeded(server),
        error => refused(error),
    }
}

/// What happened and what to do about it, on one line.
fn refused(failure: impl Into<Failure>) -> Update {
    let Failure { what, next, .. } = failure.into();
    Update::EntryRefused(match next {
        Some(next) => format!("{what}. {next}"),
        None => what,
    })
}
