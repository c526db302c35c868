//! What the portal's answers and signals say. All of it is checked: a desktop may be of another mind than the
//! specification.

use std::collections::HashMap;

use zbus::Message;
use zbus::zvariant::{OwnedObjectPath, OwnedValue, Value};

use crate::ptt::watch::told;

/// The session that an answer names. It comes as text, by an old mistake of the interface that was kept; some
/// implementations send a path.
pub(super) fn session(results: &HashMap<String, OwnedValue>) -> Option<OwnedObjectPath> {
    match &**results.get("session_handle")? {
        Value::Str(path) => OwnedObjectPath::try_from(path.as_str()).ok(),
        Value::ObjectPath(path) => Some(path.to_owned().into()),
        _ => None,
    }
}

/// Whether an answer says that a shortcut is bound, and if so by which key, in the desktop's words, if it has any.
pub(super) fn bound(results: &HashMap<String, OwnedValue>, name: &str) -> Option<Option<String>> {
    let Value::Array(shortcuts) = &**results.get("shortcuts")? else {
        return None;
    };
    shortcuts.iter().find_map(|shortcut| {
        let Value::Structure(shortcut) = shortcut else {
            return None;
        };
        let [Value::Str(known), Value::Dict(about)] = shortcut.fields() else {
            return None;
        };
        (known.as_str() == name).then(|| {
            let (_, key) = about.iter().find(|(field, _)| {
                matches!(field, Value::Str(field) if field.as_str() == "trigger_description")
            })?;
            match key {
                Value::Value(key) => text(key),
                key => text(key),
            }
        })
    })
}

/// The session and the name of the shortcut that a signal is about.
pub(super) fn shortcut(signal: &Message) -> Option<(OwnedObjectPath, String)> {
    let body = signal.body();
    let (session, name, _at, _options): (
        OwnedObjectPath,
        String,
        u64,
        HashMap<String, OwnedValue>,
    ) = body.deserialize().ok()?;
    Some((session, name))
}

fn text(value: &Value<'_>) -> Option<String> {
    match value {
        Value::Str(text) if !text.trim().is_empty() => Some(told(text.trim())),
        _ => None,
    }
}
