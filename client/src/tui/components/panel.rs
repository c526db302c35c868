//! The component under all others: it draws the picture that it was given.

use tuirealm::command::{Cmd, CmdResult};
use tuirealm::component::{AppComponent, Component};
use tuirealm::event::Event;
use tuirealm::props::{AttrValue, Attribute, PropBound as _, PropPayload, Props, QueryResult};
use tuirealm::ratatui::Frame;
use tuirealm::ratatui::layout::Rect;
use tuirealm::state::State;

use super::UserEvent;
use crate::tui::msg::Msg;
use crate::tui::picture::Picture;

/// Draws the [`Picture`] that its content is.
#[derive(Debug, Default)]
pub struct Panel {
    props: Props,
}

impl Panel {
    /// A picture as the content of a panel.
    #[must_use]
    pub fn content(picture: Picture) -> AttrValue {
        AttrValue::Payload(PropPayload::Any(picture.to_any_prop()))
    }

    fn picture(&self) -> Option<&Picture> {
        match self.props.get(Attribute::Content) {
            Some(AttrValue::Payload(PropPayload::Any(any))) => any.as_any().downcast_ref(),
            _ => None,
        }
    }
}

impl Component for Panel {
    fn view(&mut self, frame: &mut Frame<'_>, area: Rect) {
        // The terminal may have shrunk since the picture was made.
        let area = area.intersection(frame.area());
        let Some(picture) = self.picture() else {
            return;
        };
        for (y, line) in (area.y..area.bottom()).zip(&picture.lines) {
            frame.buffer_mut().set_line(area.x, y, line, area.width);
        }
        if let Some((column, row)) = picture.cursor
            && column < area.width
            && row < area.height
        {
            frame.set_cursor_position((area.x + column, area.y + row));
        }
    }

    fn query<'a>(&'a self, attr: Attribute) -> Option<QueryResult<'a>> {
        self.props.get_for_query(attr)
    }

    fn attr(&mut self, attr: Attribute, value: AttrValue) {
        self.props.set(attr, value);
    }

    fn state(&self) -> State {
        State::None
    }

    fn perform(&mut self, cmd: Cmd) -> CmdResult {
        CmdResult::Invalid(cmd)
    }
}

/// A part that is only looked at.
#[derive(Component, Debug, Default)]
pub struct Still {
    component: Panel,
}

impl AppComponent<Msg, UserEvent> for Still {
    fn on(&mut self, _: &Event<UserEvent>) -> Option<Msg> {
        None
    }
}
