//! The keys of the draft.

use tuirealm::component::{AppComponent, Component};
use tuirealm::event::{Event, Key, KeyEvent, KeyModifiers};

use super::{Panel, UserEvent, keys};
use crate::tui::msg::{ChatMsg, Msg};

/// The draft. Keys go here while the chat is open and nothing covers it.
#[derive(Component, Debug, Default)]
pub struct Composer {
    component: Panel,
}

impl AppComponent<Msg, UserEvent> for Composer {
    fn on(&mut self, event: &Event<UserEvent>) -> Option<Msg> {
        let key = match event {
            Event::Keyboard(KeyEvent {
                code: Key::Enter,
                modifiers: KeyModifiers::NONE,
            }) => ChatMsg::Submit,
            Event::Keyboard(KeyEvent { code: Key::Esc, .. }) => ChatMsg::Dismiss,
            Event::Keyboard(KeyEvent {
                code: Key::Char('y'),
                modifiers: KeyModifiers::CONTROL,
            }) => ChatMsg::CopyLink,
            _ => ChatMsg::Edit(keys::edit(event)?),
        };
        Some(Msg::Chat(key))
    }
}
