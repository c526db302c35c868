//! dialtone: client.

#[cfg(feature = "tui")]
pub mod tui;
