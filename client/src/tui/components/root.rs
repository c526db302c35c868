//! What works everywhere: sizes, time, news of the account, help and leaving.

use tuirealm::component::{AppComponent, Component};
use tuirealm::event::{Event, Key, KeyEvent};

use super::{Panel, UserEvent};
use crate::tui::msg::Msg;

/// A part without a place on the screen. Everything reaches it by subscription.
#[derive(Component, Debug, Default)]
pub struct Root {
    component: Panel,
}

impl AppComponent<Msg, UserEvent> for Root {
    fn on(&mut self, event: &Event<UserEvent>) -> Option<Msg> {
        match event {
            Event::Keyboard(KeyEvent { code, .. }) => match code {
                Key::Function(1) => Some(Msg::Help),
                Key::Char('c') => Some(Msg::Interrupt),
                Key::Char('q') => Some(Msg::Quit),
                _ => None,
            },
            Event::WindowResize(columns, rows) => Some(Msg::Resize(*columns, *rows)),
            Event::Tick => Some(Msg::Tick),
            Event::User(UserEvent::Account(update)) => Some(Msg::Account(update.clone())),
            Event::User(UserEvent::Talk(held)) => Some(Msg::Talk(*held)),
            _ => None,
        }
    }
}
