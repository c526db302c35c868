//! The keys that edit a text, wherever one is edited.

use tuirealm::event::{Event, Key, KeyEvent, KeyModifiers};

use super::UserEvent;
use crate::tui::editor::Edit;

/// The change of a text that an event asks for.
pub(super) fn edit(event: &Event<UserEvent>) -> Option<Edit> {
    match event {
        Event::Paste(text) => Some(Edit::Insert(text.clone())),
        Event::Keyboard(key) => edit_by_key(*key),
        _ => None,
    }
}

fn edit_by_key(key: KeyEvent) -> Option<Edit> {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    let alt = key.modifiers.contains(KeyModifiers::ALT);
    match key.code {
        // AltGr comes as both.
        Key::Char(letter) if control == alt => Some(Edit::Insert(letter.to_string())),
        Key::Char(letter) if control => edit_by_control(letter),
        Key::Char('b') => Some(Edit::WordLeft),
        Key::Char('f') => Some(Edit::WordRight),
        Key::Enter if !key.modifiers.is_empty() => Some(Edit::Newline),
        Key::Backspace if control || alt => Some(Edit::DeleteWord),
        Key::Backspace => Some(Edit::Backspace),
        Key::Delete => Some(Edit::Delete),
        Key::Left if control || alt => Some(Edit::WordLeft),
        Key::Left => Some(Edit::Left),
        Key::Right if control || alt => Some(Edit::WordRight),
        Key::Right => Some(Edit::Right),
        Key::Up if !control => Some(Edit::Up),
        Key::Down if !control => Some(Edit::Down),
        Key::Home => Some(Edit::Home),
        Key::End if !control => Some(Edit::End),
        _ => None,
    }
}

/// The keys of a shell.
const fn edit_by_control(letter: char) -> Option<Edit> {
    match letter {
        'a' => Some(Edit::Home),
        'd' => Some(Edit::Delete),
        'e' => Some(Edit::End),
        'h' => Some(Edit::Backspace),
        'j' => Some(Edit::Newline),
        'k' => Some(Edit::DeleteToEnd),
        'u' => Some(Edit::DeleteToStart),
        'w' => Some(Edit::DeleteWord),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(code: Key, modifiers: KeyModifiers) -> Option<Edit> {
        edit(&Event::Keyboard(KeyEvent::new(code, modifiers)))
    }

    #[test]
    fn letters_are_typed_whatever_the_shift() {
        let typed = |text: &str| Some(Edit::Insert(text.to_owned()));
        assert_eq!(press(Key::Char('A'), KeyModifiers::SHIFT), typed("A"));
        let alt_gr = KeyModifiers::CONTROL.union(KeyModifiers::ALT);
        assert_eq!(press(Key::Char('@'), alt_gr), typed("@"));
    }

    #[test]
    fn a_plain_enter_is_no_new_line() {
        assert_eq!(press(Key::Enter, KeyModifiers::NONE), None);
        assert_eq!(press(Key::Enter, KeyModifiers::ALT), Some(Edit::Newline));
        assert_eq!(
            press(Key::Char('j'), KeyModifiers::CONTROL),
            Some(Edit::Newline)
        );
    }

    #[test]
    fn keys_that_move_channels_change_no_text() {
        assert_eq!(press(Key::Up, KeyModifiers::CONTROL), None);
        assert_eq!(press(Key::End, KeyModifiers::CONTROL), None);
        assert_eq!(press(Key::Char('l'), KeyModifiers::CONTROL), None);
    }
}
