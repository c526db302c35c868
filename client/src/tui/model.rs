//! All that the screen knows, and what each thing that happens changes in it.
//!
//! Nothing here reads a key, a clock or a socket: [`Model::update`] takes in a [`Msg`] and answers the [`Effect`]s
//! that somebody else carries out.

use super::chat::Chat;
use super::components::Id;
use super::msg::{Effect, Msg};
use super::picture::{Picture, Row};
use super::port::{Request, Update};
use super::text::Clock;
use super::theme::{Role, Theme};
use super::welcome::Welcome;
use tuirealm::ratatui::layout::Rect;

/// The fewest columns that the screens are made for.
pub const MIN_COLUMNS: u16 = 40;

/// The fewest rows that the screens are made for.
pub const MIN_ROWS: u16 = 10;

/// Seconds within which a second ctrl+c leaves.
const INTERRUPT_SECONDS: u8 = 3;

/// All that the screen knows.
#[derive(Debug)]
pub struct Model {
    screen: Screen,
    columns: u16,
    rows: u16,
    clock: Clock,
    /// Seconds for which another ctrl+c leaves.
    interrupted: u8,
    /// Whether the account is being closed.
    closing: bool,
}

#[derive(Debug)]
enum Screen {
    Welcome(Welcome),
    Chat(Box<Chat>),
}

impl Model {
    /// A program that starts, on a screen of this size.
    #[must_use]
    pub const fn new(welcome: Welcome, columns: u16, rows: u16, clock: Clock) -> Self {
        Self {
            screen: Screen::Welcome(welcome),
            columns,
            rows,
            clock,
            interrupted: 0,
            closing: false,
        }
    }

    /// Takes in something that happened.
    pub fn update(&mut self, msg: Msg) -> Vec<Effect> {
        let effects = match msg {
            Msg::Account(update) => self.handle_account(update),
            Msg::Chat(key) => self.with_chat(|chat| chat.handle_key(key)),
            Msg::Form(key) => match &mut self.screen {
                Screen::Welcome(welcome) => welcome.handle_key(key),
                Screen::Chat(_) => Vec::new(),
            },
            Msg::Help => self.with_chat(|chat| {
                chat.toggle_help();
                Vec::new()
            }),
            Msg::Interrupt if self.interrupted == 0 => {
                self.interrupted = INTERRUPT_SECONDS;
                self.with_chat(|chat| {
                    chat.notify("ctrl+c once more leaves", Role::Caution);
                    Vec::new()
                })
            }
            Msg::Interrupt | Msg::Quit => self.quit(),
            Msg::Overlay(key) => self.with_chat(|chat| chat.handle_overlay(key)),
            Msg::Resize(columns, rows) => {
                (self.columns, self.rows) = (columns, rows);
                self.with_chat(|chat| chat.resize(columns, rows))
            }
            Msg::Talk(held) => self.with_chat(|chat| chat.hold_key(held)),
            Msg::Tick => {
                self.interrupted = self.interrupted.saturating_sub(1);
                self.with_chat(|chat| {
                    chat.handle_tick();
                    Vec::new()
                })
            }
        };
        self.closing |= effects.contains(&Effect::Ask(Request::Close));
        effects
    }

    /// Columns and rows of the screen.
    #[must_use]
    pub const fn size(&self) -> (u16, u16) {
        (self.columns, self.rows)
    }

    /// Every area of the screen.
    #[must_use]
    pub fn pictures(&self, theme: Theme) -> Vec<(Id, Picture)> {
        if self.columns < MIN_COLUMNS || self.rows < MIN_ROWS {
            let area = Rect::new(0, 0, self.columns, self.rows);
            let text = format!("dialtone needs {MIN_COLUMNS} columns and {MIN_ROWS} rows");
            let row = Row::new(theme, usize::from(self.columns)).then(&text, Role::Caution);
            return vec![(Id::Status, Picture::new(area, vec![row.line()]))];
        }
        match &self.screen {
            Screen::Welcome(welcome) => welcome.pictures(self.columns, self.rows, theme),
            Screen::Chat(chat) => chat.pictures(theme),
        }
    }

    /// The component that keys go to.
    #[must_use]
    pub fn focus(&self) -> Id {
        match &self.screen {
            Screen::Welcome(_) => Id::Form,
            Screen::Chat(chat) if chat.overlay().is_some() => Id::Overlay,
            Screen::Chat(_) => Id::Composer,
        }
    }

    fn handle_account(&mut self, update: Update) -> Vec<Effect> {
        match (&mut self.screen, update) {
            (_, Update::Closed) => vec![Effect::Exit],
            (Screen::Welcome(_), Update::Entered(profile)) => {
                let chat = Chat::new(profile, self.columns, self.rows, self.clock.clone());
                self.screen = Screen::Chat(Box::new(chat));
                Vec::new()
            }
            (Screen::Welcome(welcome), update) => {
                welcome.handle_account(update);
                Vec::new()
            }
            (Screen::Chat(chat), update) => chat.handle_account(update),
        }
    }

    fn quit(&mut self) -> Vec<Effect> {
        match &mut self.screen {
            Screen::Chat(chat) if !self.closing => {
                chat.notify(
                    "posting what others wait for; ctrl+q once more leaves at once",
                    Role::Caution,
                );
                vec![Effect::Ask(Request::Close)]
            }
            _ => vec![Effect::Exit],
        }
    }

    fn with_chat(&mut self, change: impl FnOnce(&mut Chat) -> Vec<Effect>) -> Vec<Effect> {
        match &mut self.screen {
            Screen::Chat(chat) => change(chat),
            Screen::Welcome(_) => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    fn model() -> Model {
        Model::new(
            Welcome::new(Vec::new(), None),
            80,
            24,
            Clock::new(TimeZone::UTC),
        )
    }

    fn entered() -> Model {
        let mut model = model();
        model.update(Msg::Account(Update::Entered(crate::tui::testing::ann())));
        model
    }

    #[test]
    fn leaving_settles_first_and_at_once_when_asked_again() {
        let mut model = entered();
        assert_eq!(model.update(Msg::Quit), [Effect::Ask(Request::Close)]);
        assert_eq!(model.update(Msg::Quit), [Effect::Exit]);
        assert_eq!(model.update(Msg::Account(Update::Closed)), [Effect::Exit]);
    }

    #[test]
    fn one_interrupt_is_not_enough() {
        let mut model = entered();
        assert!(model.update(Msg::Interrupt).is_empty());
        for _ in 0..INTERRUPT_SECONDS {
            model.update(Msg::Tick);
        }
        assert!(model.update(Msg::Interrupt).is_empty());
        assert_eq!(model.update(Msg::Interrupt), [Effect::Ask(Request::Close)]);
    }

    #[test]
    fn nothing_keeps_the_first_screen_open() {
        assert_eq!(model().update(Msg::Quit), [Effect::Exit]);
    }
}
