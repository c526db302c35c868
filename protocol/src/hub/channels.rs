//! The base API's profiles, devices and original channels.

use alloc::string::{String, ToString};

use super::access::Caller;
use super::envelopes::EnvelopeStep;
use super::pending::{Step, Unexpected};
use super::rules;
use super::store::{Answer, ChannelRow, DeviceRow, NewDevice, Op, ProfileRow};
use super::{Hub, RequestId};
use crate::ids::{ChannelId, DeviceId, UserId};
use crate::limits;
use crate::wire::answer::{
    Channel, ChannelAnswer, ChannelsAnswer, DeviceAnswer, DeviceKey, DeviceKeysAnswer, Profile,
    ProfilesAnswer, StatusAnswer,
};
use crate::wire::base64;
use crate::wire::body::{NameBody, NewDevice as NewDeviceBody, Rename};
use crate::wire::event::ServerEvent;
use crate::wire::http::Response;

/// A step of a request of the base API.
#[derive(Debug)]
pub(super) enum ChannelStep {
    /// A channel was to be created.
    Created(ChannelRow),
    /// A channel was to be deleted.
    Deleted(ChannelId),
    /// A device was to be made.
    DeviceKept(DeviceAnswer),
    /// Devices were read: of one user, or of all.
    Devices(Option<UserId>),
    /// Envelopes.
    Envelope(EnvelopeStep),
    /// Channels were read.
    Listed,
    /// A profile was to be set.
    ProfileKept(UserId),
    /// Profiles were read.
    Profiles,
    /// A channel was to be renamed.
    Renamed,
}

impl Hub {
    pub(super) fn channel_stored(
        &mut self,
        id: RequestId,
        step: ChannelStep,
        answer: Answer,
    ) -> Result<Option<Response>, Unexpected> {
        Ok(Some(match (step, answer) {
            (ChannelStep::Envelope(step), answer) => {
                return self.envelope_stored(id, step, answer);
            }
            (ChannelStep::Listed, Answer::Channels(rows)) => {
                let channels = rows.into_iter().map(channel).collect();
                Response::json(200, &ChannelsAnswer { channels })
            }
            (ChannelStep::Created(row), Answer::Done) => self.channel_updated(201, row),
            (ChannelStep::Created(_), Answer::TooMany) => Response::error(409, "too many channels"),
            (ChannelStep::Renamed, Answer::Channel(Some(row))) => self.channel_updated(200, row),
            (ChannelStep::Renamed, Answer::Channel(None))
            | (ChannelStep::Deleted(_), Answer::NotFound) => rules::not_found(),
            (ChannelStep::Deleted(channel_id), Answer::Done) => {
                self.announced.remove(&channel_id);
                self.end_room(channel_id);
                self.broadcast(&ServerEvent::ChannelDeleted { channel_id });
                Response::empty(204)
            }
            (ChannelStep::Profiles, Answer::Profiles(rows)) => {
                let profiles = rows.into_iter().map(profile).collect();
                Response::json(200, &ProfilesAnswer { profiles })
            }
            (ChannelStep::ProfileKept(sender), Answer::Done) => {
                self.broadcast(&ServerEvent::ProfileUpdated { sender });
                ok()
            }
            (ChannelStep::DeviceKept(device), Answer::Done) => Response::json(201, &device),
            (ChannelStep::DeviceKept(_), Answer::NotFound) => rules::not_found(),
            (ChannelStep::DeviceKept(_), Answer::TooMany) => {
                Response::error(409, "too many devices")
            }
            (ChannelStep::Devices(user), Answer::Devices(rows)) => {
                let keys = rows.into_iter().map(|row| device_key(row, user.is_none()));
                let answer = DeviceKeysAnswer {
                    user_id: user.map(|user| user.to_string()).unwrap_or_default(),
                    keys: keys.collect(),
                };
                Response::json(200, &answer)
            }
            _ => return Err(Unexpected),
        }))
    }

    /// The event goes out before the answer, as in the original.
    fn channel_updated(&mut self, status: u16, row: ChannelRow) -> Response {
        self.broadcast(&ServerEvent::ChannelUpdated {
            channel_id: row.id,
            channel_name_enc: row.name_enc.clone(),
        });
        let channel = channel(row);
        Response::json(status, &ChannelAnswer { channel })
    }

    /// `GET /channels`.
    pub(super) fn channels(&mut self, id: RequestId) -> Result<(), Response> {
        self.ask(id, Op::Channels, Step::Channel(ChannelStep::Listed));
        Ok(())
    }

    /// `POST /channels`.
    pub(super) fn create_channel(
        &mut self,
        id: RequestId,
        caller: Caller,
        body: &NameBody,
    ) -> Result<(), Response> {
        let row = ChannelRow {
            id: ChannelId::from_random(self.entropy.bytes()),
            name_enc: rules::name_enc(&body.name_enc)?,
            created_by: caller.user,
            created_at: self.unix(),
        };
        let op = Op::CreateChannel {
            channel: row.id,
            name_enc: row.name_enc.clone(),
            created_by: row.created_by,
            created_at: row.created_at,
            max_channels: limits::MAX_ORIGINAL_CHANNELS,
        };
        self.ask(id, op, Step::Channel(ChannelStep::Created(row)));
        Ok(())
    }

    /// `PATCH /channels`.
    pub(super) fn rename_channel(&mut self, id: RequestId, body: &Rename) -> Result<(), Response> {
        if body.channel_id.trim().is_empty() {
            return Err(rules::invalid("channel_id is required"));
        }
        let name_enc = rules::name_enc(&body.name_enc)?;
        let channel = parse(&body.channel_id)?;
        let op = Op::RenameChannel { channel, name_enc };
        self.ask(id, op, Step::Channel(ChannelStep::Renamed));
        Ok(())
    }

    /// `DELETE /channels`.
    pub(super) fn delete_channel(&mut self, id: RequestId, channel: &str) -> Result<(), Response> {
        let channel = parse(channel)?;
        let step = ChannelStep::Deleted(channel);
        self.ask(id, Op::DeleteChannel { channel }, Step::Channel(step));
        Ok(())
    }

    /// `GET /users/profiles`.
    pub(super) fn profiles(&mut self, id: RequestId) -> Result<(), Response> {
        self.ask(id, Op::Profiles, Step::Channel(ChannelStep::Profiles));
        Ok(())
    }

    /// `POST /users/profiles`.
    pub(super) fn put_profile(
        &mut self,
        id: RequestId,
        caller: Caller,
        body: &NameBody,
    ) -> Result<(), Response> {
        let op = Op::PutProfile {
            user: caller.user,
            name_enc: rules::name_enc(&body.name_enc)?,
            updated_at: self.unix(),
        };
        let step = ChannelStep::ProfileKept(caller.user);
        self.ask(id, op, Step::Channel(step));
        Ok(())
    }

    /// `POST /devices`.
    pub(super) fn add_device(
        &mut self,
        id: RequestId,
        caller: Caller,
        body: &NewDeviceBody,
    ) -> Result<(), Response> {
        if body.user_id.trim().is_empty() {
            return Err(rules::invalid("user_id is required"));
        }
        if body.user_id.parse() != Ok(caller.user) {
            return Err(Response::error(403, "forbidden"));
        }
        let device = NewDevice {
            id: DeviceId::from_random(self.entropy.bytes()),
            public_key: rules::public_key(&body.public_key)?,
            signing_key: None,
            created_at: self.unix(),
        };
        let answer = DeviceAnswer {
            id: device.id,
            user_id: caller.user,
            public_key: base64::encode(&device.public_key),
            created_at: device.created_at.to_string(),
        };
        let op = Op::AddDevice {
            user: caller.user,
            device,
            max_devices: limits::MAX_DEVICES_PER_USER,
        };
        self.ask(id, op, Step::Channel(ChannelStep::DeviceKept(answer)));
        Ok(())
    }

    /// `GET /devices/keys`.
    pub(super) fn device_keys(
        &mut self,
        id: RequestId,
        caller: Caller,
        user_id: &str,
        all: bool,
    ) -> Result<(), Response> {
        if !user_id.is_empty() && user_id.parse() != Ok(caller.user) {
            return Err(Response::error(403, "forbidden"));
        }
        if user_id.is_empty() && !all {
            return Err(rules::invalid("user_id or all=1 is required"));
        }
        let user = (!all).then_some(caller.user);
        let step = ChannelStep::Devices(user);
        self.ask(id, Op::Devices { user }, Step::Channel(step));
        Ok(())
    }
}

/// A channel's id: one of another form names no channel.
pub(super) fn parse(channel: &str) -> Result<ChannelId, Response> {
    channel.parse().map_err(|_| rules::not_found())
}

/// `{"status":"ok"}`.
pub(super) fn ok() -> Response {
    let status = String::from("ok");
    Response::json(201, &StatusAnswer { status })
}

fn channel(row: ChannelRow) -> Channel {
    Channel {
        id: row.id,
        name_enc: row.name_enc,
        created_by: row.created_by,
        created_at: row.created_at.to_string(),
    }
}

fn profile(row: ProfileRow) -> Profile {
    Profile {
        user_id: row.user,
        name_enc: row.name_enc,
        updated_at: row.updated_at.to_string(),
    }
}

fn device_key(row: DeviceRow, with_user: bool) -> DeviceKey {
    DeviceKey {
        user_id: with_user.then_some(row.user),
        device_id: row.id,
        public_key: base64::encode(&row.public_key),
    }
}
