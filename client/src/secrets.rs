//! What a user typed in secret.

use std::fmt;

use zeroize::Zeroizing;

/// A password or passphrase. It is wiped when dropped, and never printed.
#[derive(Clone)]
pub struct Passphrase(Zeroizing<String>);

/// The shortest passphrase for a new account, in characters. Argon2id slows guessing, it does not stop it.
pub const MIN_PASSPHRASE_CHARS: usize = 8;

impl Passphrase {
    /// Takes over what was typed.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text. It must not be copied to where it stays.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it is good enough for a new account.
    #[must_use]
    pub fn is_long_enough(&self) -> bool {
        self.0.trim().chars().count() >= MIN_PASSPHRASE_CHARS
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_is_never_printed() {
        let typed = Passphrase::new("correct horse".into());
        assert_eq!(format!("{typed:?}"), "Passphrase(..)");
    }

    #[test]
    fn blanks_around_it_do_not_make_it_long() {
        assert!(!Passphrase::new("short        ".into()).is_long_enough());
        assert!(Passphrase::new("long enough".into()).is_long_enough());
    }
}
