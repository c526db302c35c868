//! Opus (RFC 6716), for speech.

use core::fmt;

use audiopus::coder;
use audiopus::{Application, Bitrate, Channels, SampleRate};

/// Bits in a second: room for speech and for what carries the frame before once more, without which a loss of 5 %
/// costs much (docs/performance.md). Eight people in a mesh send 250 kbit/s each.
const BITRATE: i32 = 36_000;

/// How hard the encoder tries, 0 to 10: above 8 it takes a third longer for what nobody hears.
const COMPLEXITY: u8 = 8;

/// The longest packet that the encoder makes, in bytes (RFC 6716, section 3.4).
const MAX_PACKET: usize = 1275;

/// The longest frame that a packet can hold, in samples: 120 ms (RFC 6716, section 3.2.5).
pub(super) const MAX_DECODED: usize = 5760;

/// A packet of so many bytes says only that nothing is said: it is not sent (RFC 6716, section 2.1.9).
const DTX_PACKET: usize = 2;

/// What Opus refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CodecError {
    /// The library could not be set up.
    Setup,
    /// It is no packet of Opus.
    Invalid,
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Setup => "Opus could not be set up",
            Self::Invalid => "not a packet of Opus",
        })
    }
}

impl core::error::Error for CodecError {}

/// Makes packets of frames of 20 ms.
#[derive(Debug)]
pub struct Encoder {
    inner: coder::Encoder,
    loss: u8,
}

impl Encoder {
    /// Sets Opus up for speech: packets carry the frame before them once more (FEC), and silence takes almost nothing
    /// (DTX).
    ///
    /// # Errors
    ///
    /// When the library refuses.
    pub fn new() -> Result<Self, CodecError> {
        let setup = |_| CodecError::Setup;
        let mut inner = coder::Encoder::new(SampleRate::Hz48000, Channels::Mono, Application::Voip)
            .map_err(setup)?;
        inner
            .set_bitrate(Bitrate::BitsPerSecond(BITRATE))
            .map_err(setup)?;
        inner.set_complexity(COMPLEXITY).map_err(setup)?;
        inner.set_inband_fec(true).map_err(setup)?;
        inner.set_dtx(true).map_err(setup)?;
        let mut encoder = Self { inner, loss: 0 };
        encoder.expect_loss(10);
        Ok(encoder)
    }

    /// How much of what is sent gets lost, in percent: what is sent twice takes from what is sent once.
    pub fn expect_loss(&mut self, percent: u8) {
        let percent = percent.clamp(5, 40);
        if percent != self.loss && self.inner.set_packet_loss_perc(percent).is_ok() {
            self.loss = percent;
        }
    }

    /// Makes a packet of a frame of [`FRAME`](super::FRAME) samples; `None` when there is nothing worth sending.
    ///
    /// # Errors
    ///
    /// When the frame has another length.
    pub fn encode(&mut self, frame: &[f32]) -> Result<Option<Vec<u8>>, CodecError> {
        if frame.len() != super::FRAME {
            return Err(CodecError::Invalid);
        }
        let mut packet = [0; MAX_PACKET];
        let length = self
            .inner
            .encode_float(frame, &mut packet)
            .map_err(|_| CodecError::Invalid)?;
        let packet = packet.get(..length).unwrap_or_default();
        Ok((length > DTX_PACKET).then(|| packet.to_vec()))
    }
}

/// Makes samples of packets.
#[derive(Debug)]
pub struct Decoder {
    inner: coder::Decoder,
    buffer: Box<[f32; MAX_DECODED]>,
}

impl Decoder {
    /// Sets Opus up.
    ///
    /// # Errors
    ///
    /// When the library refuses.
    pub fn new() -> Result<Self, CodecError> {
        let inner = coder::Decoder::new(SampleRate::Hz48000, Channels::Mono);
        Ok(Self {
            inner: inner.map_err(|_| CodecError::Setup)?,
            buffer: Box::new([0.0; MAX_DECODED]),
        })
    }

    /// The samples of a packet.
    ///
    /// # Errors
    ///
    /// When it is no packet of Opus.
    pub fn decode(&mut self, packet: &[u8]) -> Result<&[f32], CodecError> {
        self.run(Some(packet), MAX_DECODED, false)
    }

    /// The frame before a packet, as far as the packet carries it, in so many samples (RFC 6716, section 2.1.7).
    ///
    /// # Errors
    ///
    /// When it is no packet of Opus.
    pub fn recover(&mut self, packet: &[u8], samples: usize) -> Result<&[f32], CodecError> {
        self.run(Some(packet), samples, true)
    }

    /// What may have been in a frame that got lost, in so many samples.
    ///
    /// # Errors
    ///
    /// When Opus cannot make a frame of that length.
    pub fn conceal(&mut self, samples: usize) -> Result<&[f32], CodecError> {
        self.run(None, samples, false)
    }

    fn run(
        &mut self,
        packet: Option<&[u8]>,
        samples: usize,
        fec: bool,
    ) -> Result<&[f32], CodecError> {
        let invalid = |_| CodecError::Invalid;
        let packet = packet.map(TryInto::try_into).transpose().map_err(invalid)?;
        let room = self.buffer.get_mut(..samples).ok_or(CodecError::Invalid)?;
        let room = room.try_into().map_err(invalid)?;
        let made = self
            .inner
            .decode_float(packet, room, fec)
            .map_err(invalid)?;
        self.buffer.get(..made).ok_or(CodecError::Invalid)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::super::testing::{Noise, power, sine};
    use super::super::{FRAME, RATE};
    use super::*;

    #[test]
    fn a_tone_comes_out_as_it_went_in() {
        let (mut encoder, mut decoder) = (Encoder::new().unwrap(), Decoder::new().unwrap());
        let tone = sine(440.0, 0.5, 50 * FRAME);
        let mut out = Vec::new();
        for frame in tone.chunks_exact(FRAME) {
            let packet = encoder.encode(frame).unwrap().unwrap();
            assert!(packet.len() < 200);
            out.extend_from_slice(decoder.decode(&packet).unwrap());
        }
        assert_eq!(out.len(), tone.len());
        let (before, after) = (power(&tone[FRAME * 5..]), power(&out[FRAME * 5..]));
        assert!((before / after - 1.0).abs() < 0.1, "{before} {after}");
    }

    #[test]
    fn silence_takes_nothing() {
        let mut encoder = Encoder::new().unwrap();
        let sent: usize = (0..100)
            .filter_map(|_| encoder.encode(&[0.0; FRAME]).unwrap())
            .count();
        assert!(sent < 30, "{sent}");
    }

    #[test]
    fn no_bytes_panic() {
        let mut decoder = Decoder::new().unwrap();
        let mut noise = Noise::new(5);
        for length in 0..2000 {
            let packet: Vec<u8> = (0..length % 300).map(|_| noise.byte()).collect();
            let _ = decoder.decode(&packet);
            let _ = decoder.recover(&packet, FRAME);
        }
        assert!(decoder.decode(&[]).is_err());
        assert!(decoder.conceal(FRAME).is_ok());
        assert!(decoder.conceal(RATE as usize).is_err());
    }
}
