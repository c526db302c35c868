//! The keys of the first screen.

use tuirealm::component::{AppComponent, Component};
use tuirealm::event::{Event, Key, KeyEvent, KeyModifiers};

use super::{Panel, UserEvent, keys};
use crate::tui::msg::{FormMsg, Msg};

/// The fields of the first screen. Keys go here while it is open.
#[derive(Component, Debug, Default)]
pub struct Form {
    component: Panel,
}

impl AppComponent<Msg, UserEvent> for Form {
    fn on(&mut self, event: &Event<UserEvent>) -> Option<Msg> {
        let by_key = match event {
            Event::Keyboard(KeyEvent { code, modifiers }) => form_key(*code, *modifiers),
            _ => None,
        };
        let key = by_key.or_else(|| keys::edit(event).map(FormMsg::Edit))?;
        Some(Msg::Form(key))
    }
}

fn form_key(code: Key, modifiers: KeyModifiers) -> Option<FormMsg> {
    let control = modifiers.contains(KeyModifiers::CONTROL);
    match code {
        Key::Tab | Key::Down => Some(FormMsg::Next),
        Key::BackTab | Key::Up => Some(FormMsg::Previous),
        Key::Enter => Some(FormMsg::Submit),
        Key::Esc => Some(FormMsg::Cancel),
        Key::Char('n') if control => Some(FormMsg::Next),
        Key::Char('p') if control => Some(FormMsg::Previous),
        Key::Char('r') if control => Some(FormMsg::SwitchMode),
        Key::Char('s') if control => Some(FormMsg::ShowAccounts),
        _ => None,
    }
}
