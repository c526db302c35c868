//! What is sent: the microphone's thread makes frames ready, the loop sends them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_channel::Sender;

use super::hearing::Hearing;
use crate::audio::{CodecError, Gate, SendChain, SendSettings, Sent};
use crate::device::Take;

/// Shared between the loop and the microphone.
#[derive(Clone, Debug)]
pub(super) struct Speaking(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    chain: SendChain,
    /// The microphone is tried out: it is heard here, and nothing is sent.
    testing: bool,
}

impl Speaking {
    pub(super) fn new(settings: SendSettings, gate: Gate) -> Result<Self, CodecError> {
        let chain = SendChain::new(settings, gate)?;
        let state = State {
            chain,
            testing: false,
        };
        Ok(Self(Arc::new(Mutex::new(state))))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What decides when sound is sent.
    pub(super) fn gate<T>(&self, see: impl FnOnce(&mut Gate) -> T) -> T {
        see(&mut self.lock().chain.gate)
    }

    pub(super) fn expect_loss(&self, percent: u8) {
        self.lock().chain.expect_loss(percent);
    }

    pub(super) fn test(&self, testing: bool) {
        self.lock().testing = testing;
    }

    pub(super) fn is_testing(&self) -> bool {
        self.lock().testing
    }

    /// The microphone was closed.
    pub(super) fn clear(&self) {
        self.lock().chain.clear();
    }

    /// Takes in what the microphone hears. What the loop has no time for is let go of.
    pub(super) fn take(&self, sent: Sender<Sent>, hearing: Hearing) -> Take {
        let shared = self.clone();
        Box::new(move |samples| {
            let mut state = shared.lock();
            if state.chain.cancels_echo() {
                for piece in hearing.played() {
                    state.chain.played(&piece);
                }
            }
            let testing = state.testing;
            state.chain.push(samples, |mut one, frame| {
                if testing {
                    hearing.sidetone(frame);
                    one.frames.clear();
                }
                let _ = sent.try_send(one);
            });
        })
    }
}
