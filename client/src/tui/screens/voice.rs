//! Voice on the screen.

use dialtone_protocol::ids::UserId;
use dialtone_protocol::voice::ask::Refusal;
use dialtone_protocol::voice::ipc::{Event, Standing};

use super::{busy_chat, check};
use crate::tui::msg::{Effect, Msg, OverlayMsg};
use crate::tui::port::{Request, Update};
use crate::tui::testing::{ANN, BOB, Bench, GENERAL, RANDOM};
use crate::tui::voice::{Ask, Talker, Voice, Worst};

/// A room with everything in it that can be shown of one.
fn talking(columns: u16, rows: u16) -> Bench {
    let mut bench = busy_chat(columns, rows);
    let talker = |user, standing, verified| Talker {
        user,
        verified,
        standing,
        volume: 100,
    };
    bench.tell(Update::Voice(Box::new(Voice {
        rooms: [
            (RANDOM, vec![UserId([0xdd; 16])]),
            (GENERAL, vec![ANN, BOB]),
        ]
        .into(),
        room: Some(GENERAL),
        inside: true,
        online: true,
        members: vec![
            talker(BOB, Standing::Connected, true),
            talker(UserId([0xdd; 16]), Standing::Connected, false),
            talker(UserId([0xee; 16]), Standing::Reconnecting, true),
        ],
        speaking: [BOB].into(),
        microphone: true,
        level: 1200,
        threshold: 500,
        quality: Some(Worst {
            loss: 2,
            jitter: 14,
            round_trip: Some(38),
        }),
        ..Voice::default()
    })));
    bench
}

#[test]
fn voice() {
    for (columns, rows) in [(80, 24), (120, 40)] {
        check(&format!("voice-{columns}x{rows}"), &talking(columns, rows));
    }
}

#[test]
fn who_has_several_devices_stands_as_the_best_of_them() {
    // From the worst to the best.
    let all = [
        (Standing::Refused, " refused"),
        (Standing::Connecting, " …"),
        (Standing::Reconnecting, " lost"),
        (Standing::Connected, ""),
    ];
    let mut bench = Bench::chat(80, 24);
    let mut note = |standings: [Standing; 2]| {
        let talker = |standing| Talker {
            user: BOB,
            verified: true,
            standing,
            volume: 100,
        };
        bench.tell(Update::Voice(Box::new(Voice {
            room: Some(GENERAL),
            inside: true,
            online: true,
            members: standings.map(talker).to_vec(),
            speaking: [BOB].into(),
            ..Voice::default()
        })));
        let screen = bench.screen();
        let row = screen.lines().find_map(|row| row.split_once("♪ bob"));
        row.unwrap()
            .1
            .split('│')
            .next()
            .unwrap()
            .trim_end()
            .to_owned()
    };
    for (place, (better, wanted)) in all.iter().enumerate() {
        for (worse, _) in &all[..=place] {
            assert_eq!(note([*worse, *better]), *wanted, "{worse:?} {better:?}");
            assert_eq!(note([*better, *worse]), *wanted, "{better:?} {worse:?}");
        }
    }
}

#[test]
fn who_is_only_said_to_be_there_is_told_apart_once_this_device_is_in() {
    let mut bench = Bench::chat(80, 24);
    for (inside, wanted) in [(false, "bob …"), (true, "bob no device")] {
        bench.tell(Update::Voice(Box::new(Voice {
            rooms: [(GENERAL, vec![ANN, BOB])].into(),
            room: Some(GENERAL),
            inside,
            ..Voice::default()
        })));
        assert!(bench.screen().contains(wanted), "{wanted}");
    }
}

#[test]
fn commands_of_voice_ask_for_what_they_say() {
    let mut bench = talking(80, 24);
    let ask = |ask| vec![Effect::Ask(Request::Voice(ask))];
    for (typed, wanted) in [
        ("/voice join", Ask::Join(GENERAL)),
        ("/voice join #random", Ask::Join(RANDOM)),
        ("/voice leave", Ask::Leave),
        ("/voice mute", Ask::Mute(true)),
        ("/voice undeafen", Ask::Deafen(false)),
        ("/voice volume bob 150%", Ask::Volume(BOB, 150)),
        ("/voice devices", Ask::Devices),
        (
            "/voice device in Built-in Audio",
            Ask::Device {
                input: true,
                name: "Built-in Audio".to_owned(),
            },
        ),
        ("/voice threshold 800", Ask::Threshold(800)),
    ] {
        assert_eq!(bench.enter(typed), ask(wanted), "{typed}");
    }
    // Nobody tries a microphone out while others hear it.
    assert_eq!(bench.enter("/voice test"), []);
    assert!(bench.screen().contains("leave the room"));
    let mut bench = Bench::chat(80, 24);
    assert_eq!(bench.enter("/voice leave"), []);
    assert!(bench.screen().contains("you are in no room"));
}

/// What the last row says of it.
fn said(bench: &mut Bench, typed: &str) -> String {
    bench.enter(typed);
    let screen = bench.screen();
    screen.lines().last().unwrap_or_default().trim().to_owned()
}

#[test]
fn commands_of_voice_say_what_comes_of_them() {
    let mut bench = talking(80, 24);
    for (typed, wanted) in [
        ("/voice mute", "muted: nothing is sent until /voice unmute"),
        ("/voice unmute", "not muted any more"),
        (
            "/voice deafen",
            "deaf: you hear nobody, and nobody hears you, until /voice undeafen",
        ),
        ("/voice undeafen", "not deaf any more"),
        ("/voice volume bob 150", "bob is at 150 % here"),
        ("/voice threshold 800", "800 and louder counts as speech"),
        (
            "/voice device in USB Headset",
            "the microphone is USB Headset",
        ),
        ("/voice device out", "the loudspeaker is the system's"),
    ] {
        assert_eq!(said(&mut bench, typed), wanted, "{typed}");
    }
    bench.tell(Update::Voice(Box::new(Voice {
        muted: true,
        ..Voice::default()
    })));
    assert_eq!(
        said(&mut bench, "/voice undeafen"),
        "not deaf any more, but muted still: /voice unmute ends that"
    );
    assert_eq!(
        said(&mut bench, "/voice device out"),
        "the loudspeaker is the system's, once you are in a room"
    );
    bench.tell(Update::Voice(Box::new(Voice {
        deafened: true,
        ..Voice::default()
    })));
    assert_eq!(
        said(&mut bench, "/voice unmute"),
        "not muted any more, but deaf still: /voice undeafen ends that"
    );
}

#[test]
fn a_key_that_is_held_shows_also_while_nothing_is_said() {
    let mut bench = Bench::chat(80, 24);
    for (sending, wanted) in [(false, "[f9] ······"), (true, "[● f9] ······")] {
        bench.tell(Update::Voice(Box::new(Voice {
            room: Some(GENERAL),
            inside: true,
            online: true,
            microphone: true,
            threshold: 500,
            sending,
            key: Some("f9".to_owned()),
            ..Voice::default()
        })));
        assert!(bench.screen().contains(wanted), "{wanted}");
    }
}

#[test]
fn the_devices_are_listed_with_what_was_chosen() {
    let list = |input: &str| {
        let mut voice = Voice::default();
        let names = |names: [&str; 2]| names.map(str::to_owned).to_vec();
        let said = voice.take(Event::Devices {
            inputs: names(["Headset", "Webcam"]),
            outputs: names(["Headset", "Speakers"]),
            input: input.to_owned(),
            output: String::new(),
        });
        let text = said.map(|(text, _)| text).unwrap_or_default();
        let inputs = text.lines().skip(1);
        let inputs: Vec<String> = inputs
            .take_while(|line| *line != "loudspeakers:")
            .map(str::to_owned)
            .collect();
        inputs
    };
    assert_eq!(list(""), ["• the system's", "  Headset", "  Webcam"]);
    assert_eq!(list("Webcam"), ["  the system's", "  Headset", "• Webcam"]);
    let other = ["  the system's", "  Headset", "  Webcam", "• usb-7"];
    assert_eq!(list("usb-7"), other);
}

/// A room that is on its way, with everything that can be wrong in it.
#[test]
fn voice_with_trouble() {
    let mut bench = busy_chat(80, 24);
    let user = |byte| UserId([byte; 16]);
    let talker = |byte, standing, volume| Talker {
        user: user(byte),
        verified: true,
        standing,
        volume,
    };
    bench.tell(Update::Voice(Box::new(Voice {
        rooms: [(GENERAL, vec![ANN, BOB])].into(),
        room: Some(GENERAL),
        members: vec![
            talker(0xbb, Standing::Connecting, 100),
            talker(0xcc, Standing::Refused, 100),
            talker(0xdd, Standing::Judging, 100),
            talker(0xee, Standing::Connected, 0),
            talker(0xef, Standing::Connected, 150),
        ],
        muted: true,
        threshold: 500,
        key: Some("ctrl+v".to_owned()),
        ..Voice::default()
    })));
    bench.tell(Update::NotHeard {
        user: BOB,
        reason: Refusal::Forged.to_string(),
    });
    check("voice-trouble-80x24", &bench);
    assert!(bench.screen().contains("bob is not heard"));
}

/// What the daemon says of a microphone that is tried out.
fn tried_out(level: u32) -> Update {
    Update::Voice(Box::new(Voice {
        microphone: true,
        testing: true,
        level,
        threshold: 500,
        ..Voice::default()
    }))
}

#[test]
fn the_microphone_is_tried_out() {
    let mut bench = busy_chat(80, 24);
    let ask = |ask| vec![Effect::Ask(Request::Voice(ask))];
    assert_eq!(bench.enter("/voice test"), ask(Ask::Test(true)));
    assert!(bench.screen().contains("it is being opened"));
    bench.tell(tried_out(1200));
    check("voice-test-80x24", &bench);
    // The help would hide that it is open.
    bench.model.update(Msg::Help);
    assert!(bench.screen().contains("this would be sent"));
    let mut key = |key| bench.model.update(Msg::Overlay(key));
    assert_eq!(key(OverlayMsg::Up), ask(Ask::Threshold(563)));
    assert_eq!(key(OverlayMsg::PageUp), ask(Ask::Threshold(1126)));
    assert_eq!(key(OverlayMsg::PageUp), ask(Ask::Threshold(2252)));
    assert!(bench.screen().contains("this would not be sent"));
    let mut key = |key| bench.model.update(Msg::Overlay(key));
    for _ in 0..200 {
        key(OverlayMsg::Down);
    }
    assert_eq!(key(OverlayMsg::Down), []);
    assert_eq!(key(OverlayMsg::Up), ask(Ask::Threshold(2)));
    assert_eq!(key(OverlayMsg::Cancel), ask(Ask::Test(false)));
    assert!(!bench.screen().contains("The microphone"));
}

#[test]
fn a_test_ends_with_its_daemon_and_does_not_begin_without_one() {
    let mut bench = Bench::chat(80, 24);
    bench.enter("/voice test");
    // Other things may go wrong meanwhile.
    bench.tell(Update::Problem("voice: the key is not watched".to_owned()));
    assert!(bench.screen().contains("The microphone"));
    let mut gone = Voice::default();
    gone.lose();
    bench.tell(Update::Voice(Box::new(gone)));
    assert!(!bench.screen().contains("The microphone"));
    bench.enter("/voice test");
    bench.tell(tried_out(u32::MAX));
    assert!(bench.screen().contains("this would be sent"));
    bench.tell(Update::Voice(Box::default()));
    assert!(!bench.screen().contains("The microphone"));
}

#[test]
fn the_key_to_talk_works_in_a_room_and_is_let_go_of_anywhere() {
    let ask = |ask| vec![Effect::Ask(Request::Voice(ask))];
    let mut bench = talking(80, 24);
    assert_eq!(bench.model.update(Msg::Talk(true)), ask(Ask::Hold(true)));
    bench.tell(Update::Voice(Box::default()));
    assert_eq!(bench.model.update(Msg::Talk(false)), ask(Ask::Hold(false)));
    assert_eq!(bench.model.update(Msg::Talk(true)), []);
}

#[test]
fn what_the_daemon_says_cannot_drive_the_terminal() {
    let mut voice = Voice::default();
    let error = "\u{1b}[2J\u{202e}gone".to_owned();
    let said = voice.take(Event::Error { error });
    assert_eq!(said, Some(("voice: gone".to_owned(), true)));
}
