//! Invites, registering, logging in, users.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use core::net::IpAddr;

use super::limiter::Attempt;
use super::pending::{AwaitingWork, Step, Unexpected};
use super::rules;
use super::store::{Answer, NewDevice, NewSession, Op, TokenHash, UserRow, UsernameHash};
use super::{Hub, LogEvent, Output, RequestId, Work, WorkAnswer};
use crate::crypto::password_hash::{token_hash, username_hash};
use crate::ids::{DeviceId, SessionId, UserId};
use crate::limits;
use crate::time::UnixMillis;
use crate::wire::answer::{InviteAnswer, LoggedIn, UserAnswer};
use crate::wire::base64;
use crate::wire::body::{Credentials, NewUser};
use crate::wire::http::Response;
use crate::wire::sensitive::Sensitive;

/// A step of an account's request.
#[derive(Debug)]
pub(super) enum AccountStep {
    /// The invite of a registration.
    FoundInvite(Box<Registration>),
    /// The user of a login.
    FoundUser(Box<Entry>),
    /// An invite is kept.
    InviteKept(InviteAnswer),
    /// A password login.
    LoggedIn(Box<Entry>, NewLogin),
    /// A registration.
    Registered(Box<Entry>, NewLogin),
    /// A user without a password is kept.
    UserKept(UserAnswer),
}

/// What a password was hashed for.
#[derive(Debug)]
pub(super) enum AccountWork {
    /// To register.
    Register(Box<Registration>),
    /// To log in, if there is such a user.
    LogIn(Box<Entry>, Option<UserRow>),
}

/// Somebody who wants in.
#[derive(Debug)]
pub(super) struct Entry {
    username: String,
    username_hash: UsernameHash,
    password: Sensitive,
    public_key: [u8; 32],
    signing_key: Option<[u8; 32]>,
    attempt: Attempt,
}

/// Somebody who wants in by an invite.
#[derive(Debug)]
pub(super) struct Registration {
    entry: Entry,
    invite: TokenHash,
}

/// A session that is being opened: the token is known to nobody yet.
#[derive(Debug)]
pub(super) struct NewLogin {
    token: Sensitive,
    session: SessionId,
    user: UserId,
    device: DeviceId,
    is_admin: bool,
    is_trusted: bool,
    expires_at: UnixMillis,
}

impl Hub {
    /// `POST /auth/register`. The invite is looked up before any work is done for it.
    pub(super) fn register(
        &mut self,
        id: RequestId,
        body: Credentials,
        peer: Option<IpAddr>,
    ) -> Result<(), Response> {
        rules::new_password(body.password.expose())?;
        let token = body.invite_token.expose().trim();
        if token.is_empty() {
            return Err(rules::invalid("invite_token is required"));
        }
        let invite = token_hash(token);
        let entry = self.check_entry(&body, None, peer)?;
        let step = AccountStep::FoundInvite(Box::new(Registration { entry, invite }));
        let op = Op::FindInvite { token_hash: invite };
        self.ask(id, op, Step::Account(step));
        Ok(())
    }

    /// `POST /auth/login`.
    pub(super) fn log_in(
        &mut self,
        id: RequestId,
        body: Credentials,
        peer: Option<IpAddr>,
    ) -> Result<(), Response> {
        rules::password(body.password.expose())?;
        let name = username_hash(self.config.pepper.expose().as_bytes(), &body.username);
        let entry = self.check_entry(&body, Some(name), peer)?;
        let op = Op::FindUser {
            username_hash: entry.username_hash,
        };
        let step = AccountStep::FoundUser(Box::new(entry));
        self.ask(id, op, Step::Account(step));
        Ok(())
    }

    /// What registering and logging in check alike. Counts an attempt, of `name` too, if all is well.
    fn check_entry(
        &mut self,
        body: &Credentials,
        name: Option<UsernameHash>,
        peer: Option<IpAddr>,
    ) -> Result<Entry, Response> {
        let username = rules::username(&body.username)?;
        let public_key = rules::public_key(&body.public_key)?;
        let signing_key = body.signing_key.as_deref();
        let signing_key = signing_key.map(rules::signing_key).transpose()?;
        if signing_key.is_none() && !self.config.compat {
            return Err(Response::error(
                403,
                "forbidden: this server takes no original clients",
            ));
        }
        let username_hash = username_hash(self.config.pepper.expose().as_bytes(), &username);
        let Some(attempt) = self.limiter.begin(name, peer, self.now) else {
            self.emit(Output::Log(LogEvent::TooManyAttempts));
            return Err(Response::error(429, "too many attempts"));
        };
        Ok(Entry {
            username,
            username_hash,
            password: body.password.clone(),
            public_key,
            signing_key,
            attempt,
        })
    }

    pub(super) fn account_stored(
        &mut self,
        id: RequestId,
        step: AccountStep,
        answer: Answer,
    ) -> Result<Option<Response>, Unexpected> {
        Ok(match (step, answer) {
            (AccountStep::FoundInvite(registration), Answer::Invite(invite)) => {
                let refusal = match invite {
                    None => Some(rules::not_found()),
                    Some(invite) if invite.used => Some(used()),
                    Some(invite) if invite.expires_at <= self.unix() => Some(expired()),
                    Some(_) => None,
                };
                refusal.or_else(|| self.hash_new_password(id, registration).err())
            }
            (AccountStep::FoundUser(entry), Answer::User(user)) => {
                self.compare_password(id, entry, user).err()
            }
            (AccountStep::Registered(entry, login), Answer::Registered { is_admin }) => {
                self.limiter.succeeded(entry.attempt);
                let login = NewLogin { is_admin, ..login };
                Some(self.welcome(201, &entry, login))
            }
            (AccountStep::Registered(..), Answer::NotFound) => Some(rules::not_found()),
            (AccountStep::Registered(..), Answer::Used) => Some(used()),
            (AccountStep::Registered(..), Answer::Expired) => Some(expired()),
            (AccountStep::Registered(..) | AccountStep::UserKept(_), Answer::UsernameTaken) => {
                Some(Response::error(409, "username taken"))
            }
            (AccountStep::LoggedIn(entry, login), Answer::LoggedIn { device, ended }) => {
                self.end_sessions(&ended);
                Some(self.finish_log_in(&entry, NewLogin { device, ..login }))
            }
            (AccountStep::LoggedIn(..), Answer::NotFound) => Some(self.refuse_log_in()),
            (AccountStep::LoggedIn(..), Answer::KeysDiffer) => {
                Some(Response::error(409, "the device has another signing key"))
            }
            (AccountStep::LoggedIn(..), Answer::TooMany) => {
                Some(Response::error(409, "too many devices"))
            }
            (AccountStep::InviteKept(invite), Answer::Done) => Some(Response::json(201, &invite)),
            (AccountStep::UserKept(user), Answer::Done) => Some(Response::json(201, &user)),
            _ => return Err(Unexpected),
        })
    }

    fn hash_new_password(
        &mut self,
        id: RequestId,
        registration: Box<Registration>,
    ) -> Result<(), Response> {
        let work = self.hash_work(&registration.entry);
        let step = AccountWork::Register(registration);
        self.work(work, AwaitingWork::Account { id, step })
    }

    fn hash_work(&mut self, entry: &Entry) -> Work {
        Work::HashPassword {
            password: entry.password.clone(),
            salt: self.entropy.bytes(),
            cost: self.config.password_cost,
        }
    }

    /// Nobody can tell from the time whether there is such a user: a password is hashed in either case.
    fn compare_password(
        &mut self,
        id: RequestId,
        entry: Box<Entry>,
        user: Option<UserRow>,
    ) -> Result<(), Response> {
        let user = user.filter(|user| !self.members.is_removed(user.id));
        let hash = user.as_ref().and_then(|user| user.password_hash.clone());
        let work = match hash {
            Some(hash) => Work::VerifyPassword {
                password: entry.password.clone(),
                hash,
            },
            None => self.hash_work(&entry),
        };
        let step = AccountWork::LogIn(entry, user);
        self.work(work, AwaitingWork::Account { id, step })
    }

    pub(super) fn account_worked(
        &mut self,
        id: RequestId,
        step: AccountWork,
        result: WorkAnswer,
    ) -> Result<(), Response> {
        match (step, result) {
            (AccountWork::Register(registration), WorkAnswer::Hashed(hash)) => {
                self.keep_account(id, *registration, hash);
                Ok(())
            }
            (AccountWork::LogIn(entry, Some(user)), WorkAnswer::Verified(true)) => {
                self.keep_log_in(id, entry, &user);
                Ok(())
            }
            (AccountWork::LogIn(..), WorkAnswer::Verified(false) | WorkAnswer::Hashed(_)) => {
                Err(self.refuse_log_in())
            }
            (AccountWork::LogIn(_, None), WorkAnswer::Verified(true))
            | (AccountWork::Register(_), WorkAnswer::Verified(_))
            | (_, WorkAnswer::Failed | WorkAnswer::Judged(_)) => {
                Err(Response::error(500, "internal error"))
            }
        }
    }

    fn refuse_log_in(&mut self) -> Response {
        self.emit(Output::Log(LogEvent::LoginRefused));
        Response::error(401, "unauthorized")
    }

    fn keep_account(&mut self, id: RequestId, registration: Registration, password_hash: String) {
        let Registration { entry, invite } = registration;
        let user = UserId::from_random(self.entropy.bytes());
        let device = self.new_device(&entry);
        let (session, login) = self.new_session(user, device.id, false, true);
        let op = Op::Register {
            invite,
            now: self.unix(),
            user,
            username_hash: entry.username_hash,
            password_hash,
            device,
            session,
        };
        let step = AccountStep::Registered(Box::new(entry), login);
        self.ask(id, op, Step::Account(step));
    }

    fn keep_log_in(&mut self, id: RequestId, entry: Box<Entry>, user: &UserRow) {
        let device = self.new_device(&entry);
        let (session, login) = self.new_session(user.id, device.id, user.is_admin, user.is_trusted);
        let op = Op::LogIn {
            user: user.id,
            device,
            session,
            max_devices: limits::MAX_DEVICES_PER_USER,
            max_sessions: limits::MAX_SESSIONS_PER_USER,
        };
        let step = AccountStep::LoggedIn(entry, login);
        self.ask(id, op, Step::Account(step));
    }

    /// A device that the log has revoked logs in no more, not even with the password.
    fn finish_log_in(&mut self, entry: &Entry, login: NewLogin) -> Response {
        if self.members.is_gone(login.user, login.device) {
            self.forget_session(login.user, login.session);
            return self.refuse_log_in();
        }
        self.limiter.succeeded(entry.attempt);
        self.welcome(200, entry, login)
    }

    fn new_device(&mut self, entry: &Entry) -> NewDevice {
        NewDevice {
            id: DeviceId::from_random(self.entropy.bytes()),
            public_key: entry.public_key,
            signing_key: entry.signing_key,
            created_at: self.unix(),
        }
    }

    fn new_session(
        &mut self,
        user: UserId,
        device: DeviceId,
        is_admin: bool,
        is_trusted: bool,
    ) -> (NewSession, NewLogin) {
        let (token, session) = self.make_session(limits::PASSWORD_SESSION_LIFE);
        let login = NewLogin {
            token,
            session: session.id,
            user,
            device,
            is_admin,
            is_trusted,
            expires_at: session.expires_at,
        };
        (session, login)
    }

    /// A token and the session as the store keeps it.
    pub(super) fn make_session(&mut self, life: core::time::Duration) -> (Sensitive, NewSession) {
        let token = Sensitive::new(base64::encode_url(&self.entropy.bytes::<32>()));
        let created_at = self.unix();
        let session = NewSession {
            id: SessionId::from_random(self.entropy.bytes()),
            token_hash: token_hash(token.expose()),
            created_at,
            expires_at: created_at.saturating_add(life),
        };
        (token, session)
    }

    fn welcome(&self, status: u16, entry: &Entry, login: NewLogin) -> Response {
        let answer = LoggedIn {
            is_admin: self.is_admin(login.user, login.is_admin),
            token: login.token,
            user_id: login.user,
            device_id: login.device,
            expires_at: login.expires_at.to_string(),
            username: entry.username.clone(),
            device_public_key: base64::encode(&entry.public_key),
            is_trusted: login.is_trusted,
        };
        Response::json(status, &answer)
    }

    /// `POST /server/invites`.
    pub(super) fn create_invite(&mut self, id: RequestId, founded: Option<bool>) {
        let token = UserId::from_random(self.entropy.bytes()).to_string();
        let created_at = self.unix();
        let expires_at = created_at.saturating_add(limits::INVITE_LIFE);
        let op = Op::CreateInvite {
            token_hash: token_hash(&token),
            created_at,
            expires_at,
        };
        let answer = InviteAnswer {
            token: Sensitive::new(token),
            expires_at: expires_at.to_string(),
            founded,
        };
        self.ask(id, op, Step::Account(AccountStep::InviteKept(answer)));
    }

    /// `POST /users`.
    pub(super) fn create_user(&mut self, id: RequestId, body: &NewUser) -> Result<(), Response> {
        let normal = rules::username(&body.username)?;
        let user = UserId::from_random(self.entropy.bytes());
        let created_at = self.unix();
        let op = Op::CreateUser {
            user,
            username_hash: username_hash(self.config.pepper.expose().as_bytes(), &normal),
            created_at,
        };
        let answer = UserAnswer {
            id: user,
            username: body.username.trim().to_string(),
            created_at: created_at.to_string(),
        };
        self.ask(id, op, Step::Account(AccountStep::UserKept(answer)));
        Ok(())
    }
}

fn used() -> Response {
    Response::error(410, "invite already used")
}

fn expired() -> Response {
    Response::error(410, "invite expired")
}
