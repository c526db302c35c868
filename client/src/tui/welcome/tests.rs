//! The first screen, key by key.

use super::*;
use crate::tui::editor::Edit;
use crate::tui::msg::{Effect, FormMsg};
use crate::tui::port::Update;

const LINK: &str = "https://chat.example/invite/abcdefgh#found";

fn type_in(welcome: &mut Welcome, text: &str) {
    welcome.handle_key(FormMsg::Edit(Edit::Insert(text.to_owned())));
}

/// A form with everything filled in for joining.
fn filled() -> Welcome {
    let mut welcome = Welcome::new(Vec::new(), Some(LINK));
    for text in ["ann", "correct horse", "correct horse"] {
        type_in(&mut welcome, text);
        welcome.handle_key(FormMsg::Next);
    }
    welcome
}

#[test]
fn the_first_run_asks_for_a_link_and_the_next_for_a_passphrase() {
    assert_eq!(Welcome::new(Vec::new(), None).focus, Field::Link);
    assert_eq!(Welcome::new(Vec::new(), Some(LINK)).focus, Field::Username);
    let again = Welcome::new(vec!["ann".to_owned()], None);
    assert_eq!((again.mode, again.focus), (Mode::Unlock, Field::Secret));
}

#[test]
fn a_link_copied_from_several_rows_is_one_link() {
    let mut welcome = Welcome::new(Vec::new(), None);
    type_in(
        &mut welcome,
        "https://chat.example\n  /invite/abcdefgh\r\n#found ",
    );
    assert_eq!(welcome.text(Field::Link), LINK);
    // On the command line, too.
    let given = LINK.replace("/invite", "\n  /invite");
    let welcome = Welcome::new(Vec::new(), Some(&given));
    assert_eq!(welcome.text(Field::Link), LINK);
}

#[test]
fn joining_asks_once_for_everything_that_was_typed() {
    let mut welcome = filled();
    let effects = welcome.handle_key(FormMsg::Submit);
    let [
        Effect::Ask(Request::Join {
            link,
            username,
            password,
            passphrase,
            insecure,
        }),
    ] = &effects[..]
    else {
        panic!("{effects:?}");
    };
    assert_eq!((link.as_str(), username.as_str()), (LINK, "ann"));
    // An empty passphrase is the password.
    assert_eq!(
        (&password.0, password, *insecure),
        (&"correct horse".to_owned(), passphrase, false)
    );
    assert!(
        welcome.handle_key(FormMsg::Submit).is_empty(),
        "asked twice"
    );
}

#[test]
fn what_is_wrong_is_said_and_the_cursor_goes_there() {
    let cases = [
        (
            Field::Link,
            "not a link",
            "not an invite link: paste all of it",
        ),
        (Field::Username, "a", "a username has 2 to 20 characters"),
        (
            Field::Password,
            "short",
            "a password has 8 characters or more",
        ),
        (
            Field::Confirm,
            "correct house",
            "the two passwords differ: type the password again",
        ),
        (
            Field::Passphrase,
            "short",
            "a passphrase has 8 characters or more, or none to use the password",
        ),
    ];
    for (field, text, reason) in cases {
        let mut welcome = filled();
        welcome.fields.insert(field, Editor::new(text));
        assert!(welcome.handle_key(FormMsg::Submit).is_empty());
        assert_eq!(
            (welcome.focus, welcome.error.as_deref()),
            (field, Some(reason))
        );
        welcome.handle_key(FormMsg::Next);
        assert_eq!(welcome.error, None, "any key clears the error");
    }
}

#[test]
fn a_refused_join_keeps_every_field() {
    let mut welcome = filled();
    welcome.handle_key(FormMsg::Submit);
    welcome.handle_account(Update::EntryRefused("the username is taken".to_owned()));
    assert_eq!(welcome.error.as_deref(), Some("the username is taken"));
    assert_eq!(welcome.text(Field::Username), "ann");
    assert_eq!(welcome.handle_key(FormMsg::Submit).len(), 1);
}

#[test]
fn a_way_without_tls_needs_a_second_enter() {
    let mut welcome = filled();
    welcome.handle_key(FormMsg::Submit);
    welcome.handle_account(Update::ConsentNeeded("http://chat.example".to_owned()));
    let effects = welcome.handle_key(FormMsg::Submit);
    assert!(matches!(
        effects[..],
        [Effect::Ask(Request::Join { insecure: true, .. })]
    ));

    let mut other = filled();
    other.handle_account(Update::ConsentNeeded("http://chat.example".to_owned()));
    other.handle_key(FormMsg::Next);
    let effects = other.handle_key(FormMsg::Submit);
    assert!(matches!(
        effects[..],
        [Effect::Ask(Request::Join {
            insecure: false,
            ..
        })]
    ));
}

#[test]
fn fields_are_gone_through_in_a_circle() {
    let mut welcome = Welcome::new(Vec::new(), None);
    welcome.handle_key(FormMsg::Previous);
    assert_eq!(welcome.focus, Field::Passphrase);
    welcome.handle_key(FormMsg::Next);
    assert_eq!(welcome.focus, Field::Link);
}

#[test]
fn an_account_is_picked_from_the_list() {
    let mut welcome = Welcome::new(vec!["ann".to_owned(), "bob".to_owned()], None);
    welcome.handle_key(FormMsg::ShowAccounts);
    welcome.handle_key(FormMsg::Next);
    welcome.handle_key(FormMsg::Submit);
    type_in(&mut welcome, "correct horse");
    let effects = welcome.handle_key(FormMsg::Submit);
    let [Effect::Ask(Request::Unlock { account, .. })] = &effects[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(account, "bob");
}

#[test]
fn without_accounts_there_is_nothing_to_unlock() {
    for key in [FormMsg::SwitchMode, FormMsg::ShowAccounts] {
        let mut welcome = Welcome::new(Vec::new(), None);
        welcome.handle_key(key);
        assert!(
            welcome
                .error
                .as_deref()
                .is_some_and(|error| error.contains("no account"))
        );
        assert_eq!(welcome.mode, Mode::Join);
    }
}

#[test]
fn what_runs_can_be_given_up() {
    let mut welcome = filled();
    welcome.handle_key(FormMsg::Submit);
    welcome.handle_account(Update::Progress("registering".to_owned()));
    assert_eq!(welcome.busy.as_deref(), Some("registering"));
    assert_eq!(
        welcome.handle_key(FormMsg::Cancel),
        [Effect::Ask(Request::Abandon)]
    );
    assert_eq!(welcome.busy, None);
}

#[test]
fn what_a_server_said_is_cleaned_before_it_is_shown() {
    let mut welcome = filled();
    welcome.handle_key(FormMsg::Submit);
    let text = "the server closed it: \u{1b}[2Jbye\u{202e}";
    welcome.handle_account(Update::Progress(text.to_owned()));
    assert_eq!(welcome.busy.as_deref(), Some("the server closed it: bye"));
    welcome.handle_account(Update::EntryRefused(text.to_owned()));
    assert_eq!(welcome.error.as_deref(), Some("the server closed it: bye"));
}
