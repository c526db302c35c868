//! The desktop's portal watches the key: on a real bus, with a portal of the test's own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

#[path = "ptt_portal/bus.rs"]
mod bus;
#[path = "ptt_portal/desktop.rs"]
mod desktop;
#[path = "ptt/program.rs"]
mod program;

use std::time::Duration;

use async_io::{Timer, block_on};
use dialtone_voice::ptt::{
    Backend, Binding, Choice, Ended, Environment, Event, HotkeyError, PortalError, StartError,
    Step, Watch, start,
};
use zbus::fdo::DBusProxy;
use zbus::names::BusName;

use bus::{Bus, PORTAL};
use desktop::{Answer, Asked, PATH, Portal, SHORTCUTS, Settings};
use program::{next, soon};

fn binding() -> Binding {
    "ctrl+shift+space".parse().unwrap()
}

async fn watch(environment: &Environment) -> Result<Watch, StartError> {
    soon("starting", start(binding(), Choice::Portal, environment)).await
}

/// A bus, a portal that does as it is asked, and a key that it watches.
async fn watched() -> (Bus, Portal, Watch) {
    let bus = Bus::start();
    let yes = [Answer::Yes("Ctrl+Shift+Space")];
    let portal = Portal::start(&bus, &yes, &yes).await;
    let watch = watch(&bus.environment()).await.unwrap();
    (bus, portal, watch)
}

async fn is_down_and_up_again(portal: &Portal, watch: &Watch) {
    portal.press().await;
    assert_eq!(next(watch).await, Event::Down);
    portal.release().await;
    assert_eq!(next(watch).await, Event::Up);
}

#[test]
fn a_press_is_down_and_a_release_is_up() {
    block_on(async {
        let bus = Bus::start();
        let yes = [Answer::Yes("Ctrl+Shift+Space")];
        let portal = Portal::start(&bus, &yes, &yes).await;
        let environment = Environment {
            parent_window: "x11:0x1f".to_owned(),
            ..bus.environment()
        };
        let watch = watch(&environment).await.unwrap();
        assert_eq!(watch.backend(), Backend::Portal);
        assert_eq!(watch.key(), "Ctrl+Shift+Space (desktop portal)");
        let asked = Asked {
            session: portal.session(),
            shortcut: "dialtone_ptt".to_owned(),
            trigger: Some("CTRL+SHIFT+space".to_owned()),
            parent: "x11:0x1f".to_owned(),
        };
        assert_eq!(portal.asked(), [asked]);
        for _ in 0..3 {
            is_down_and_up_again(&portal, &watch).await;
        }
        assert!(watch.events().is_empty());
    });
}

#[test]
fn it_works_inside_of_a_tokio_runtime() {
    let mut tokio = tokio::runtime::Builder::new_multi_thread();
    tokio.enable_all().build().unwrap().block_on(async {
        let (_bus, portal, watch) = watched().await;
        is_down_and_up_again(&portal, &watch).await;
    });
}

#[test]
fn an_answer_that_is_faster_than_the_call_is_not_missed() {
    block_on(async {
        let bus = Bus::start();
        let at_once = [Answer::AtOnce("Pause")];
        let portal = Portal::start(&bus, &at_once, &at_once).await;
        let watch = watch(&bus.environment()).await.unwrap();
        is_down_and_up_again(&portal, &watch).await;
    });
}

#[test]
fn a_release_never_overtakes_its_press() {
    const TAPS: usize = 200;
    block_on(async {
        let (_bus, portal, watch) = watched().await;
        let tap = async {
            for _ in 0..TAPS {
                portal.press().await;
                portal.release().await;
            }
        };
        let read = async {
            for tap in 0..TAPS {
                assert_eq!(next(&watch).await, Event::Down, "tap {tap}");
                assert_eq!(next(&watch).await, Event::Up, "tap {tap}");
            }
        };
        futures_util::future::join(tap, read).await;
        assert!(watch.events().is_empty());
    });
}

#[test]
fn what_is_not_about_the_shortcut_is_passed_over() {
    block_on(async {
        let (_bus, portal, watch) = watched().await;
        let session = portal.session();
        portal.tell("Activated", &session, "another").await;
        portal
            .tell("Activated", "/another/session", "dialtone_ptt")
            .await;
        portal
            .signal(PATH, SHORTCUTS, "Activated", &"nonsense")
            .await;
        portal.signal(PATH, SHORTCUTS, "Activated", &()).await;
        portal
            .signal(PATH, "org.example.Other", "Activated", &())
            .await;
        portal
            .tell("ShortcutsChanged", &session, "dialtone_ptt")
            .await;
        // A second press without a release, and a release too many.
        portal.release().await;
        portal.press().await;
        portal.press().await;
        assert_eq!(next(&watch).await, Event::Down);
        portal.release().await;
        portal.release().await;
        assert_eq!(next(&watch).await, Event::Up);
        is_down_and_up_again(&portal, &watch).await;
        assert!(watch.events().is_empty());
    });
}

#[test]
fn a_person_who_says_no_is_not_asked_again() {
    block_on(async {
        let bus = Bus::start();
        let portal = Portal::start(&bus, &[Answer::Yes("")], &[Answer::No(1)]).await;
        // Were it not for the answer, the hotkey would be tried next.
        let environment = bus.environment();
        let started = start(binding(), Choice::Auto, &environment);
        let error = soon("the refusal", started).await.unwrap_err();
        assert_eq!(error, StartError::Portal(PortalError::Refused));
        assert_eq!(
            error.to_string(),
            "the key was refused when the desktop asked"
        );
        assert_eq!(portal.asked().len(), 1);
    });
}

#[test]
fn a_key_that_the_desktop_cannot_bind_is_left_to_it_in_a_new_session() {
    block_on(async {
        for first in [Answer::No(2), Answer::Error, Answer::Without] {
            let bus = Bus::start();
            let begin = [Answer::Yes(""), Answer::Yes("")];
            let portal = Portal::start(&bus, &begin, &[first, Answer::Yes("")]).await;
            let watch = watch(&bus.environment()).await.unwrap();
            let asked = portal.asked();
            assert_eq!(asked.len(), 2, "{first:?}");
            assert_eq!(asked[0].trigger.as_deref(), Some("CTRL+SHIFT+space"));
            assert_eq!(asked[1].trigger, None);
            assert_ne!(asked[0].session, asked[1].session);
            assert_eq!(portal.closed(), [asked[0].session.clone()]);
            assert_eq!(
                watch.key(),
                "the key of the desktop's settings (desktop portal)"
            );
            is_down_and_up_again(&portal, &watch).await;
        }
    });
}

#[test]
fn a_desktop_that_cannot_bind_any_key_is_an_error_in_words_fit_for_a_terminal() {
    block_on(async {
        let bus = Bus::start();
        let begin = [Answer::Yes(""), Answer::Yes("")];
        let _portal = Portal::start(&bus, &begin, &[Answer::Error, Answer::Error]).await;
        let error = watch(&bus.environment()).await.unwrap_err();
        let why = "the desktop is [31m busy".to_owned();
        assert_eq!(error, StartError::Portal(PortalError::Failed(why)));

        let bus = Bus::start();
        let _portal = Portal::start(&bus, &begin, &[Answer::Without, Answer::Without]).await;
        let error = watch(&bus.environment()).await.unwrap_err();
        assert_eq!(error, StartError::Portal(PortalError::NotBound));
    });
}

#[test]
fn a_session_that_is_refused_is_an_error() {
    block_on(async {
        let bus = Bus::start();
        let _portal = Portal::start(&bus, &[Answer::No(2)], &[]).await;
        let error = watch(&bus.environment()).await.unwrap_err();
        assert!(matches!(error, StartError::Portal(PortalError::Failed(_))));
    });
}

#[test]
fn a_desktop_without_a_portal_is_named() {
    block_on(async {
        let bus = Bus::start();
        let error = watch(&bus.environment()).await.unwrap_err();
        assert_eq!(error, StartError::Portal(PortalError::Missing));

        let environment = bus.environment();
        let auto = start(binding(), Choice::Auto, &environment);
        let both = StartError::Both {
            portal: PortalError::Missing,
            hotkey: HotkeyError::NoDisplay,
        };
        assert_eq!(soon("both", auto).await.unwrap_err(), both);

        let wayland = Environment {
            wayland: true,
            ..bus.environment()
        };
        let auto = start(binding(), Choice::Auto, &wayland);
        let error = soon("one", auto).await.unwrap_err();
        assert_eq!(error, StartError::Wayland(PortalError::Missing));
    });
}

#[test]
fn a_portal_that_does_not_run_is_started_by_the_bus() {
    block_on(async {
        // What is started ends at once, and the bus says so: only of a program that it did start.
        let bus = Bus::start_with(Some("/bin/sh -c 'exit 7'"));
        let error = watch(&bus.environment()).await.unwrap_err();
        let StartError::Portal(PortalError::Failed(why)) = error else {
            panic!("{error:?}");
        };
        assert!(why.contains("exited with status 7"), "{why}");
    });
}

#[test]
fn a_portal_without_shortcuts_is_named() {
    block_on(async {
        let bus = Bus::start();
        let other = bus.connect().await;
        other.request_name(PORTAL).await.unwrap();
        other.object_server().at(PATH, Settings).await.unwrap();
        let error = watch(&bus.environment()).await.unwrap_err();
        assert_eq!(error, StartError::Portal(PortalError::Missing));
    });
}

#[test]
fn a_bus_that_is_not_there_is_named() {
    block_on(async {
        for address in ["unix:path=/nonexistent/bus", "nonsense", ""] {
            let environment = Environment {
                bus: Some(address.to_owned()),
                ..Environment::default()
            };
            let error = watch(&environment).await.unwrap_err();
            let no_bus = matches!(&error, StartError::Portal(PortalError::NoBus(_)));
            assert!(no_bus, "{address:?}: {error:?}");
        }
    });
}

#[test]
fn a_portal_that_does_not_answer_is_not_waited_for_forever() {
    let short = Duration::from_millis(300);
    block_on(async {
        let cases: [(&[Answer], &[Answer], Step); 2] = [
            (&[Answer::Nothing], &[], Step::Session),
            (&[Answer::Yes("")], &[Answer::Nothing], Step::Bind),
        ];
        for (begin, bind, step) in cases {
            let bus = Bus::start();
            let _portal = Portal::start(&bus, begin, bind).await;
            let mut environment = bus.environment();
            match step {
                Step::Session => environment.patience.session = short,
                _ => environment.patience.bind = short,
            }
            let error = watch(&environment).await.unwrap_err();
            assert_eq!(error, StartError::Portal(PortalError::Unanswered(step)));
        }
    });
}

#[test]
fn the_end_of_the_portal_ends_the_watch_even_while_the_key_is_held() {
    block_on(async {
        let (_bus, portal, watch) = watched().await;
        portal.press().await;
        assert_eq!(next(&watch).await, Event::Down);
        portal.bus.close().await.unwrap();
        let ended = Ended::PortalGone;
        assert_eq!(next(&watch).await, Event::Ended(ended.clone()));
        assert_eq!(ended.to_string(), "the desktop portal ended");
        assert!(soon("the end", watch.events().recv()).await.is_err());
    });
}

#[test]
fn the_end_of_the_portal_while_it_asks_is_not_waited_out() {
    block_on(async {
        let bus = Bus::start();
        let portal = Portal::start(&bus, &[Answer::Yes("")], &[Answer::Nothing]).await;
        let environment = bus.environment();
        let end = async {
            portal.has_asked().await;
            portal.bus.clone().close().await.unwrap();
        };
        let (started, ()) = futures_util::future::join(watch(&environment), end).await;
        let gone = PortalError::Gone(Ended::PortalGone);
        assert_eq!(started.unwrap_err(), StartError::Portal(gone));
    });
}

#[test]
fn a_session_that_the_desktop_closes_ends_the_watch() {
    block_on(async {
        let (_bus, portal, watch) = watched().await;
        portal.close_session().await;
        assert_eq!(next(&watch).await, Event::Ended(Ended::SessionClosed));
    });
}

#[test]
fn the_end_of_the_bus_ends_the_watch() {
    block_on(async {
        let (mut bus, portal, watch) = watched().await;
        portal.press().await;
        assert_eq!(next(&watch).await, Event::Down);
        bus.program.kill();
        assert_eq!(next(&watch).await, Event::Ended(Ended::BusGone));
    });
}

#[test]
fn a_watch_that_is_dropped_leaves_the_bus() {
    block_on(async {
        let (bus, portal, watch) = watched().await;
        let other = bus.connect().await;
        let names = DBusProxy::new(&other).await.unwrap();
        let client = BusName::try_from(portal.client()).unwrap();
        assert!(names.name_has_owner(client.clone()).await.unwrap());
        drop(watch);
        let gone = async {
            while names.name_has_owner(client.clone()).await.unwrap() {
                Timer::after(Duration::from_millis(10)).await;
            }
        };
        soon("leaving", gone).await;
    });
}

#[test]
fn a_start_that_is_given_up_leaves_the_bus() {
    block_on(async {
        let bus = Bus::start();
        let portal = Portal::start(&bus, &[Answer::Yes("")], &[Answer::Nothing]).await;
        let environment = bus.environment();
        let asked = portal.has_asked();
        let started = Box::pin(start(binding(), Choice::Portal, &environment));
        let first = futures_util::future::select(started, Box::pin(asked)).await;
        assert!(matches!(first, futures_util::future::Either::Right(_)));
        drop(first);
        let other = bus.connect().await;
        let names = DBusProxy::new(&other).await.unwrap();
        let client = BusName::try_from(portal.client()).unwrap();
        let gone = async {
            while names.name_has_owner(client.clone()).await.unwrap() {
                Timer::after(Duration::from_millis(10)).await;
            }
        };
        soon("leaving", gone).await;
    });
}

#[test]
fn presses_over_the_socket_need_nobody_to_watch() {
    block_on(async {
        let nothing_there = Environment::default();
        let started = start(binding(), Choice::Command, &nothing_there);
        let watch = started.await.unwrap();
        assert_eq!(watch.backend(), Backend::Command);
        assert_eq!(watch.key(), "dialtone ptt");
        assert!(watch.events().is_empty() && !watch.events().is_closed());
    });
}
