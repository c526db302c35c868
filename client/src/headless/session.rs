//! An account that is connected, and how a command waits for things to come true.

use std::pin::pin;
use std::time::Duration;

use dialtone_protocol::client::{ChannelView, Client, ConnectionState, Event, Standing, Warning};
use dialtone_protocol::runtime::Runtime;
use dialtone_protocol::time::Instant;
use futures_util::future::{Either, select};

use super::{Context, output, prompt};
use crate::account::{self, Account, Report, SETTLE_WITHIN, Visitor};
use crate::exit::{Exit, Failure};
use crate::home::{AccountDir, AccountLock};
use crate::interrupt;
use crate::link::{LinkError, timing};

/// How long a command that names something waits for it to appear, once the account is up to date. Names come
/// sealed, and may come later than what they name.
pub(super) const APPEARS_WITHIN: Duration = Duration::from_secs(5);

/// How long the attempt takes that a command makes before it gives up.
const LAST_TRY: Duration = Duration::from_secs(5);

/// An account that is connected.
pub(super) struct Session<R: Runtime> {
    runtime: R,
    account: Account<R>,
    timeout: Duration,
    connected: bool,
    /// Whether a connection that was lost is waited for without end.
    patient: bool,
    /// While there is no connection: when to give up.
    give_up_at: Option<Instant>,
    /// Whether the last attempt before giving up was asked for.
    last_try: bool,
    wish_to_end: interrupt::Wish,
    trouble: Option<LinkError>,
    refused: Option<Warning>,
}

impl<R: Runtime> Session<R> {
    /// Opens an account of the home and asks for its connection.
    pub(super) async fn open(context: &Context<R>, account: &AccountDir) -> Result<Self, Failure> {
        let lock = lock(context, account).await?;
        let passphrase = prompt::passphrase()?;
        let (runtime, home) = (&context.runtime, &context.home);
        let opened = Account::open(runtime, home, account, lock, passphrase, &context.options);
        Ok(Self::start(context, opened.await?).await)
    }

    /// Takes over an account and asks for its connection.
    pub(super) async fn start(context: &Context<R>, account: Account<R>) -> Self {
        account.with(Client::connect).await;
        Self {
            runtime: context.runtime.clone(),
            account,
            timeout: context.timeout,
            connected: false,
            patient: false,
            give_up_at: Some(context.runtime.now() + context.timeout),
            last_try: false,
            wish_to_end: interrupt::watch(),
            trouble: None,
            refused: None,
        }
    }

    /// Somebody else who may see the engine.
    pub(super) fn visitor(&self) -> Visitor {
        self.account.visitor()
    }

    /// Lets `visit` see the engine and ask it for things.
    pub(super) async fn with<T: Send + 'static>(
        &self,
        visit: impl FnOnce(&mut Client, Instant) -> T + Send + 'static,
    ) -> Result<T, Failure> {
        self.account.with(visit).await.ok_or_else(ended)
    }

    /// Waits for the next thing that the engine says, for at most `patience`. `None` when it says nothing.
    pub(super) async fn next_event(
        &mut self,
        patience: Option<Duration>,
    ) -> Result<Option<Event>, Failure> {
        let give_up = patience.map(|patience| self.runtime.now() + patience);
        loop {
            let until = [give_up, self.give_up_at].into_iter().flatten().min();
            let report = match until {
                Some(until) => {
                    let limit = until - self.runtime.now();
                    timing::within(&self.runtime, limit, self.next_report()).await
                }
                None => Some(self.next_report().await),
            };
            match report {
                Some(Ok(Report::Event(event))) => {
                    self.note(&event)?;
                    return Ok(Some(event));
                }
                Some(Ok(Report::Trouble(error))) => self.trouble = Some(error),
                Some(Ok(Report::Failed(error))) => return Err(Failure::new(Exit::Failed, error)),
                Some(Err(failure)) => return Err(failure),
                None => {
                    let now = self.runtime.now();
                    match self.give_up_at {
                        Some(at) if at > now => return Ok(None),
                        None => return Ok(None),
                        Some(_) if self.last_try => return Err(self.unreachable()),
                        Some(_) => self.try_once_more(now).await?,
                    }
                }
            }
        }
    }

    /// Goes on without end from now on when a connection is lost.
    pub(super) const fn be_patient(&mut self) {
        self.patient = true;
    }

    /// The engine may be waiting between two attempts for longer than this command wants to.
    async fn try_once_more(&mut self, now: Instant) -> Result<(), Failure> {
        self.last_try = true;
        self.give_up_at = Some(now + LAST_TRY.min(self.timeout));
        self.with(Client::connect).await
    }

    /// The next report, or an error when the account or the user ends it all.
    async fn next_report(&self) -> Result<Report, Failure> {
        let report = self.account.reports().recv();
        match select(pin!(report), pin!(self.wish_to_end.comes())).await {
            Either::Left((report, _)) => report.map_err(|_| ended()),
            Either::Right(((), _)) => Err(Failure::interrupted()),
        }
    }

    /// Waits until `look` finds something in the engine, for at most `patience`.
    pub(super) async fn until<T, F>(
        &mut self,
        patience: Option<Duration>,
        look: F,
    ) -> Result<Option<T>, Failure>
    where
        T: Send + 'static,
        F: Fn(&Client) -> Option<T> + Clone + Send + 'static,
    {
        let give_up = patience.map(|patience| self.runtime.now() + patience);
        loop {
            let look = look.clone();
            if let Some(found) = self.with(move |client, _| look(client)).await? {
                return Ok(Some(found));
            }
            let left = give_up.map(|at| at - self.runtime.now());
            if self.next_event(left).await?.is_none() {
                return Ok(None);
            }
        }
    }

    /// Waits until the account is connected and up to date.
    pub(super) async fn until_online(&mut self) -> Result<(), Failure> {
        let online = |client: &Client| (client.state() == ConnectionState::Online).then_some(());
        self.until(None, online).await.map(drop)
    }

    /// Waits until the account is connected, up to date, and a member.
    pub(super) async fn until_member(&mut self) -> Result<(), Failure> {
        self.until_online().await?;
        let me = self.with(|client, _| client.me()).await?;
        match me.standing {
            Standing::Member => Ok(()),
            Standing::Removed => Err(Failure::new(
                Exit::Refused,
                format_args!("{} was removed from this community", me.username),
            )),
            Standing::Pending => {
                let failure = Failure::new(
                    Exit::Refused,
                    format_args!("{} waits for an admin to vouch for it", me.username),
                );
                Err(match me.safety_number {
                    Some(number) => failure.or(format_args!(
                        "Tell an admin this safety number, by another way: {number}"
                    )),
                    None => failure,
                })
            }
            _ => Err(Failure::new(
                Exit::Failed,
                format_args!("{} did not join yet", me.username),
            )),
        }
    }

    /// Waits until there is a channel of that name or id, but not for ever.
    pub(super) async fn channel(&mut self, wanted: &str) -> Result<ChannelView, Failure> {
        let name = wanted.to_owned();
        let found = self
            .until(Some(APPEARS_WITHIN), move |client| find(client, &name))
            .await?;
        found.ok_or_else(|| {
            Failure::new(
                Exit::Failed,
                format_args!("there is no channel called {wanted}"),
            )
            .or("List them with: dialtone channels")
        })
    }

    /// Ends the session: posts what it owes, within a bound, and closes its files.
    pub(super) async fn close(self) {
        let bound = if self.connected {
            SETTLE_WITHIN
        } else {
            // Nothing can be posted now; the next command that connects does it.
            Duration::from_millis(500)
        };
        self.account.close(bound).await;
    }

    /// Ends the session whatever came out of the command, and hands that on.
    pub(super) async fn close_with<T>(self, outcome: Result<T, Failure>) -> Result<T, Failure> {
        self.close().await;
        outcome
    }

    fn note(&mut self, event: &Event) -> Result<(), Failure> {
        match event {
            Event::Warning(warning) => {
                output::note(&format!("dialtone: {warning}"));
                self.refused = Some(warning.clone());
            }
            Event::StateChanged(state) => match state {
                ConnectionState::Online | ConnectionState::Syncing => {
                    self.connected = true;
                    self.give_up_at = None;
                    self.last_try = false;
                }
                ConnectionState::Refused => {
                    let what = self.refused.take().map_or_else(
                        || "the server refused this account".to_owned(),
                        |warning| warning.to_string(),
                    );
                    return Err(Failure::new(Exit::Refused, what));
                }
                _ if self.connected => {
                    self.connected = false;
                    if !self.patient {
                        self.give_up_at = Some(self.runtime.now() + self.timeout);
                    }
                    output::note("dialtone: the connection was lost; trying again");
                }
                _ => {}
            },
            _ => {}
        }
        Ok(())
    }

    fn unreachable(&self) -> Failure {
        let next =
            "Check the server's address and the network, or wait longer with --timeout SECONDS.";
        match &self.trouble {
            Some(trouble) => Failure::new(Exit::Unreachable, trouble),
            None => Failure::new(Exit::Unreachable, "the server does not answer"),
        }
        .or(next)
    }
}

/// Takes an account for this process, and says so when it has to wait for another one.
pub(super) async fn lock<R: Runtime>(
    context: &Context<R>,
    account: &AccountDir,
) -> Result<AccountLock, Failure> {
    let waiting = || {
        output::note(&format!(
            "dialtone: another dialtone is using the account {}; waiting for it to end",
            account.name()
        ));
    };
    Ok(account::lock(&context.runtime, account, context.wait, waiting).await?)
}

/// The channel of that name, with or without `#`, or of that id.
pub(super) fn find(client: &Client, wanted: &str) -> Option<ChannelView> {
    let name = wanted.strip_prefix('#').unwrap_or(wanted);
    let channels = client.channels();
    let by_id = |channel: &&ChannelView| channel.id.to_string() == wanted;
    let by_name =
        |channel: &&ChannelView| !channel.original && channel.name.as_deref() == Some(name);
    let found = channels
        .iter()
        .find(by_id)
        .or_else(|| channels.iter().find(by_name));
    found.cloned()
}

fn ended() -> Failure {
    Failure::new(
        Exit::Failed,
        "the account ended before the command was done",
    )
}
