//! The devices of the system: PulseAudio and PipeWire where they run, ALSA else.

use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};

use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{
    BufferSize, Device, ErrorKind, FromSample, HostId, Sample, SampleFormat, SizedSample,
    StreamConfig,
};

use super::pulse::{Recording, ask_again};
use super::{Fill, GONE, Take};
use crate::audio::{PIECE, RATE, Resampler, downmix};

/// How much is heard or played at once, in samples: 10 ms. The default of a sound server may be two seconds.
const BUFFER: u32 = 480;

/// Devices that are named at most.
const MAX_NAMES: usize = 64;

/// The devices of the system, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Names {
    /// Microphones.
    pub inputs: Vec<String>,
    /// Loudspeakers.
    pub outputs: Vec<String>,
}

/// The devices of the system. Takes as long as the sound server takes to answer.
#[must_use]
pub fn names() -> Names {
    let Ok(host) = Served::default().host() else {
        return Names::default();
    };
    Names {
        inputs: named(
            host.input_devices()
                .map(Iterator::collect)
                .unwrap_or_default(),
        ),
        outputs: named(
            host.output_devices()
                .map(Iterator::collect)
                .unwrap_or_default(),
        ),
    }
}

/// The names of devices. Where two have the same, the system's own names stand beside them.
fn named(devices: Vec<Device>) -> Vec<String> {
    let names: Vec<String> = devices.iter().map(ToString::to_string).collect();
    let twice = |name: &String| names.iter().filter(|it| *it == name).count() > 1;
    let full = devices
        .iter()
        .zip(&names)
        .map(|(device, name)| match device.id() {
            Ok(id) if twice(name) => format!("{name} ({id})"),
            _ => name.clone(),
        });
    full.take(MAX_NAMES).collect()
}

/// Whether a device was one of a sound server. While that is away, ALSA's own way would lead to it, too, and hang.
#[derive(Default)]
struct Served(bool);

impl Served {
    fn host(&mut self) -> Result<cpal::Host, String> {
        self.0 |= has_server();
        let host = match self.0 {
            true => HostId::PulseAudio,
            false => HostId::Alsa,
        };
        let found = ask_again(
            || cpal::host_from_id(host),
            |error| error.kind() == ErrorKind::PermissionDenied,
        );
        found.map_err(|error| match has_server() || !self.0 {
            true => text(error),
            false => GONE.to_owned(),
        })
    }
}

/// Whether a sound server listens here.
fn has_server() -> bool {
    pulseaudio::socket_path_from_env().is_some_and(|path| UnixStream::connect(path).is_ok())
}

/// A microphone that can be opened again.
pub(super) struct Input {
    name: Option<String>,
    take: Arc<Mutex<Take>>,
    served: Served,
}

impl Input {
    pub(super) fn new(name: Option<String>, take: Take) -> Self {
        let take = Arc::new(Mutex::new(take));
        let served = Served::default();
        Self { name, take, served }
    }

    pub(super) fn open(&mut self, failed: mpsc::Sender<String>) -> Result<Listening, String> {
        let host = self.served.host()?;
        let device = match &self.name {
            None => host.default_input_device(),
            Some(name) => find(host.input_devices().map(Iterator::collect), name),
        };
        let device = device.ok_or_else(|| missing("microphone", self.name.as_deref()))?;
        let take = Arc::clone(&self.take);
        if let Some(source) = device
            .id()
            .ok()
            .filter(|it| it.host() == HostId::PulseAudio)
        {
            let recording = Recording::open(source.id(), take, failed)?;
            return Ok(Listening::Server(recording));
        }
        let wanted = device.default_input_config().map_err(text)?;
        let stream = match wanted.sample_format() {
            SampleFormat::I16 => listen::<i16>(&device, &wanted, take, failed),
            SampleFormat::I32 => listen::<i32>(&device, &wanted, take, failed),
            SampleFormat::U8 => listen::<u8>(&device, &wanted, take, failed),
            _ => listen::<f32>(&device, &wanted, take, failed),
        };
        stream.map(Listening::Device)
    }
}

/// A microphone that is open until this is dropped.
pub(super) enum Listening {
    /// Of a sound server.
    Server(#[expect(dead_code, reason = "it is held")] Recording),
    /// Without one.
    Device(#[expect(dead_code, reason = "it is held")] cpal::Stream),
}

/// A loudspeaker that can be opened again.
pub(super) struct Output {
    name: Option<String>,
    fill: Arc<Mutex<Fill>>,
    served: Served,
}

impl Output {
    pub(super) fn new(name: Option<String>, fill: Fill) -> Self {
        let fill = Arc::new(Mutex::new(fill));
        let served = Served::default();
        Self { name, fill, served }
    }

    pub(super) fn open(&mut self, failed: mpsc::Sender<String>) -> Result<cpal::Stream, String> {
        let host = self.served.host()?;
        let device = match &self.name {
            None => host.default_output_device(),
            Some(name) => find(host.output_devices().map(Iterator::collect), name),
        };
        let device = device.ok_or_else(|| missing("loudspeaker", self.name.as_deref()))?;
        let wanted = device.default_output_config().map_err(text)?;
        let fill = Arc::clone(&self.fill);
        match wanted.sample_format() {
            SampleFormat::I16 => speak::<i16>(&device, &wanted, fill, failed),
            SampleFormat::I32 => speak::<i32>(&device, &wanted, fill, failed),
            SampleFormat::U8 => speak::<u8>(&device, &wanted, fill, failed),
            _ => speak::<f32>(&device, &wanted, fill, failed),
        }
    }
}

fn listen<T>(
    device: &Device,
    wanted: &cpal::SupportedStreamConfig,
    take: Arc<Mutex<Take>>,
    failed: mpsc::Sender<String>,
) -> Result<cpal::Stream, String>
where
    T: SizedSample + Send + 'static,
    f32: FromSample<T>,
{
    let config = config(wanted);
    let channels = usize::from(config.channels);
    let mut resampler = Resampler::to_own(config.sample_rate).map_err(|it| it.to_string())?;
    let heard = move |data: &[T], _: &cpal::InputCallbackInfo| {
        let samples: Vec<f32> = data.iter().map(|it| f32::from_sample(*it)).collect();
        let samples = downmix(&samples, channels);
        // Nobody else holds it but an earlier stream that is ending.
        if let Ok(mut take) = take.lock() {
            resampler.push(&samples, |made| take(made));
        }
    };
    let lost = move |error: cpal::Error| report(&failed, &error);
    let stream = device
        .build_input_stream(config, heard, lost, None)
        .map_err(text)?;
    stream.play().map_err(text)?;
    Ok(stream)
}

fn speak<T>(
    device: &Device,
    wanted: &cpal::SupportedStreamConfig,
    fill: Arc<Mutex<Fill>>,
    failed: mpsc::Sender<String>,
) -> Result<cpal::Stream, String>
where
    T: SizedSample + FromSample<f32> + Send + 'static,
{
    let config = config(wanted);
    let channels = usize::from(config.channels);
    let mut resampler = Resampler::new(RATE, config.sample_rate).map_err(|it| it.to_string())?;
    let mut ready = std::collections::VecDeque::new();
    let play = move |data: &mut [T], _: &cpal::OutputCallbackInfo| {
        let Ok(mut fill) = fill.lock() else {
            return;
        };
        let wanted = data.len() / channels.max(1);
        while ready.len() < wanted {
            let mut piece = [0.0; PIECE];
            fill(&mut piece);
            resampler.push(&piece, |made| ready.extend(made.iter().copied()));
        }
        for frame in data.chunks_mut(channels.max(1)) {
            let sample = T::from_sample(ready.pop_front().unwrap_or(0.0));
            frame.fill(sample);
        }
    };
    let lost = move |error: cpal::Error| report(&failed, &error);
    let stream = device
        .build_output_stream(config, play, lost, None)
        .map_err(text)?;
    stream.play().map_err(text)?;
    Ok(stream)
}

/// The device's own rate and channels, and a short buffer.
fn config(wanted: &cpal::SupportedStreamConfig) -> StreamConfig {
    StreamConfig {
        channels: wanted.channels(),
        sample_rate: wanted.sample_rate(),
        buffer_size: BufferSize::Fixed(BUFFER * wanted.sample_rate() / RATE),
    }
}

fn find(devices: Result<Vec<Device>, cpal::Error>, name: &str) -> Option<Device> {
    let devices = devices.ok()?;
    let names = named(devices.clone());
    let is_it = |(device, known): &(Device, String)| {
        known == name || device.id().is_ok_and(|id| id.to_string() == name)
    };
    let mut all = devices.into_iter().zip(names);
    all.find(is_it).map(|(device, _)| device)
}

fn missing(what: &str, name: Option<&str>) -> String {
    match name {
        Some(name) => format!("there is no {what} called {name}: /voice devices lists them"),
        None => format!("there is no {what}: connect one, or start the sound server"),
    }
}

/// What a stream says that needs nothing to be done is passed over.
fn report(failed: &mpsc::Sender<String>, error: &cpal::Error) {
    let harmless = matches!(
        error.kind(),
        ErrorKind::DeviceChanged | ErrorKind::RealtimeDenied | ErrorKind::Xrun
    );
    if !harmless {
        let _ = failed.send(text_of(error));
    }
}

fn text(error: cpal::Error) -> String {
    text_of(&error)
}

fn text_of(error: &cpal::Error) -> String {
    // More is said after it.
    error.to_string().trim_end_matches('.').to_owned()
}
