#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use alloc::format;
use alloc::string::ToString;
use alloc::vec;

use super::*;
use crate::limits::MAX_IPC_LINE_BYTES;

const USER: UserId = UserId([1; 16]);
const ROOM: ChannelId = ChannelId([2; 16]);

// spec 11.60
#[test]
fn the_originals_commands_are_read_as_it_writes_them() {
    let user = USER.to_string();
    let room = ROOM.to_string();
    for (line, command) in [
        (
            format!(r#"{{"cmd":"identify","user":"{user}"}}"#),
            Command::Identify {
                user: USER,
                answers: false,
            },
        ),
        (
            format!(r#"{{"cmd":"voice_join","room":"{room}"}}"#),
            Command::VoiceJoin { room: ROOM },
        ),
        (
            r#"{"cmd":"voice_leave"}"#.into(),
            Command::VoiceLeave { room: None },
        ),
        (r#"{"cmd":"mute"}"#.into(), Command::Mute),
        (r#"{"cmd":"unmute","later":1}"#.into(), Command::Unmute),
        (r#"{"cmd":"ping"}"#.into(), Command::Ping),
    ] {
        assert_eq!(Command::parse(line.as_bytes()), Ok(Some(command)));
    }
}

// spec 11.60
#[test]
fn events_are_written_as_the_original_does() {
    for (event, line) in [
        (
            Event::VoiceReady { room: None },
            r#"{"event":"voice_ready"}"#.into(),
        ),
        (
            Event::VoiceConnected { room: ROOM },
            format!(r#"{{"event":"voice_connected","room":"{ROOM}"}}"#),
        ),
        (
            Event::UserSpeaking {
                user: USER,
                active: true,
            },
            format!(r#"{{"event":"user_speaking","user":"{USER}","active":true}}"#),
        ),
        (
            Event::UserSpeaking {
                user: USER,
                active: false,
            },
            format!(r#"{{"event":"user_speaking","user":"{USER}"}}"#),
        ),
        (Event::Pong, r#"{"event":"pong"}"#.into()),
    ] {
        assert_eq!(event.to_line().trim_end(), line);
        assert_eq!(Event::parse(line.as_bytes()), Ok(Some(event)));
    }
}

// spec 11.60
#[test]
fn what_is_no_command_is_named_or_passed_over() {
    assert_eq!(Command::parse(b"{}"), Ok(None));
    assert_eq!(Command::parse(br#"{"event":""}"#), Ok(None));
    assert_eq!(
        Command::parse(br#"{"cmd":"dance"}"#),
        Err(LineError::Unknown("dance".into()))
    );
    for line in ["", "x", "[]", r#"{"cmd":"voice_join"}"#] {
        let read = Command::parse(line.as_bytes());
        assert!(matches!(read, Err(LineError::Malformed(_))), "{line}");
    }
    let long = vec![b' '; MAX_IPC_LINE_BYTES + 1];
    let got = long.len();
    assert_eq!(Command::parse(&long), Err(LineError::TooLong { got }));
}

#[test]
fn questions_and_answers_come_back_as_they_were() {
    let event = Event::VoiceAsk {
        ask: 7,
        question: Question::Enter { room: ROOM },
    };
    assert_eq!(Event::parse(event.to_line().as_bytes()), Ok(Some(event)));
    let command = Command::VoiceAnswer {
        ask: 7,
        answer: Answer::Refused {
            reason: Refusal::Forged,
        },
    };
    let line = command.to_line();
    assert_eq!(Command::parse(line.as_bytes()), Ok(Some(command)));
    assert!(line.contains(r#""reason":"forged""#), "{line}");
}
