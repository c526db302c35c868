//! Users, invites, devices and sessions.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "operations of other subjects never come here"
)]

use alloc::vec::Vec;

use super::{MemoryStore, StoredSession};
use crate::hub::store::{
    Answer, DeviceRow, InviteRow, NewDevice, NewSession, Op, SessionRow, TokenHash, UserRow,
    UsernameHash,
};
use crate::ids::{DeviceId, SessionId, UserId};
use crate::time::UnixMillis;

impl MemoryStore {
    pub(super) fn apply_account(&mut self, op: Op) -> Answer {
        match op {
            Op::CreateInvite {
                token_hash,
                expires_at,
                ..
            } => {
                let used = false;
                self.invites
                    .insert(token_hash, InviteRow { expires_at, used });
                Answer::Done
            }
            Op::FindInvite { token_hash } => Answer::Invite(self.invites.get(&token_hash).cloned()),
            Op::Register {
                invite,
                now,
                user,
                username_hash,
                password_hash,
                device,
                session,
            } => {
                if let Err(refusal) = self.consume(&invite, now, &username_hash) {
                    return refusal;
                }
                let is_admin = !self.users.values().any(|it| it.password_hash.is_some());
                self.usernames.insert(username_hash, user);
                self.users.insert(
                    user,
                    UserRow {
                        id: user,
                        password_hash: Some(password_hash),
                        is_admin,
                        is_trusted: true,
                    },
                );
                let id = device.id;
                self.devices.push(row(user, device));
                self.keep_session(user, id, session);
                Answer::Registered { is_admin }
            }
            Op::CreateUser {
                user,
                username_hash,
                ..
            } => {
                if self.usernames.contains_key(&username_hash) {
                    return Answer::UsernameTaken;
                }
                self.usernames.insert(username_hash, user);
                self.users.insert(
                    user,
                    UserRow {
                        id: user,
                        password_hash: None,
                        is_admin: false,
                        is_trusted: false,
                    },
                );
                Answer::Done
            }
            Op::FindUser { username_hash } => {
                let user = self.usernames.get(&username_hash);
                Answer::User(user.and_then(|user| self.users.get(user)).cloned())
            }
            Op::FindUsers { users } => {
                let found = users.iter().filter_map(|user| self.users.get(user));
                Answer::Users(found.cloned().collect())
            }
            other => self.apply_session(other),
        }
    }

    fn apply_session(&mut self, op: Op) -> Answer {
        match op {
            Op::LogIn {
                user,
                device,
                session,
                max_devices,
                max_sessions,
            } => match self.device_of_login(user, device, max_devices) {
                Err(refusal) => refusal,
                Ok(device) => self.open_session(user, device, session, max_sessions),
            },
            Op::OpenSession {
                device,
                session,
                max_sessions,
            } => match self.find_device(device).map(|device| device.user) {
                None => Answer::NotFound,
                Some(user) => self.open_session(user, device, session, max_sessions),
            },
            Op::FindSession { token_hash } => {
                let stored = self.sessions.get(&token_hash);
                Answer::Session(stored.and_then(|stored| self.session_row(stored)))
            }
            Op::Sessions { user } => {
                let mut sessions: Vec<SessionRow> = self
                    .sessions
                    .values()
                    .filter(|stored| stored.user == user)
                    .filter_map(|stored| self.session_row(stored))
                    .collect();
                sessions.sort_by_key(|row| (core::cmp::Reverse(row.created_at), row.id));
                Answer::Sessions(sessions)
            }
            Op::EndSession { user, session } => Answer::Ended(
                self.end_sessions(|stored| stored.user == user && stored.session.id == session),
            ),
            Op::AddDevice {
                user,
                device,
                max_devices,
            } => {
                if !self.users.contains_key(&user) {
                    return Answer::NotFound;
                }
                if self.count_devices(user) >= max_devices as usize {
                    return Answer::TooMany;
                }
                self.devices.push(row(user, device));
                Answer::Done
            }
            Op::FindDevice { device } => Answer::Device(self.find_device(device).cloned()),
            Op::Devices { user } => {
                let devices = self.devices.iter();
                Answer::Devices(
                    devices
                        .filter(|device| user.is_none_or(|user| device.user == user))
                        .cloned()
                        .collect(),
                )
            }
            _ => Answer::NotFound,
        }
    }

    fn consume(
        &mut self,
        invite: &TokenHash,
        now: UnixMillis,
        username_hash: &UsernameHash,
    ) -> Result<(), Answer> {
        let invite = self.invites.get_mut(invite).ok_or(Answer::NotFound)?;
        if invite.used {
            return Err(Answer::Used);
        }
        if invite.expires_at <= now {
            return Err(Answer::Expired);
        }
        if self.usernames.contains_key(username_hash) {
            return Err(Answer::UsernameTaken);
        }
        invite.used = true;
        Ok(())
    }

    fn device_of_login(
        &mut self,
        user: UserId,
        device: NewDevice,
        max_devices: u32,
    ) -> Result<DeviceId, Answer> {
        if !self.users.contains_key(&user) {
            return Err(Answer::NotFound);
        }
        let known = self
            .devices
            .iter_mut()
            .find(|row| row.user == user && row.public_key == device.public_key);
        if let Some(known) = known {
            return match (known.signing_key, device.signing_key) {
                (Some(ours), Some(theirs)) if ours != theirs => Err(Answer::KeysDiffer),
                (ours, theirs) => {
                    known.signing_key = ours.or(theirs);
                    Ok(known.id)
                }
            };
        }
        if self.count_devices(user) >= max_devices as usize {
            return Err(Answer::TooMany);
        }
        let id = device.id;
        self.devices.push(row(user, device));
        Ok(id)
    }

    fn open_session(
        &mut self,
        user: UserId,
        device: DeviceId,
        session: NewSession,
        max_sessions: u32,
    ) -> Answer {
        let now = session.created_at;
        let mut ended =
            self.end_sessions(|stored| stored.user == user && stored.session.expires_at <= now);
        let mut left: Vec<(UnixMillis, SessionId)> = self
            .sessions
            .values()
            .filter(|stored| stored.user == user)
            .map(|stored| (stored.session.created_at, stored.session.id))
            .collect();
        left.sort_unstable();
        let excess = (left.len() + 1).saturating_sub(max_sessions as usize);
        for (_, oldest) in left.into_iter().take(excess) {
            ended.extend(self.end_sessions(|stored| stored.session.id == oldest));
        }
        self.keep_session(user, device, session);
        Answer::LoggedIn { device, ended }
    }

    fn keep_session(&mut self, user: UserId, device: DeviceId, session: NewSession) {
        let stored = StoredSession {
            session,
            user,
            device,
        };
        self.sessions.insert(stored.session.token_hash, stored);
    }

    /// Ends the sessions that `ends` names; answers them in the order of their ids.
    pub(super) fn end_sessions(&mut self, ends: impl Fn(&StoredSession) -> bool) -> Vec<SessionId> {
        let mut ended = Vec::new();
        self.sessions.retain(|_, stored| {
            let ends = ends(stored);
            if ends {
                ended.push(stored.session.id);
            }
            !ends
        });
        ended.sort_unstable();
        ended
    }

    fn session_row(&self, stored: &StoredSession) -> Option<SessionRow> {
        let user = self.users.get(&stored.user)?;
        let device = self.find_device(stored.device)?;
        Some(SessionRow {
            id: stored.session.id,
            user: stored.user,
            device: stored.device,
            public_key: device.public_key,
            is_admin: user.is_admin,
            is_trusted: user.is_trusted,
            created_at: stored.session.created_at,
            expires_at: stored.session.expires_at,
        })
    }

    pub(super) fn find_device(&self, device: DeviceId) -> Option<&DeviceRow> {
        self.devices.iter().find(|row| row.id == device)
    }

    fn count_devices(&self, user: UserId) -> usize {
        self.devices.iter().filter(|row| row.user == user).count()
    }
}

fn row(user: UserId, device: NewDevice) -> DeviceRow {
    DeviceRow {
        id: device.id,
        user,
        public_key: device.public_key,
        signing_key: device.signing_key,
        created_at: device.created_at,
    }
}
