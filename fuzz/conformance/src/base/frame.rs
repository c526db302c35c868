//! WebSocket frames, read where they lie: no allocation, no copy and no JSON for each of them.

use std::io::Cursor;

use async_tungstenite::tungstenite::protocol::frame::FrameHeader;
use async_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};

/// The largest header of a frame that is sent: two bytes, a length of eight, a mask of four.
const MAX_HEADER: usize = 14;

/// The mask of our frames. Masking with zeros changes nothing, so that it costs nothing; its purpose, to keep bytes
/// of a script's choice off the line, has no place here.
const MASK: [u8; 4] = [0; 4];

/// A frame of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    /// The server ends the connection.
    Close {
        code: u16,
        reason: &'a [u8],
    },
    /// More of an event that came in pieces.
    Continued,
    /// An event, or its beginning.
    Event(&'a [u8]),
    /// The server asks whether we live.
    Ping(&'a [u8]),
    Pong,
}

/// The bytes are not frames of a server, or a frame is larger than the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadFrame;

/// Walks over the frames in a buffer.
#[derive(Debug)]
pub(crate) struct Scanner<'a> {
    bytes: &'a [u8],
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The next whole frame, or `None` when what is left is the beginning of one.
    pub(crate) fn next(&mut self) -> Result<Option<Frame<'a>>, BadFrame> {
        let mut cursor = Cursor::new(self.bytes);
        let Some((header, length)) = FrameHeader::parse(&mut cursor).map_err(|_| BadFrame)? else {
            return Ok(None);
        };
        // Servers do not mask, and what controls a connection is never cut into pieces.
        let whole = header.is_final || matches!(header.opcode, OpCode::Data(_));
        if header.mask.is_some() || !whole {
            return Err(BadFrame);
        }
        let start = usize::try_from(cursor.position()).map_err(|_| BadFrame)?;
        let length = usize::try_from(length).map_err(|_| BadFrame)?;
        let end = start.checked_add(length).ok_or(BadFrame)?;
        let Some((frame, rest)) = self.bytes.split_at_checked(end) else {
            return Ok(None);
        };
        let payload = frame.get(start..).unwrap_or_default();
        self.bytes = rest;
        Ok(Some(match header.opcode {
            OpCode::Control(Control::Close) => match payload.split_first_chunk() {
                Some((code, reason)) => Frame::Close {
                    code: u16::from_be_bytes(*code),
                    reason,
                },
                None => Frame::Close {
                    code: 1005,
                    reason: payload,
                },
            },
            OpCode::Control(Control::Ping) => Frame::Ping(payload),
            OpCode::Control(Control::Pong) => Frame::Pong,
            OpCode::Data(Data::Text | Data::Binary) => Frame::Event(payload),
            OpCode::Data(Data::Continue) => Frame::Continued,
            OpCode::Data(_) | OpCode::Control(_) => return Err(BadFrame),
        }))
    }

    /// The beginning of a frame whose end has not come.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes
    }
}

/// Adds a text frame of a client to `to`.
pub(crate) fn put_text(payload: &[u8], to: &mut Vec<u8>) {
    put(OpCode::Data(Data::Text), payload, to);
}

/// Adds the answer to a ping to `to`.
pub(crate) fn put_pong(payload: &[u8], to: &mut Vec<u8>) {
    put(OpCode::Control(Control::Pong), payload, to);
}

fn put(opcode: OpCode, payload: &[u8], to: &mut Vec<u8>) {
    let header = FrameHeader {
        opcode,
        mask: Some(MASK),
        ..FrameHeader::default()
    };
    to.reserve(payload.len() + MAX_HEADER);
    // A vector takes everything.
    let _written = header.format(payload.len() as u64, to);
    to.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_found_wherever_the_bytes_are_cut() {
        let long = [b'x'; 300];
        let mut bytes = vec![0x81, 2, b'h', b'i', 0x89, 0, 0x01, 126, 1, 44];
        bytes.extend_from_slice(&long);
        bytes.extend_from_slice(&[0x80, 1, b'x']);
        bytes.extend_from_slice(&[0x88, 5, 3, 245, b'b', b'y', b'e']);
        let whole = [
            Frame::Event(b"hi"),
            Frame::Ping(b""),
            Frame::Event(&long),
            Frame::Continued,
            Frame::Close {
                code: 1013,
                reason: b"bye",
            },
        ];
        for cut in 0..bytes.len() {
            let mut scanner = Scanner::new(&bytes[..cut]);
            let mut seen = 0;
            while let Some(frame) = scanner.next().unwrap() {
                assert_eq!(frame, whole[seen]);
                seen += 1;
            }
            let mut again = scanner.rest().to_vec();
            again.extend_from_slice(&bytes[cut..]);
            let mut scanner = Scanner::new(&again);
            while let Some(frame) = scanner.next().unwrap() {
                assert_eq!(frame, whole[seen]);
                seen += 1;
            }
            assert_eq!(seen, whole.len());
        }
    }

    #[test]
    fn what_is_masked_and_control_in_pieces_are_no_frames_of_a_server() {
        assert_eq!(
            Scanner::new(&[0x81, 0x80, 0, 0, 0, 0]).next(),
            Err(BadFrame)
        );
        assert_eq!(Scanner::new(&[0x09, 0]).next(), Err(BadFrame));
    }

    #[test]
    fn our_frames_are_masked() {
        let mut bytes = Vec::new();
        put_text(b"hi", &mut bytes);
        assert_eq!(bytes, [0x81, 0x82, 0, 0, 0, 0, b'h', b'i']);
    }
}
