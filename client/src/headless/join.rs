//! `join`: makes an account by a link, or goes on with one that a crash interrupted.

use dialtone_protocol::client::{ConnectionState, Event, IntentName, Refusal, Standing};
use dialtone_protocol::runtime::Runtime;
use dialtone_protocol::wire::link::Link;

use super::session::{self, Session};
use super::{Context, output, prompt};
use crate::account::{Account, Newcomer};
use crate::exit::{Exit, Failure};
use crate::invites::in_one_row;
use crate::server_url::ServerUrl;

/// Makes the account and waits until it is a member, or waits for a vouch.
pub(super) async fn run<R: Runtime>(
    context: Context<R>,
    link: &str,
    username: &str,
    found: bool,
) -> Result<(), Failure> {
    let usage = |error: &dyn std::fmt::Display| Failure::new(Exit::Usage, error);
    let link = Link::parse(&in_one_row(link)).map_err(|error| usage(&error))?;
    let server: ServerUrl = link.url.parse().map_err(|error| usage(&error))?;
    let account = context.home.account(&server, username);

    let lock = session::lock(&context, &account).await?;
    let mut session = if account.exists() {
        drop(lock);
        output::note(&format!(
            "dialtone: the account {} is here already; going on with it",
            account.name()
        ));
        Session::open(&context, &account).await?
    } else {
        let (password, passphrase) = prompt::new_password_and_passphrase()?;
        let newcomer = Newcomer {
            link,
            username: account.username().to_owned(),
            password,
            passphrase,
            found,
        };
        let (runtime, home) = (&context.runtime, &context.home);
        let made = Account::create(runtime, home, &account, lock, newcomer, &context.options);
        Session::start(&context, made.await?).await
    };

    let outcome = until_in(&mut session).await;
    session.close().await;
    if let Err(failure) = &outcome
        && failure.exit == Exit::Refused
    {
        // The server took nothing of it, and another link or name needs the place.
        let lock = session::lock(&context, &account).await?;
        account.remove(&lock)?;
    }
    outcome
}

async fn until_in<R: Runtime>(session: &mut Session<R>) -> Result<(), Failure> {
    loop {
        let (me, state) = session
            .with(|client, _| (client.me(), client.state()))
            .await?;
        match me.standing {
            Standing::Member => {
                output::note(&format!("joined {} as {}", me.server_url, me.username));
                return Ok(());
            }
            Standing::Pending if state == ConnectionState::Online => {
                output::note(&format!(
                    "{} waits for an admin of {} to vouch for it. Tell an admin this safety number, by another way:",
                    me.username, me.server_url
                ));
                return output::line(&me.safety_number.unwrap_or_default());
            }
            Standing::Removed => {
                return Err(Failure::new(
                    Exit::Failed,
                    format_args!("{} was removed from this community", me.username),
                ));
            }
            _ => {}
        }
        if let Some(Event::IntentRefused { intent, reason }) = session.next_event(None).await?
            && matches!(intent, IntentName::Found | IntentName::Join)
        {
            return Err(refused(reason));
        }
    }
}

fn refused(reason: Refusal) -> Failure {
    reason.into()
}
