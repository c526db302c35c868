//! What the library keeps of another device for as long as a connection lasts, and the bounds of it.
//!
//! A member of the room may describe itself, change its address and number its sound anew as often as it likes. The
//! library lets go of candidates and of addresses when ICE starts anew with other credentials, and of the rest only with
//! the connection.

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;

use turn_client_proto::types::stun::attribute::XorMappedAddress;
use turn_client_proto::types::stun::message::{
    BINDING, Message, MessageClass, StunParseError, TransactionId,
};
use turn_client_proto::types::stun::prelude::*;

/// Candidates of a device for one description: machines with many addresses have two dozen. One that names more is not
/// heard, so that this device names no more either, whatever servers say.
pub(super) const MAX_CANDIDATES: usize = 64;

/// Candidates until ICE starts anew: an offer whose answer gets lost is made again with the same ones.
const MAX_KEPT_CANDIDATES: usize = 256;

/// Addresses from which a device checks the connection until ICE starts anew: as many as it may name.
const MAX_SOURCES: usize = MAX_CANDIDATES;

/// Addresses by which the other device says it sees this one: a NAT may take another one for each pair of addresses.
/// Each is named in descriptions from then on, which may not grow without end either.
const MAX_SEEN: usize = 32;

/// Streams of sound. A device has one, which it may number anew when its sound begins anew.
const MAX_STREAMS: usize = 64;

/// Parts of a description: sound is one.
const MAX_PARTS: usize = 8;

/// Checks of the connection whose answer is waited for: each of 100 pairs of addresses is checked 6 times.
const MAX_CHECKS: usize = 640;

/// Whether a datagram may be handed to the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Admit,
    /// It is for this connection, but leads to nothing.
    Ignore,
    /// The connection cannot hold more: only a new one helps.
    Full,
}

/// What the library keeps of another device.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// Candidates since the last description, with its own.
    named: usize,
    /// Candidates since ICE started anew.
    candidates: usize,
    sources: BTreeSet<SocketAddr>,
    /// The checks that were not answered yet, the oldest first. An answer is taken once, and only to one of these.
    checks: VecDeque<TransactionId>,
    seen: BTreeSet<SocketAddr>,
    streams: BTreeSet<u32>,
}

impl Kept {
    /// Whether there is no room for another description with the same credentials.
    pub(super) const fn is_full(&self) -> bool {
        self.candidates >= MAX_KEPT_CANDIDATES
    }

    /// A description came. Answers it without the candidates that are too many, or nothing if all of it is too much.
    pub(super) fn describe(&mut self, sdp: &str) -> Option<String> {
        let parts = sdp.lines().filter(|line| line.starts_with("m="));
        if parts.count() > MAX_PARTS {
            return None;
        }
        let streams = sdp.lines().filter_map(|line| line.strip_prefix("a=ssrc:"));
        for stream in streams.filter_map(|line| line.split(' ').next()?.parse().ok()) {
            if !self.stream(stream) {
                return None;
            }
        }
        self.named = 0;
        let lines = sdp.split_inclusive('\n');
        let lines = lines.filter(|line| !line.starts_with("a=candidate:") || self.candidate());
        Some(lines.collect())
    }

    /// A candidate came. Answers whether there is room for it.
    pub(super) const fn candidate(&mut self) -> bool {
        let has_room = self.named < MAX_CANDIDATES;
        if has_room {
            self.named += 1;
            self.candidates += 1;
        }
        has_room
    }

    /// ICE started anew with the last description: the library knows no candidate from before it.
    pub(super) fn restarted(&mut self) {
        self.candidates = self.named;
        self.sources.clear();
    }

    /// Sound came over a stream. Answers whether there is room for it.
    pub(super) fn stream(&mut self, stream: u32) -> bool {
        has_room(&mut self.streams, stream, MAX_STREAMS)
    }

    /// A datagram is sent.
    pub(super) fn sent(&mut self, bytes: &[u8]) {
        if let Some(Ok(check)) = stun(bytes).filter(|it| it.as_ref().is_ok_and(is_check)) {
            self.checks.push_back(check.transaction_id());
            if self.checks.len() > MAX_CHECKS {
                self.checks.pop_front();
            }
        }
    }

    /// A datagram came.
    pub(super) fn judge(&mut self, from: SocketAddr, bytes: &[u8]) -> Verdict {
        let message = match stun(bytes) {
            None => return Verdict::Admit,
            Some(Err(_)) => return Verdict::Ignore,
            Some(Ok(message)) => message,
        };
        let id = message.transaction_id();
        if !is_check(&message) {
            let answered = self.checks.iter().position(|check| *check == id);
            if answered.and_then(|at| self.checks.remove(at)).is_none() {
                return Verdict::Ignore;
            }
        }
        if !has_room(&mut self.sources, from, MAX_SOURCES) {
            return Verdict::Ignore;
        }
        if !message.has_class(MessageClass::Success) {
            return Verdict::Admit;
        }
        match mapped(&message).map(|seen| has_room(&mut self.seen, seen, MAX_SEEN)) {
            Some(true) => Verdict::Admit,
            Some(false) => Verdict::Full,
            None => Verdict::Ignore,
        }
    }
}

fn has_room<T: Ord>(set: &mut BTreeSet<T>, one: T, most: usize) -> bool {
    set.contains(&one) || (set.len() < most && set.insert(one))
}

/// A STUN message, or why it is none. Other datagrams begin with other bytes (RFC 7983).
fn stun(bytes: &[u8]) -> Option<Result<Message<'_>, StunParseError>> {
    let is_stun = bytes.first().is_some_and(|first| *first < 2);
    is_stun.then(|| Message::from_bytes(bytes))
}

fn is_check(message: &Message<'_>) -> bool {
    message.has_class(MessageClass::Request) && message.has_method(BINDING)
}

/// By which address the answer to a check says that this device is seen, if it says it once: libraries differ in which
/// one they take.
fn mapped(message: &Message<'_>) -> Option<SocketAddr> {
    let all = message.iter_attributes();
    let mut seen = all.filter(|(_, it)| it.get_type() == XorMappedAddress::TYPE);
    match (seen.next(), seen.next()) {
        (Some((_, one)), None) => {
            let seen = XorMappedAddress::from_raw_ref(&one).ok()?;
            Some(seen.addr(message.transaction_id()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    /// What STUN messages begin with (RFC 8489, section 5).
    const CHECK: [u8; 2] = [0x00, 0x01];
    const SUCCESS: [u8; 2] = [0x01, 0x01];
    const REFUSAL: [u8; 2] = [0x01, 0x11];

    fn source(number: usize) -> SocketAddr {
        let [high, low] = u16::try_from(number).unwrap().to_be_bytes();
        SocketAddr::from(([10, 9, high, low], 5000))
    }

    fn message(kind: [u8; 2], id: u8, attributes: &[u8]) -> Vec<u8> {
        let length = u16::try_from(attributes.len()).unwrap();
        let mut bytes = kind.to_vec();
        bytes.extend(length.to_be_bytes());
        bytes.extend(0x2112_a442_u32.to_be_bytes());
        bytes.extend([id; 12]);
        bytes.extend(attributes);
        bytes
    }

    fn seen_by(last: u8) -> Vec<u8> {
        vec![0, 0x20, 0, 8, 0, 1, 0, 9, 10, 0, 0, last]
    }

    /// The same address, masked with the number of the check as IPv6 is.
    fn seen_by_6(id: u8) -> Vec<u8> {
        let mut bytes = vec![0, 0x20, 0, 20, 0, 2, 0, 9, 0, 0, 0, 0];
        bytes.extend([id ^ 7; 12]);
        bytes
    }

    // spec 11.58
    #[test]
    fn an_answer_is_taken_once_and_only_to_what_was_asked() {
        let mut kept = Kept::default();
        let answer = message(SUCCESS, 1, &seen_by(1));
        assert_eq!(kept.judge(source(0), &answer), Verdict::Ignore);
        kept.sent(&message(CHECK, 1, &[]));
        assert_eq!(kept.judge(source(0), &answer), Verdict::Admit);
        assert_eq!(kept.judge(source(0), &answer), Verdict::Ignore);
        // Nor is one that says two things.
        kept.sent(&message(CHECK, 2, &[]));
        let twice = [seen_by(1), seen_by(2)].concat();
        let answer = message(SUCCESS, 2, &twice);
        assert_eq!(kept.judge(source(0), &answer), Verdict::Ignore);
    }

    // spec 11.58
    #[test]
    fn addresses_that_the_other_device_invents_are_counted_once_each() {
        let mut kept = Kept::default();
        let mut answers = |id: u8, attributes: &[u8]| {
            kept.sent(&message(CHECK, id, &[]));
            kept.judge(source(0), &message(SUCCESS, id, attributes))
        };
        for id in 0..200 {
            assert_eq!(answers(id, &seen_by(9)), Verdict::Admit);
            assert_eq!(answers(id, &seen_by_6(id)), Verdict::Admit);
        }
        for last in 10..40 {
            assert_eq!(answers(1, &seen_by(last)), Verdict::Admit, "{last}");
        }
        assert_eq!(answers(1, &seen_by(40)), Verdict::Full);
        assert_eq!(answers(1, &seen_by(9)), Verdict::Admit);
    }

    // spec 11.58
    #[test]
    fn parts_and_streams_of_descriptions_have_bounds() {
        let mut kept = Kept::default();
        let parts = |many| "m=audio 9 X 111\r\n".repeat(many);
        assert!(kept.describe(&parts(8)).is_some());
        assert!(kept.describe(&parts(9)).is_none());
        for stream in 0..64 {
            let line = format!("a=ssrc:{stream} cname:a\r\na=ssrc:{stream} label:b\r\n");
            assert!(kept.describe(&line).is_some());
        }
        assert!(kept.describe("a=ssrc:64 cname:a\r\n").is_none());
        assert!(kept.stream(63) && !kept.stream(65));
    }

    // spec 11.58
    #[test]
    fn candidates_past_the_bound_are_not_in_the_description() {
        let mut kept = Kept::default();
        let sdp = format!("v=0\r\n{}m=x\n", "a=candidate:1 1 udp\r\n".repeat(100));
        let heard = kept.describe(&sdp).unwrap();
        let expected = format!("v=0\r\n{}m=x\n", "a=candidate:1 1 udp\r\n".repeat(64));
        assert_eq!(heard, expected);
        assert!(!kept.candidate() && !kept.is_full());
        for _ in 0..3 {
            assert!(kept.describe(&sdp).is_some());
        }
        assert!(kept.is_full());
        kept.restarted();
        assert!(!kept.is_full() && !kept.candidate());
    }

    proptest! {
        #[test]
        fn no_bytes_grow_what_is_kept_past_its_bounds(
            messages in prop::collection::vec((0..3_usize, any::<u8>(), prop::collection::vec(any::<u8>(), 0..64)), 0..300),
        ) {
            let mut kept = Kept::default();
            for (number, (kind, id, mut bytes)) in messages.into_iter().enumerate() {
                let kind = [CHECK, SUCCESS, REFUSAL][kind];
                if id % 2 == 0 {
                    bytes.splice(0..0, seen_by(id));
                }
                kept.sent(&message(CHECK, id, &[]));
                kept.judge(source(number), &message(kind, id, &bytes));
                kept.judge(source(number), &bytes);
            }
            prop_assert!(kept.sources.len() <= MAX_SOURCES && kept.seen.len() <= MAX_SEEN);
            prop_assert!(kept.checks.len() <= MAX_CHECKS);
        }
    }
}
