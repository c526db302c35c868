//! The screen of dialtone.

pub mod text;
