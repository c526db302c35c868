//! The bodies that are sent: which message it is can be read off without parsing the event around it.

use dialtone_protocol::time::Instant;
use memchr::memmem::Finder;

/// Characters of the tag that says which run a body belongs to.
const TAG: usize = 16;
/// Characters of a sender's number.
const SENDER: usize = 4;
/// Characters of a message's number.
const NUMBER: usize = 8;
/// Characters of the time.
const TIME: usize = 16;

/// The smallest body.
pub const MIN_BODY_BYTES: usize = TAG + SENDER + NUMBER + TIME;

/// What a body says about its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// Which sender sent it.
    pub(super) sender: u16,
    /// The how manieth message of its sender it is, from 0.
    pub(super) number: u32,
    /// When it was sent, or was to be sent.
    pub(super) at: Instant,
}

impl Mark {
    /// Adds the body of this message to `to`. The filling is one letter, since the server takes any text.
    pub(super) fn put(self, tag: &Tag, body_bytes: usize, to: &mut Vec<u8>) {
        let end = to.len() + body_bytes.max(MIN_BODY_BYTES);
        to.extend_from_slice(tag.text.as_bytes());
        put_hex(u64::from(self.sender), SENDER, to);
        put_hex(u64::from(self.number), NUMBER, to);
        put_hex(self.at.as_micros(), TIME, to);
        to.resize(end, b'A');
    }
}

/// Names a run.
#[derive(Clone, Debug)]
pub(super) struct Tag {
    text: String,
    finder: Finder<'static>,
}

impl Tag {
    pub(super) fn new(seed: [u8; 32]) -> Self {
        let text: String = seed
            .iter()
            .take(TAG / 2)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let finder = Finder::new(text.as_bytes()).into_owned();
        Self { text, finder }
    }

    /// Finds the mark in an event; `None` when the event is not a message of this run.
    pub(super) fn find(&self, event: &[u8]) -> Option<Mark> {
        let at = self.finder.find(event)?;
        let fields = event.get(at + TAG..at + MIN_BODY_BYTES)?;
        let (sender, fields) = fields.split_at_checked(SENDER)?;
        let (number, time) = fields.split_at_checked(NUMBER)?;
        Some(Mark {
            sender: u16::try_from(hex(sender)?).ok()?,
            number: u32::try_from(hex(number)?).ok()?,
            at: Instant::from_micros(hex(time)?),
        })
    }
}

fn put_hex(value: u64, digits: usize, to: &mut Vec<u8>) {
    for place in (0..digits).rev() {
        let nibble = (value >> (4 * place)) & 0xf;
        to.push(match nibble {
            0..=9 => b'0' + nibble as u8,
            _ => b'a' + nibble as u8 - 10,
        });
    }
}

fn hex(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |value: u64, digit| {
        let nibble = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u64::from(nibble))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_found_in_the_event_around_it() {
        let tag = Tag::new([0xab; 32]);
        let mark = Mark {
            sender: 7,
            number: 1_234_567,
            at: Instant::from_micros(98_765_432_101),
        };
        let mut event = br#"{"type":"channel.message.new","body":""#.to_vec();
        let before = event.len();
        mark.put(&tag, 200, &mut event);
        assert_eq!(event.len() - before, 200);
        event.extend_from_slice(br#"","sent_at":"2026-11-22T00:00:00Z"}"#);
        assert_eq!(tag.find(&event), Some(mark));
        assert_eq!(Tag::new([1; 32]).find(&event), None, "another run");
        assert_eq!(tag.find(&event[..before + 20]), None, "cut short");
    }

    #[test]
    fn a_body_is_never_smaller_than_its_mark() {
        let mut body = Vec::new();
        let mark = Mark {
            sender: 0,
            number: 0,
            at: Instant::ZERO,
        };
        mark.put(&Tag::new([0; 32]), 1, &mut body);
        assert_eq!(body.len(), MIN_BODY_BYTES);
    }
}
