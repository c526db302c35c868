#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

use std::sync::{Arc, Mutex};
use std::time::Instant;

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};

use super::*;
use crate::audio::testing::{power, sine};

fn wav(path: &std::path::Path, rate: u32, channels: u16, samples: &[f32]) {
    let spec = WavSpec {
        channels,
        sample_rate: rate,
        bits_per_sample: 16,
        sample_format: SampleFormat::Int,
    };
    let mut file = WavWriter::create(path, spec).unwrap();
    for sample in samples {
        for _ in 0..channels {
            file.write_sample((sample * 32_767.0) as i16).unwrap();
        }
    }
    file.finalize().unwrap();
}

#[test]
fn a_file_is_heard_at_its_own_speed_and_then_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for (rate, channels) in [(48_000, 1), (44_100, 2), (16_000, 1)] {
        let path = folder.path().join("in.wav");
        let length = rate as usize / 2;
        wav(&path, rate, channels, &sine(440.0, 0.5, length));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (say, said) = async_channel::unbounded();
        let inner = Arc::clone(&heard);
        let take =
            Box::new(move |samples: &[f32]| inner.lock().unwrap().extend_from_slice(samples));
        let began = Instant::now();
        let open = open_input(&Source::File(path), take, say).unwrap();
        assert_eq!(said.recv_blocking(), Ok(Happened::Ended));
        let took = began.elapsed();
        assert!(took >= Duration::from_millis(450), "{took:?}");
        drop(open);
        let heard = heard.lock().unwrap();
        assert!((22_000..=24_000).contains(&heard.len()), "{}", heard.len());
        assert!((power(&heard) / 0.125 - 1.0).abs() < 0.1);
    }
}

#[test]
fn what_is_no_sound_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.wav");
    let open = || {
        let (say, _said) = async_channel::unbounded();
        let opened = open_input(&Source::File(path.clone()), Box::new(|_| {}), say);
        opened.err().map(|it| it.to_string()).unwrap()
    };
    assert!(open().contains("not a WAV file"));
    std::fs::write(&path, "RIFF").unwrap();
    assert!(open().contains("not a WAV file"));
    wav(&path, 1000, 1, &[0.0; 100]);
    assert!(open().contains("1000 Hz"));
}

#[test]
fn nowhere_takes_sound_at_the_speed_of_sound() {
    let filled = Arc::new(Mutex::new(0));
    let inner = Arc::clone(&filled);
    let (say, _said) = async_channel::unbounded();
    let fill = Box::new(move |_: &mut [f32; PIECE]| *inner.lock().unwrap() += 1);
    let open = open_output(&Sink::Silence, fill, say).unwrap();
    let began = Instant::now();
    thread::sleep(Duration::from_millis(300));
    drop(open);
    let most = began.elapsed().as_millis() / 10 + 1;
    let filled = *filled.lock().unwrap();
    assert!(filled >= 5 && filled <= most, "{filled} of {most}");
}

#[test]
fn each_speaker_has_a_file_and_all_begin_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("out");
    let mut recorder = Recorder::new(&into).unwrap();
    for piece in 0..250 {
        recorder.add("ann.wav", &[0.25; PIECE]);
        if piece >= 100 {
            recorder.add("bob.wav", &[0.5; PIECE]);
        }
        recorder.step();
    }
    // Whoever is killed now has whole files of the first two seconds.
    let whole = WavReader::open(into.join("ann.wav")).unwrap();
    assert_eq!(whole.duration(), 200 * PIECE as u32);
    assert!(recorder.take_error().is_none());
    drop(recorder);
    let bob: Vec<i16> = WavReader::open(into.join("bob.wav"))
        .unwrap()
        .samples::<i16>()
        .map(Result::unwrap)
        .collect();
    assert_eq!(bob.len(), 250 * PIECE);
    assert!(bob.iter().take(100 * PIECE).all(|it| *it == 0));
    assert!(bob.iter().skip(100 * PIECE).all(|it| *it == 16_383));
}

#[test]
fn a_device_that_is_lost_is_opened_again_and_one_that_is_closed_is_not() {
    let (say, said) = async_channel::unbounded();
    let opened = Arc::new(Mutex::new(0));
    let inner = Arc::clone(&opened);
    let open = run("test", move |stop| {
        keep_open(End::Input, &stop, &say, |failed| {
            *inner.lock().unwrap() += 1;
            if *inner.lock().unwrap() == 1 {
                failed.send("unplugged".to_owned()).unwrap();
            }
            Ok(failed)
        });
    })
    .unwrap();
    assert_eq!(said.recv_blocking(), Ok(Happened::Opened(End::Input)));
    let what = "unplugged".to_owned();
    let end = End::Input;
    assert_eq!(said.recv_blocking(), Ok(Happened::Trouble { end, what }));
    assert_eq!(said.recv_blocking(), Ok(Happened::Opened(End::Input)));
    assert_eq!(said.recv_blocking(), Ok(Happened::Returned(End::Input)));
    drop(open);
    assert_eq!(*opened.lock().unwrap(), 2);
    assert!(said.recv_blocking().is_err());
}
