//! The desktop's portal for global shortcuts (`org.freedesktop.portal.GlobalShortcuts`): the desktop watches the key,
//! usually after it has asked a person.
//!
//! A session is begun and the key bound in it, first with the trigger that is wanted, and if the desktop cannot do that
//! in a second session without one, for a session binds only once. A person who says no is not asked twice.

mod desktop;
mod reply;

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use zbus::zvariant::{ObjectPath, OwnedObjectPath, Value};

use super::binding::Binding;
use super::choice::{Backend, Environment};
use super::watch::{Ended, Line, NotReady, Ready, Watch, start, within};
use desktop::{Desktop, SESSION, SHORTCUTS};

/// The shortcut's name between this program and the desktop. A desktop remembers its key by it.
const SHORTCUT: &str = "dialtone_ptt";

/// What the desktop tells a person about the shortcut.
const DESCRIPTION: &str = "Talk while held (dialtone)";

/// What is said of a key that the desktop bound without saying which.
const UNSET: &str = "the key of the desktop's settings";

/// Why the portal does not watch the key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PortalError {
    /// The desktop has bound other shortcuts, but not this one.
    NotBound,
    /// The session's bus cannot be reached.
    NoBus(String),
    /// The desktop has no portal, or none for shortcuts.
    Missing,
    /// A person said no.
    Refused,
    /// The portal could not do it.
    Failed(String),
    /// The portal said nothing in time.
    Unanswered(Step),
    /// The bus or the portal ended before the key was bound.
    Gone(Ended),
    /// There is no thread to watch it.
    Thread,
}

/// What the portal is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// A session.
    Session,
    /// The key.
    Bind,
}

impl PortalError {
    /// Whether the desktop may yet bind the shortcut if it may choose the key.
    const fn is_about_the_key(&self) -> bool {
        matches!(self, Self::NotBound | Self::Failed(_))
    }
}

impl fmt::Display for PortalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBound => f.write_str("the desktop did not bind the key"),
            Self::NoBus(why) => write!(f, "the session's bus cannot be reached: {why}"),
            Self::Missing => f.write_str("the desktop has no portal for shortcuts"),
            Self::Refused => f.write_str("the key was refused when the desktop asked"),
            Self::Failed(why) => write!(f, "the desktop cannot bind the key: {why}"),
            Self::Unanswered(Step::Session) => f.write_str("the desktop portal does not answer"),
            Self::Unanswered(Step::Bind) => {
                f.write_str("nobody answered the desktop's question about the key in time")
            }
            Self::Gone(why) => why.fmt(f),
            Self::Thread => f.write_str("there is no thread to watch the key"),
        }
    }
}

impl std::error::Error for PortalError {}

/// Lets the portal watch a key.
pub(super) async fn watch(
    binding: Binding,
    environment: &Environment,
) -> Result<Watch, PortalError> {
    let environment = environment.clone();
    let patience = environment.patience;
    // The thread bounds each step itself; this is for the case that it is stuck. There are two tries of two steps.
    let longest = (patience.session + patience.bind) * 2 + Duration::from_secs(1);
    let work = move |ready, line| run(binding, environment, ready, line);
    start(Backend::Portal, longest, work)
        .await
        .map_err(|error| match error {
            NotReady::Said(error) => error,
            NotReady::Thread => PortalError::Thread,
            NotReady::Late => PortalError::Unanswered(Step::Bind),
        })
}

async fn run(
    binding: Binding,
    environment: Environment,
    ready: Ready<PortalError>,
    mut line: Line,
) {
    match Shortcut::bind(binding, &environment).await {
        Ok((shortcut, key)) => {
            ready.say(Ok(key)).await;
            let why = shortcut.follow(&mut line).await;
            line.ended(why).await;
        }
        Err(error) => ready.say(Err(error)).await,
    }
}

/// A bound shortcut.
struct Shortcut {
    desktop: Desktop,
    session: OwnedObjectPath,
}

impl Shortcut {
    /// Binds the key, and says which the desktop took.
    async fn bind(
        binding: Binding,
        environment: &Environment,
    ) -> Result<(Self, String), PortalError> {
        let patience = environment.patience;
        let begin = async {
            let mut desktop = Desktop::find(environment.bus.as_deref()).await?;
            let session = session(&mut desktop).await?;
            Ok((desktop, session))
        };
        let (mut desktop, mut path) = within(patience.session, begin)
            .await
            .unwrap_or(Err(PortalError::Unanswered(Step::Session)))?;

        let parent = environment.parent_window.as_str();
        let wanted = shortcut(&mut desktop, &path, Some(binding.trigger()), parent);
        let mut bound = within(patience.bind, wanted).await;
        if matches!(&bound, Some(Err(error)) if error.is_about_the_key()) {
            desktop.close(&path).await;
            path = within(patience.session, session(&mut desktop))
                .await
                .unwrap_or(Err(PortalError::Unanswered(Step::Session)))?;
            let any = shortcut(&mut desktop, &path, None, parent);
            bound = within(patience.bind, any)
                .await
                .map(|key| key.map(|key| key.or_else(|| Some(UNSET.to_owned()))));
        }
        let key = bound.unwrap_or(Err(PortalError::Unanswered(Step::Bind)))?;
        let key = key.unwrap_or_else(|| binding.to_string());
        let session = path;
        Ok((Self { desktop, session }, key))
    }

    /// Tells what happens to the key until nobody watches it any more.
    async fn follow(mut self, line: &mut Line) -> Ended {
        loop {
            let message = match self.desktop.signal().await {
                Ok(message) => message,
                Err(why) => return why,
            };
            let header = message.header();
            let interface = header.interface().map_or("", |name| name.as_str());
            let member = header.member().map_or("", |name| name.as_str());
            match (interface, member) {
                (SHORTCUTS, "Activated") if self.is_meant(&message) => line.down().await,
                (SHORTCUTS, "Deactivated") if self.is_meant(&message) => line.up().await,
                (SESSION, "Closed") if header.path() == Some(&self.session) => {
                    return Ended::SessionClosed;
                }
                _ => {}
            }
        }
    }

    /// Whether a signal is about this shortcut.
    fn is_meant(&self, signal: &zbus::Message) -> bool {
        reply::shortcut(signal)
            .is_some_and(|(session, name)| session == self.session && name == SHORTCUT)
    }
}

/// Begins a session.
async fn session(desktop: &mut Desktop) -> Result<OwnedObjectPath, PortalError> {
    let results = desktop
        .request("CreateSession", |token| {
            // One session lives at a time, but a second try may come before the first is quite closed.
            let session_token = Value::from(format!("{token}_session"));
            (HashMap::from([
                ("handle_token", Value::from(token)),
                ("session_handle_token", session_token),
            ]),)
        })
        .await?;
    reply::session(&results).ok_or_else(|| PortalError::Failed("it names no session".to_owned()))
}

/// Binds the shortcut, and says which key the desktop took, if it says that.
async fn shortcut(
    desktop: &mut Desktop,
    session: &ObjectPath<'_>,
    trigger: Option<String>,
    parent: &str,
) -> Result<Option<String>, PortalError> {
    let mut about = HashMap::from([("description", Value::from(DESCRIPTION))]);
    about.extend(trigger.map(|trigger| ("preferred_trigger", Value::from(trigger))));
    let results = desktop
        .request("BindShortcuts", |token| {
            let options = HashMap::from([("handle_token", Value::from(token))]);
            (session, vec![(SHORTCUT, about)], parent, options)
        })
        .await?;
    reply::bound(&results, SHORTCUT).ok_or(PortalError::NotBound)
}
