//! What the daemon says of itself on standard error, with the time: for those who look for what went wrong.

use core::fmt;
use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

/// Says something. Nothing of it is a secret, and nothing comes from others.
pub(super) fn note(what: fmt::Arguments<'_>) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let micros = now.map_or(0, |it| it.as_micros());
    // Nobody may be reading.
    let _ = writeln!(
        io::stderr().lock(),
        "{}.{:06} {what}",
        micros / 1_000_000,
        micros % 1_000_000
    );
}
