//! The keys of the messages.

use tuirealm::component::{AppComponent, Component};
use tuirealm::event::{Event, Key, KeyEvent};

use super::{Panel, UserEvent};
use crate::tui::msg::{ChatMsg, Msg, Scroll};

/// Messages. Its keys reach it by subscription.
#[derive(Component, Debug, Default)]
pub struct Thread {
    component: Panel,
}

impl AppComponent<Msg, UserEvent> for Thread {
    fn on(&mut self, event: &Event<UserEvent>) -> Option<Msg> {
        let Event::Keyboard(KeyEvent { code, .. }) = event else {
            return None;
        };
        let scroll = match code {
            Key::PageUp => Scroll::PageUp,
            Key::PageDown => Scroll::PageDown,
            Key::End => Scroll::Bottom,
            _ => return None,
        };
        Some(Msg::Chat(ChatMsg::Scroll(scroll)))
    }
}
