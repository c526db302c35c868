//! An account that runs: the handle for screens and commands.
//!
//! [`Account::open`] and [`Account::create`] start the loop that owns the engine. [`Account::with`] reads from the
//! engine and asks it for things, [`Account::reports`] says what happens, [`Account::close`] ends it in order.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_channel::{Receiver, Sender, WeakSender};
use dialtone_protocol::client::{Client, NewAccount, Output};
use dialtone_protocol::crypto::keystore::FileKey;
use dialtone_protocol::crypto::password;
use dialtone_protocol::runtime::{Observer, Runtime};
use dialtone_protocol::time::Instant;
use dialtone_protocol::wire::link::{Link, LinkKind};

use crate::home::{AccountDir, AccountLock, Home, HomeError};
use crate::keystore_file;
use crate::link::drive::{Drive, Visit};
use crate::link::{Connector, Trust, timing};
use crate::secrets::Passphrase;
use crate::server_url::ServerUrl;
use crate::store::{Store, StoreError};

mod error;
#[cfg(test)]
mod tests;

pub use crate::link::drive::Report;
pub use error::OpenError;

/// How long [`Account::close`] lets the engine post what it owes.
pub const SETTLE_WITHIN: Duration = Duration::from_secs(10);

/// How an account reaches its server.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whose word counts for the server's certificate.
    pub trust: Trust,
    /// Whether the user agrees, now and from now on, to talk to this server without TLS.
    pub allow_insecure: bool,
    /// Sees every output of the engine.
    pub observer: Observer<Output>,
}

/// What a user chooses for a new account.
#[derive(Clone, Debug)]
pub struct Newcomer {
    /// The link by which the account comes in.
    pub link: Link,
    /// The name on the server.
    pub username: String,
    /// The account's password. The server gets only what is derived from it.
    pub password: Passphrase,
    /// What seals the keystore. It may be the same as the password.
    pub passphrase: Passphrase,
    /// Whether a link that says nothing about it may found the community.
    pub found: bool,
}

/// A running account. When it is dropped, the account stops without settling what it owes.
#[derive(Debug)]
pub struct Account<R: Runtime> {
    runtime: R,
    visits: Sender<Visit>,
    reports: Receiver<Report>,
    ended: Receiver<()>,
    place: AccountDir,
}

impl<R: Runtime> Account<R> {
    /// Opens an account that was made in this home. It is not connected yet: [`Client::connect`] asks for that.
    ///
    /// # Errors
    ///
    /// When the passphrase is wrong, or something in the account's folder cannot be used.
    pub async fn open(
        runtime: &R,
        home: &Home,
        account: &AccountDir,
        lock: AccountLock,
        passphrase: Passphrase,
        options: &Options,
    ) -> Result<Self, OpenError> {
        let connector = connector(runtime, home, account.server(), options).await?;
        let (keystore, path, seed) = (
            account.keystore_file(),
            account.store_file(),
            runtime.seed(),
        );
        let (store, records) = runtime
            .unblock(move || {
                let key = keystore_file::unlock(&keystore, &passphrase)?;
                let store = Store::open(&path, key, seed)?;
                let records = store.load()?;
                Ok::<_, OpenError>((store, records))
            })
            .await?;
        let client = Client::restore(
            runtime.seed(),
            records,
            runtime.now(),
            runtime.unix_millis(),
        )?;
        Ok(Self::start(
            connector,
            client,
            store,
            Arc::new(lock),
            options.observer.clone(),
            account.clone(),
        ))
    }

    /// Makes an account in this home. It is not connected yet, and the server knows nothing of it before it is.
    ///
    /// # Errors
    ///
    /// When the account is there already, or its folder cannot be used.
    pub async fn create(
        runtime: &R,
        home: &Home,
        account: &AccountDir,
        lock: AccountLock,
        newcomer: Newcomer,
        options: &Options,
    ) -> Result<Self, OpenError> {
        if account.exists() {
            return Err(OpenError::AlreadyHere(account.name()));
        }
        let connector = connector(runtime, home, account.server(), options).await?;
        let founds = match newcomer.link.kind {
            LinkKind::Found => true,
            LinkKind::Host => newcomer.found,
            _ => false,
        };
        let (keystore, path) = (account.keystore_file(), account.store_file());
        let (key_seed, store_seed) = (runtime.seed(), runtime.seed());
        let Newcomer {
            link,
            username,
            password,
            passphrase,
            ..
        } = newcomer;
        let name = username.clone();
        let (store, password) = runtime
            .unblock(move || {
                let key = keystore_file::create(&keystore, &passphrase, key_seed)?;
                let store = new_store(&path, key, store_seed)?;
                let password = password::account_password(password.expose(), &name)
                    .map_err(OpenError::Password)?;
                Ok::<_, OpenError>((store, password))
            })
            .await?;
        let new = NewAccount::new(link, &username, &password);
        let (seed, now, unix) = (runtime.seed(), runtime.now(), runtime.unix_millis());
        let client = if founds {
            Client::found(seed, new, now, unix)
        } else {
            Client::join(seed, new, now, unix)
        };
        let lock = Arc::new(lock);
        let started = Self::start(
            connector,
            client,
            store,
            Arc::clone(&lock),
            options.observer.clone(),
            account.clone(),
        );
        // The answer to a visit comes when everything before it is durable. Only then is the account described, and
        // with that there: one without records cannot be gone on with.
        if started.with(|_, _| ()).await.is_none() {
            return Err(started.why_it_failed());
        }
        account.describe(&lock)?;
        home.prefer(account)?;
        Ok(started)
    }

    /// Lets `visit` see the engine and ask it for things, between two of its turns. The answer comes once all that
    /// it asked for is durable; `None` when the account has ended.
    pub async fn with<T: Send + 'static>(
        &self,
        visit: impl FnOnce(&mut Client, Instant) -> T + Send + 'static,
    ) -> Option<T> {
        see(&self.visits, visit).await
    }

    /// Where it lies.
    #[must_use]
    pub const fn place(&self) -> &AccountDir {
        &self.place
    }

    /// Somebody else who may see the engine, as long as the account runs.
    #[must_use]
    pub fn visitor(&self) -> Visitor {
        Visitor(self.visits.downgrade())
    }

    /// What happens, in order. Each report goes to one receiver only. They are kept until somebody takes them.
    #[must_use]
    pub const fn reports(&self) -> &Receiver<Report> {
        &self.reports
    }

    /// Ends the account: lets it post what it owes to others for at most `bound`, then waits until its files are
    /// closed.
    pub async fn close(self, bound: Duration) {
        if self.with(Client::close).await.is_some() {
            // The loop ends by itself once the engine has settled.
            timing::within(&self.runtime, bound, self.ended.recv()).await;
        }
        let Self { visits, ended, .. } = self;
        drop(visits);
        let _ = ended.recv().await;
    }

    /// What the loop said at its end.
    fn why_it_failed(&self) -> OpenError {
        while let Ok(report) = self.reports.try_recv() {
            if let Report::Failed(error) = report {
                return error.into();
            }
        }
        OpenError::Ended
    }

    fn start(
        connector: Connector<R>,
        client: Client,
        store: Store,
        lock: Arc<AccountLock>,
        observer: Observer<Output>,
        place: AccountDir,
    ) -> Self {
        let runtime = connector.runtime().clone();
        let (visits, visited) = async_channel::bounded(VISITS);
        let (report, reports) = async_channel::unbounded();
        let (alive, ended) = async_channel::bounded::<()>(1);
        let drive = Drive::new(
            client,
            Arc::new(store),
            connector,
            visited,
            report,
            observer,
        );
        runtime.spawn(async move {
            drive.run().await;
            // The store is closed: the next process may have the account.
            drop(lock);
            drop(alive);
        });
        Self {
            runtime,
            visits,
            reports,
            ended,
            place,
        }
    }
}

/// Somebody beside the account's holder who may see the engine. It does not keep the account running.
#[derive(Clone, Debug)]
pub struct Visitor(WeakSender<Visit>);

impl Visitor {
    /// Lets `visit` see the engine, as [`Account::with`] does. `None` when the account has ended.
    pub async fn with<T: Send + 'static>(
        &self,
        visit: impl FnOnce(&mut Client, Instant) -> T + Send + 'static,
    ) -> Option<T> {
        see(&self.0.upgrade()?, visit).await
    }
}

async fn see<T: Send + 'static>(
    visits: &Sender<Visit>,
    visit: impl FnOnce(&mut Client, Instant) -> T + Send + 'static,
) -> Option<T> {
    let (answer, answered) = async_channel::bounded(1);
    let visit: Visit = Box::new(move |client, now| {
        let value = visit(client, now);
        Box::new(move || {
            // Whoever asked may have gone.
            let _ = answer.try_send(value);
        })
    });
    visits.send(visit).await.ok()?;
    answered.recv().await.ok()
}

/// How many visits wait for the loop before the next one waits to be queued.
const VISITS: usize = 64;

/// How often a process that waits for another one looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Takes an account for this process, waiting for another one to end for at most `patience`. `waiting` is called once
/// when there is something to wait for.
///
/// # Errors
///
/// [`HomeError::Busy`] when the other one did not end in time.
pub async fn lock<R: Runtime>(
    runtime: &R,
    account: &AccountDir,
    patience: Duration,
    waiting: impl FnOnce(),
) -> Result<AccountLock, HomeError> {
    let give_up = runtime.now() + patience;
    let mut waiting = Some(waiting);
    loop {
        match account.try_lock() {
            Err(HomeError::Busy(_)) if runtime.now() < give_up => {}
            other => return other,
        }
        if let Some(waiting) = waiting.take() {
            waiting();
        }
        runtime.sleep_until(runtime.now() + LOOK_AGAIN).await;
    }
}

/// Makes sure that the way to the server is one that the user agreed to, and reads what it trusts.
async fn connector<R: Runtime>(
    runtime: &R,
    home: &Home,
    server: &str,
    options: &Options,
) -> Result<Connector<R>, OpenError> {
    let server: ServerUrl = server.parse()?;
    if !server.is_tls() && !server.is_loopback() {
        if options.allow_insecure {
            home.allow_insecure(&server)?;
        } else if !home.allows_insecure(&server) {
            return Err(OpenError::NeedsConsent(server.origin()));
        }
    }
    let (inner, trust) = (runtime.clone(), options.trust.clone());
    let made = runtime.unblock(move || Connector::new(inner, server, &trust));
    Ok(made.await?)
}

/// Makes a store in place of one that a crash left before its account was described.
fn new_store(path: &Path, key: FileKey, seed: [u8; 32]) -> Result<Store, OpenError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(StoreError::io(path, &error).into());
        }
        _ => {}
    }
    Ok(Store::create(path, key, seed)?)
}
