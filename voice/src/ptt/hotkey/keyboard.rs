//! What the keyboard of an X server is like: which keys make a keysym, and which modifiers they are.

/// How many modifiers X11 has.
const MODIFIERS: usize = 8;

/// A keyboard, as the core protocol tells it (X11 protocol, `GetKeyboardMapping` and `GetModifierMapping`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Keyboard {
    /// The code of the first key.
    first: u8,
    /// How many keysyms each key has; the first is that without any modifier.
    per_key: usize,
    keysyms: Vec<u32>,
    /// The codes of each modifier's keys, 0 for none: Shift, Lock, Control, Mod1 to Mod5.
    modifiers: Vec<u8>,
}

impl Keyboard {
    pub(super) fn new(first: u8, per_key: u8, keysyms: Vec<u32>, modifiers: Vec<u8>) -> Self {
        Self {
            first,
            per_key: usize::from(per_key).max(1),
            keysyms,
            modifiers,
        }
    }

    /// The keys that make a keysym, with as few modifiers as there can be: another layout's letters stand in later
    /// columns, and count only if no key has the letter itself.
    pub(super) fn codes(&self, keysym: u32) -> Vec<u8> {
        let column = |(_, keysyms): &(u8, &[u32])| keysyms.iter().position(|it| *it == keysym);
        let Some(best) = self.keys().filter_map(|key| column(&key)).min() else {
            return Vec::new();
        };
        self.keys()
            .filter(|key| column(key) == Some(best))
            .map(|(code, _)| code)
            .collect()
    }

    /// The bits of the modifiers whose keys make one of the keysyms.
    pub(super) fn modifiers(&self, wanted: &[u32]) -> u16 {
        let per_modifier = (self.modifiers.len() / MODIFIERS).max(1);
        let makes = |code: &u8| {
            self.keys().any(|(known, keysyms)| {
                known == *code && keysyms.iter().any(|it| wanted.contains(it))
            })
        };
        self.modifiers
            .chunks(per_modifier)
            .take(MODIFIERS)
            .zip(0..)
            .filter(|(codes, _)| codes.iter().any(makes))
            .fold(0, |bits, (_, modifier)| bits | (1u16 << modifier))
    }

    fn keys(&self) -> impl Iterator<Item = (u8, &[u32])> {
        (self.first..=u8::MAX).zip(self.keysyms.chunks(self.per_key))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const V: u32 = 0x76;
    const CYRILLIC_EM: u32 = 0x6cd;
    const CONTROL_L: u32 = 0xffe3;
    const NUM_LOCK: u32 = 0xff7f;

    /// Keys 8 to 11 with two keysyms each; 9 is Control and 11 the second key of Mod2.
    fn keyboard(keysyms: [[u32; 2]; 4]) -> Keyboard {
        let modifiers = vec![0, 0, 0, 0, 9, 0, 0, 0, 0, 11, 0, 0, 0, 0, 0, 0];
        Keyboard::new(8, 2, keysyms.concat(), modifiers)
    }

    #[test]
    fn a_key_is_found_by_its_first_keysym_before_those_of_other_layouts() {
        let latin = keyboard([[V, 0x56], [CONTROL_L, 0], [CYRILLIC_EM, V], [NUM_LOCK, 0]]);
        assert_eq!(latin.codes(V), [8]);
        let cyrillic = keyboard([[0, 0], [CONTROL_L, 0], [CYRILLIC_EM, V], [NUM_LOCK, 0]]);
        assert_eq!(cyrillic.codes(V), [10]);
        let two = keyboard([[V, 0], [CONTROL_L, 0], [V, 0], [NUM_LOCK, 0]]);
        assert_eq!(two.codes(V), [8, 10]);
        assert!(latin.codes(0x77).is_empty());
    }

    #[test]
    fn modifiers_are_found_by_their_keys() {
        let keyboard = keyboard([[V, 0], [CONTROL_L, 0], [0, 0], [NUM_LOCK, 0]]);
        assert_eq!(keyboard.modifiers(&[CONTROL_L]), 1 << 2);
        assert_eq!(keyboard.modifiers(&[NUM_LOCK]), 1 << 4);
        assert_eq!(keyboard.modifiers(&[CONTROL_L, NUM_LOCK]), 0b10100);
        assert_eq!(keyboard.modifiers(&[V]), 0);
    }

    proptest! {
        #[test]
        fn no_answer_of_a_server_panics(
            first: u8,
            per_key: u8,
            keysyms in proptest::collection::vec(0..4u32, 0..600),
            modifiers in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let keyboard = Keyboard::new(first, per_key, keysyms, modifiers);
            for keysym in 0..4 {
                for code in keyboard.codes(keysym) {
                    prop_assert!(code >= first);
                }
                keyboard.modifiers(&[keysym]);
            }
        }
    }
}
