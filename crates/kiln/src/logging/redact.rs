//! What must not be read in a log.

use std::borrow::Cow;

use serde::de::IgnoredAny;

use crate::json;

/// What stands in the place of a value.
pub(super) const REDACTED: &str = "\"[redacted]\"";

/// What is a secret, by the end of its name.
const USUAL: [&str; 11] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "secretstring",
    "token",
    "authorization",
    "apikey",
    "privatekey",
    "credential",
    "cookie",
];

/// The names whose values are not logged.
#[derive(Clone, Debug)]
pub(super) struct Redaction {
    /// As [`plain`] makes them.
    names: Vec<Cow<'static, str>>,
}

impl Default for Redaction {
    fn default() -> Self {
        Self {
            names: USUAL.iter().copied().map(Cow::Borrowed).collect(),
        }
    }
}

impl Redaction {
    pub(super) fn none() -> Self {
        Self { names: Vec::new() }
    }

    pub(super) fn add(&mut self, name: &str) {
        let name = plain(name);
        // An empty name would be the end of every name.
        if !name.is_empty() {
            self.names.push(Cow::Owned(name));
        }
    }

    /// Whether a value of this name is not to be logged.
    pub(super) fn covers(&self, name: &str) -> bool {
        if self.names.is_empty() {
            return false;
        }
        self.names.iter().any(|known| {
            let mut plural = reversed(name);
            ends_with(reversed(name), known)
                || (plural.next() == Some(b's') && ends_with(plural, known))
        })
    }

    /// Appends a JSON text on one line, without the values that are not to be logged; false, and
    /// nothing appended, if the text is not JSON.
    ///
    /// Copied token by token: numbers keep all their digits and members their order.
    pub(super) fn copy_json(&self, out: &mut String, text: &str) -> bool {
        if serde_json::from_str::<IgnoredAny>(text).is_err() {
            return false;
        }
        let mut rest = text.trim_start();
        while let Some(token) = next_token(&mut rest) {
            if !token.starts_with('"') {
                out.push_str(token);
                continue;
            }
            let name: Cow<'_, str> = if token.contains('\\') {
                serde_json::from_str(token).map_or(Cow::Borrowed(token), Cow::Owned)
            } else {
                Cow::Borrowed(token.trim_matches('"'))
            };
            json::escape(out, token, false);
            if rest.starts_with(':') && self.covers(&name) {
                next_token(&mut rest);
                out.push(':');
                out.push_str(REDACTED);
                skip_value(&mut rest);
            }
        }
        true
    }
}

/// Lower case, without what separates words: `apiKey`, `api_key` and `API-Key` are one name.
fn plain(name: &str) -> String {
    let mut plain: Vec<u8> = reversed(name).collect();
    plain.reverse();
    String::from_utf8(plain).unwrap_or_default()
}

/// The bytes of a name as [`plain`] has them, the last one first.
fn reversed(name: &str) -> impl Iterator<Item = u8> {
    name.bytes()
        .rev()
        .filter(|byte| !matches!(byte, b'_' | b'-'))
        .map(|byte| byte.to_ascii_lowercase())
}

/// Compared from the end, without a copy: this is asked of every field of every line.
fn ends_with(mut reversed: impl Iterator<Item = u8>, known: &str) -> bool {
    known
        .bytes()
        .rev()
        .all(|expected| reversed.next() == Some(expected))
}

/// Takes a token off valid JSON, and the blanks behind it.
fn next_token<'t>(rest: &mut &'t str) -> Option<&'t str> {
    let bytes = rest.as_bytes();
    let end = match bytes.first()? {
        b'"' => {
            let mut at = 1;
            while bytes.get(at).is_some_and(|byte| *byte != b'"') {
                at += if bytes[at] == b'\\' { 2 } else { 1 };
            }
            at + 1
        }
        b'{' | b'}' | b'[' | b']' | b':' | b',' => 1,
        _ => bytes
            .iter()
            .position(|byte| b"{}[]:,\" \t\r\n".contains(byte))
            .unwrap_or(bytes.len()),
    };
    let (token, behind) = rest.split_at(end.min(rest.len()));
    *rest = behind.trim_start();
    Some(token)
}

/// Takes a value off valid JSON, whatever is in it.
fn skip_value(rest: &mut &str) {
    let mut depth = 0_usize;
    while let Some(token) = next_token(rest) {
        match token {
            "{" | "[" => depth += 1,
            "}" | "]" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn copied(text: &str) -> Option<String> {
        let mut out = String::new();
        Redaction::default()
            .copy_json(&mut out, text)
            .then_some(out)
    }

    #[test]
    fn names_are_known_by_their_end() {
        for (name, covered) in [
            ("password", true),
            ("Password", true),
            ("dbPassword", true),
            ("user.pass_word", true),
            ("PASSWORDS", true),
            ("x-api-key", true),
            ("client_secret", true),
            ("X-Amz-Security-Token", true),
            ("Set-Cookie", true),
            ("password_changed_at", false),
            ("tokenizer", false),
            ("order", false),
            ("", false),
        ] {
            assert_eq!(Redaction::default().covers(name), covered, "{name}");
        }
    }

    #[test]
    fn names_can_be_added_and_an_empty_one_covers_nothing() {
        let mut redaction = Redaction::none();
        redaction.add("IBAN");
        redaction.add("-_");
        assert!(redaction.covers("customer_iban"));
        assert!(!redaction.covers("password"));
    }

    #[test]
    fn json_is_copied_without_secrets() {
        for (text, copy) in [
            (r#"{"a":1}"#, Some(r#"{"a":1}"#)),
            (
                "{\n  \"a\" : [ 1, 2 ],\n \"b\": {} }\n",
                Some(r#"{"a":[1,2],"b":{}}"#),
            ),
            (
                r#"{"password":"x","n":1}"#,
                Some(r#"{"password":"[redacted]","n":1}"#),
            ),
            (
                r#"{"deep":[{"Token":{"a":[1,"}"]}}],"n":123456789012345678901234567890}"#,
                Some(r#"{"deep":[{"Token":"[redacted]"}],"n":123456789012345678901234567890}"#),
            ),
            // A name can be written in more than one way.
            (
                r#"{"p\u0061ssword":"x"}"#,
                Some(r#"{"p\u0061ssword":"[redacted]"}"#),
            ),
            // A value that reads like a name is none.
            (
                r#"{"field":"password","to":"x"}"#,
                Some(r#"{"field":"password","to":"x"}"#),
            ),
            (
                r#"{"a":"\\","secret":"x\"y"}"#,
                Some(r#"{"a":"\\","secret":"[redacted]"}"#),
            ),
            ("{\"a\":\"\u{2028}\"}", Some(r#"{"a":"\u2028"}"#)),
            ("{a}", None),
            ("{}{}", None),
            ("", None),
        ] {
            assert_eq!(copied(text).as_deref(), copy, "{text}");
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            let names = prop_oneof![any::<String>(), Just("apiKey".to_owned())];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(names, inner, 0..4)
                    .prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    fn redact(value: &mut Value) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    if Redaction::default().covers(name) {
                        *value = Value::from("[redacted]");
                    } else {
                        redact(value);
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(redact),
            _ => {}
        }
    }

    proptest! {
        #[test]
        fn any_json_is_copied_but_for_its_secrets(mut value in value(), pretty in any::<bool>()) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
            let copy = copied(&text.unwrap()).unwrap();
            prop_assert!(!copy.contains('\n'));
            redact(&mut value);
            prop_assert_eq!(serde_json::from_str::<Value>(&copy).unwrap(), value);
        }

        #[test]
        fn no_text_makes_it_panic(text in "[{}\\[\\]:,\" \\\\a-z0-9]{0,40}") {
            copied(&text);
        }
    }
}
