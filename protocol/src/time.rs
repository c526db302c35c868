//! The crate's own time: a monotonic [`Instant`] and the wall clock's [`UnixMillis`], both handed in.

use core::fmt;
use core::ops::{Add, Sub};
use core::str::FromStr;
use core::time::Duration;

use jiff::Timestamp;
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// A point of a monotonic clock, in microseconds since a start that the driver chose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The driver's start.
    pub const ZERO: Self = Self(0);

    /// The point that lies `micros` microseconds after the start.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the start.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// The time since `earlier`, or zero if that lies ahead.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, after: Duration) -> Self {
        let micros = u64::try_from(after.as_micros()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(micros))
    }
}

impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.saturating_since(earlier)
    }
}

/// The wall clock, in milliseconds since 1970-01-01 UTC. Shown to people, never the ground of a decision about trust.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Encode,
    Decode,
    Serialize,
    Deserialize,
)]
#[cbor(transparent)]
#[serde(transparent)]
pub struct UnixMillis(#[n(0)] pub u64);

impl UnixMillis {
    /// This time and `after`.
    #[must_use]
    pub fn saturating_add(self, after: Duration) -> Self {
        let millis = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(millis))
    }
}

impl fmt::Display for UnixMillis {
    /// RFC 3339 in UTC with trailing zeros of the fraction trimmed, as the base API writes its timestamps:
    /// `2026-11-22T21:00:00.12Z`. A time past the year 9999 is written as its last moment.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = i64::try_from(self.0)
            .ok()
            .and_then(|millis| Timestamp::from_millisecond(millis).ok());
        write!(f, "{}", time.unwrap_or(Timestamp::MAX))
    }
}

impl FromStr for UnixMillis {
    type Err = ParseTimeError;

    fn from_str(text: &str) -> Result<Self, ParseTimeError> {
        let time: Timestamp = text.parse().map_err(|_| ParseTimeError)?;
        u64::try_from(time.as_millisecond())
            .map(Self)
            .map_err(|_| ParseTimeError)
    }
}

/// A text that is not an RFC 3339 timestamp since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParseTimeError;

impl fmt::Display for ParseTimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an RFC 3339 timestamp")
    }
}

impl core::error::Error for ParseTimeError {}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn an_instant_never_overflows() {
        let end = Instant::from_micros(u64::MAX);
        assert_eq!(end + Duration::from_secs(1), end);
        assert_eq!(Instant::ZERO - end, Duration::ZERO);
    }

    #[test]
    fn wall_times_are_written_as_rfc_3339() {
        assert_eq!(UnixMillis(0).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(
            UnixMillis(1_795_381_827_500).to_string(),
            "2026-11-22T21:10:27.5Z"
        );
        assert_eq!(UnixMillis(u64::MAX).to_string(), Timestamp::MAX.to_string());
        assert_eq!(
            "2026-11-22T21:10:27.500123Z".parse(),
            Ok(UnixMillis(1_795_381_827_500))
        );
        assert_eq!(
            "1969-01-01T00:00:00Z".parse::<UnixMillis>(),
            Err(ParseTimeError)
        );
    }
}
