//! The way to the portal over the session's bus: calls, the answers that come to them later, and signals.
//!
//! All signals of the portal come through one stream, which is open before the first call. So no answer can be missed,
//! however fast it is, and a release never overtakes its press, as it could with a stream for each.

use std::collections::HashMap;

use futures_util::StreamExt;
use futures_util::future::{Either, select};
use serde::Serialize;
use zbus::message::Type;
use zbus::names::OwnedUniqueName;
use zbus::zvariant::{DynamicType, ObjectPath, OwnedObjectPath, OwnedValue};
use zbus::{Connection, MatchRule, Message, MessageStream, connection};

use super::PortalError;
use crate::ptt::watch::{Ended, told};

/// The portal's name on the bus.
const PORTAL: &str = "org.freedesktop.portal.Desktop";

/// Where the portal is found, and below which its sessions and requests are.
const PATH: &str = "/org/freedesktop/portal/desktop";

/// The portal's part for shortcuts.
pub(super) const SHORTCUTS: &str = "org.freedesktop.portal.GlobalShortcuts";

/// A session with the portal.
pub(super) const SESSION: &str = "org.freedesktop.portal.Session";

/// A call that is answered later.
const REQUEST: &str = "org.freedesktop.portal.Request";

/// The bus itself, by its name and its interface.
const BUS: &str = "org.freedesktop.DBus";

/// Where the bus is found.
const BUS_PATH: &str = "/org/freedesktop/DBus";

/// As many of the portal's signals wait while a call is made. With more, the bus has to wait too, and the call runs
/// into its time limit; few are sent at all.
const MAX_WAITING_SIGNALS: usize = 256;

/// The portal.
pub(super) struct Desktop {
    bus: Connection,
    /// Who is the portal now. A successor knows nothing of our session.
    owner: OwnedUniqueName,
    owners: MessageStream,
    signals: MessageStream,
    /// How many requests were made; each has a name of its own.
    requests: u32,
}

impl Desktop {
    /// Finds the portal, and has it started if need be.
    pub(super) async fn find(address: Option<&str>) -> Result<Self, PortalError> {
        let bus = connect(address)
            .await
            .map_err(|error| PortalError::NoBus(told(&error.to_string())))?;
        // Before the portal is looked for: its end cannot be missed.
        let rule = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender(BUS)
            .and_then(|rule| rule.interface(BUS))
            .and_then(|rule| rule.member("NameOwnerChanged"))
            .and_then(|rule| rule.add_arg(PORTAL))
            .map_err(failed)?
            .build();
        let owners = MessageStream::for_match_rule(rule, &bus, None)
            .await
            .map_err(failed)?;
        // A bus says of a portal that it cannot start that it is unknown, even when it is there.
        let owner = match owner(&bus).await {
            Err(PortalError::Missing) => {
                let which = (PORTAL, 0u32);
                bus.call_method(Some(BUS), BUS_PATH, Some(BUS), "StartServiceByName", &which)
                    .await
                    .map_err(failed)?;
                owner(&bus).await?
            }
            found => found?,
        };
        let rule = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender(&owner)
            .and_then(|rule| rule.path_namespace(PATH))
            .map_err(failed)?
            .build();
        let signals = MessageStream::for_match_rule(rule, &bus, Some(MAX_WAITING_SIGNALS))
            .await
            .map_err(failed)?;
        Ok(Self {
            bus,
            owner,
            owners,
            signals,
            requests: 0,
        })
    }

    /// Makes a request of the part for shortcuts and waits for what comes of it. `body` gets the request's name.
    pub(super) async fn request<B>(
        &mut self,
        method: &str,
        body: impl FnOnce(String) -> B,
    ) -> Result<HashMap<String, OwnedValue>, PortalError>
    where
        B: Serialize + DynamicType,
    {
        self.requests = self.requests.wrapping_add(1);
        let body = body(format!("dialtone_{}", self.requests));
        let reply = self
            .bus
            .call_method(Some(&self.owner), PATH, Some(SHORTCUTS), method, &body)
            .await
            .map_err(refused)?;
        let request: OwnedObjectPath = reply.body().deserialize().map_err(failed)?;
        loop {
            let signal = self.signal().await.map_err(PortalError::Gone)?;
            let header = signal.header();
            let answers = header.interface().is_some_and(|name| name == REQUEST)
                && header.member().is_some_and(|name| name == "Response")
                && header.path() == Some(&request);
            if answers {
                let body = signal.body();
                let (outcome, results): (u32, _) = body.deserialize().map_err(failed)?;
                return match outcome {
                    0 => Ok(results),
                    1 => Err(PortalError::Refused),
                    _ => Err(PortalError::Failed("it gives no reason".to_owned())),
                };
            }
        }
    }

    /// The next signal of the portal, or why there are no more.
    pub(super) async fn signal(&mut self) -> Result<Message, Ended> {
        // What the portal said before its end comes first.
        let next = select(self.signals.next(), self.owners.next()).await;
        match next {
            Either::Left((Some(Ok(signal)), _)) => Ok(signal),
            Either::Right((Some(Ok(_)), _)) => Err(Ended::PortalGone),
            Either::Left((Some(Err(_)) | None, _)) | Either::Right((Some(Err(_)) | None, _)) => {
                Err(Ended::BusGone)
            }
        }
    }

    /// Closes a session. That it fails does not matter: the end of the connection closes it as well.
    pub(super) async fn close(&self, session: &ObjectPath<'_>) {
        let _ = self
            .bus
            .call_method(Some(&self.owner), session, Some(SESSION), "Close", &())
            .await;
    }
}

async fn connect(address: Option<&str>) -> zbus::Result<Connection> {
    let builder = match address {
        Some(address) => connection::Builder::address(address)?,
        None => connection::Builder::session()?,
    };
    builder.build().await
}

/// Who is the portal now.
async fn owner(bus: &Connection) -> Result<OwnedUniqueName, PortalError> {
    bus.call_method(Some(BUS), BUS_PATH, Some(BUS), "GetNameOwner", &(PORTAL,))
        .await
        .and_then(|reply| reply.body().deserialize())
        .map_err(failed)
}

/// What a failed call of a portal that was there means: it may have ended meanwhile.
fn refused(error: zbus::Error) -> PortalError {
    let is_gone = matches!(&error, zbus::Error::MethodError(name, _, _) if matches!(
        name.as_str().strip_prefix("org.freedesktop.DBus.Error."),
        Some("ServiceUnknown" | "NameHasNoOwner" | "NoReply")
    ));
    match is_gone {
        true => PortalError::Gone(Ended::PortalGone),
        false => failed(error),
    }
}

/// What a failed call means.
fn failed(error: zbus::Error) -> PortalError {
    let zbus::Error::MethodError(name, why, _) = &error else {
        return PortalError::Failed(told(&error.to_string()));
    };
    let short = name.as_str().strip_prefix("org.freedesktop.DBus.Error.");
    match short {
        Some(
            "ServiceUnknown" | "NameHasNoOwner" | "UnknownInterface" | "UnknownMethod"
            | "UnknownObject",
        ) => PortalError::Missing,
        _ => PortalError::Failed(told(why.as_deref().unwrap_or(name.as_str()))),
    }
}
