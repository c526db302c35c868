//! The chat, key by key.

use std::sync::Arc;

use dialtone_protocol::UnixMillis;
use dialtone_protocol::client::{Access, ConnectionState, History};
use dialtone_protocol::ids::{EntryHash, Seq};
use dialtone_protocol::limits::MAX_TEXT_BYTES;

use crate::tui::editor::Edit;
use crate::tui::msg::{ChatMsg, Effect, Msg, OverlayMsg, Scroll};
use crate::tui::port::{Request, Update};
use crate::tui::snapshot::{Invite, Mark, Message, Profile};
use crate::tui::testing::{
    ANN, BOB, Bench, GENERAL, RANDOM, STAFF, ann, channel, channels, member, message, talk, unsent,
};

fn ask(request: Request) -> Vec<Effect> {
    vec![Effect::Ask(request)]
}

fn overlay(bench: &mut Bench, key: OverlayMsg) -> Vec<Effect> {
    bench.model.update(Msg::Overlay(key))
}

#[test]
fn the_first_channel_opens_by_itself() {
    let mut bench = Bench::welcome(crate::tui::welcome::Welcome::new(Vec::new(), None), 80, 24);
    bench.tell(Update::Entered(ann()));
    assert_eq!(
        bench.tell(Update::Channels(channels())),
        ask(Request::Open(GENERAL))
    );
    assert_eq!(bench.tell(Update::Channels(channels())), []);
}

#[test]
fn enter_sends_and_empties_the_draft() {
    let mut bench = Bench::chat(80, 24);
    let sent = bench.enter("hello");
    let send = Request::Send {
        channel: GENERAL,
        text: "hello".to_owned(),
    };
    assert_eq!(sent, ask(send));
    assert_eq!(bench.rows_with("> hello"), 0);
    assert_eq!(bench.press(ChatMsg::Submit), [], "nothing is sent twice");
}

#[test]
fn a_text_that_was_not_taken_comes_back_before_what_was_typed_since() {
    let mut bench = Bench::chat(80, 24);
    bench.enter("first");
    bench.type_in("second");
    bench.tell(Update::SendRefused {
        channel: GENERAL,
        text: "first".to_owned(),
        reason: "too many messages wait to be sent".to_owned(),
    });
    let screen = bench.screen();
    assert!(screen.contains(" > first\n   second\n"), "{screen}");
    assert!(screen.contains("✗ too many messages wait to be sent"));
}

#[test]
fn a_text_that_is_too_long_stays_and_says_so() {
    let mut bench = Bench::chat(80, 24);
    let long = "x".repeat(MAX_TEXT_BYTES + 1);
    assert_eq!(bench.enter(&long), []);
    assert_eq!(bench.rows_with("✗ too long"), 1);
    assert!(
        !bench
            .press(ChatMsg::Edit(Edit::Backspace))
            .contains(&Effect::Exit)
    );
    assert_eq!(bench.press(ChatMsg::Submit).len(), 1, "one less fits");
}

#[test]
fn each_channel_keeps_its_own_draft() {
    let mut bench = Bench::chat(80, 24);
    bench.type_in("for general");
    bench.press(ChatMsg::Edit(Edit::DeleteToStart));
    bench.type_in("/join random");
    bench.press(ChatMsg::Submit);
    bench.type_in("for random");
    bench.press(ChatMsg::Edit(Edit::Home));
    bench.type_in("/j general ");
    // The whole line is the command now: it names no channel, and nothing is lost.
    assert_eq!(bench.press(ChatMsg::Submit), []);
    assert_eq!(bench.rows_with("/j general for random"), 1);
}

#[test]
fn errors_go_by_esc_and_by_themselves() {
    let mut bench = Bench::chat(80, 24);
    bench.enter("/nope");
    assert_eq!(bench.rows_with("✗ there is no command /nope"), 1);
    assert_eq!(bench.rows_with("> /nope"), 1, "the draft stays");
    bench.press(ChatMsg::Dismiss);
    assert_eq!(bench.rows_with("✗"), 0);
    bench.press(ChatMsg::Submit);
    for _ in 0..super::NOTICE_SECONDS {
        assert_eq!(bench.rows_with("✗"), 1);
        bench.model.update(Msg::Tick);
    }
    assert_eq!(bench.rows_with("✗"), 0);
}

#[test]
fn channels_are_gone_through_with_an_empty_draft_only() {
    let mut bench = Bench::chat(80, 24);
    bench.press(ChatMsg::MarkNext);
    assert_eq!(bench.press(ChatMsg::Submit), ask(Request::Open(RANDOM)));
    bench.type_in("text");
    bench.press(ChatMsg::MarkNext);
    let sent = bench.press(ChatMsg::Submit);
    assert!(matches!(
        &sent[..],
        [Effect::Ask(Request::Send {
            channel: RANDOM,
            ..
        })]
    ));
}

#[test]
fn a_name_that_fits_two_channels_asks_which() {
    let mut bench = Bench::chat(80, 24);
    bench.tell(Update::Channels(vec![
        channel(GENERAL, "general", 0),
        channel(RANDOM, "plans", 0),
        channel(STAFF, "Plans", 0),
    ]));
    assert_eq!(bench.enter("/join plans"), []);
    assert_eq!(bench.rows_with("which channel?"), 1);
    overlay(&mut bench, OverlayMsg::Down);
    let opened = overlay(&mut bench, OverlayMsg::Accept);
    assert_eq!(opened, ask(Request::Open(STAFF)));
}

#[test]
fn deleting_asks_first_and_takes_no_enter_for_a_yes() {
    let mut bench = Bench::chat(80, 24);
    assert_eq!(bench.enter("/channel delete random"), []);
    assert_eq!(overlay(&mut bench, OverlayMsg::Accept), []);
    assert_eq!(bench.rows_with("nothing was changed"), 1);
    bench.enter("/channel delete random");
    let yes = overlay(&mut bench, OverlayMsg::Char('y'));
    assert_eq!(yes, ask(Request::DeleteChannel(RANDOM)));
}

#[test]
fn commands_ask_the_account() {
    let mut bench = Bench::chat(80, 24);
    let create = Request::CreateChannel {
        name: "big plans".to_owned(),
        access: Access::Private,
        history: History::FromJoin,
    };
    assert_eq!(
        bench.enter("/channel create --private --from-now big plans"),
        ask(create)
    );
    let rename = Request::RenameChannel {
        channel: RANDOM,
        name: "off topic".to_owned(),
    };
    assert_eq!(bench.enter("/channel rename random off topic"), ask(rename));
    assert_eq!(bench.enter("/server invite"), ask(Request::CreateInvite));
    let invite = Invite {
        id: EntryHash([0x9a; 32]),
        by: "ann".to_owned(),
        uses_left: 1,
        expires: UnixMillis(1_795_381_200_000),
    };
    let id = invite.id;
    bench.tell(Update::Invites(vec![invite]));
    bench.enter("/server invites");
    let line = "9a9a9a9a  by ann  until 22 Nov 21:00";
    assert_eq!(bench.rows_with(line), 1, "{}", bench.screen());
    assert_eq!(bench.enter("/server revoke 1234"), []);
    assert_eq!(bench.rows_with("no open invite starts so"), 1);
    bench.press(ChatMsg::Edit(Edit::DeleteToStart));
    let revoke = Request::RevokeInvite(id);
    assert_eq!(bench.enter("/server revoke 9a9a"), ask(revoke));
    bench.enter("/join staff");
    let add = Request::AddToChannel {
        channel: STAFF,
        user: BOB,
    };
    assert_eq!(bench.enter("/channel add bob"), ask(add));
}

#[test]
fn a_vouch_shows_the_number_to_compare() {
    let mut bench = Bench::chat(80, 24);
    bench.enter("/vouch carl");
    assert_eq!(bench.rows_with("12345 67890 12345 67890 12345 67890"), 1);
    let yes = overlay(&mut bench, OverlayMsg::Char('y'));
    assert!(matches!(yes[..], [Effect::Ask(Request::Vouch(_))]));
}

#[test]
fn only_admins_change_the_community() {
    let mut bench = Bench::chat(80, 24);
    bench.tell(Update::Profile(Profile {
        admin: false,
        ..ann()
    }));
    for command in [
        "/server invite",
        "/channel create x",
        "/channel delete random",
        "/vouch carl",
    ] {
        assert_eq!(bench.enter(command), []);
        assert_eq!(
            bench.rows_with("✗ only an admin may do this"),
            1,
            "{command}"
        );
        bench.press(ChatMsg::Edit(Edit::DeleteToStart));
    }
    bench.model.update(Msg::Help);
    assert_eq!(bench.rows_with("/vouch"), 0);
}

#[test]
fn a_quit_settles_first() {
    let mut bench = Bench::chat(80, 24);
    assert_eq!(bench.enter("/quit"), ask(Request::Close));
    assert_eq!(bench.model.update(Msg::Quit), [Effect::Exit]);
}

#[test]
fn what_was_seen_is_marked_as_read_once() {
    let mut bench = Bench::chat(80, 24);
    let read = |seq| Request::MarkRead {
        channel: GENERAL,
        seq,
    };
    let effects = bench.messages(&talk(1, 3));
    assert!(effects.contains(&Effect::Ask(read(Seq(3)))), "{effects:?}");
    assert_eq!(bench.press(ChatMsg::Dismiss), []);
    assert_eq!(
        bench.messages(&[message(4, BOB, "four")]),
        ask(read(Seq(4)))
    );
}

#[test]
fn scrolling_up_keeps_its_place_while_messages_come_and_go() {
    let mut bench = Bench::chat(80, 24);
    bench.messages(&talk(1, 100));
    bench.tell(Update::HistoryStart(GENERAL));
    bench.press(ChatMsg::Scroll(Scroll::PageUp));
    let place = |bench: &Bench| {
        let screen = bench.screen();
        screen
            .lines()
            .skip(2)
            .take(18)
            .map(|row| row.split('│').next().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    let before = place(&bench);
    let news = bench.messages(&[message(101, BOB, "new"), message(102, BOB, "newer")]);
    assert_eq!(news, [], "what is below the view was not read");
    assert_eq!(place(&bench), before);
    assert_eq!(bench.rows_with("2 new below"), 1);
    // Its own message brings the view back to the end.
    bench.enter("mine");
    assert_eq!(bench.rows_with("newer"), 1);
}

#[test]
fn older_messages_are_asked_for_once_near_the_top() {
    let mut bench = Bench::chat(80, 24);
    assert_eq!(
        bench.messages(&talk(200, 300)).len(),
        1,
        "read, nothing older yet"
    );
    let mut asked = 0;
    for _ in 0..20 {
        let effects = bench.press(ChatMsg::Scroll(Scroll::PageUp));
        asked += effects
            .iter()
            .filter(|effect| **effect == Effect::Ask(Request::LoadOlder(GENERAL)))
            .count();
    }
    assert_eq!(asked, 1);
    assert_eq!(bench.rows_with("line 200"), 1);
    let top = bench.screen();
    bench.messages(&talk(150, 300));
    assert_eq!(bench.rows_with("line 200"), 1, "{top}\n{}", bench.screen());
    assert_eq!(
        bench.rows_with("line 199"),
        1,
        "what is new above is in reach:\n{}",
        bench.screen()
    );
}

#[test]
fn a_lost_connection_does_not_keep_older_messages_away() {
    let mut bench = Bench::chat(80, 24);
    bench.messages(&talk(100, 110));
    assert_eq!(
        bench.press(ChatMsg::Scroll(Scroll::PageUp)),
        [],
        "asked already"
    );
    bench.tell(Update::Connection(ConnectionState::Offline));
    let again = bench.tell(Update::Connection(ConnectionState::Online));
    assert_eq!(again, ask(Request::LoadOlder(GENERAL)));
}

#[test]
fn down_comes_back_to_the_end() {
    let mut bench = Bench::chat(80, 24);
    bench.messages(&talk(1, 100));
    for _ in 0..3 {
        bench.press(ChatMsg::Scroll(Scroll::PageUp));
    }
    for _ in 0..3 {
        bench.press(ChatMsg::Scroll(Scroll::PageDown));
    }
    assert_eq!(bench.rows_with("line 100"), 1);
    bench.press(ChatMsg::Scroll(Scroll::PageUp));
    bench.press(ChatMsg::Edit(Edit::End));
    assert_eq!(bench.rows_with("line 100"), 1);
}

#[test]
fn a_line_stands_above_what_was_unread() {
    let mut bench = Bench::chat(80, 24);
    bench.enter("/join random");
    bench.tell(Update::Messages {
        channel: RANDOM,
        from: Seq(1),
        messages: Arc::from([
            message(1, BOB, "read"),
            message(2, BOB, "first new"),
            message(3, ANN, "own"),
            message(4, BOB, "new"),
            message(5, BOB, "newest"),
        ]),
    });
    let screen = bench.screen();
    let row = |text: &str| {
        screen
            .lines()
            .position(|row| row.contains(text))
            .expect("shown")
    };
    assert_eq!(row("─ new ─") + 1, row("first new"));
}

#[test]
fn a_name_that_is_known_later_stands_beside_what_was_said_before() {
    let mut bench = Bench::chat(80, 24);
    let mut nameless = member(BOB, "", false, true);
    nameless.name = None;
    bench.tell(Update::Members(vec![nameless]));
    bench.messages(&[Message {
        sender_name: None,
        ..message(1, BOB, "hi")
    }]);
    assert_eq!(bench.rows_with("bob: hi"), 0);
    bench.tell(Update::Members(vec![member(BOB, "bob", false, true)]));
    assert_eq!(bench.rows_with("bob: hi"), 1);
}

#[test]
fn what_failed_says_why() {
    let mut bench = Bench::chat(80, 24);
    let failed = Mark::Failed("the channel was deleted".to_owned());
    bench.messages(&[message(1, BOB, "hi"), unsent("lost?", failed)]);
    assert_eq!(bench.rows_with("not sent: the channel was deleted"), 1);
}

#[test]
fn a_deleted_channel_leaves_its_draft() {
    let mut bench = Bench::chat(80, 24);
    bench.type_in("half a thought");
    bench.tell(Update::Channels(vec![channel(RANDOM, "random", 0)]));
    assert_eq!(bench.rows_with("half a thought"), 1);
    assert_eq!(bench.rows_with("no channel"), 1);
    // It does not slip into another channel by itself.
    assert_eq!(bench.press(ChatMsg::Submit), []);
}

#[test]
fn an_invite_can_be_copied() {
    let mut bench = Bench::chat(80, 24);
    let link = "https://chat.example/invite/abc#def";
    bench.tell(Update::Invite(link.to_owned()));
    let copied = overlay(&mut bench, OverlayMsg::Char('c'));
    assert_eq!(copied, [Effect::Copy(link.to_owned())]);
    assert_eq!(bench.screen().lines().filter(|row| *row == link).count(), 1);
    overlay(&mut bench, OverlayMsg::Cancel);
    assert_eq!(bench.rows_with(link), 1, "it stays in the channel");
    assert_eq!(
        bench.press(ChatMsg::CopyLink),
        [Effect::Copy(link.to_owned())]
    );
}

#[test]
fn the_sidebar_clips_long_lists() {
    let mut bench = Bench::chat(80, 24);
    let many = (0..40).map(|n: u8| {
        member(
            dialtone_protocol::ids::UserId([n; 16]),
            &format!("m{n:02}"),
            false,
            true,
        )
    });
    bench.tell(Update::Members(many.collect()));
    assert_eq!(bench.rows_with("more: /members"), 1);
    assert_eq!(bench.rows_with("#general"), 2, "header and sidebar");
}

#[test]
fn a_second_help_key_closes_the_help() {
    let mut bench = Bench::chat(80, 24);
    bench.model.update(Msg::Help);
    assert_eq!(bench.rows_with("/channel delete CHANNEL"), 1);
    bench.model.update(Msg::Help);
    assert_eq!(bench.rows_with("/channel delete CHANNEL"), 0);
}

#[test]
fn trouble_with_the_link_is_over_when_it_stands() {
    let mut bench = Bench::chat(80, 24);
    bench.tell(Update::Connection(ConnectionState::Connecting));
    bench.tell(Update::Trouble("connection refused".to_owned()));
    assert_eq!(bench.rows_with("✗ connection refused"), 1);
    bench.tell(Update::Connection(ConnectionState::Online));
    assert_eq!(bench.rows_with("✗"), 0);
    bench.tell(Update::Problem("another log".to_owned()));
    bench.tell(Update::Connection(ConnectionState::Online));
    assert_eq!(bench.rows_with("✗ another log"), 1);
}
