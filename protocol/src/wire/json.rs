//! JSON as the base API reads and writes it.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Reads one object strictly: unknown fields and anything after the first value are refused (by the type's
/// `deny_unknown_fields`). As in the original, case does not matter in names of fields, the last of two equal
/// fields counts, and `null` is as good as absent.
///
/// # Errors
///
/// A text for the caller that says what is wrong.
pub(super) fn read_object<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    let value: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let value = match value {
        Value::Object(_) => lower_case_names(value),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            return Err("a JSON object is wanted".to_string());
        }
    };
    serde_json::from_value(value).map_err(|error| error.to_string())
}

/// Recursion ends: serde_json reads at most 128 levels.
fn lower_case_names(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<String, Value> = fields
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| (name.to_ascii_lowercase(), lower_case_names(value)))
                .collect();
            Value::Object(fields.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(lower_case_names).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

/// Writes a request's body or a frame.
pub(super) fn write(value: &impl Serialize) -> Vec<u8> {
    // Our own types always serialise: their keys are texts and no float is among them.
    serde_json::to_vec(value).unwrap_or_default()
}

/// Writes a response's body: a line feed ends it, and `<`, `>`, `&` and the two line separators of Unicode are
/// escaped inside strings, which is the only place where they can stand.
pub(super) fn write_response(value: &impl Serialize) -> Vec<u8> {
    let text = String::from_utf8(write(value)).unwrap_or_default();
    let mut body = Vec::with_capacity(text.len() + 1);
    for character in text.chars() {
        match character {
            '<' => body.extend_from_slice(b"\\u003c"),
            '>' => body.extend_from_slice(b"\\u003e"),
            '&' => body.extend_from_slice(b"\\u0026"),
            '\u{2028}' => body.extend_from_slice(b"\\u2028"),
            '\u{2029}' => body.extend_from_slice(b"\\u2029"),
            other => body.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    body.push(b'\n');
    body
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Probe {
        #[serde(default)]
        name: String,
    }

    #[test]
    fn reading_is_as_strict_as_the_original() {
        let read = |text: &str| read_object::<Probe>(text.as_bytes()).map(|probe| probe.name);
        assert_eq!(read(r#"{"name":"a"}"#), Ok("a".to_string()));
        assert_eq!(read(r#"{"NAME":"a"}"#), Ok("a".to_string()));
        assert_eq!(read(r#"{"name":null}"#), Ok(String::new()));
        assert_eq!(read(r#"{"name":"a","name":"b"}"#), Ok("b".to_string()));
        assert!(read(r#"{"name":"a","other":1}"#).is_err());
        assert!(read(r#"{"name":"a"} {}"#).is_err());
        assert!(read(r#"["a"]"#).is_err());
        assert!(read("").is_err());
        assert!(read(&vec!["["; 100_000].concat()).is_err());
    }

    #[test]
    fn responses_are_escaped_as_the_original_does() {
        let body = write_response(&[r"<a&b>", "\u{2028}", "ü"]);
        assert_eq!(
            String::from_utf8(body).unwrap(),
            "[\"\\u003ca\\u0026b\\u003e\",\"\\u2028\",\"ü\"]\n"
        );
    }
}
