//! Where sound comes from and goes to: the sound server, files, or nothing.
//!
//! Each end runs on a thread of its own, from when it is opened until it is dropped. A device that is lost is opened
//! again by itself, after pauses that grow; until then there is silence. Whoever opened it is told.

mod file;
mod pace;
mod pulse;
mod recorder;
mod system;
#[cfg(test)]
mod tests;

use core::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use async_channel::Sender;

use crate::audio::PIECE;

pub use file::FileError;
pub use recorder::Recorder;
pub use system::{Names, names};

/// The pauses before a lost device is opened again, in seconds: the original's.
const PAUSES: [u64; 5] = [2, 4, 8, 16, 32];

/// Where sound comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// The system's microphone.
    #[default]
    System,
    /// The microphone of this name.
    Named(String),
    /// A WAV file, at the speed at which it was recorded. After its end there is silence.
    File(PathBuf),
    /// Nothing is heard.
    Silence,
}

/// Where sound goes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sink {
    /// The system's loudspeaker.
    #[default]
    System,
    /// The loudspeaker of this name.
    Named(String),
    /// Nowhere, at the speed at which it would be played.
    Silence,
}

/// Which end of the sound something is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// The microphone.
    Input,
    /// The loudspeaker.
    Output,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Input => "microphone",
            Self::Output => "loudspeaker",
        })
    }
}

/// What happens to a device.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Happened {
    /// It is open.
    Opened(End),
    /// It cannot be used, or was lost. It is tried again by itself.
    Trouble {
        /// Which.
        end: End,
        /// What is wrong, in words.
        what: String,
    },
    /// It can be used again after such a trouble. That it is open is said as well.
    Returned(End),
    /// A file is at its end.
    Ended,
}

/// Takes samples at 48 kHz, as they are heard.
pub type Take = Box<dyn FnMut(&[f32]) + Send>;

/// Fills a piece at 48 kHz, when it is to be played.
pub type Fill = Box<dyn FnMut(&mut [f32; PIECE]) + Send>;

/// How long a device may take to be closed.
const CLOSES: Duration = Duration::from_secs(2);

/// An end of the sound that is open until this is dropped.
#[derive(Debug)]
pub struct Open {
    stop: mpsc::Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Open {
    fn drop(&mut self) {
        let _ = self.stop.send(());
        if let Some(thread) = self.thread.take() {
            // When it has ended, the device is closed. A device that hangs keeps nobody waiting for ever.
            let give_up = Instant::now() + CLOSES;
            while !thread.is_finished() && Instant::now() < give_up {
                thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

/// Opens a microphone. `take` is called on its thread with all that it hears.
///
/// # Errors
///
/// When the file cannot be read, or no thread can be started. A device that cannot be opened is no error: it is
/// reported, and tried again.
pub fn open_input(source: &Source, take: Take, happened: Sender<Happened>) -> io::Result<Open> {
    match source {
        Source::System | Source::Named(_) => {
            let name = match source {
                Source::Named(name) => Some(name.clone()),
                _ => None,
            };
            let mut device = system::Input::new(name, take);
            run("microphone", move |stop| {
                keep_open(End::Input, &stop, &happened, |failed| device.open(failed));
            })
        }
        Source::File(path) => {
            let reader = file::Reader::open(path).map_err(io::Error::other)?;
            run("file", move |stop| {
                file::play(reader, take, &stop, &happened)
            })
        }
        Source::Silence => run("silence", |stop| {
            let _ = stop.recv();
        }),
    }
}

/// Opens a loudspeaker. `fill` is called on its thread whenever 10 ms more are to be played.
///
/// # Errors
///
/// When no thread can be started. A device that cannot be opened is no error: it is reported, and tried again; until
/// then `fill` is called all the same.
pub fn open_output(sink: &Sink, fill: Fill, happened: Sender<Happened>) -> io::Result<Open> {
    match sink {
        Sink::System | Sink::Named(_) => {
            let name = match sink {
                Sink::Named(name) => Some(name.clone()),
                _ => None,
            };
            let mut device = system::Output::new(name, fill);
            run("loudspeaker", move |stop| {
                keep_open(End::Output, &stop, &happened, |failed| device.open(failed));
            })
        }
        Sink::Silence => run("nowhere", move |stop| pace::play(fill, &stop)),
    }
}

fn run(name: &str, work: impl FnOnce(mpsc::Receiver<()>) + Send + 'static) -> io::Result<Open> {
    let (stop, stopped) = mpsc::channel();
    let thread = thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || work(stopped))?;
    Ok(Open {
        stop,
        thread: Some(thread),
    })
}

/// Keeps a device open until it is to be closed. `open` answers what keeps it open, and calls what it is handed when
/// the device is lost.
fn keep_open<S>(
    end: End,
    stop: &mpsc::Receiver<()>,
    happened: &Sender<Happened>,
    mut open: impl FnMut(mpsc::Sender<String>) -> Result<S, String>,
) {
    let mut tries = 0;
    let mut reported = None;
    loop {
        let (fail, failed) = mpsc::channel();
        let what = match open(fail) {
            Ok(stream) => {
                let _ = happened.try_send(Happened::Opened(end));
                tries = 0;
                if reported.take().is_some() {
                    let _ = happened.try_send(Happened::Returned(end));
                }
                let lost = loop {
                    match failed.recv_timeout(LOOK) {
                        Ok(what) => break Some(what),
                        Err(mpsc::RecvTimeoutError::Disconnected) => break Some(GONE.to_owned()),
                        Err(mpsc::RecvTimeoutError::Timeout) => {}
                    }
                    if !matches!(stop.try_recv(), Err(mpsc::TryRecvError::Empty)) {
                        break None;
                    }
                };
                drop(stream);
                match lost {
                    Some(what) => what,
                    None => return,
                }
            }
            Err(what) => what,
        };
        // The same trouble is not said again and again.
        if reported.as_ref() != Some(&what) {
            reported = Some(what.clone());
            let _ = happened.try_send(Happened::Trouble { end, what });
        }
        let pause = PAUSES.get(tries).or(PAUSES.last()).copied().unwrap_or(32);
        tries += 1;
        match stop.recv_timeout(Duration::from_secs(pause)) {
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(mpsc::RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// How often it is looked whether a device is to be closed.
const LOOK: Duration = Duration::from_millis(20);

const GONE: &str = "the sound server ended";
