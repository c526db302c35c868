//! The hub's behaviour over the store in memory: the base API word by word, what was wrong with it, and what is new.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

mod accounts;
mod channels;
mod community;
mod connections;
mod envelopes;
mod laws;
mod log;
mod members;
mod messages;
mod pressure;
mod sessions;
mod sharing;
mod voice;
mod voice_bounds;
mod voice_rights;
mod world;
