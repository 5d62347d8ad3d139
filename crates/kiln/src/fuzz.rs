//! Fuzz targets: what holds for whatever comes in events, documents and text that is logged.

use std::time::SystemTime;

use serde::Deserialize;
use serde_json::Value;

use crate::flags::{FlagError, Schema};
use crate::logging::pointer;
use crate::redact::Redaction;
use crate::unreadable;

/// A name, and what must not panic.
type Target = (&'static str, fn(&[u8]));

/// The targets of this crate, which depends on no other: `kiln_fuzz::targets` makes its own of them.
#[doc(hidden)]
pub const TARGETS: [Target; 4] = [
    ("correlation-paths", correlation_paths),
    ("event-reasons", event_reasons),
    ("flag-documents", flag_documents),
    ("redacted-text", redacted_text),
];

/// The first line, and all that follows.
fn two_parts(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (bytes, &[]),
    }
}

/// What a path finds in an event is what `serde_json` finds there, below headers excepted.
fn correlation_paths(bytes: &[u8]) {
    let (path, written) = two_parts(bytes);
    let Ok(path) = std::str::from_utf8(path) else {
        return;
    };
    let found = pointer::find(written, path);
    let Ok(event) = serde_json::from_slice::<Value>(written) else {
        return;
    };
    // Of a name that stands twice either may be found; and headers have rules of their own.
    if path.to_ascii_lowercase().contains("headers") || may_have_one_twice(written, &event) {
        return;
    }
    let expected = match event.pointer(path) {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Bool(value)) => Some(value.to_string()),
        Some(Value::Number(number)) => {
            // Digits are as the reader has them.
            assert_eq!(found.is_some(), path.starts_with('/'), "{number}");
            return;
        }
        _ => None,
    };
    if path.starts_with('/') {
        assert_eq!(found, expected);
    }
}

/// Whether an object of the event may have had a name twice: more are written than are read.
fn may_have_one_twice(written: &[u8], read: &Value) -> bool {
    fn members(value: &Value) -> usize {
        match value {
            Value::Array(items) => items.iter().map(members).sum(),
            Value::Object(object) => object.len() + object.values().map(members).sum::<usize>(),
            _ => 0,
        }
    }
    let colons = written.iter().filter(|byte| **byte == b':').count();
    members(read) != colons
}

/// Of an event that is no order it is said what is wrong, and no text of it.
fn event_reasons(bytes: &[u8]) {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Order {
        #[serde(rename = "id")]
        _id: u32,
        #[serde(rename = "lines", default)]
        _lines: Vec<(u8, Option<bool>)>,
        #[serde(rename = "next")]
        _next: Option<Box<Order>>,
    }

    fn texts(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::String(text) => found.push(text.clone()),
            Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
            Value::Object(object) => object.values().for_each(|value| texts(value, found)),
            _ => {}
        }
    }

    if serde_json::from_slice::<Order>(bytes).is_ok() {
        return;
    }
    let said = unreadable::what::<Order>(bytes);
    let mut secrets = Vec::new();
    if let Ok(event) = serde_json::from_slice(bytes) {
        texts(&event, &mut secrets);
    }
    for secret in secrets {
        // Words of our own are no secrets.
        let is_ours = secret.len() < 12 || !secret.contains(|letter: char| letter.is_ascii_digit());
        assert!(is_ours || !said.contains(&secret), "{said}");
    }
}

/// Any document is a schema or says what is wrong with it; a schema evaluates whatever the attributes are.
fn flag_documents(bytes: &[u8]) {
    let (attributes, document) = two_parts(bytes);
    let attributes = serde_json::from_slice(attributes).unwrap_or(Value::Null);
    match Schema::parse(document) {
        Ok(schema) => {
            let now = SystemTime::UNIX_EPOCH;
            let enabled: Vec<&str> = schema.enabled(&attributes, now).collect();
            for feature in enabled {
                assert!(schema.evaluate(feature, &attributes, now).is_some());
            }
        }
        Err(FlagError::Syntax { line, .. }) => {
            let lines = document.split(|byte| *byte == b'\n').count();
            assert!(line <= lines, "line {line} of {lines}");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Cleaning panics at no text; what is clean JSON stays JSON; and a value of a secret's name is gone.
fn redacted_text(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let redaction = Redaction::default();
    let clean = redaction.clean(text);
    if serde_json::from_str::<Value>(text).is_ok() {
        let read = serde_json::from_str::<Value>(&clean);
        assert!(read.is_ok(), "{clean}");
    }
    // What is no secret's value may have the same text.
    if text.contains("hunter2") {
        return;
    }
    let hidden = serde_json::json!({ "note": text, "password": "hunter2-is-hidden" }).to_string();
    assert!(!redaction.clean(&hidden).contains("hunter2-is-hidden"));
    let hidden = format!("Login {{ note: {text:?}, password: \"hunter2-is-hidden\" }}");
    assert!(!redaction.clean(&hidden).contains("hunter2-is-hidden"));
}

#[cfg(test)]
mod tests {
    #[test]
    fn corpora_hold() {
        let targets = kiln_fuzz::targets(super::TARGETS);
        kiln_fuzz::replay(env!("CARGO_MANIFEST_DIR"), &targets);
    }
}
