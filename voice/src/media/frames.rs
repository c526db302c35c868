//! Messages of a TURN server out of a stream (RFC 8656, section 12.5; RFC 8489, section 6.2.2).

use turn_client_proto::types::stun::message::MessageHeader;

/// The longest message that is taken in, in bytes: a datagram that was relayed, and what stands around it.
pub(super) const MAX_MESSAGE: usize = 4096;

/// Something came that no server sends to a client that has bound no channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotTurn;

/// What came, up to the end of the last whole message.
#[derive(Debug, Default)]
pub(super) struct Frames {
    buffer: Vec<u8>,
}

impl Frames {
    /// Takes in bytes. Answers the messages that are whole now.
    ///
    /// # Errors
    ///
    /// When the bytes are no messages: what follows cannot be made out either.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, NotTurn> {
        self.buffer.extend_from_slice(bytes);
        let (mut messages, mut rest) = (Vec::new(), self.buffer.as_slice());
        while let Some(length) = whole(rest)? {
            let Some((message, more)) = rest.split_at_checked(length) else {
                break;
            };
            messages.push(message.to_vec());
            rest = more;
        }
        self.buffer = rest.to_vec();
        Ok(messages)
    }
}

/// The length of the message that begins here, once its header is there.
fn whole(bytes: &[u8]) -> Result<Option<usize>, NotTurn> {
    // The library answers both what is cut off and what is wrong by an error.
    if bytes.len() < MessageHeader::LENGTH {
        let is_message = bytes.first().is_none_or(|first| first & 0xc0 == 0);
        return is_message.then_some(None).ok_or(NotTurn);
    }
    let header = MessageHeader::from_bytes(bytes).map_err(|_| NotTurn)?;
    let length = MessageHeader::LENGTH + usize::from(header.data_length());
    let fits = length <= MAX_MESSAGE && length.is_multiple_of(4);
    fits.then_some(Some(length)).ok_or(NotTurn)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    fn message(length: u16) -> Vec<u8> {
        let mut bytes = vec![0x01, 0x13];
        bytes.extend(length.to_be_bytes());
        bytes.extend(0x2112_a442_u32.to_be_bytes());
        bytes.resize(MessageHeader::LENGTH + usize::from(length), 7);
        bytes
    }

    #[test]
    fn what_is_no_message_ends_the_stream() {
        let channel_data = [0x40, 0, 0, 4, 1, 2, 3, 4];
        for bytes in [
            channel_data.as_slice(),
            b"HTTP/1.1 400 Bad Request",
            &message(6),
            &message(4096),
            &[0; 20],
        ] {
            assert_eq!(Frames::default().push(bytes), Err(NotTurn), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn messages_are_found_however_the_stream_is_cut(
            lengths in prop::collection::vec(0..100_u16, 0..8),
            cuts in prop::collection::vec(1..90_usize, 1..8),
        ) {
            let sent: Vec<_> = lengths.into_iter().map(|it| message(it * 4)).collect();
            let stream = sent.concat();
            let (mut frames, mut came, mut rest) = (Frames::default(), Vec::new(), stream.as_slice());
            for cut in cuts.into_iter().cycle() {
                let (part, more) = rest.split_at(cut.min(rest.len()));
                came.extend(frames.push(part).unwrap());
                rest = more;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(came, sent);
        }

        #[test]
        fn no_bytes_fill_the_memory(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..5000), 0..8)) {
            let mut frames = Frames::default();
            for part in parts {
                if frames.push(&part).is_err() {
                    break;
                }
                prop_assert!(frames.buffer.len() < MAX_MESSAGE);
            }
        }
    }
}
