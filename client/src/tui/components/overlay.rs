//! The keys of whatever covers the messages.

use tuirealm::component::{AppComponent, Component};
use tuirealm::event::{Event, Key, KeyEvent, KeyModifiers};

use super::{Panel, UserEvent};
use crate::tui::msg::{Msg, OverlayMsg};

/// What covers the messages. It is mounted while it does, and keys go here.
#[derive(Component, Debug, Default)]
pub struct Overlay {
    component: Panel,
}

impl AppComponent<Msg, UserEvent> for Overlay {
    fn on(&mut self, event: &Event<UserEvent>) -> Option<Msg> {
        let Event::Keyboard(KeyEvent { code, modifiers }) = event else {
            return None;
        };
        let key = match code {
            Key::Enter => OverlayMsg::Accept,
            Key::Esc => OverlayMsg::Cancel,
            Key::Up => OverlayMsg::Up,
            Key::Down => OverlayMsg::Down,
            Key::PageUp => OverlayMsg::PageUp,
            Key::PageDown => OverlayMsg::PageDown,
            Key::Char('y') if modifiers.contains(KeyModifiers::CONTROL) => OverlayMsg::Copy,
            Key::Char(letter) if !modifiers.contains(KeyModifiers::CONTROL) => {
                OverlayMsg::Char(*letter)
            }
            _ => return None,
        };
        Some(Msg::Overlay(key))
    }
}
