//! A key grabbed from a real X server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

#[path = "ptt/program.rs"]
mod program;
#[path = "ptt_hotkey/server.rs"]
mod server;

use std::net::TcpListener;
use std::time::Duration;

use async_io::{Timer, block_on};
use dialtone_voice::ptt::{
    Backend, Choice, Ended, Environment, Event, HotkeyError, PortalError, StartError, Watch, start,
};
use x11rb::protocol::xproto::ModMask;

use program::{next, soon};
use server::Server;

const V: u32 = 0x76;
const W: u32 = 0x77;
const PAUSE: u32 = 0xff13;
const CONTROL: u32 = 0xffe3;
const CAPS_LOCK: u32 = 0xffe5;
const NUM_LOCK: u32 = 0xff7f;

/// Longer than a server waits before it repeats a held key, by several repeats (660 ms and 40 ms by default).
const HOLD: Duration = Duration::from_millis(1500);

async fn watch(key: &str, environment: &Environment) -> Result<Watch, StartError> {
    let binding = key.parse().unwrap();
    soon("starting", start(binding, Choice::Hotkey, environment)).await
}

async fn is_down_and_up_again(server: &Server, code: u8, watch: &Watch) {
    server.press(code);
    assert_eq!(next(watch).await, Event::Down);
    server.release(code);
    assert_eq!(next(watch).await, Event::Up);
}

#[test]
fn a_press_is_down_and_a_release_is_up() {
    block_on(async {
        let server = Server::start();
        let (v, control) = (server.code(V), server.code(CONTROL));
        let watch = watch("ctrl+v", &server.environment()).await.unwrap();
        assert_eq!(watch.backend(), Backend::Hotkey);
        assert_eq!(watch.key(), "ctrl+v (X11 hotkey)");
        // Without its modifier the key is left to others.
        server.tap(v);
        server.press(control);
        server.tap(server.code(W));
        for _ in 0..3 {
            is_down_and_up_again(&server, v, &watch).await;
        }
        // The modifier may be released first.
        server.press(v);
        assert_eq!(next(&watch).await, Event::Down);
        server.release(control);
        server.release(v);
        assert_eq!(next(&watch).await, Event::Up);
        assert!(watch.events().is_empty());
    });
}

#[test]
fn it_works_inside_of_a_tokio_runtime() {
    let mut tokio = tokio::runtime::Builder::new_multi_thread();
    tokio.enable_all().build().unwrap().block_on(async {
        let server = Server::start();
        let watch = watch("pause", &server.environment()).await.unwrap();
        is_down_and_up_again(&server, server.code(PAUSE), &watch).await;
    });
}

#[test]
fn the_locks_do_not_matter() {
    block_on(async {
        let server = Server::start();
        let (v, control) = (server.code(V), server.code(CONTROL));
        let watch = watch("ctrl+v", &server.environment()).await.unwrap();
        // Both off, CapsLock on, both on, NumLock on.
        for lock in [None, Some(CAPS_LOCK), Some(NUM_LOCK), Some(CAPS_LOCK)] {
            if let Some(lock) = lock {
                server.tap(server.code(lock));
            }
            server.press(control);
            is_down_and_up_again(&server, v, &watch).await;
            server.release(control);
        }
    });
}

#[test]
fn caps_lock_itself_can_be_the_key() {
    block_on(async {
        let server = Server::start();
        let watch = watch("caps", &server.environment()).await.unwrap();
        for _ in 0..4 {
            is_down_and_up_again(&server, server.code(CAPS_LOCK), &watch).await;
        }
    });
}

#[test]
fn a_key_that_is_held_is_down_once_although_the_server_repeats_it() {
    block_on(async {
        let server = Server::start();
        let v = server.code(V);
        let nothing = ModMask::from(0u16);
        // A client that does not care about repeats sees them: so the server does repeat.
        assert!(server.grabs(v, nothing));
        server.press(v);
        let seen = server.presses_seen(HOLD).await;
        server.release(v);
        assert!(seen > 2, "the server repeats nothing: {seen} presses");
        server.ungrab(v, nothing);

        let watch = watch("v", &server.environment()).await.unwrap();
        server.press(v);
        Timer::after(HOLD).await;
        server.release(v);
        server.tap(v);
        let mut events = Vec::new();
        for _ in 0..4 {
            events.push(next(&watch).await);
        }
        assert_eq!(events, [Event::Down, Event::Up, Event::Down, Event::Up]);
        assert!(watch.events().is_empty());
    });
}

#[test]
fn a_key_that_is_taken_is_named_and_can_be_had_later() {
    block_on(async {
        let server = Server::start();
        let (v, control) = (server.code(V), ModMask::CONTROL);
        // One of the states of the locks is enough.
        let taken = control | ModMask::LOCK;
        assert!(server.grabs(v, taken));
        let error = watch("ctrl+v", &server.environment()).await.unwrap_err();
        let expected = HotkeyError::Taken("ctrl+v".to_owned());
        assert_eq!(error, StartError::Hotkey(expected));
        assert_eq!(error.to_string(), "another program has taken ctrl+v");
        server.ungrab(v, taken);
        let watch = watch("ctrl+v", &server.environment()).await.unwrap();
        server.press(server.code(CONTROL));
        is_down_and_up_again(&server, v, &watch).await;
    });
}

#[test]
fn a_watch_that_is_dropped_gives_the_key_back() {
    block_on(async {
        let server = Server::start();
        let (v, control) = (server.code(V), ModMask::CONTROL);
        let watch = watch("ctrl+v", &server.environment()).await.unwrap();
        assert!(!server.grabs(v, control));
        let events = watch.events().clone();
        drop(watch);
        let given_back = async {
            while !server.grabs(v, control) {
                Timer::after(Duration::from_millis(10)).await;
            }
        };
        soon("giving the key back", given_back).await;
        assert!(soon("the end", events.recv()).await.is_err());
    });
}

#[test]
fn the_end_of_the_server_ends_the_watch_even_while_the_key_is_held() {
    block_on(async {
        let mut server = Server::start();
        let v = server.code(V);
        let watch = watch("v", &server.environment()).await.unwrap();
        server.press(v);
        assert_eq!(next(&watch).await, Event::Down);
        server.program.kill();
        let ended = Ended::DisplayGone;
        assert_eq!(next(&watch).await, Event::Ended(ended.clone()));
        assert_eq!(ended.to_string(), "the X server ended");
        assert!(soon("the end", watch.events().recv()).await.is_err());
    });
}

#[test]
fn a_key_that_moves_on_the_keyboard_is_followed_and_released() {
    block_on(async {
        let server = Server::start();
        let (v, w) = (server.code(V), server.code(W));
        let watch = watch("v", &server.environment()).await.unwrap();
        server.press(v);
        assert_eq!(next(&watch).await, Event::Down);
        // The two keys change places while one is held.
        server.change(w, V);
        assert_eq!(next(&watch).await, Event::Up);
        server.change(v, W);
        server.release(v);
        // Both changes have to be read before the key counts: it is tried until it does.
        let followed = async {
            while watch.events().is_empty() {
                server.tap(w);
                Timer::after(Duration::from_millis(50)).await;
            }
        };
        soon("following the key", followed).await;
        assert_eq!(next(&watch).await, Event::Down);
        assert_eq!(next(&watch).await, Event::Up);
    });
}

#[test]
fn a_key_that_leaves_the_keyboard_ends_the_watch() {
    block_on(async {
        let server = Server::start();
        let watch = watch("v", &server.environment()).await.unwrap();
        server.change(server.code(V), W);
        let why = HotkeyError::NoSuchKey("v".to_owned());
        assert_eq!(
            next(&watch).await,
            Event::Ended(Ended::KeyboardChanged(why))
        );
    });
}

#[test]
fn a_server_that_is_not_there_is_named() {
    block_on(async {
        let nowhere = Environment::default();
        let error = watch("v", &nowhere).await.unwrap_err();
        assert_eq!(error, StartError::Hotkey(HotkeyError::NoDisplay));
        for display in [
            ":59000", ":59999", ":65535.0", ":65536", ":x", "nonsense", "",
        ] {
            let environment = Environment {
                display: Some(display.to_owned()),
                ..Environment::default()
            };
            let error = watch("v", &environment).await.unwrap_err();
            let unreachable = matches!(&error, StartError::Hotkey(HotkeyError::Unreachable(_)));
            assert!(unreachable, "{display:?}: {error:?}");
        }
    });
}

#[test]
fn a_server_that_does_not_answer_is_not_waited_for_forever() {
    block_on(async {
        // The display's number is that of its port above 6000. It is bound here, and nobody answers.
        let (_listener, display) = std::iter::repeat_with(|| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = listener.local_addr().unwrap().port();
            (listener, port.checked_sub(6000))
        })
        .find_map(|(listener, number)| Some((listener, number?)))
        .unwrap();
        let mut environment = Environment {
            display: Some(format!("127.0.0.1:{display}")),
            ..Environment::default()
        };
        environment.patience.hotkey = Duration::from_millis(300);
        let error = watch("v", &environment).await.unwrap_err();
        assert_eq!(error, StartError::Hotkey(HotkeyError::Unanswered));
    });
}

#[test]
fn a_desktop_without_a_portal_gets_a_hotkey() {
    block_on(async {
        let server = Server::start();
        let environment = server.environment();
        let started = start("v".parse().unwrap(), Choice::Auto, &environment);
        let watch = soon("starting", started).await.unwrap();
        assert_eq!(watch.backend(), Backend::Hotkey);
        is_down_and_up_again(&server, server.code(V), &watch).await;

        // Under Wayland only if it is allowed.
        let wayland = Environment {
            wayland: true,
            ..environment
        };
        let started = start("w".parse().unwrap(), Choice::Auto, &wayland);
        let error = soon("starting", started).await.unwrap_err();
        assert!(matches!(error, StartError::Wayland(PortalError::NoBus(_))));
        let allowed = Environment {
            hotkey_under_wayland: true,
            ..wayland
        };
        let started = start("w".parse().unwrap(), Choice::Auto, &allowed);
        let watch = soon("starting", started).await.unwrap();
        assert_eq!(watch.backend(), Backend::Hotkey);
    });
}
