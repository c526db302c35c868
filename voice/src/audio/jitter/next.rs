//! What there is to play, and what became of packets.

use std::sync::Arc;

/// What there is to play.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Next {
    /// The next frame, and whether its length should change.
    Frame(Arc<[u8]>, Fit),
    /// The next frame is lost or late; this is the packet after it, which may carry it once more.
    Recover(Arc<[u8]>),
    /// So many samples are missing.
    Conceal(usize),
    /// Nobody speaks, or it is not time yet.
    Silence,
}

/// Whether a frame is played in the time that it took to be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fit {
    /// As it is.
    Whole,
    /// Shorter, where that is not heard.
    Shorten,
    /// Shorter, even where it may be heard.
    Hasten,
    /// Longer, where that is not heard.
    Stretch,
}

/// What happened to packets, from the beginning on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Packets that were played.
    pub played: u64,
    /// Frames of which no packet was there in time.
    pub missing: u64,
    /// Packets that came after their turn.
    pub late: u64,
    /// Packets that came twice, that there was no room for, or that were left out to catch up.
    pub dropped: u64,
}
