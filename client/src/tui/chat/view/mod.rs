//! The chat as it is drawn: pure functions from what it knows to rows.

mod composer;
mod header;
mod overlay;
mod sidebar;

pub(super) use overlay::indented;

use super::Chat;
use super::layout::Areas;
use crate::tui::components::Id;
use crate::tui::picture::Picture;
use crate::tui::theme::Theme;

impl Chat {
    /// Every area of the screen.
    #[must_use]
    pub fn pictures(&self, theme: Theme) -> Vec<(Id, Picture)> {
        let areas = self.areas();
        let mut pictures = vec![
            (Id::Header, Picture::new(areas.header, self.header(theme))),
            (Id::Rule, Picture::new(areas.rule, self.rule(theme))),
            (Id::Composer, self.composer(areas.composer, theme)),
            (Id::Status, Picture::new(areas.status, self.status(theme))),
        ];
        if let Some(overlay) = &self.overlay {
            let lines = self.overlay_lines(overlay, areas.overlay, theme);
            pictures.push((Id::Overlay, Picture::new(areas.overlay, lines)));
        } else {
            pictures.push((Id::Thread, self.messages(areas, theme)));
            pictures.push((
                Id::Sidebar,
                Picture::new(areas.sidebar, self.sidebar_lines(areas.sidebar, theme)),
            ));
        }
        pictures
    }

    /// The messages, standing on the floor of their area.
    fn messages(&self, areas: Areas, theme: Theme) -> Picture {
        let (rows, height) = self.layout(theme);
        let view = rows.view(height);
        let mut lines = self.banner(usize::from(areas.thread.width), theme);
        let gap = height.saturating_sub(view.len());
        lines.resize(lines.len() + gap, Default::default());
        lines.extend(view);
        Picture::new(areas.thread, lines)
    }
}
