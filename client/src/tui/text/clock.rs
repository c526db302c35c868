//! The wall clock as people read it, in their own time zone.

use dialtone_protocol::UnixMillis;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// Turns times of messages into what the screen shows.
#[derive(Clone, Debug)]
pub struct Clock {
    zone: TimeZone,
}

impl Clock {
    /// A clock of the system's time zone.
    #[must_use]
    pub fn system() -> Self {
        Self::new(TimeZone::system())
    }

    /// A clock of this time zone.
    #[must_use]
    pub const fn new(zone: TimeZone) -> Self {
        Self { zone }
    }

    /// The time of day, such as `[21:10]`.
    #[must_use]
    pub fn time(&self, at: UnixMillis) -> String {
        self.local(at).strftime("[%H:%M]").to_string()
    }

    /// The day that a time falls on.
    #[must_use]
    pub fn day(&self, at: UnixMillis) -> Date {
        self.local(at).date()
    }

    /// A day's name, such as `Sunday, 22 November 2026`.
    #[must_use]
    pub fn day_name(&self, at: UnixMillis) -> String {
        self.local(at).strftime("%A, %-d %B %Y").to_string()
    }

    /// A moment of the days around this one, such as `22 Nov 21:10`.
    #[must_use]
    pub fn moment(&self, at: UnixMillis) -> String {
        self.local(at).strftime("%-d %b %H:%M").to_string()
    }

    /// The local time; one past the year 9999 counts as its last moment.
    fn local(&self, at: UnixMillis) -> Zoned {
        i64::try_from(at.0)
            .ok()
            .and_then(|millis| Timestamp::from_millisecond(millis).ok())
            .unwrap_or(Timestamp::MAX)
            .to_zoned(self.zone.clone())
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::Offset;

    use super::*;

    #[test]
    fn times_are_shown_in_the_zone_of_the_reader() {
        let late = UnixMillis(1_795_389_000_000);
        let utc = Clock::new(TimeZone::UTC);
        let east = Clock::new(TimeZone::fixed(Offset::constant(3)));
        assert_eq!(utc.time(late), "[23:10]");
        assert_eq!(utc.day_name(late), "Sunday, 22 November 2026");
        assert_eq!(east.time(late), "[02:10]");
        assert_eq!(east.day_name(late), "Monday, 23 November 2026");
        assert!(utc.day(late) < east.day(late));
    }

    #[test]
    fn a_senseless_time_is_still_a_time() {
        assert_eq!(
            Clock::new(TimeZone::UTC).time(UnixMillis(u64::MAX)).len(),
            7
        );
    }
}
