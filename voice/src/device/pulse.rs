//! A microphone of PulseAudio or PipeWire, by their own protocol. `cpal` lets the server keep no more than one fragment
//! for a program, and what comes while that is full is lost without a word: some 3 % of the sound.

use core::time::Duration;
use std::ffi::CString;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use async_io::{Timer, block_on};
use futures_util::FutureExt;
use futures_util::future::{Either, select};
use pulseaudio::protocol::PulseError;
use pulseaudio::protocol::stream::{BufferAttr, StreamFlags};
use pulseaudio::protocol::{
    ChannelMap, ChannelPosition, RecordStreamParams, SampleFormat, SampleSpec,
};
use pulseaudio::{Client, ClientError, RecordStream};

use super::{GONE, Take};
use crate::audio::{PIECE, RATE};

/// How the sound comes: as this program works with it. The server mixes the channels and fits the rate.
const SPEC: SampleSpec = SampleSpec {
    format: SampleFormat::Float32Le,
    channels: 1,
    sample_rate: RATE,
};

/// Bytes of a sample.
const SAMPLE: usize = 4;

/// How much comes at once, in bytes: 10 ms.
#[expect(clippy::cast_possible_truncation, reason = "it is small")]
const FRAGMENT: u32 = (PIECE * SAMPLE) as u32;

/// How much the server keeps while this program is busy, in bytes: 200 ms. What is older is of no use.
const KEPT: u32 = FRAGMENT * 20;

/// How long nothing may come until the server is asked whether it still knows of the microphone.
const QUIET: Duration = Duration::from_millis(500);

/// How long the server may take to answer that. One that is gone leaves the question open.
const ANSWER: Duration = Duration::from_secs(3);

/// How often a server is asked that denies access. It looks who asks when the first bytes come, and may not be ready to
/// in the moment in which it accepts a connection: then it denies whoever has no cookie of it.
const ASKS: usize = 5;

/// The pause between two times.
const ASK_AGAIN: Duration = Duration::from_millis(20);

/// Asks the server for something until it does not deny it, a few times.
pub(super) fn ask_again<T, E>(
    mut ask: impl FnMut() -> Result<T, E>,
    is_denied: impl Fn(&E) -> bool,
) -> Result<T, E> {
    for _ in 1..ASKS {
        match ask() {
            Err(error) if is_denied(&error) => thread::sleep(ASK_AGAIN),
            done => return done,
        }
    }
    ask()
}

/// A microphone that is open until this is dropped.
pub(super) struct Recording {
    stream: RecordStream,
    _client: Client,
    _stop: mpsc::Sender<()>,
}

impl Recording {
    /// Opens a source by its name.
    pub(super) fn open(
        source: &str,
        take: Arc<Mutex<Take>>,
        failed: mpsc::Sender<String>,
    ) -> Result<Self, String> {
        let name = CString::new(source).map_err(|_| "its name has a zero byte".to_owned())?;
        let client = ask_again(
            || Client::from_env(c"dialtone"),
            |error| matches!(error, ClientError::ServerError(PulseError::AccessDenied)),
        );
        let client = client.map_err(text)?;
        let wanted = RecordStreamParams {
            sample_spec: SPEC,
            channel_map: ChannelMap::new([ChannelPosition::Mono]),
            source_name: Some(name),
            buffer_attr: BufferAttr {
                max_length: KEPT,
                fragment_size: FRAGMENT,
                ..BufferAttr::default()
            },
            flags: StreamFlags {
                adjust_latency: true,
                ..StreamFlags::default()
            },
            ..RecordStreamParams::default()
        };
        let alive = Arc::new(AtomicBool::new(true));
        let comes = Arc::clone(&alive);
        let heard = move |bytes: &[u8]| {
            comes.store(true, Ordering::Relaxed);
            let samples: Vec<f32> = bytes
                .as_chunks::<SAMPLE>()
                .0
                .iter()
                .map(|it| f32::from_le_bytes(*it))
                .collect();
            // Nobody else holds it but an earlier stream that is ending.
            if let Ok(mut take) = take.lock() {
                take(&samples);
            }
        };
        let stream = block_on(client.create_record_stream(wanted, heard)).map_err(text)?;
        let (stop, stopped) = mpsc::channel();
        let watched = stream.clone();
        thread::Builder::new()
            .name("microphone watch".to_owned())
            .spawn(move || watch(&watched, &alive, &stopped, &failed))
            .map_err(|error| error.to_string())?;
        Ok(Self {
            stream,
            _client: client,
            _stop: stop,
        })
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        // It is closed when the server reads this. A server that does not answer keeps nobody waiting.
        let _ = self.stream.clone().delete().now_or_never();
    }
}

/// Says when the server does not know of the stream any more: it ended, or the microphone was taken away.
fn watch(
    stream: &RecordStream,
    alive: &AtomicBool,
    stopped: &mpsc::Receiver<()>,
    failed: &mpsc::Sender<String>,
) {
    while let Err(mpsc::RecvTimeoutError::Timeout) = stopped.recv_timeout(QUIET) {
        if alive.swap(false, Ordering::Relaxed) {
            continue;
        }
        let asked = pin!(stream.timing_info());
        let why = match block_on(select(asked, pin!(Timer::after(ANSWER)))) {
            Either::Left((Ok(_), _)) => continue,
            Either::Left((Err(error), _)) => text(error),
            Either::Right(_) => GONE.to_owned(),
        };
        let _ = failed.send(why);
        return;
    }
}

fn text(error: ClientError) -> String {
    match error {
        ClientError::Disconnected => GONE.to_owned(),
        error => error.to_string().trim_end_matches('.').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_denies_by_chance_is_asked_again_and_one_that_means_it_is_not_for_ever() {
        for (denials, wanted, asked) in [(0, Ok(()), 1), (3, Ok(()), 4), (99, Err("denied"), ASKS)]
        {
            let mut times = 0;
            let ask = || {
                times += 1;
                if times > denials {
                    Ok(())
                } else {
                    Err("denied")
                }
            };
            assert_eq!(ask_again(ask, |error| *error == "denied"), wanted);
            assert_eq!(times, asked);
        }
        let mut times = 0;
        let ask = || {
            times += 1;
            Err::<(), _>("gone")
        };
        assert_eq!(ask_again(ask, |error| *error == "denied"), Err("gone"));
        assert_eq!(times, 1);
    }
}
