//! The screens, drawn as text and compared with the pictures in `docs/screens`.
//!
//! `DIALTONE_DRAW_SCREENS=1` draws the pictures anew; a look at the difference then belongs to the change.

mod voice;

use std::fs;
use std::path::Path;

use dialtone_protocol::client::{ConnectionState, Standing as Membership};
use tuirealm::ratatui::style::Color;

use super::editor::Edit;
use super::msg::{ChatMsg, FormMsg, Msg, Scroll};
use super::port::Update;
use super::snapshot::{Content, Mark, Message, Profile};
use super::testing::{ANN, BOB, Bench, GENERAL, ann, message, talk, unsent};
use super::text::sanitize;
use super::theme::Theme;
use super::welcome::Welcome;

const LINK: &str = "https://chat.example/invite/2Zf0V7yqkQx1#kP3q9bYf1tXo7cJm5wRd8A.\
                    3f9c1b2a4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8";

fn check(name: &str, bench: &Bench) {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/screens"));
    let file = folder.join(name).with_extension("txt");
    let drawn = bench.screen();
    if std::env::var_os("DIALTONE_DRAW_SCREENS").is_some() {
        fs::create_dir_all(folder).expect("a folder");
        fs::write(&file, drawn).expect("written");
        return;
    }
    let expected = fs::read_to_string(&file).expect("a picture");
    assert!(
        drawn == expected,
        "{name} is drawn as\n{drawn}\nand not as\n{expected}"
    );
}

/// A chat with something of everything in it.
fn busy_chat(columns: u16, rows: u16) -> Bench {
    let mut bench = Bench::chat(columns, rows);
    let mut messages: Vec<Message> = vec![
        message(1, BOB, "good evening"),
        message(
            2,
            ANN,
            "hi bob, did the parts for the workshop come? I would like to start with the big one first",
        ),
        message(
            3,
            BOB,
            "日本語の長い文章も、文字の幅で正しく折り返されます。絵文字👩‍👩‍👧も同じです。",
        ),
        message(4, BOB, "two\nlines"),
        Message {
            content: Content::Locked(
                "the key for this message is not here yet: it comes when a member is online"
                    .to_owned(),
            ),
            ..message(5, BOB, "")
        },
        message(200, ANN, "good morning"),
        unsent("still on its way", Mark::Sending),
    ];
    messages.sort_by_key(|message| message.seq.is_none());
    bench.messages(&messages);
    bench.tell(Update::HistoryStart(GENERAL));
    bench
}

#[test]
fn first_run() {
    let mut bench = Bench::welcome(Welcome::new(Vec::new(), None), 80, 24);
    check("first-run", &bench);
    let keys = [
        FormMsg::Edit(Edit::Insert(
            "https://chat.example/invite/2Zf0V7yqkQx1#found".to_owned(),
        )),
        FormMsg::Next,
        FormMsg::Edit(Edit::Insert("ann".to_owned())),
        FormMsg::Next,
        FormMsg::Edit(Edit::Insert("short".to_owned())),
        FormMsg::Submit,
    ];
    for key in keys {
        bench.model.update(Msg::Form(key));
    }
    check("first-run-error", &bench);
}

#[test]
fn unlock() {
    let accounts = vec![
        "ann on chat.example".to_owned(),
        "ann on work.example".to_owned(),
    ];
    let mut bench = Bench::welcome(Welcome::new(accounts, None), 80, 24);
    bench.model.update(Msg::Form(FormMsg::Edit(Edit::Insert(
        "correct horse".to_owned(),
    ))));
    check("unlock", &bench);
    bench.model.update(Msg::Form(FormMsg::ShowAccounts));
    check("accounts", &bench);
}

#[test]
fn first_run_on_a_small_screen() {
    check(
        "first-run-40x12",
        &Bench::welcome(Welcome::new(Vec::new(), None), 40, 12),
    );
}

#[test]
fn chat() {
    for (columns, rows) in [(80, 24), (40, 12), (120, 40)] {
        let bench = busy_chat(columns, rows);
        check(&format!("chat-{columns}x{rows}"), &bench);
    }
}

#[test]
fn what_is_too_long_for_the_last_row_is_said_in_full() {
    let mut bench = Bench::chat(80, 24);
    let what = "voice: ".to_owned() + &"something went wrong and ".repeat(5) + "do that";
    bench.tell(Update::Problem(what.clone()));
    assert!(bench.screen().contains("do that"));
    bench.tell(Update::Problem(what));
    assert_eq!(bench.rows_with("do that"), 1);
    let mut bench = Bench::chat(80, 24);
    bench.tell(Update::Problem("voice: short".to_owned()));
    assert_eq!(bench.rows_with("voice: short"), 1);
}

#[test]
fn chat_with_an_error_and_a_draft() {
    let mut bench = busy_chat(80, 24);
    bench.type_in("a draft of\ntwo lines");
    bench.tell(Update::Problem(
        "somebody else changed this meanwhile".to_owned(),
    ));
    check("error", &bench);
}

#[test]
fn chat_scrolled_up() {
    let mut bench = Bench::chat(80, 24);
    bench.messages(&talk(1, 60));
    bench.press(ChatMsg::Scroll(Scroll::PageUp));
    bench.messages(&[message(61, BOB, "you do not see this yet")]);
    check("scrolled-up", &bench);
}

#[test]
fn help() {
    let mut bench = Bench::chat(80, 24);
    bench.model.update(Msg::Help);
    check("help", &bench);
    bench.resize(40, 12);
    check("help-40x12", &bench);
}

#[test]
fn invite() {
    let mut bench = Bench::chat(80, 24);
    bench.tell(Update::Invite(LINK.to_owned()));
    check("invite", &bench);
}

#[test]
fn vouch() {
    let mut bench = Bench::chat(80, 24);
    bench.enter("/vouch carl");
    check("vouch", &bench);
}

#[test]
fn waiting_for_a_vouch() {
    let mut bench = Bench::welcome(Welcome::new(Vec::new(), None), 80, 24);
    bench.tell(Update::Entered(Profile {
        standing: Membership::Pending,
        admin: false,
        safety_number: Some("12345 67890 12345 67890 12345 67890".to_owned()),
        ..ann()
    }));
    bench.tell(Update::Connection(ConnectionState::Online));
    check("pending", &bench);
}

#[test]
fn a_screen_that_is_too_small_says_so() {
    let mut bench = busy_chat(80, 24);
    bench.resize(39, 9);
    assert_eq!(bench.rows_with("dialtone needs 40 columns and 10 rows"), 1);
}

#[test]
fn without_colours_no_cell_has_one() {
    let mut bench = busy_chat(80, 24);
    bench.tell(Update::Problem("an error".to_owned()));
    let is_plain = |bench: &Bench, theme| {
        let cells = bench.buffer(theme).content;
        cells
            .iter()
            .all(|cell| (cell.fg, cell.bg) == (Color::Reset, Color::Reset))
    };
    assert!(is_plain(&bench, Theme::PLAIN));
    assert!(!is_plain(&bench, Theme::COLOURS));
    bench.model.update(Msg::Help);
    assert!(is_plain(&bench, Theme::PLAIN));
}

#[test]
fn no_size_and_no_text_breaks_the_screen() {
    let nasty = "\u{1b}[2J\u{202e}evil\t👩‍👩‍👧日本\u{301}\u{301}".repeat(20);
    for columns in 0..90 {
        for rows in [0, 1, 9, 10, 12, 24] {
            let mut bench = busy_chat(columns, rows);
            bench.messages(&[message(1, BOB, &sanitize(&nasty))]);
            bench.type_in(&nasty);
            bench.press(ChatMsg::Scroll(Scroll::PageUp));
            assert!(
                !bench
                    .screen()
                    .contains(|c: char| c.is_control() && c != '\n')
            );
            bench.model.update(Msg::Help);
            bench.screen();
        }
    }
}
