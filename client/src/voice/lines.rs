//! Lines out of a stream, none longer than a bound. The daemon reads its clients by it, and they read the daemon.

use std::io;

use dialtone_protocol::voice::ipc::LineError;
use futures_util::{AsyncRead, AsyncReadExt};

/// How much is read at once, in bytes.
const CHUNK: usize = 4096;

/// The lines of a stream.
#[derive(Debug)]
pub struct Lines {
    longest: usize,
    buffer: Vec<u8>,
    /// How much of the buffer was looked through.
    seen: usize,
    /// The line is too long; so much of it was thrown away.
    skipped: usize,
}

impl Lines {
    /// Lines of at most so many bytes.
    #[must_use]
    pub const fn new(longest: usize) -> Self {
        Self {
            longest,
            buffer: Vec::new(),
            seen: 0,
            skipped: 0,
        }
    }

    /// The next line, without its end. A line that is too long is passed over, and named. `None` at the end of the
    /// stream.
    ///
    /// # Errors
    ///
    /// When the stream cannot be read.
    pub async fn next(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
    ) -> io::Result<Option<Result<Vec<u8>, LineError>>> {
        loop {
            let new = self.buffer.iter().skip(self.seen);
            if let Some(end) = new.enumerate().find(|(_, byte)| **byte == b'\n') {
                let rest = self.buffer.split_off(self.seen + end.0 + 1);
                let mut line = core::mem::replace(&mut self.buffer, rest);
                self.seen = 0;
                line.pop();
                let got = line.len() + core::mem::take(&mut self.skipped);
                if got > self.longest {
                    return Ok(Some(Err(LineError::TooLong { got })));
                }
                if line.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                return Ok(Some(Ok(line)));
            }
            self.seen = self.buffer.len();
            if self.seen + self.skipped > self.longest {
                self.skipped += self.buffer.len();
                self.buffer.clear();
                self.seen = 0;
            }
            let mut chunk = [0; CHUNK];
            let many = stream.read(&mut chunk).await?;
            if many == 0 {
                return Ok(None);
            }
            self.buffer
                .extend_from_slice(chunk.get(..many).unwrap_or_default());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZero;

    use dialtone_runtime_smol::Smol;
    use futures_util::io::Cursor;

    use super::*;

    #[test]
    fn lines_are_bounded_and_what_follows_a_long_one_is_read() {
        Smol::run(NonZero::<usize>::MIN, async |_| {
            let mut text = b"one\n".to_vec();
            text.extend([b'x'; 20_000]);
            text.extend(b"\ntwo\nrest");
            let mut stream = Cursor::new(text);
            let mut lines = Lines::new(100);
            let mut next = async || lines.next(&mut stream).await.unwrap();
            assert_eq!(next().await, Some(Ok(b"one".to_vec())));
            let got = 20_000;
            assert_eq!(next().await, Some(Err(LineError::TooLong { got })));
            assert_eq!(next().await, Some(Ok(b"two".to_vec())));
            assert_eq!(next().await, None);
        })
        .unwrap();
    }
}
