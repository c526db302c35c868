//! Who a request is from, and what it may do.

use alloc::boxed::Box;

use super::pending::{Awaiting, Step, Unexpected};
use super::rules;
use super::store::{Answer, Op, SessionRow, TokenHash};
use super::{Hub, Output, RequestId, SessionKey};
use crate::crypto::password_hash::token_hash;
use crate::ids::{DeviceId, SessionId, UserId};
use crate::limits;
use crate::time::UnixMillis;
use crate::wire::http::{Access, Request, Response, Route};

/// A request whose session is being looked up.
#[derive(Debug)]
pub(super) struct Authenticating {
    call: Request,
    token_hash: TokenHash,
    /// How often sessions had ended when the lookup was issued.
    endings: u64,
}

/// Who a request or a connection is from: only a session that was found and judged makes one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caller {
    pub(super) session: SessionId,
    pub(super) user: UserId,
    pub(super) device: DeviceId,
    pub(super) public_key: [u8; 32],
    /// Whether the users table calls the user an admin; the log may know better.
    pub(super) table_admin: bool,
    pub(super) expires_at: UnixMillis,
}

impl Authenticating {
    /// Reads the `Authorization` header.
    pub(super) fn new(call: Request, auth: Option<&str>) -> Result<Self, Response> {
        let token = auth.and_then(bearer);
        let Some(token) = token else {
            return Err(unauthorized(&call, "unauthorized"));
        };
        Ok(Self {
            call,
            token_hash: token_hash(token),
            endings: 0,
        })
    }
}

/// The token of `Bearer <token>`: exactly two words, the first in any case.
fn bearer(header: &str) -> Option<&str> {
    let mut words = header.split_whitespace();
    let (scheme, token) = (words.next()?, words.next()?);
    (words.next().is_none() && scheme.eq_ignore_ascii_case("bearer")).then_some(token)
}

/// 401: with an empty body for `/ws`, as in the original.
fn unauthorized(call: &Request, reason: &str) -> Response {
    if call.route() == Route::WebSocket {
        return Response::empty(401);
    }
    Response::error(401, reason)
}

impl Hub {
    /// Whether the header is the host's admin token. An empty token lets nobody in. Hashes are compared, so that
    /// the time taken says nothing of the token.
    pub(super) fn is_host(&self, header: Option<&str>) -> bool {
        let wanted = self.config.admin_token.expose().trim();
        let given = header.unwrap_or_default().trim();
        !wanted.is_empty() && token_hash(wanted) == token_hash(given)
    }

    /// Whether a user is an admin: the log knows its members, the users table everybody else.
    pub(super) fn is_admin(&self, user: UserId, table_admin: bool) -> bool {
        self.members.is_admin(user).unwrap_or(table_admin)
    }

    pub(super) fn authenticate(&mut self, id: RequestId, mut authenticating: Authenticating) {
        authenticating.endings = self.endings;
        let token_hash = authenticating.token_hash;
        let step = Step::Access(Box::new(authenticating));
        self.ask(id, Op::FindSession { token_hash }, step);
    }

    pub(super) fn access_stored(
        &mut self,
        id: RequestId,
        step: Box<Authenticating>,
        answer: Answer,
    ) -> Result<Option<Response>, Unexpected> {
        let Answer::Session(session) = answer else {
            return Err(Unexpected);
        };
        if step.endings != self.endings {
            // A session ended meanwhile; it might be this one.
            self.authenticate(id, *step);
            return Ok(None);
        }
        let outcome = self
            .judge_session(&step.call, session)
            .and_then(|caller| self.serve(id, caller, step.call));
        Ok(outcome.err())
    }

    fn judge_session(
        &mut self,
        call: &Request,
        session: Option<SessionRow>,
    ) -> Result<Caller, Response> {
        let session = session.ok_or_else(|| unauthorized(call, "unauthorized"))?;
        if session.expires_at <= self.unix() {
            let op = Op::EndSession {
                user: session.user,
                session: session.id,
            };
            self.store(op, Awaiting::Ended);
            return Err(unauthorized(call, "token expired"));
        }
        if self.members.is_gone(session.user, session.device) {
            return Err(unauthorized(call, "unauthorized"));
        }
        let is_admin = self.is_admin(session.user, session.is_admin);
        match call.route().access() {
            Access::Trusted if !session.is_trusted => {
                return Err(Response::error(401, "trusted user required"));
            }
            Access::Admin | Access::Host if !is_admin => {
                return Err(Response::error(403, "admin access required"));
            }
            Access::Anyone | Access::Session | Access::Trusted | Access::Admin | Access::Host => {}
        }
        Ok(Caller {
            session: session.id,
            user: session.user,
            device: session.device,
            public_key: session.public_key,
            table_admin: session.is_admin,
            expires_at: session.expires_at,
        })
    }

    /// Serves a request whose right to be served was checked.
    fn serve(&mut self, id: RequestId, caller: Caller, call: Request) -> Result<(), Response> {
        match call {
            Request::Malformed { refusal, .. } => Err(refusal),
            Request::Sessions => self.list_sessions(id, caller),
            Request::EndSession { id: session } => self.end_session(id, caller, &session),
            Request::CreateUser(body) => self.create_user(id, &body),
            Request::Profiles => self.profiles(id),
            Request::PutProfile(body) => self.put_profile(id, caller, &body),
            Request::AddDevice(body) => self.add_device(id, caller, &body),
            Request::DeviceKeys { user_id, all } => self.device_keys(id, caller, &user_id, all),
            Request::DirectoryKey => self.key_envelope(id, caller, None),
            Request::PutDirectoryKeys(body) => self.put_directory_keys(id, caller, body),
            Request::Channels => self.channels(id),
            Request::CreateChannel(body) => self.create_channel(id, caller, &body),
            Request::RenameChannel(body) => self.rename_channel(id, &body),
            Request::DeleteChannel { channel_id } => self.delete_channel(id, &channel_id),
            Request::Messages {
                channel_id,
                limit,
                range,
            } => self.history(id, caller, channel_id, limit, range),
            Request::ChannelKey { channel_id } => self.key_envelope(id, caller, Some(&channel_id)),
            Request::PutChannelKeys(body) => self.put_channel_keys(id, caller, body),
            Request::Presence(body) => self.presence(id, &body),
            Request::CreateInvite => {
                self.create_invite(id, None);
                Ok(())
            }
            Request::WebSocket => self.accept(id, caller),
            Request::Sigchain { from } => self.read_log(id, from),
            Request::AppendSigchain(body) => self.append_log(id, caller, body),
            Request::Envelopes { after, invite } => self.envelopes(id, caller, after, invite),
            Request::PostEnvelopes(body) => self.post_envelopes(id, caller, body.0),
            Request::OwedEnvelopes => self.owed(id, caller),
            Request::Names { after } => self.names(id, caller, after),
            Request::PostNames(body) => self.post_names(id, caller, body.0),
            Request::Pending => self.list_pending(id, caller),
            Request::PostPending(body) => self.post_pending(id, caller, &body),
            Request::Health
            | Request::Register(_)
            | Request::LogIn(_)
            | Request::Challenge(_)
            | Request::DeviceLogIn(_) => Err(rules::not_found()),
        }
    }

    fn accept(&mut self, id: RequestId, caller: Caller) -> Result<(), Response> {
        if self.connections.len() + self.tickets.count(self.now) >= limits::MAX_CONNECTIONS {
            return Err(Response::error(503, "the server is busy"));
        }
        if self.connections.count_of(caller.user) >= limits::MAX_CONNECTIONS_PER_USER {
            return Err(Response::error(429, "too many connections"));
        }
        let session = SessionKey(self.next_id());
        self.tickets.add(session, caller, self.now);
        self.emit(Output::Accept { id, session });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_header_has_two_words() {
        assert_eq!(bearer("Bearer abc"), Some("abc"));
        assert_eq!(bearer("  bEARER   abc "), Some("abc"));
        for bad in ["", "Bearer", "abc", "Basic abc", "Bearer a b"] {
            assert_eq!(bearer(bad), None, "{bad:?}");
        }
    }
}
