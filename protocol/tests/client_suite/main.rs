//! The client's engine against the real hub, over a network that delivers everything at once.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod channels;
mod contract;
mod crash;
mod evil;
mod invites;
mod join;
mod log;
mod net;
mod sharing;
mod voice;
