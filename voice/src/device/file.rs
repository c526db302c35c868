//! Sound out of WAV files.

use core::fmt;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use async_channel::Sender;
use hound::{SampleFormat, WavReader, WavSpec};

use super::pace::Pace;
use super::{Happened, Take};
use crate::audio::{ResampleError, Resampler};

/// How much is heard at once.
const STEP: Duration = Duration::from_millis(20);

/// Channels that are mixed down at most.
const MAX_CHANNELS: u16 = 32;

/// Why a file cannot be played.
#[derive(Debug)]
#[non_exhaustive]
pub enum FileError {
    /// It cannot be read, or is no WAV file.
    Unreadable(PathBuf, hound::Error),
    /// Its rate is none of a sound.
    Rate(PathBuf, ResampleError),
    /// It has too many channels, or none.
    Channels(PathBuf, u16),
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, error) => {
                write!(
                    f,
                    "{}: not a WAV file that can be read: {error}",
                    path.display()
                )
            }
            Self::Rate(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Channels(path, many) => {
                write!(
                    f,
                    "{}: {many} channels, 1 to {MAX_CHANNELS}",
                    path.display()
                )
            }
        }
    }
}

impl core::error::Error for FileError {}

/// A file that can be played.
pub(super) struct Reader {
    wav: WavReader<BufReader<File>>,
    resampler: Resampler,
}

impl Reader {
    pub(super) fn open(path: &Path) -> Result<Self, FileError> {
        let wav =
            WavReader::open(path).map_err(|error| FileError::Unreadable(path.to_owned(), error))?;
        let spec = wav.spec();
        if spec.channels == 0 || spec.channels > MAX_CHANNELS {
            return Err(FileError::Channels(path.to_owned(), spec.channels));
        }
        let resampler = Resampler::to_own(spec.sample_rate)
            .map_err(|error| FileError::Rate(path.to_owned(), error))?;
        Ok(Self { wav, resampler })
    }

    /// The next samples, one channel. Empty at the end.
    fn read(&mut self, frames: usize) -> Vec<f32> {
        let WavSpec {
            channels,
            bits_per_sample,
            sample_format,
            ..
        } = self.wav.spec();
        let channels = usize::from(channels);
        let many = frames * channels;
        let samples: Vec<f32> = match sample_format {
            SampleFormat::Float => {
                let samples = self.wav.samples::<f32>();
                samples.map_while(Result::ok).take(many).collect()
            }
            SampleFormat::Int => {
                let scale = (1_i64 << bits_per_sample.clamp(1, 32).saturating_sub(1)) as f32;
                let samples = self.wav.samples::<i32>().map_while(Result::ok);
                samples.take(many).map(|it| it as f32 / scale).collect()
            }
        };
        crate::audio::downmix(&samples, channels)
    }
}

pub(super) fn play(
    mut reader: Reader,
    mut take: Take,
    stop: &mpsc::Receiver<()>,
    happened: &Sender<Happened>,
) {
    let mut pace = Pace::new(STEP);
    let frames = usize::try_from(reader.wav.spec().sample_rate / 50).unwrap_or(960);
    while pace.wait(stop) {
        let samples = reader.read(frames);
        if samples.is_empty() {
            let _ = happened.try_send(Happened::Ended);
            // It stays silent until it is closed.
            let _ = stop.recv();
            return;
        }
        let clean: Vec<f32> = samples
            .iter()
            .map(|it| {
                if it.is_finite() {
                    it.clamp(-1.0, 1.0)
                } else {
                    0.0
                }
            })
            .collect();
        reader.resampler.push(&clean, |made| take(made));
    }
}
