//! The query of a request.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::str::FromStr;

/// Parameters by their names; of several with one name the first counts.
#[derive(Debug, Default)]
pub(super) struct Query(BTreeMap<String, String>);

impl Query {
    pub(super) fn parse(text: &str) -> Self {
        let mut parameters = BTreeMap::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            parameters
                .entry(unescape(name))
                .or_insert_with(|| unescape(value));
        }
        Self(parameters)
    }

    /// A parameter without the white space around it; empty if it is absent.
    pub(super) fn text(&self, name: &str) -> String {
        self.0
            .get(name)
            .map(|value| value.trim().to_string())
            .unwrap_or_default()
    }

    pub(super) fn required(&self, name: &str) -> Result<String, String> {
        let value = self.text(name);
        if value.is_empty() {
            return Err(format!("{name} is required"));
        }
        Ok(value)
    }

    pub(super) fn parsed<T: FromStr>(&self, name: &str) -> Result<Option<T>, String> {
        let value = self.text(name);
        if value.is_empty() {
            return Ok(None);
        }
        value
            .parse()
            .map(Some)
            .map_err(|_| format!("{name} is malformed"))
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, String> {
        self.parsed(name)
    }

    /// Writes parameters, leaving out those without a value.
    pub(super) fn write(parameters: &[(&str, &str)]) -> String {
        let written: Vec<String> = parameters
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("{name}={}", escape(value)))
            .collect();
        written.join("&")
    }

    pub(super) fn one(name: &str, value: &str) -> String {
        Self::write(&[(name, value)])
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

/// Undoes percent escapes and `+`; an escape that is none stays as it is.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let mut ahead = rest.clone();
                let digits = (
                    ahead.next().and_then(hex_digit),
                    ahead.next().and_then(hex_digit),
                );
                if let (Some(high), Some(low)) = digits {
                    bytes.push(high << 4 | low);
                    rest = ahead;
                } else {
                    bytes.push(byte);
                }
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn parse_undoes_write(value in "\\PC{1,20}") {
            prop_assume!(value.trim() == value && !value.is_empty());
            prop_assert_eq!(Query::parse(&Query::one("key", &value)).text("key"), value);
        }

        #[test]
        fn nothing_panics(text: String) {
            let _ = Query::parse(&text);
        }
    }

    #[test]
    fn escapes_that_are_none_stay() {
        assert_eq!(Query::parse("a=%zz%4").text("a"), "%zz%4");
        assert_eq!(Query::parse("a=1&a=2").text("a"), "1");
        assert_eq!(
            Query::parse("a").required("a"),
            Err("a is required".to_string())
        );
    }
}
