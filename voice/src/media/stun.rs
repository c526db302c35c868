//! Asking a STUN server by which address it sees a socket of this device (RFC 8489).

use core::time::Duration;
use std::net::SocketAddr;

use dialtone_protocol::Instant;
use turn_client_proto::types::stun::attribute::XorMappedAddress;
use turn_client_proto::types::stun::message::{
    BINDING, Message, MessageClass, MessageType, MessageWriteVec, TransactionId,
};
use turn_client_proto::types::stun::prelude::*;

use super::SocketId;

/// How long an answer may take before the question is sent again; twice as long each time (RFC 8489, section 6.2.1).
const FIRST: Duration = Duration::from_millis(500);

/// How often a question is sent: the last answer is waited for until some 32 s after the first.
const TRIES: u32 = 6;

/// How long after an answer it is asked again: before a NAT forgets what it maps (RFC 4787, section 4.3), so that
/// the address stays, and a new one is noticed.
const REFRESH: Duration = Duration::from_secs(25);

/// How long to wait before a server that did not answer is asked again.
const AGAIN: Duration = Duration::from_secs(60);

/// One socket, and one server that says how it sees it.
#[derive(Debug)]
pub(super) struct Asking {
    pub(super) server: SocketAddr,
    pub(super) socket: SocketId,
    pub(super) base: SocketAddr,
    /// What was asked with, and how often, while an answer is waited for.
    question: Option<(TransactionId, u32)>,
    due: Instant,
    seen: Option<SocketAddr>,
}

impl Asking {
    /// Asks at the next [`handle_timeout`](Self::handle_timeout).
    pub(super) const fn new(
        server: SocketAddr,
        socket: SocketId,
        base: SocketAddr,
        now: Instant,
    ) -> Self {
        Self {
            server,
            socket,
            base,
            question: None,
            due: now,
            seen: None,
        }
    }

    /// The address that the server saw last. A server that falls silent changes nothing about it.
    pub(super) const fn seen(&self) -> Option<SocketAddr> {
        self.seen
    }

    pub(super) const fn due(&self) -> Instant {
        self.due
    }

    /// Lets time pass. Answers what is to be sent to the server.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Option<Vec<u8>> {
        if self.due > now {
            return None;
        }
        let (id, sent) = match self.question.take() {
            Some((_, TRIES)) => {
                self.due = now + AGAIN;
                return None;
            }
            Some(question) => question,
            None => (TransactionId::generate(), 0),
        };
        self.question = Some((id, sent + 1));
        self.due = now + FIRST * (1 << sent.min(TRIES));
        Some(question(id))
    }

    /// Takes in a datagram of the server. Answers whether it was the answer.
    pub(super) fn datagram(&mut self, bytes: &[u8], now: Instant) -> bool {
        let Some((id, _)) = self.question else {
            return false;
        };
        let Ok(message) = Message::from_bytes(bytes) else {
            return false;
        };
        if message.transaction_id() != id || !message.is_response() || !message.has_method(BINDING)
        {
            return false;
        }
        self.question = None;
        let seen = message.attribute::<XorMappedAddress>();
        let seen = seen.map(|it| it.addr(id));
        match seen {
            Ok(seen) if message.has_class(MessageClass::Success) => {
                let fits = seen.is_ipv4() == self.base.is_ipv4() && seen.port() != 0;
                // Without a NAT there is nothing to say.
                self.seen = (fits && seen != self.base).then_some(seen);
                self.due = now + REFRESH;
            }
            _ => self.due = now + AGAIN,
        }
        true
    }
}

fn question(id: TransactionId) -> Vec<u8> {
    let kind = MessageType::from_class_method(MessageClass::Request, BINDING);
    Message::builder(kind, id, MessageWriteVec::new()).finish()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    const BASE: SocketAddr = SocketAddr::new(
        std::net::IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1)),
        5000,
    );

    fn address(last: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, last], 3478))
    }

    fn asking() -> Asking {
        Asking::new(address(1), SocketId(0), BASE, Instant::ZERO)
    }

    fn answer(question: &[u8], seen: SocketAddr) -> Vec<u8> {
        let question = Message::from_bytes(question).unwrap();
        let mut answer = Message::builder_success(&question, MessageWriteVec::new());
        let seen = XorMappedAddress::new(seen, question.transaction_id());
        answer.add_attribute(&seen).unwrap();
        answer.finish()
    }

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    // spec 11.54
    #[test]
    fn the_answer_to_what_was_asked_is_believed_and_nothing_else() {
        let mut asking = asking();
        let first = asking.handle_timeout(Instant::ZERO).unwrap();
        let other = question(TransactionId::generate());
        assert!(!asking.datagram(&answer(&other, address(9)), Instant::ZERO));
        assert!(
            !asking.datagram(&first, Instant::ZERO),
            "a question is no answer"
        );
        assert_eq!(asking.seen(), None);
        assert!(asking.datagram(&answer(&first, address(9)), Instant::ZERO));
        assert_eq!(asking.seen(), Some(address(9)));
        // Said once is said for all.
        assert!(!asking.datagram(&answer(&first, address(8)), Instant::ZERO));
        assert_eq!(asking.seen(), Some(address(9)));
    }

    // spec 11.54
    #[test]
    fn it_is_asked_again_and_another_mapping_is_noticed() {
        let mut asking = asking();
        for (time, seen) in [(0, 8), (25, 8), (50, 9)] {
            let question = asking.handle_timeout(at(time)).unwrap();
            assert!(asking.datagram(&answer(&question, address(seen)), at(time)));
            assert_eq!(asking.seen(), Some(address(seen)));
            assert_eq!(asking.handle_timeout(at(time + 24)), None);
        }
        // It is behind no NAT any more.
        let question = asking.handle_timeout(at(75)).unwrap();
        assert!(asking.datagram(&answer(&question, BASE), at(75)));
        assert_eq!(asking.seen(), None);
    }

    // spec 11.54
    #[test]
    fn a_server_that_says_nothing_is_asked_ever_more_seldom() {
        let mut asking = asking();
        let mut sent = Vec::new();
        while asking.due() < at(100) {
            let now = asking.due();
            if asking.handle_timeout(now).is_some() {
                sent.push(now.as_micros() / 100_000);
            }
        }
        // Tenths of a second.
        assert_eq!(sent, [0, 5, 15, 35, 75, 155, 915, 920, 930, 950, 990]);
        assert_eq!(asking.seen(), None);
    }

    #[test]
    fn the_same_question_is_repeated_with_the_same_id() {
        let mut asking = asking();
        let first = asking.handle_timeout(at(0)).unwrap();
        let second = asking.handle_timeout(at(1)).unwrap();
        assert_eq!(first, second);
        assert_eq!(first.len(), 20);
    }

    proptest! {
        #[test]
        fn no_bytes_are_taken_for_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut asking = asking();
            let question = asking.handle_timeout(Instant::ZERO).unwrap();
            prop_assert!(!asking.datagram(&bytes, Instant::ZERO));
            // Nor do they do harm behind the right beginning.
            let mut answer = answer(&question, address(9));
            answer.truncate(20);
            answer.extend(&bytes);
            let length = u16::try_from(bytes.len()).unwrap();
            answer[2..4].copy_from_slice(&length.to_be_bytes());
            asking.datagram(&answer, Instant::ZERO);
            prop_assert!(asking.due() > Instant::ZERO);
        }
    }
}
