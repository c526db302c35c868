//! The components that tui-realm mounts: what each key means where, and where things are drawn.

mod composer;
mod form;
mod keys;
mod overlay;
mod panel;
mod root;
mod sidebar;
mod thread;

use tuirealm::component::AppComponent;
use tuirealm::event::{Key, KeyEvent, KeyModifiers};
use tuirealm::subscription::{EventClause, Sub, SubClause};

use super::msg::Msg;
use super::port::Update;

pub use composer::Composer;
pub use form::Form;
pub use overlay::Overlay;
pub use panel::{Panel, Still};
pub use root::Root;
pub use sidebar::Sidebar;
pub use thread::Thread;

/// The parts of the screens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Id {
    /// The draft.
    Composer,
    /// The fields of the first screen.
    Form,
    /// Who and where.
    Header,
    /// What covers the messages.
    Overlay,
    /// What is not drawn: sizes, time, news and the keys that work everywhere.
    Root,
    /// The line above the draft.
    Rule,
    /// Channels and members.
    Sidebar,
    /// The last row.
    Status,
    /// Messages.
    Thread,
}

/// What comes from the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserEvent {
    /// The account tells something.
    Account(Update),
    /// The key to talk is held from now on, or not any more.
    Talk(bool),
}

impl Id {
    /// The parts of every screen: mounted from start to end.
    pub const ALWAYS: [Self; 8] = [
        Self::Composer,
        Self::Form,
        Self::Header,
        Self::Root,
        Self::Rule,
        Self::Sidebar,
        Self::Status,
        Self::Thread,
    ];

    /// The component of this part.
    #[must_use]
    pub fn component(self) -> Box<dyn AppComponent<Msg, UserEvent>> {
        match self {
            Self::Composer => Box::new(Composer::default()),
            Self::Form => Box::new(Form::default()),
            Self::Overlay => Box::new(Overlay::default()),
            Self::Root => Box::new(Root::default()),
            Self::Sidebar => Box::new(Sidebar::default()),
            Self::Thread => Box::new(Thread::default()),
            Self::Header | Self::Rule | Self::Status => Box::new(Still::default()),
        }
    }

    /// What reaches this part although the keys go to another one. Nothing scrolls behind something that covers it.
    #[must_use]
    pub fn subscriptions(self) -> Vec<Sub<Self, UserEvent>> {
        let uncovered = || SubClause::not(SubClause::IsMounted(Self::Overlay));
        let behind = |key| Sub::new(EventClause::Keyboard(key), uncovered());
        match self {
            Self::Root => {
                let always = |clause| Sub::new(clause, SubClause::Always);
                vec![
                    always(EventClause::WindowResize),
                    always(EventClause::Tick),
                    always(EventClause::Discriminant(UserEvent::Account(
                        Update::Closed,
                    ))),
                    always(EventClause::Discriminant(UserEvent::Talk(false))),
                    always(EventClause::Keyboard(Key::Function(1).into())),
                    always(EventClause::Keyboard(ctrl(Key::Char('c')))),
                    always(EventClause::Keyboard(ctrl(Key::Char('q')))),
                ]
            }
            Self::Sidebar => vec![
                behind(ctrl(Key::Up)),
                behind(ctrl(Key::Down)),
                behind(ctrl(Key::Char('l'))),
            ],
            Self::Thread => vec![
                behind(Key::PageUp.into()),
                behind(Key::PageDown.into()),
                behind(ctrl(Key::End)),
            ],
            _ => Vec::new(),
        }
    }
}

const fn ctrl(key: Key) -> KeyEvent {
    KeyEvent {
        code: key,
        modifiers: KeyModifiers::CONTROL,
    }
}
