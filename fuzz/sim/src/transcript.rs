//! One hash over everything that every engine answered, in order: two runs are the same if it is.

use core::fmt::{self, Debug, Write};

use dialtone_protocol::Instant;
use sha2::{Digest, Sha256};

/// The running hash of a run.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    hash: Sha256,
    outputs: u64,
}

impl Transcript {
    /// Adds one output of one engine. Secrets do not print; all else that an engine says does.
    pub fn record(&mut self, engine: u64, now: Instant, output: &impl Debug) {
        self.outputs += 1;
        // Writing into a hash does not fail.
        let _ = writeln!(
            Sink(&mut self.hash),
            "{engine} {} {output:?}",
            now.as_micros()
        );
    }

    /// How many outputs there were.
    #[must_use]
    pub fn outputs(&self) -> u64 {
        self.outputs
    }

    /// The hash up to here, in hexadecimal.
    #[must_use]
    pub fn hash(&self) -> String {
        self.hash
            .clone()
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

struct Sink<'a>(&'a mut Sha256);

impl Write for Sink<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}
