//! Sound as pure functions of samples and time: what is heard is made ready to be sent, and what comes to be heard.
//!
//! ```text
//!   microphone -> resample -> cancel echo -> suppress noise -> gain -> gate -> Opus -> network        (send)
//!   network -> jitter buffer -> Opus with FEC and PLC -> volume \
//!   network -> jitter buffer -> Opus with FEC and PLC -> volume  > mix -> limiter -> loudspeaker   (receive, mix)
//! ```
//!
//! Everything between the devices is mono at 48 kHz, in samples from -1 to 1.

mod codec;
mod echo;
mod gain;
mod gate;
mod jitter;
mod limiter;
mod loss;
mod mix;
mod receive;
mod resample;
mod send;
#[cfg(test)]
pub(crate) mod testing;

pub use codec::{CodecError, Decoder, Encoder};
pub use echo::EchoCanceller;
pub use gain::AutoGain;
pub use gate::{Decision, Gate, Opening};
pub use jitter::{Counts, Fit, JitterBuffer, Next};
pub use limiter::Limiter;
pub use loss::RecentLoss;
pub use mix::Mixer;
pub use receive::{Receiver, Stats};
pub(crate) use resample::downmix;
pub use resample::{ResampleError, Resampler};
pub use send::{Frame, SendChain, SendSettings, Sent};

/// Samples in a second.
pub const RATE: u32 = 48_000;

/// Samples in a frame that is sent: 20 ms.
pub const FRAME: usize = 960;

/// Samples in a piece that is played: 10 ms.
pub const PIECE: usize = 480;

/// The mean of the absolute samples of 16 bits: the original's measure of how loud a frame is, 0 to 32767.
#[must_use]
pub fn level(samples: &[f32]) -> u32 {
    if samples.is_empty() {
        return 0;
    }
    let sum: f64 = samples.iter().map(|it| f64::from(it.abs().min(1.0))).sum();
    #[expect(clippy::cast_precision_loss, reason = "a frame is short")]
    let mean = sum / samples.len() as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is between 0 and 32767"
    )]
    let level = (mean * f64::from(i16::MAX)) as u32;
    level
}
