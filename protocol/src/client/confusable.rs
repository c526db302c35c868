//! Names that a reader could take for one another.

use alloc::collections::BTreeMap;
use alloc::string::String;

/// What a name looks like (spec 9.60): lower case, look-alikes of other alphabets and digits as the Latin letter that
/// they look like, without spaces, marks and what has no width.
pub(super) fn skeleton(name: &str) -> String {
    name.chars()
        .flat_map(char::to_lowercase)
        .filter(|c| !is_invisible(*c))
        .map(look_alike)
        .collect::<String>()
        .replace("rn", "m")
        .replace("vv", "w")
}

/// Counts skeletons: a name whose skeleton counts more than one is confusable.
#[derive(Debug, Default)]
pub(super) struct Skeletons(BTreeMap<String, usize>);

impl Skeletons {
    pub(super) fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut counts = BTreeMap::new();
        for name in names {
            *counts.entry(skeleton(name)).or_insert(0) += 1;
        }
        Self(counts)
    }

    /// Whether another of the names looks like this one.
    pub(super) fn is_confusable(&self, name: &str) -> bool {
        self.0.get(&skeleton(name)).is_some_and(|count| *count > 1)
    }

    /// Whether any of the names looks like this one, which is none of them.
    pub(super) fn is_taken(&self, name: &str) -> bool {
        self.0.contains_key(&skeleton(name))
    }
}

/// Spaces, joiners, direction marks, variation selectors, combining marks: they change a name without showing it.
fn is_invisible(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}'
            | '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}'
            | '\u{fe20}'..='\u{fe2f}' | '_' | '-' | '.' | '·' | '\'')
}

/// The Latin letter that a character looks like, after lower-casing. The list is the part of Unicode's confusables that
/// reads as a whole Latin name: Cyrillic, Greek, full-width forms, accents and digits.
fn look_alike(c: char) -> char {
    match c {
        'à'..='å' | 'ā' | 'ă' | 'ą' | 'а' | 'α' | 'ɑ' | '@' => 'a',
        'в' | 'β' | 'ß' | 'ь' => 'b',
        'ç' | 'ć' | 'č' | 'с' | 'ϲ' => 'c',
        'ď' | 'đ' | 'ԁ' => 'd',
        'è'..='ë' | 'ē' | 'ė' | 'ę' | 'ě' | 'е' | 'ё' | 'ε' | '3' => 'e',
        'ğ' | 'ɡ' | '9' => 'g',
        'һ' | 'н' => 'h',
        // `l`, `i` and `1` are one: a capital I, a small l and a one are the same stroke in many fonts.
        'ì'..='ï' | 'ī' | 'į' | 'ı' | 'і' | 'ї' | 'ι' | 'l' | 'ł' | 'ӏ' | '1' | '|' | '!' => {
            'i'
        }
        'ј' => 'j',
        'к' | 'κ' => 'k',
        'м' => 'm',
        'ñ' | 'ń' | 'ň' | 'п' | 'η' => 'n',
        'ò'..='ö' | 'ø' | 'ō' | 'ő' | 'о' | 'ο' | 'σ' | '0' => 'o',
        'р' | 'ρ' => 'p',
        'ԛ' => 'q',
        'г' | 'ř' => 'r',
        'ś' | 'š' | 'ş' | 'ѕ' | '$' | '5' => 's',
        'т' | 'τ' | 'ť' | '7' => 't',
        'ù'..='ü' | 'ū' | 'ů' | 'ű' | 'υ' | 'ц' => 'u',
        'ν' | 'ѵ' => 'v',
        'ԝ' | 'ω' => 'w',
        'х' | 'χ' => 'x',
        'ý' | 'ÿ' | 'у' | 'γ' => 'y',
        'ź' | 'ż' | 'ž' | '2' => 'z',
        // Full-width forms.
        'ａ'..='ｚ' | '０'..='９' => char::from_u32(c as u32 - 0xfee0).map_or(c, look_alike),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // spec 9.60
    #[test]
    fn look_alikes_have_one_skeleton() {
        for (one, other) in [
            ("alice", "Alice"),
            ("alice", "аlісе"),
            ("alice", "a1ice"),
            ("alice", "al\u{200b}ice"),
            ("alice", "ａｌｉｃｅ"),
            ("alice", "álicé"),
            ("paypal", "раураІ"),
            ("morning", "moming"),
            ("two words", "two-words"),
        ] {
            assert_eq!(skeleton(one), skeleton(other), "{one} and {other}");
        }
        for (one, other) in [("alice", "alicia"), ("bob", "rob"), ("general", "games")] {
            assert_ne!(skeleton(one), skeleton(other), "{one} and {other}");
        }
    }

    #[test]
    fn only_a_second_one_is_confusable() {
        let names = Skeletons::of(["alice", "ALICE", "bob"]);
        assert!(names.is_confusable("alice"));
        assert!(!names.is_confusable("bob"));
        assert!(names.is_taken("B0B"));
        assert!(!names.is_taken("carol"));
    }

    proptest! {
        #[test]
        fn case_and_spaces_never_tell_names_apart(name in "[a-zA-Z0-9 ]{0,20}") {
            prop_assert_eq!(skeleton(&name), skeleton(&name.to_uppercase().replace(' ', "")));
        }
    }
}
