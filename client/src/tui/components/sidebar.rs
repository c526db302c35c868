//! The keys of the sidebar.

use tuirealm::component::{AppComponent, Component};
use tuirealm::event::{Event, Key, KeyEvent};

use super::{Panel, UserEvent};
use crate::tui::msg::{ChatMsg, Msg};

/// Channels and members. Its keys reach it by subscription.
#[derive(Component, Debug, Default)]
pub struct Sidebar {
    component: Panel,
}

impl AppComponent<Msg, UserEvent> for Sidebar {
    fn on(&mut self, event: &Event<UserEvent>) -> Option<Msg> {
        let Event::Keyboard(KeyEvent { code, .. }) = event else {
            return None;
        };
        match code {
            Key::Up => Some(Msg::Chat(ChatMsg::MarkPrevious)),
            Key::Down => Some(Msg::Chat(ChatMsg::MarkNext)),
            Key::Char('l') => Some(Msg::Chat(ChatMsg::ToggleSidebar)),
            _ => None,
        }
    }
}
