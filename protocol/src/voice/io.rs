//! What goes into a pair and what comes out of it.

use alloc::string::String;
use core::fmt;

/// What a pair is told.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Input<'a> {
    /// The other device answers the offer of a generation of ours. That it is its answer was checked.
    Answer {
        /// The offer's.
        generation: u32,
        /// The description (RFC 8866).
        sdp: &'a str,
    },
    /// The answer that [`Command::TakeOffer`] asked for.
    AnswerMade {
        /// The offer's.
        generation: u32,
        /// The description.
        sdp: &'a str,
    },
    /// The other device may be reached by another way.
    Candidate {
        /// The attribute, beginning with `candidate:`.
        candidate: &'a str,
    },
    /// Sound can flow.
    Connected,
    /// The connection is broken, or could not be made.
    Failed,
    /// This device may be reached by another way.
    LocalCandidate {
        /// The attribute, beginning with `candidate:`.
        candidate: &'a str,
    },
    /// The addresses of this device changed.
    NetworkChanged,
    /// What is said reaches the other device again. What was said meanwhile may be lost.
    Reachable,
    /// The other device offers. That it is its offer was checked.
    Offer {
        /// One more with each offer that it makes.
        generation: u32,
        /// The description.
        sdp: &'a str,
    },
    /// The offer that [`Command::MakeOffer`] asked for.
    OfferMade {
        /// That of the command.
        generation: u32,
        /// The description.
        sdp: &'a str,
    },
}

/// What a pair puts out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Output {
    /// For people.
    Event(Event),
    /// For what carries the sound.
    Media(Command),
    /// For the other device.
    Send(Say),
}

/// What is to be done with the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// Take in a way by which the other device may be reached.
    AddCandidate {
        /// The attribute.
        candidate: String,
    },
    /// End it.
    Close,
    /// Make an offer, and say [`Input::OfferMade`].
    MakeOffer {
        /// To be named again.
        generation: u32,
        /// Whether ICE starts anew on a connection that was described before (RFC 8839, section 4.4.1.1.1).
        restart: bool,
    },
    /// Forget the exchange that is under way: one's own offer, or the other device's that was taken in last.
    Rollback,
    /// Take in the answer to the offer that was made last.
    TakeAnswer {
        /// The description.
        sdp: String,
    },
    /// Take in an offer, and say [`Input::AnswerMade`].
    TakeOffer {
        /// To be named again.
        generation: u32,
        /// The description.
        sdp: String,
    },
}

/// What is said to the other device.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Say {
    /// An answer to its offer.
    Answer {
        /// The offer's.
        generation: u32,
        /// The description.
        sdp: String,
    },
    /// A way by which this device may be reached. It belongs to the description that was sent last.
    Candidate {
        /// The attribute.
        candidate: String,
    },
    /// An offer.
    Offer {
        /// One more with each.
        generation: u32,
        /// The description.
        sdp: String,
    },
}

/// What people are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The other device can be heard.
    Connected,
    /// It cannot be heard any more, and is sought.
    Reconnecting,
}

/// An input that does not fit. The pair is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PairError {
    /// The pair was closed.
    Closed,
    /// So many candidates came before the description that they belong to.
    TooManyCandidates,
    /// An answer to another offer than the one that waits, or an offer that is not newer than the last.
    Stale,
    /// A description that was not asked for.
    Unexpected,
    /// Both offered at once, and this side's offer comes first.
    Yielding,
}

impl fmt::Display for PairError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "the pair is closed",
            Self::TooManyCandidates => "too many candidates before a description",
            Self::Stale => "the description belongs to an earlier exchange",
            Self::Unexpected => "nobody asked for this description",
            Self::Yielding => "the other offer gives way to ours",
        })
    }
}

impl core::error::Error for PairError {}
