//! The account at the server: registering it, and finding out after a crash whether that was done.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Client;
use super::calls::Purpose;
use super::event::{Event, Refusal};
use super::io::{HttpAnswer, LinkFailure};
use crate::wire::answer::LoggedIn;
use crate::wire::body::Credentials;
use crate::wire::request::Request;
use crate::wire::sensitive::Sensitive;

impl Client {
    /// Registers, or asks first whether that was done: an answer may have been lost, and an invite is used up by the
    /// first time (spec 9.2).
    pub(super) fn register(&mut self) {
        let Some(registration) = &self.account.registration else {
            return;
        };
        let public = self.account.secret.public();
        let mut credentials = Credentials {
            username: self.account.username.clone(),
            password: registration.password.clone(),
            public_key: STANDARD.encode(public.dh.as_bytes()),
            invite_token: Sensitive::default(),
            signing_key: Some(STANDARD.encode(public.sign.as_bytes())),
        };
        if self.link.maybe_registered {
            self.call(Purpose::LogIn, &Request::LogIn(credentials));
        } else {
            credentials.invite_token = registration.token.clone();
            self.call(Purpose::Register, &Request::Register(credentials));
        }
    }

    pub(super) fn register_answered(&mut self, result: Result<HttpAnswer<'_>, LinkFailure>) {
        match result {
            Ok(HttpAnswer {
                status: 200 | 201,
                body,
            }) => self.registered(body),
            // The network may have delivered the request twice: the invite may have been used up by this account.
            Ok(HttpAnswer { status: 410, .. }) => {
                self.link.token_spent = true;
                self.link.maybe_registered = true;
                self.register();
            }
            Ok(HttpAnswer { status, .. }) if status < 500 && status != 429 => {
                let reason = match status {
                    404 => Refusal::TokenUnknown,
                    400 | 409 => Refusal::AccountRefused,
                    status => Refusal::Server(status),
                };
                self.registration_refused(reason);
            }
            Ok(_) | Err(_) => {
                self.link.maybe_registered = true;
                self.register_later();
            }
        }
    }

    pub(super) fn login_answered(&mut self, result: Result<HttpAnswer<'_>, LinkFailure>) {
        match result {
            Ok(HttpAnswer {
                status: 200 | 201,
                body,
            }) => self.registered(body),
            Ok(HttpAnswer { status: 401, .. }) => {
                self.link.maybe_registered = false;
                if core::mem::take(&mut self.link.token_spent) {
                    self.registration_refused(Refusal::TokenSpent);
                } else {
                    self.register();
                }
            }
            Ok(HttpAnswer { status, .. }) if status < 500 && status != 429 => {
                self.registration_refused(Refusal::Server(status));
            }
            Ok(_) | Err(_) => self.register_later(),
        }
    }

    /// The server knows the account: token and password are not needed any more.
    fn registered(&mut self, body: &[u8]) {
        let answer: Option<LoggedIn> = serde_json::from_slice(body).ok();
        let own = STANDARD.encode(self.account.secret.public().dh.as_bytes());
        let Some(answer) = answer.filter(|answer| answer.device_public_key == own) else {
            self.registration_refused(Refusal::Garbled);
            return;
        };
        self.account.ids = Some((answer.user_id, answer.device_id));
        self.account.registration = None;
        if !answer.username.is_empty() {
            self.account.username = answer.username;
        }
        self.account.persist(&mut self.out);
        self.registration_over();
        self.session.set_token(answer.token, self.now);
        self.out.event(Event::StandingChanged);
        self.open_session();
    }

    fn registration_refused(&mut self, reason: Refusal) {
        let intent = self.account.plan.intent();
        self.out.event(Event::IntentRefused { intent, reason });
        self.refuse_server();
    }
}
