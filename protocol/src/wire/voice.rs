//! Voice rooms over the WebSocket: who is in them, and what devices say to each other to connect.
//!
//! The base API names users only. What is added for ours (device ids, proofs) stands beside it, and clients of the
//! original pass it over.

use alloc::string::{String, ToString};

use serde::{Deserialize, Serialize};

use super::base64;
use super::frame::FrameFault;
use crate::ids::{DeviceId, UserId};
use crate::limits;

/// A wish to enter a voice room.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VoiceJoin {
    /// The room's channel: a text, since an unknown id and one of another form are answered alike.
    pub channel_id: String,
    /// What the device signed about it, in base64. The server passes it on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
}

/// What one device says to another in a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Signal {
    /// The room's channel.
    pub channel_id: String,
    /// The user that it is for: a text, as in [`VoiceJoin`].
    pub recipient: String,
    /// The device that it is for; all of the user's that are in the room if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient_device_id: Option<DeviceId>,
    /// What it says.
    #[serde(flatten)]
    pub content: SignalContent,
    /// What the device signed about it, in base64. The server passes it on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
}

/// What a signal says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
#[non_exhaustive]
pub enum SignalContent {
    /// An offer of a connection.
    #[serde(rename = "webrtc_offer")]
    Offer {
        /// Its description (RFC 8866).
        sdp: String,
    },
    /// The answer to an offer.
    #[serde(rename = "webrtc_answer")]
    Answer {
        /// Its description (RFC 8866).
        sdp: String,
    },
    /// A way by which the sender may be reached (RFC 8840).
    #[serde(rename = "ice_candidate")]
    Candidate {
        /// The bare attribute, beginning with `candidate:`.
        candidate: String,
    },
}

/// A signal as the server hands it on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signalled {
    /// The room's channel.
    pub channel_id: crate::ids::ChannelId,
    /// Who says it, by the server's word.
    pub sender: UserId,
    /// The user that it is for.
    pub recipient: UserId,
    /// Which device says it, by the server's word. Servers of the original do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender_device_id: Option<DeviceId>,
    /// The device that it is for; all of the user's that are in the room if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient_device_id: Option<DeviceId>,
    /// What the device signed about it, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
}

/// A device in a room, by the server's word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoiceDevice {
    /// Its user.
    pub user_id: UserId,
    /// The device.
    pub device_id: DeviceId,
    /// What it signed when it entered, in base64. Clients of the original sign nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
}

/// The fields of a signal before it is known to be one.
pub(super) struct RawSignal<'a> {
    pub(super) kind: &'a str,
    pub(super) channel_id: String,
    pub(super) recipient: String,
    pub(super) recipient_device_id: Option<DeviceId>,
    pub(super) sdp: String,
    pub(super) candidate: String,
    pub(super) proof: Option<String>,
}

impl Signalled {
    pub(super) fn for_original(self) -> Self {
        Self {
            sender_device_id: None,
            recipient_device_id: None,
            proof: None,
            ..self
        }
    }
}

impl VoiceJoin {
    pub(super) fn read(channel_id: String, proof: Option<String>) -> Result<Self, FrameFault> {
        if channel_id.is_empty() {
            return Err(FrameFault::Missing("channel_id"));
        }
        let proof = bounded(proof)?;
        Ok(Self { channel_id, proof })
    }
}

impl Signal {
    pub(super) fn read(raw: RawSignal<'_>) -> Result<Self, FrameFault> {
        let is_candidate = raw.kind == "ice_candidate";
        let content = if is_candidate {
            &raw.candidate
        } else {
            &raw.sdp
        };
        if raw.channel_id.is_empty() || raw.recipient.is_empty() || content.trim().is_empty() {
            return Err(FrameFault::Missing(match is_candidate {
                true => "channel_id, recipient and candidate",
                false => "channel_id, recipient and sdp",
            }));
        }
        let max = match is_candidate {
            true => limits::MAX_CANDIDATE_BYTES,
            false => limits::MAX_SDP_BYTES,
        };
        if content.len() > max {
            let got = content.len();
            return Err(FrameFault::SignalTooLong { got, max });
        }
        Ok(Self {
            channel_id: raw.channel_id,
            recipient: raw.recipient,
            recipient_device_id: raw.recipient_device_id,
            content: match raw.kind {
                "webrtc_offer" => SignalContent::Offer { sdp: raw.sdp },
                "webrtc_answer" => SignalContent::Answer { sdp: raw.sdp },
                _ => SignalContent::Candidate {
                    candidate: raw.candidate,
                },
            },
            proof: bounded(raw.proof)?,
        })
    }
}

fn bounded(proof: Option<String>) -> Result<Option<String>, FrameFault> {
    let got = proof.as_ref().map_or(0, String::len);
    let max = limits::MAX_PROOF_BYTES;
    if got > max {
        return Err(FrameFault::SignalTooLong { got, max });
    }
    // In JSON other characters may take six times as much.
    match proof {
        Some(proof) if base64::decode(&proof).is_none() => {
            Err(FrameFault::Malformed("proof is not base64".to_string()))
        }
        proof => Ok(proof),
    }
}
