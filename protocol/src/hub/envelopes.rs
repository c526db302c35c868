//! Envelopes of the base API: of original channels and of the directory.

use alloc::string::ToString;
use alloc::vec::Vec;

use super::access::Caller;
use super::channels::{ChannelStep, ok, parse};
use super::pending::{Step, Unexpected};
use super::rules;
use super::store::{Answer, NewKeyEnvelope, Op};
use super::{Hub, RequestId};
use crate::ids::{ChannelId, DeviceId};
use crate::limits;
use crate::wire::answer::KeyEnvelopeAnswer;
use crate::wire::base64;
use crate::wire::body::{KeyEnvelope, KeyEnvelopes};
use crate::wire::http::Response;

/// A step of a request for envelopes.
#[derive(Debug)]
pub(super) enum EnvelopeStep {
    /// The channel that envelopes are posted to.
    FoundChannel {
        channel: ChannelId,
        caller: Caller,
        envelopes: Vec<KeyEnvelope>,
    },
    /// Envelopes were to be kept.
    Kept,
    /// An envelope was read.
    Read {
        channel: Option<ChannelId>,
        device: DeviceId,
    },
}

impl Hub {
    pub(super) fn envelope_stored(
        &mut self,
        id: RequestId,
        step: EnvelopeStep,
        answer: Answer,
    ) -> Result<Option<Response>, Unexpected> {
        Ok(match (step, answer) {
            (EnvelopeStep::FoundChannel { .. }, Answer::Channel(None)) => Some(rules::not_found()),
            (
                EnvelopeStep::FoundChannel {
                    channel,
                    caller,
                    envelopes,
                },
                Answer::Channel(Some(_)),
            ) => self
                .put_key_envelopes(id, caller, Some(channel), envelopes)
                .err(),
            (EnvelopeStep::Kept, Answer::Done) => Some(ok()),
            (EnvelopeStep::Kept, Answer::NotFound) => Some(rules::not_found()),
            (EnvelopeStep::Kept, Answer::UnknownDevice) => {
                Some(rules::invalid("unknown device_id"))
            }
            (EnvelopeStep::Read { channel: None, .. }, Answer::KeyEnvelope(None)) => {
                Some(Response::empty(204))
            }
            (EnvelopeStep::Read { .. }, Answer::KeyEnvelope(None)) => Some(rules::not_found()),
            (EnvelopeStep::Read { channel, device }, Answer::KeyEnvelope(Some(row))) => {
                let answer = KeyEnvelopeAnswer {
                    channel_id: channel,
                    device_id: device,
                    sender_device_id: row.sender,
                    sender_public_key: base64::encode(&row.sender_public_key),
                    envelope: row.envelope,
                    created_at: row.created_at.to_string(),
                };
                Some(Response::json(200, &answer))
            }
            _ => return Err(Unexpected),
        })
    }

    /// `GET /channels/keys` and `GET /directory/keys`: addressed to the session's device.
    pub(super) fn key_envelope(
        &mut self,
        id: RequestId,
        caller: Caller,
        channel: Option<&str>,
    ) -> Result<(), Response> {
        let channel = channel.map(parse).transpose()?;
        let device = caller.device;
        let step = EnvelopeStep::Read { channel, device };
        let op = Op::FindKeyEnvelope { channel, device };
        self.ask(id, op, Step::Channel(ChannelStep::Envelope(step)));
        Ok(())
    }

    /// `POST /channels/keys`. Whether there is such a channel is said before what is wrong with the envelopes.
    pub(super) fn put_channel_keys(
        &mut self,
        id: RequestId,
        caller: Caller,
        body: KeyEnvelopes,
    ) -> Result<(), Response> {
        if body.channel_id.trim().is_empty() || body.envelopes.is_empty() {
            return Err(rules::invalid("channel_id and envelopes are required"));
        }
        let channel = parse(body.channel_id.trim())?;
        let step = EnvelopeStep::FoundChannel {
            channel,
            caller,
            envelopes: body.envelopes,
        };
        let op = Op::FindChannel { channel };
        self.ask(id, op, Step::Channel(ChannelStep::Envelope(step)));
        Ok(())
    }

    /// `POST /directory/keys`.
    pub(super) fn put_directory_keys(
        &mut self,
        id: RequestId,
        caller: Caller,
        body: KeyEnvelopes,
    ) -> Result<(), Response> {
        if body.envelopes.is_empty() {
            return Err(rules::invalid("envelopes are required"));
        }
        self.put_key_envelopes(id, caller, None, body.envelopes)
    }

    fn put_key_envelopes(
        &mut self,
        id: RequestId,
        caller: Caller,
        channel: Option<ChannelId>,
        envelopes: Vec<KeyEnvelope>,
    ) -> Result<(), Response> {
        let envelopes = envelopes.into_iter();
        let envelopes = envelopes
            .map(|item| check(caller, item))
            .collect::<Result<_, _>>()?;
        let op = Op::PutKeyEnvelopes {
            channel,
            sender: caller.device,
            envelopes,
            created_at: self.unix(),
        };
        let step = ChannelStep::Envelope(EnvelopeStep::Kept);
        self.ask(id, op, Step::Channel(step));
        Ok(())
    }
}

/// The sender is the session's device, and the key beside the envelope is that device's.
fn check(caller: Caller, item: KeyEnvelope) -> Result<NewKeyEnvelope, Response> {
    if item.sender_device_id.parse() != Ok(caller.device) {
        return Err(Response::error(403, "forbidden"));
    }
    let envelope = item.envelope.trim();
    if item.device_id.is_empty() || item.sender_public_key.is_empty() || envelope.is_empty() {
        return Err(rules::invalid(
            "device_id, sender_public_key and envelope are required",
        ));
    }
    if envelope.len() > limits::MAX_KEY_ENVELOPE_BYTES {
        return Err(rules::invalid("envelope is too long"));
    }
    if base64::decode_array(item.sender_public_key.trim()) != Some(caller.public_key) {
        return Err(rules::invalid("sender_public_key is not the sender's"));
    }
    let device = item.device_id.parse();
    Ok(NewKeyEnvelope {
        device: device.map_err(|_| rules::invalid("unknown device_id"))?,
        envelope: envelope.to_string(),
    })
}
