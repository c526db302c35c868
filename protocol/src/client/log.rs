//! Following the log: every entry is verified here, whatever the server says of it.

use alloc::string::ToString;
use alloc::vec::Vec;

use super::error::RestoreError;
use super::event::Warning;
use super::out::Out;
use super::records::Table;
use crate::ids::Head;
use crate::sigchain::{Chain, DecodeError, Effect, Invalid};
use crate::wire::cbor;
use crate::wire::chain::ChainPage;

/// The checkpoint's key.
const CHECKPOINT: [u8; 1] = *b"h";

/// The verified log of this account.
#[derive(Debug, Default)]
pub(super) struct Log {
    chain: Chain,
    /// The server's log goes on with something that is not taken here.
    ended: bool,
}

/// Why the server's log is not followed (spec 9.6).
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Broken {
    /// It is not the log that this account knows: nothing on this server is believed.
    Other(Warning),
    /// It goes on with an entry that is not valid, or too new: it ends before that.
    Ends(Warning),
}

impl Log {
    pub(super) fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Whether the server's log goes on with something that is not taken here.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// The index that is asked for next.
    pub(super) fn next_index(&self) -> u64 {
        self.chain.next_index()
    }

    /// A new connection: what the server offers now may be another tail.
    pub(super) fn look_again(&mut self) {
        self.ended = false;
    }

    /// Takes in a stretch of the server's log that starts at `from`, which was the next index when it was asked for.
    /// What was verified before an error stays. Says whether the log is here as long as it was there.
    ///
    /// # Errors
    ///
    /// When it is not a continuation of the log that is known here.
    pub(super) fn read(
        &mut self,
        from: u64,
        page: &ChainPage,
        out: &mut Out,
    ) -> (Vec<Effect>, Result<bool, Broken>) {
        let mut effects = Vec::new();
        let result = self.check_head(from, page.head).and_then(|()| {
            let entries = (from..).zip(&page.entries);
            for (index, bytes) in entries {
                if self.next_index() > index {
                    continue;
                }
                self.take(bytes, out).map(|new| effects.extend(new))?;
            }
            self.check_head(from, page.head)?;
            // One's own entries may have been taken since the server answered.
            Ok(page
                .head
                .is_none_or(|server| server.index < self.next_index()))
        });
        self.ended |= matches!(result, Err(Broken::Ends(_)));
        (effects, result)
    }

    /// Takes in an entry that this device appended, or the next one of the server's log.
    pub(super) fn take(&mut self, bytes: &[u8], out: &mut Out) -> Result<Vec<Effect>, Broken> {
        let index = self.next_index();
        let applied = self
            .chain
            .append(bytes)
            .map_err(|error| broken(index, &error))?;
        out.put(Table::Chain, index.to_be_bytes(), bytes.to_vec());
        if let Some(head) = self.chain.head() {
            out.put_cbor(Table::Checkpoint, CHECKPOINT, &head);
        }
        Ok(applied.effects)
    }

    /// Lets go of a log that does not bind this account.
    pub(super) fn forget(&mut self, out: &mut Out) {
        for index in 0..self.next_index() {
            out.delete(Table::Chain, index.to_be_bytes());
        }
        out.delete(Table::Checkpoint, CHECKPOINT);
        *self = Self::default();
    }

    /// A home that knows a log refuses a server without one, with another one, or with one that is shorter than what
    /// was known when it was asked (spec 9.5).
    fn check_head(&self, known: u64, server: Option<Head>) -> Result<(), Broken> {
        let Some(Head { index, hash }) = server else {
            return match known {
                0 => Ok(()),
                _ => Err(Broken::Other(Warning::NoLog)),
            };
        };
        if self
            .chain
            .entry_hash_at(index)
            .is_some_and(|own| own != hash)
        {
            return Err(Broken::Other(Warning::OtherLog { index }));
        }
        let server = index.saturating_add(1);
        if server < known {
            return Err(Broken::Other(Warning::FellBehind { server, known }));
        }
        Ok(())
    }

    /// Rebuilds the log from its records. Entries up to the checkpoint were verified when they were written.
    pub(super) fn restore(
        mut entries: Vec<(Vec<u8>, Vec<u8>)>,
        checkpoint: Option<&[u8]>,
    ) -> Result<Self, RestoreError> {
        let damaged = RestoreError::Damaged(Table::Chain);
        entries.sort();
        let checkpoint: Option<Head> = checkpoint
            .map(cbor::decode)
            .transpose()
            .map_err(|_| RestoreError::Damaged(Table::Checkpoint))?;
        let Some(checkpoint) = checkpoint else {
            return if entries.is_empty() {
                Ok(Self::default())
            } else {
                Err(damaged)
            };
        };
        let entries = entries.into_iter().map(|(_, bytes)| bytes);
        let chain = Chain::replay(entries, checkpoint).map_err(|_| damaged)?;
        Ok(Self {
            chain,
            ended: false,
        })
    }
}

fn broken(index: u64, error: &Invalid) -> Broken {
    // The entry belongs to another log than the one that is known here.
    let elsewhere = matches!(
        error,
        Invalid::WrongCommunity | Invalid::WrongPrevious | Invalid::SecondGenesis
    );
    if elsewhere {
        Broken::Other(Warning::OtherLog { index })
    } else if matches!(error, Invalid::Decode(DecodeError::NeedsNewer(_))) {
        Broken::Ends(Warning::NeedsNewer { index })
    } else {
        let reason = error.to_string();
        Broken::Ends(Warning::InvalidEntry { index, reason })
    }
}
