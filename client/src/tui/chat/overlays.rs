//! Keys while something covers the messages.

use super::Chat;
use super::overlay::Overlay;
use crate::tui::msg::{Effect, OverlayMsg};
use crate::tui::theme::Role;

/// Rows that a page of the help moves.
const PAGE: usize = 8;

impl Chat {
    /// Shows the help, or hides it.
    pub fn toggle_help(&mut self) {
        self.overlay = match self.overlay {
            Some(Overlay::Help { .. }) => None,
            // Whatever covered it would hide that the microphone is open.
            Some(Overlay::Microphone { began }) => Some(Overlay::Microphone { began }),
            _ => Some(Overlay::Help { top: 0 }),
        };
    }

    /// Takes in a key of whatever covers the messages.
    pub fn handle_overlay(&mut self, key: OverlayMsg) -> Vec<Effect> {
        match self.overlay.take() {
            Some(Overlay::Help { top }) => self.overlay = help_key(top, key),
            Some(Overlay::Microphone { began }) => return self.test_key(began, key),
            Some(Overlay::Chooser(mut chooser)) => match key {
                OverlayMsg::Accept => {
                    if let Some(choice) = chooser.choices.get(chooser.marked) {
                        return self.fulfil(chooser.purpose, choice.target);
                    }
                }
                OverlayMsg::Cancel => {}
                OverlayMsg::Down | OverlayMsg::Char('j') => {
                    chooser.step(true);
                    self.overlay = Some(Overlay::Chooser(chooser));
                }
                OverlayMsg::Up | OverlayMsg::Char('k') => {
                    chooser.step(false);
                    self.overlay = Some(Overlay::Chooser(chooser));
                }
                _ => self.overlay = Some(Overlay::Chooser(chooser)),
            },
            Some(Overlay::Confirm { question, request }) => match key {
                OverlayMsg::Char('y' | 'Y') => return vec![Effect::Ask(request)],
                // Enter is what a hand does by itself: it never deletes or lets somebody in.
                OverlayMsg::Cancel | OverlayMsg::Accept | OverlayMsg::Char('n' | 'N') => {
                    self.notify("nothing was changed", Role::Faint);
                }
                _ => self.overlay = Some(Overlay::Confirm { question, request }),
            },
            Some(Overlay::Invite { link }) => match key {
                OverlayMsg::Cancel | OverlayMsg::Accept => {}
                OverlayMsg::Copy | OverlayMsg::Char('c') => {
                    self.overlay = Some(Overlay::Invite { link });
                    return self.handle_key(crate::tui::msg::ChatMsg::CopyLink);
                }
                _ => self.overlay = Some(Overlay::Invite { link }),
            },
            None => {}
        }
        Vec::new()
    }
}

fn help_key(top: usize, key: OverlayMsg) -> Option<Overlay> {
    let top = match key {
        OverlayMsg::Cancel | OverlayMsg::Accept => return None,
        OverlayMsg::Up | OverlayMsg::Char('k') => top.saturating_sub(1),
        OverlayMsg::Down | OverlayMsg::Char('j') => top + 1,
        OverlayMsg::PageUp => top.saturating_sub(PAGE),
        OverlayMsg::PageDown => top + PAGE,
        OverlayMsg::Char(_) | OverlayMsg::Copy => top,
    };
    // A view that went past the end would need as many keys to come back.
    let last = crate::tui::reference::COMMANDS.len() + crate::tui::reference::KEYS.len();
    Some(Overlay::Help { top: top.min(last) })
}
