//! A line of the socket: one JSON object, whose kind is in one of its fields.

use alloc::string::{String, ToString};
use core::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::limits::MAX_IPC_LINE_BYTES;

/// As much of an unknown command as is said of it, in characters.
const MAX_KIND_CHARS: usize = 64;

/// A line that is no message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LineError {
    /// It is no JSON object, or has not the fields that its kind needs.
    Malformed(String),
    /// It is longer than a message can be.
    TooLong {
        /// Its length in bytes.
        got: usize,
    },
    /// Its kind is unknown here.
    Unknown(String),
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(why) => write!(f, "malformed message: {why}"),
            Self::TooLong { got } => {
                write!(f, "message of {got} bytes, at most {MAX_IPC_LINE_BYTES}")
            }
            Self::Unknown(kind) => write!(f, "unknown command {kind:?}"),
        }
    }
}

impl core::error::Error for LineError {}

pub(super) fn read<T: DeserializeOwned>(line: &[u8], tag: &str) -> Result<Option<T>, LineError> {
    let got = line.len();
    if got > MAX_IPC_LINE_BYTES {
        return Err(LineError::TooLong { got });
    }
    let malformed = |error: serde_json::Error| LineError::Malformed(error.to_string());
    let fields: Map<String, Value> = serde_json::from_slice(line).map_err(malformed)?;
    let kind = fields.get(tag).and_then(Value::as_str).unwrap_or_default();
    if kind.is_empty() {
        return Ok(None);
    }
    let kind: String = kind.chars().take(MAX_KIND_CHARS).collect();
    serde_json::from_value(Value::Object(fields))
        .map(Some)
        .map_err(|error| {
            let why = error.to_string();
            match why.starts_with("unknown variant `") && why.contains(&kind) {
                true => LineError::Unknown(kind),
                false => LineError::Malformed(why),
            }
        })
}

pub(super) fn write(message: &impl Serialize) -> String {
    let mut line = serde_json::to_string(message).unwrap_or_default();
    line.push('\n');
    line
}
