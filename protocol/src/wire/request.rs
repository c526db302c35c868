//! Requests as types: parsed by the server, built by the client.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "most requests have no query or no body"
)]

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::Serialize;

use super::body::{
    ChallengeBody, Credentials, DeviceLogInBody, KeyEnvelopes, NameBody, NewDevice, NewPending,
    NewUser, PresenceQuery, Rename,
};
use super::chain::{Append, Envelopes, Names};
use super::http::{CBOR, HttpCall, JSON, Response};
use super::query::Query;
use super::route::Route;
use super::{cbor, json};
use crate::ids::{EntryHash, Seq};

/// A request to the server.
///
/// Ids that stand in a query or in a body of the base API are texts, since an unknown id and one of another form
/// are answered alike.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request {
    /// `/health`
    Health,
    /// `POST /auth/register`
    Register(Credentials),
    /// `POST /auth/login`
    LogIn(Credentials),
    /// `POST /auth/challenge`
    Challenge(ChallengeBody),
    /// `POST /auth/device`
    DeviceLogIn(DeviceLogInBody),
    /// `GET /sessions`
    Sessions,
    /// `DELETE /sessions?id=`
    EndSession {
        /// The session.
        id: String,
    },
    /// `POST /users`
    CreateUser(NewUser),
    /// `GET /users/profiles`
    Profiles,
    /// `POST /users/profiles`
    PutProfile(NameBody),
    /// `POST /devices`
    AddDevice(NewDevice),
    /// `GET /devices/keys?user_id=&all=1`
    DeviceKeys {
        /// The user.
        user_id: String,
        /// Whether all devices are asked for.
        all: bool,
    },
    /// `GET /directory/keys`
    DirectoryKey,
    /// `POST /directory/keys`
    PutDirectoryKeys(KeyEnvelopes),
    /// `GET /channels`
    Channels,
    /// `POST /channels`
    CreateChannel(NameBody),
    /// `PATCH /channels`
    RenameChannel(Rename),
    /// `DELETE /channels?channel_id=`
    DeleteChannel {
        /// The channel.
        channel_id: String,
    },
    /// `GET /channels/messages?channel_id=&limit=&after_seq=&before_seq=`
    Messages {
        /// The channel.
        channel_id: String,
        /// How many at most.
        limit: Option<u32>,
        /// Which stretch of the history.
        range: HistoryRange,
    },
    /// `GET /channels/keys?channel_id=`
    ChannelKey {
        /// The channel.
        channel_id: String,
    },
    /// `POST /channels/keys`
    PutChannelKeys(KeyEnvelopes),
    /// `POST /presence`
    Presence(PresenceQuery),
    /// `POST /server/invites`
    CreateInvite,
    /// `GET /ws`; whether the request is a proper upgrade is the driver's to check.
    WebSocket,
    /// `GET /sigchain?from=`
    Sigchain {
        /// The first entry wanted.
        from: u64,
    },
    /// `POST /sigchain`
    AppendSigchain(Append),
    /// `GET /envelopes?after=&invite=`
    Envelopes {
        /// The cursor after which envelopes are wanted.
        after: u64,
        /// The invite whose envelopes are wanted, instead of the device's own.
        invite: Option<EntryHash>,
    },
    /// `POST /envelopes`
    PostEnvelopes(Envelopes),
    /// `GET /envelopes/owed`
    OwedEnvelopes,
    /// `GET /names?after=`
    Names {
        /// The cursor after which names are wanted.
        after: u64,
    },
    /// `POST /names`
    PostNames(Names),
    /// `GET /pending`
    Pending,
    /// `POST /pending`
    PostPending(NewPending),
    /// A request whose query or body is wrong. It is refused only after its authorisation was checked.
    Malformed {
        /// The endpoint.
        route: Route,
        /// The refusal.
        refusal: Response,
    },
}

/// A stretch of a channel's history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HistoryRange {
    /// The newest messages.
    #[default]
    Newest,
    /// The oldest messages after a number.
    After(Seq),
    /// The newest messages before a number.
    Before(Seq),
}

impl Request {
    /// Reads a request. `query` is what stands after the question mark.
    ///
    /// # Errors
    ///
    /// 404 and 405, which come before any authorisation; anything else wrong is [`Request::Malformed`].
    pub fn parse(method: &str, path: &str, query: &str, body: &[u8]) -> Result<Self, Response> {
        let route = Route::find(method, path)?;
        let parsed = if body.len() > route.max_body() {
            Err("request body too large".to_string())
        } else {
            Self::parse_content(route, &Query::parse(query), body)
        };
        Ok(parsed.unwrap_or_else(|reason| Self::Malformed {
            route,
            refusal: Response::error(400, reason),
        }))
    }

    fn parse_content(route: Route, query: &Query, body: &[u8]) -> Result<Self, String> {
        Ok(match route {
            Route::Health => Self::Health,
            Route::Register => Self::Register(json::read_object(body)?),
            Route::LogIn => Self::LogIn(json::read_object(body)?),
            Route::Challenge => Self::Challenge(json::read_object(body)?),
            Route::DeviceLogIn => Self::DeviceLogIn(json::read_object(body)?),
            Route::Sessions => Self::Sessions,
            Route::EndSession => Self::EndSession {
                id: query.required("id")?,
            },
            Route::CreateUser => Self::CreateUser(json::read_object(body)?),
            Route::Profiles => Self::Profiles,
            Route::PutProfile => Self::PutProfile(json::read_object(body)?),
            Route::AddDevice => Self::AddDevice(json::read_object(body)?),
            Route::DeviceKeys => Self::DeviceKeys {
                user_id: query.text("user_id"),
                all: query.text("all") == "1",
            },
            Route::DirectoryKey => Self::DirectoryKey,
            Route::PutDirectoryKeys => Self::PutDirectoryKeys(json::read_object(body)?),
            Route::Channels => Self::Channels,
            Route::CreateChannel => Self::CreateChannel(json::read_object(body)?),
            Route::RenameChannel => Self::RenameChannel(json::read_object(body)?),
            Route::DeleteChannel => Self::DeleteChannel {
                channel_id: query.required("channel_id")?,
            },
            Route::Messages => Self::Messages {
                channel_id: query.required("channel_id")?,
                // As in the original, what is not a positive number counts as absent.
                limit: query.text("limit").parse().ok().filter(|limit| *limit > 0),
                range: match (query.number("after_seq")?, query.number("before_seq")?) {
                    (None, None) => HistoryRange::Newest,
                    (Some(seq), None) => HistoryRange::After(Seq(seq)),
                    (None, Some(seq)) => HistoryRange::Before(Seq(seq)),
                    (Some(_), Some(_)) => {
                        return Err("after_seq and before_seq exclude each other".to_string());
                    }
                },
            },
            Route::ChannelKey => Self::ChannelKey {
                channel_id: query.required("channel_id")?,
            },
            Route::PutChannelKeys => Self::PutChannelKeys(json::read_object(body)?),
            Route::Presence => Self::Presence(json::read_object(body)?),
            Route::CreateInvite => Self::CreateInvite,
            Route::WebSocket => Self::WebSocket,
            Route::Sigchain => Self::Sigchain {
                from: query.number("from")?.unwrap_or(0),
            },
            Route::AppendSigchain => Self::AppendSigchain(read_cbor(body)?),
            Route::Envelopes => Self::Envelopes {
                after: query.number("after")?.unwrap_or(0),
                invite: query.parsed("invite")?,
            },
            Route::PostEnvelopes => Self::PostEnvelopes(read_cbor(body)?),
            Route::OwedEnvelopes => Self::OwedEnvelopes,
            Route::Names => Self::Names {
                after: query.number("after")?.unwrap_or(0),
            },
            Route::PostNames => Self::PostNames(read_cbor(body)?),
            Route::Pending => Self::Pending,
            Route::PostPending => Self::PostPending(json::read_object(body)?),
        })
    }

    /// The endpoint.
    #[must_use]
    pub const fn route(&self) -> Route {
        match self {
            Self::Health => Route::Health,
            Self::Register(_) => Route::Register,
            Self::LogIn(_) => Route::LogIn,
            Self::Challenge(_) => Route::Challenge,
            Self::DeviceLogIn(_) => Route::DeviceLogIn,
            Self::Sessions => Route::Sessions,
            Self::EndSession { .. } => Route::EndSession,
            Self::CreateUser(_) => Route::CreateUser,
            Self::Profiles => Route::Profiles,
            Self::PutProfile(_) => Route::PutProfile,
            Self::AddDevice(_) => Route::AddDevice,
            Self::DeviceKeys { .. } => Route::DeviceKeys,
            Self::DirectoryKey => Route::DirectoryKey,
            Self::PutDirectoryKeys(_) => Route::PutDirectoryKeys,
            Self::Channels => Route::Channels,
            Self::CreateChannel(_) => Route::CreateChannel,
            Self::RenameChannel(_) => Route::RenameChannel,
            Self::DeleteChannel { .. } => Route::DeleteChannel,
            Self::Messages { .. } => Route::Messages,
            Self::ChannelKey { .. } => Route::ChannelKey,
            Self::PutChannelKeys(_) => Route::PutChannelKeys,
            Self::Presence(_) => Route::Presence,
            Self::CreateInvite => Route::CreateInvite,
            Self::WebSocket => Route::WebSocket,
            Self::Sigchain { .. } => Route::Sigchain,
            Self::AppendSigchain(_) => Route::AppendSigchain,
            Self::Envelopes { .. } => Route::Envelopes,
            Self::PostEnvelopes(_) => Route::PostEnvelopes,
            Self::OwedEnvelopes => Route::OwedEnvelopes,
            Self::Names { .. } => Route::Names,
            Self::PostNames(_) => Route::PostNames,
            Self::Pending => Route::Pending,
            Self::PostPending(_) => Route::PostPending,
            Self::Malformed { route, .. } => *route,
        }
    }

    /// The request as a client sends it.
    #[must_use]
    pub fn to_call(&self) -> HttpCall {
        let route = self.route();
        let (content_type, body) = self.content();
        let query = self.query();
        let mark = if query.is_empty() { "" } else { "?" };
        HttpCall {
            method: route.method(),
            path_and_query: format!("{}{mark}{query}", route.path()),
            content_type,
            body,
        }
    }

    fn query(&self) -> String {
        match self {
            Self::EndSession { id } => Query::one("id", id),
            Self::DeviceKeys { user_id, all } => {
                let all = if *all { "1" } else { "" };
                Query::write(&[("user_id", user_id), ("all", all)])
            }
            Self::DeleteChannel { channel_id } | Self::ChannelKey { channel_id } => {
                Query::one("channel_id", channel_id)
            }
            Self::Messages {
                channel_id,
                limit,
                range,
            } => {
                let limit = limit.map(|limit| limit.to_string()).unwrap_or_default();
                let (name, seq) = match range {
                    HistoryRange::Newest => ("", String::new()),
                    HistoryRange::After(seq) => ("after_seq", seq.0.to_string()),
                    HistoryRange::Before(seq) => ("before_seq", seq.0.to_string()),
                };
                Query::write(&[("channel_id", channel_id), ("limit", &limit), (name, &seq)])
            }
            Self::Sigchain { from } => Query::one("from", &from.to_string()),
            Self::Envelopes { after, invite } => {
                let invite = invite.map(|invite| invite.to_string()).unwrap_or_default();
                Query::write(&[("after", &after.to_string()), ("invite", &invite)])
            }
            Self::Names { after } => Query::one("after", &after.to_string()),
            _ => String::new(),
        }
    }

    fn content(&self) -> (Option<&'static str>, Vec<u8>) {
        match self {
            Self::Register(body) | Self::LogIn(body) => write_json(body),
            Self::Challenge(body) => write_json(body),
            Self::DeviceLogIn(body) => write_json(body),
            Self::CreateUser(body) => write_json(body),
            Self::PutProfile(body) | Self::CreateChannel(body) => write_json(body),
            Self::AddDevice(body) => write_json(body),
            Self::PutDirectoryKeys(body) | Self::PutChannelKeys(body) => write_json(body),
            Self::RenameChannel(body) => write_json(body),
            Self::Presence(body) => write_json(body),
            Self::PostPending(body) => write_json(body),
            Self::AppendSigchain(body) => (Some(CBOR), cbor::encode(body)),
            Self::PostEnvelopes(body) => (Some(CBOR), cbor::encode(body)),
            Self::PostNames(body) => (Some(CBOR), cbor::encode(body)),
            _ => (None, Vec::new()),
        }
    }
}

fn write_json(body: &impl Serialize) -> (Option<&'static str>, Vec<u8>) {
    (Some(JSON), json::write(body))
}

fn read_cbor<'b, T: minicbor::Decode<'b, ()>>(body: &'b [u8]) -> Result<T, String> {
    cbor::decode(body).map_err(|error| error.to_string())
}
