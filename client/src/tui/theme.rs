//! The looks of things, with colours or without.

use tuirealm::ratatui::style::{Color, Modifier, Style};

/// What a piece of text is, as far as its looks go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The name of the program.
    Brand,
    /// What is selected or written by hand.
    Strong,
    /// What others wrote.
    Plain,
    /// Marks, times and hints.
    Faint,
    /// Rules between areas.
    Rule,
    /// One's own name.
    Own,
    /// Somebody else's name.
    Other,
    /// Whoever is online.
    Online,
    /// What went wrong.
    Error,
    /// What needs a look: an unverified thing, somebody who waits.
    Caution,
    /// A link to copy, the line above new messages.
    Highlight,
}

/// A choice of looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme {
    colours: bool,
}

impl Theme {
    /// With the terminal's 256 colours.
    pub const COLOURS: Self = Self { colours: true };

    /// With no colour at all: what matters is bold, faint or reversed.
    pub const PLAIN: Self = Self { colours: false };

    /// What the environment asks for: `NO_COLOR`, not empty, means no colour (see <https://no-color.org>).
    #[must_use]
    pub fn from_env() -> Self {
        match std::env::var_os("NO_COLOR") {
            Some(value) if !value.is_empty() => Self::PLAIN,
            _ => Self::COLOURS,
        }
    }

    /// The style of a role.
    #[must_use]
    pub const fn style(self, role: Role) -> Style {
        let (colour, modifier) = match role {
            Role::Brand => (212, Modifier::BOLD),
            Role::Strong => (252, Modifier::BOLD),
            Role::Plain => return Style::new(),
            Role::Faint => (243, Modifier::DIM),
            Role::Rule => (238, Modifier::DIM),
            Role::Own => (114, Modifier::BOLD),
            Role::Other => (69, Modifier::BOLD),
            Role::Online => (114, Modifier::empty()),
            Role::Error => (196, Modifier::BOLD),
            Role::Caution => (214, Modifier::empty()),
            Role::Highlight => (214, Modifier::BOLD),
        };
        if !self.colours {
            return Style::new().add_modifier(modifier);
        }
        let modifier = modifier.difference(Modifier::DIM);
        Style::new()
            .fg(Color::Indexed(colour))
            .add_modifier(modifier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_colours_weight_tells_things_apart() {
        assert_eq!(Theme::PLAIN.style(Role::Error), Style::new().bold());
        assert_eq!(
            Theme::COLOURS.style(Role::Error),
            Style::new().fg(Color::Indexed(196)).bold()
        );
    }
}
