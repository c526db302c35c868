//! Logging in by signature; listing and ending sessions.

use alloc::string::{String, ToString};
use core::net::IpAddr;

use super::access::Caller;
use super::limiter::Attempt;
use super::pending::{Awaiting, Step, Unexpected};
use super::rules;
use super::store::{Answer, DeviceRow, Op, SessionRow, StoreError};
use super::{Hub, LogEvent, Output, RequestId};
use crate::crypto::login::verify_login;
use crate::crypto::{Signature, VerifyKey};
use crate::ids::{SessionId, UserId};
use crate::limits;
use crate::time::UnixMillis;
use crate::wire::answer::{ChallengeAnswer, LoggedIn, SessionInfo, SessionsAnswer};
use crate::wire::base64;
use crate::wire::body::{ChallengeBody, DeviceLogInBody};
use crate::wire::http::Response;
use crate::wire::sensitive::Sensitive;

/// A step of a session's request.
#[derive(Debug)]
pub(super) enum SessionStep {
    /// A session was to end.
    Ended,
    /// The device of a login by signature.
    FoundDevice {
        challenge: [u8; 32],
        signature: Signature,
        attempt: Attempt,
    },
    /// The user of a login by signature.
    FoundUser(DeviceRow),
    /// The user's sessions.
    Listed { current: SessionId },
    /// A login by signature.
    Opened {
        device: DeviceRow,
        token: Sensitive,
        session: SessionId,
        expires_at: UnixMillis,
        is_admin: bool,
        is_trusted: bool,
    },
}

impl Hub {
    /// `POST /auth/challenge`. Answers alike for devices that do not exist.
    pub(super) fn challenge(
        &mut self,
        body: &ChallengeBody,
        peer: Option<IpAddr>,
    ) -> Result<(), Response> {
        let Some(attempt) = self.limiter.begin(None, peer, self.now) else {
            self.emit(Output::Log(LogEvent::TooManyAttempts));
            return Err(Response::error(429, "too many attempts"));
        };
        let challenge = self.entropy.bytes();
        self.challenges
            .add(challenge, body.device_id, attempt, self.now);
        let expires_at = self.unix().saturating_add(limits::CHALLENGE_LIFE);
        let answer = ChallengeAnswer {
            challenge: base64::encode(&challenge),
            expires_at: expires_at.to_string(),
        };
        Err(Response::json(200, &answer))
    }

    /// `POST /auth/device`.
    pub(super) fn log_in_by_device(
        &mut self,
        id: RequestId,
        body: &DeviceLogInBody,
    ) -> Result<(), Response> {
        let device = body.device_id;
        let challenge = base64::decode_array::<32>(&body.challenge);
        let signature = base64::decode_array::<64>(&body.signature);
        let (Some(challenge), Some(signature)) = (challenge, signature) else {
            return Err(self.refuse_device());
        };
        let Some(attempt) = self.challenges.take(&challenge, device, self.now) else {
            return Err(self.refuse_device());
        };
        let step = SessionStep::FoundDevice {
            challenge,
            signature: Signature(signature),
            attempt,
        };
        self.ask(id, Op::FindDevice { device }, Step::Session(step));
        Ok(())
    }

    fn refuse_device(&mut self) -> Response {
        self.emit(Output::Log(LogEvent::LoginRefused));
        Response::error(401, "unauthorized")
    }

    pub(super) fn session_stored(
        &mut self,
        id: RequestId,
        step: SessionStep,
        answer: Answer,
    ) -> Result<Option<Response>, Unexpected> {
        Ok(match (step, answer) {
            (
                SessionStep::FoundDevice {
                    challenge,
                    signature,
                    attempt,
                },
                Answer::Device(device),
            ) => {
                let device =
                    device.filter(|row| self.signed_by(row, &challenge, &signature).is_some());
                let Some(device) = device else {
                    return Ok(Some(self.refuse_device()));
                };
                self.limiter.succeeded(attempt);
                let users = [device.user].into();
                let step = SessionStep::FoundUser(device);
                self.ask(id, Op::FindUsers { users }, Step::Session(step));
                None
            }
            (SessionStep::FoundUser(device), Answer::Users(users)) => {
                let Some(user) = users.first() else {
                    return Ok(Some(self.refuse_device()));
                };
                self.open_session(id, device, user.is_admin, user.is_trusted);
                None
            }
            (SessionStep::Opened { .. }, Answer::NotFound) => Some(self.refuse_device()),
            (
                SessionStep::Opened {
                    device,
                    token,
                    session,
                    expires_at,
                    is_admin,
                    is_trusted,
                },
                Answer::LoggedIn { ended, .. },
            ) => {
                self.end_sessions(&ended);
                if self.members.is_gone(device.user, device.id) {
                    self.forget_session(device.user, session);
                    return Ok(Some(self.refuse_device()));
                }
                let answer = LoggedIn {
                    token,
                    user_id: device.user,
                    device_id: device.id,
                    expires_at: expires_at.to_string(),
                    username: String::new(),
                    device_public_key: base64::encode(&device.public_key),
                    is_admin: self.is_admin(device.user, is_admin),
                    is_trusted,
                };
                Some(Response::json(200, &answer))
            }
            (SessionStep::Listed { current }, Answer::Sessions(rows)) => {
                let now = self.unix();
                let live = rows.iter().filter(|row| row.expires_at > now);
                let sessions = live.map(|row| info(row, current)).collect();
                Some(Response::json(200, &SessionsAnswer { sessions }))
            }
            (SessionStep::Ended, Answer::Ended(ended)) => {
                self.end_sessions(&ended);
                Some(match ended.is_empty() {
                    true => rules::not_found(),
                    false => Response::empty(204),
                })
            }
            _ => return Err(Unexpected),
        })
    }

    /// The log's key counts where the log knows the device, and the registered one else.
    fn signed_by(
        &self,
        device: &DeviceRow,
        challenge: &[u8; 32],
        signature: &Signature,
    ) -> Option<()> {
        if self.members.is_gone(device.user, device.id) {
            return None;
        }
        let registered = || VerifyKey::parse(&device.signing_key?).ok();
        let key = self.members.signing_key(device.id).or_else(registered)?;
        verify_login(device.id, challenge, &key, signature).ok()
    }

    fn open_session(&mut self, id: RequestId, device: DeviceRow, is_admin: bool, is_trusted: bool) {
        let (token, session) = self.make_session(limits::DEVICE_SESSION_LIFE);
        let (name, expires_at) = (session.id, session.expires_at);
        let op = Op::OpenSession {
            device: device.id,
            session,
            max_sessions: limits::MAX_SESSIONS_PER_USER,
        };
        let step = SessionStep::Opened {
            device,
            token,
            session: name,
            expires_at,
            is_admin,
            is_trusted,
        };
        self.ask(id, op, Step::Session(step));
    }

    /// `GET /sessions`.
    pub(super) fn list_sessions(&mut self, id: RequestId, caller: Caller) -> Result<(), Response> {
        let step = SessionStep::Listed {
            current: caller.session,
        };
        let op = Op::Sessions { user: caller.user };
        self.ask(id, op, Step::Session(step));
        Ok(())
    }

    /// `DELETE /sessions?id=`.
    pub(super) fn end_session(
        &mut self,
        id: RequestId,
        caller: Caller,
        session: &str,
    ) -> Result<(), Response> {
        let session = session.parse().map_err(|_| rules::not_found())?;
        let user = caller.user;
        let op = Op::EndSession { user, session };
        self.ask(id, op, Step::Session(SessionStep::Ended));
        Ok(())
    }

    /// Ends a session that nobody waits for.
    pub(super) fn forget_session(&mut self, user: UserId, session: SessionId) {
        self.store(Op::EndSession { user, session }, Awaiting::Ended);
    }

    pub(super) fn ended_stored(&mut self, result: Result<Answer, StoreError>) {
        if let Ok(Answer::Ended(ended)) = result {
            self.end_sessions(&ended);
        }
    }

    /// Closes what ended sessions opened.
    pub(super) fn end_sessions(&mut self, ended: &[SessionId]) {
        if ended.is_empty() {
            return;
        }
        self.endings += 1;
        self.tickets.end(ended);
        let conns = self
            .connections
            .select(|conn| ended.contains(&conn.caller.session));
        self.close_all(conns, 1008, "session ended");
    }
}

fn info(row: &SessionRow, current: SessionId) -> SessionInfo {
    SessionInfo {
        id: row.id.to_string(),
        device_id: row.device,
        created_at: row.created_at.to_string(),
        expires_at: row.expires_at.to_string(),
        current: row.id == current,
    }
}
