//! The tui-realm application of the screens: which parts are mounted, which one the keys go to, and drawing them.

use std::time::Duration;

use tuirealm::application::{Application, ApplicationError, PollStrategy};
use tuirealm::listener::EventListenerCfg;
use tuirealm::props::Attribute;
use tuirealm::ratatui::Frame;

use super::components::{Id, Panel, UserEvent};
use super::model::Model;
use super::msg::Msg;
use super::theme::Theme;

/// The mounted parts.
pub struct Stage {
    app: Application<Id, Msg, UserEvent>,
    theme: Theme,
}

impl std::fmt::Debug for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stage")
            .field("theme", &self.theme)
            .finish_non_exhaustive()
    }
}

impl Stage {
    /// Mounts all parts. Events come from the ports of `listener`.
    ///
    /// # Errors
    ///
    /// When a part cannot be mounted.
    pub fn new(
        listener: EventListenerCfg<UserEvent>,
        theme: Theme,
    ) -> Result<Self, ApplicationError> {
        let mut app = Application::init(listener);
        for id in Id::ALWAYS {
            app.mount(id, id.component(), id.subscriptions())?;
        }
        Ok(Self { app, theme })
    }

    /// Waits for the next event, at most this long, and answers what it means.
    ///
    /// Events are taken one by one: each may change which part the keys go to.
    ///
    /// # Errors
    ///
    /// When the source of events has died.
    pub fn next(&mut self, at_most: Duration) -> Result<Vec<Msg>, ApplicationError> {
        self.app.tick(PollStrategy::Once(at_most))
    }

    /// Gives the keys to the part that the model wants them at.
    ///
    /// # Errors
    ///
    /// When a part cannot be mounted.
    pub fn focus(&mut self, model: &Model) -> Result<(), ApplicationError> {
        let focus = model.focus();
        if self.app.focus() == Some(&focus) {
            return Ok(());
        }
        if self.app.mounted(&Id::Overlay) {
            self.app.umount(&Id::Overlay)?;
        } else if focus == Id::Overlay {
            self.app
                .mount(focus, focus.component(), focus.subscriptions())?;
        }
        self.app.active(&focus)
    }

    /// Draws the model. The parts have to be in [`focus`](Self::focus).
    pub fn draw(&mut self, model: &Model, frame: &mut Frame<'_>) {
        for (id, picture) in model.pictures(self.theme) {
            let area = picture.area;
            // A part that is not mounted is not drawn either.
            if self
                .app
                .attr(&id, Attribute::Content, Panel::content(picture))
                .is_ok()
            {
                self.app.view(&id, frame, area);
            }
        }
    }
}
