//! Text as a terminal shows it: cleaned, measured by grapheme, wrapped to a column, with the local time of day.

mod clock;
mod sanitize;
mod width;
mod wrap;

pub use clock::Clock;
pub use sanitize::{sanitize, sanitize_line};
pub use width::{clip, pad, width};
pub use wrap::{column_at, wrap};
