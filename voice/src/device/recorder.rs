//! What each speaker says, in a WAV file of its own.

use core::fmt;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use hound::{SampleFormat, WavSpec, WavWriter};

use crate::audio::{PIECE, RATE};

/// How often the files are made whole, in pieces of 10 ms: who is killed loses no more than a second.
const FLUSH: u64 = 100;

/// Files at a time: more speakers than a room takes are nobody's.
const MAX_FILES: usize = 64;

/// Writes one file for each speaker, all beginning at the same moment.
pub struct Recorder {
    folder: PathBuf,
    files: BTreeMap<String, Track>,
    /// Pieces since the beginning.
    pieces: u64,
    failed: Option<io::Error>,
}

struct Track {
    wav: WavWriter<BufWriter<File>>,
    pieces: u64,
}

impl Recorder {
    /// Records into a folder, which is made for the owner alone if it is not there.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    pub fn new(folder: &Path) -> io::Result<Self> {
        if !folder.exists() {
            use std::os::unix::fs::DirBuilderExt;
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)?;
        }
        Ok(Self {
            folder: folder.to_owned(),
            files: BTreeMap::new(),
            pieces: 0,
            failed: None,
        })
    }

    /// Adds what somebody said in the piece of now. `who` is the file's name.
    pub fn add(&mut self, who: &str, piece: &[f32; PIECE]) {
        if self.files.contains_key(who) || self.files.len() < MAX_FILES {
            let added = self.write(who, piece);
            self.note(added);
        }
    }

    /// Whether the first piece is not over yet.
    #[must_use]
    pub const fn is_new(&self) -> bool {
        self.pieces == 0
    }

    /// The piece of now is over.
    pub fn step(&mut self) {
        self.pieces += 1;
        if self.pieces.is_multiple_of(FLUSH) {
            let flushed = self.files.values_mut().try_for_each(|it| it.wav.flush());
            self.note(flushed.map_err(io::Error::other));
        }
    }

    /// What went wrong since it was last asked.
    pub const fn take_error(&mut self) -> Option<io::Error> {
        self.failed.take()
    }

    fn note(&mut self, done: io::Result<()>) {
        if let Err(error) = done
            && self.failed.is_none()
        {
            self.failed = Some(error);
        }
    }

    fn write(&mut self, who: &str, piece: &[f32; PIECE]) -> io::Result<()> {
        if !self.files.contains_key(who) {
            let spec = WavSpec {
                channels: 1,
                sample_rate: RATE,
                bits_per_sample: 16,
                sample_format: SampleFormat::Int,
            };
            let path = self.folder.join(who);
            let wav = WavWriter::create(path, spec).map_err(io::Error::other)?;
            self.files.insert(who.to_owned(), Track { wav, pieces: 0 });
        }
        let Some(track) = self.files.get_mut(who) else {
            return Ok(());
        };
        // What was silent before is silence in the file.
        while track.pieces < self.pieces {
            track.pieces += 1;
            for _ in 0..PIECE {
                track.wav.write_sample(0_i16).map_err(io::Error::other)?;
            }
        }
        track.pieces += 1;
        for sample in piece {
            #[expect(clippy::cast_possible_truncation, reason = "it is between -1 and 1")]
            let sample = (sample.clamp(-1.0, 1.0) * f32::from(i16::MAX)) as i16;
            track.wav.write_sample(sample).map_err(io::Error::other)?;
        }
        Ok(())
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        for (_, mut track) in core::mem::take(&mut self.files) {
            let _ = track.wav.flush();
        }
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("folder", &self.folder)
            .field("files", &self.files.len())
            .finish_non_exhaustive()
    }
}
