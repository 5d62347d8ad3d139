//! What must not be read in a log.

mod text;

use std::borrow::Cow;
use std::sync::OnceLock;

use serde::de::IgnoredAny;

use crate::json;

/// What stands in the place of a value.
pub(crate) const REDACTED: &str = "\"[redacted]\"";

/// What is a secret, by the end of its name.
const USUAL: [&str; 14] = [
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "secret",
    "secretstring",
    "token",
    "authorization",
    "apikey",
    "accesskey",
    "privatekey",
    "secretkey",
    "credential",
    "cookie",
];

/// How many texts may be within each other, as JSON in a string of JSON. What is further in is not
/// looked at, and not logged.
const NESTED: usize = 8;

/// That of the log.
static CURRENT: OnceLock<Redaction> = OnceLock::new();

/// The names whose values are not logged.
#[derive(Clone, Debug)]
pub(crate) struct Redaction {
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
    #[cfg(feature = "logging")]
    pub(crate) fn none() -> Self {
        Self { names: Vec::new() }
    }

    /// Those of the log that has begun, or the usual ones.
    #[cfg(feature = "metrics")]
    pub(crate) fn current() -> Cow<'static, Self> {
        CURRENT
            .get()
            .map_or_else(|| Cow::Owned(Self::default()), Cow::Borrowed)
    }

    /// Holds from here on for what is written beside the log.
    #[cfg(feature = "logging")]
    pub(crate) fn hold(&self) {
        // The first log is the only one that begins.
        let _is_first = CURRENT.set(self.clone());
    }

    #[cfg(feature = "logging")]
    pub(crate) fn add(&mut self, name: &str) {
        let name = plain(name);
        // An empty name would be the end of every name.
        if !name.is_empty() {
            self.names.push(Cow::Owned(name));
        }
    }

    /// Whether a value of this name is not to be logged.
    pub(crate) fn covers(&self, name: &str) -> bool {
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
    /// Copied token by token: numbers keep all their digits and members their order. A string that is
    /// JSON itself, or has names and values in it, as the bodies of events do, is copied likewise.
    pub(crate) fn copy_json(&self, out: &mut String, text: &str) -> bool {
        self.copy(out, text, 0).is_some()
    }

    /// The text without the values that are not to be logged.
    #[cfg(feature = "logging")]
    pub(crate) fn clean<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.clean_within(text, 0)
    }

    fn clean_within<'t>(&self, text: &'t str, depth: usize) -> Cow<'t, str> {
        // Each name and value have one of them between them.
        if self.names.is_empty() || !text.contains([':', '=', '\\']) {
            return Cow::Borrowed(text);
        }
        if depth > NESTED {
            return Cow::Borrowed(REDACTED.trim_matches('"'));
        }
        if text.trim_start().starts_with(['{', '[', '"']) {
            let mut copy = String::new();
            match self.copy(&mut copy, text, depth) {
                Some(true) => return Cow::Owned(copy),
                Some(false) => return Cow::Borrowed(text),
                None => {}
            }
        }
        self.clean_text(text)
    }

    /// Appends a JSON text; returns whether anything was left out, or none if it is no JSON.
    fn copy(&self, out: &mut String, text: &str, depth: usize) -> Option<bool> {
        serde_json::from_str::<IgnoredAny>(text).ok()?;
        let mut redacted = false;
        let mut rest = text.trim_start();
        while let Some(token) = next_token(&mut rest) {
            if !token.starts_with('"') {
                out.push_str(token);
            } else if !rest.starts_with(':') {
                redacted |= self.copy_string(out, token, depth);
            } else {
                json::escape(out, token, false);
                if self.covers(&unescaped(token)) {
                    next_token(&mut rest);
                    out.push(':');
                    out.push_str(REDACTED);
                    skip_value(&mut rest);
                    redacted = true;
                }
            }
        }
        Some(redacted)
    }

    /// Appends a string that is no name; returns whether anything of it was left out.
    fn copy_string(&self, out: &mut String, token: &str, depth: usize) -> bool {
        let text = unescaped(token);
        // Another one only where something is left out: a string is otherwise written as it came.
        let clean = self.clean_within(&text, depth + 1);
        let is_same = *clean == *text;
        if is_same {
            json::escape(out, token, false);
        } else {
            json::string(out, &clean);
        }
        !is_same
    }
}

/// The text of a JSON string.
fn unescaped(token: &str) -> Cow<'_, str> {
    let raw = token
        .strip_prefix('"')
        .and_then(|raw| raw.strip_suffix('"'));
    let raw = raw.unwrap_or(token);
    if !raw.contains('\\') {
        return Cow::Borrowed(raw);
    }
    serde_json::from_str(token).map_or_else(|_| Cow::Owned(unescaped_in_part(raw)), Cow::Owned)
}

/// Of a string with half a surrogate pair, which JSON may have and Rust may not.
fn unescaped_in_part(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut letters = raw.chars();
    while let Some(letter) = letters.next() {
        let escaped = (letter == '\\').then(|| letters.next()).flatten();
        text.push(match escaped {
            None => letter,
            Some('u') => {
                let code = letters
                    .by_ref()
                    .take(4)
                    .filter_map(|digit| digit.to_digit(16));
                let code = code.fold(0, |code, digit| code * 16 + digit);
                char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some(other) => other,
        });
    }
    text
}

/// Lower case, without what separates words: `apiKey`, `api_key` and `API-Key` are one name.
#[cfg(feature = "logging")]
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

#[cfg(all(test, feature = "logging"))]
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
            ("AWS_SECRET_ACCESS_KEY", true),
            ("accessKeyId", false),
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
            // The bodies of events.
            (
                r#"{"body":"{\"n\":1.0, \"password\":\"x\"}"}"#,
                Some(r#"{"body":"{\"n\":1.0,\"password\":\"[redacted]\"}"}"#),
            ),
            (
                r#"{"body":"[{\"Message\":\"{\\\"token\\\":1}\"}]","n":1}"#,
                Some(r#"{"body":"[{\"Message\":\"{\\\"token\\\":\\\"[redacted]\\\"}\"}]","n":1}"#),
            ),
            (
                r#"["\"{\\\"token\\\":1}\""]"#,
                Some(r#"["\"{\\\"token\\\":\\\"[redacted]\\\"}\""]"#),
            ),
            (
                r#"{"rawQueryString":"token=x&n=1","body":"{ \"n\" : 1 }"}"#,
                Some(r#"{"rawQueryString":"token=[redacted]&n=1","body":"{ \"n\" : 1 }"}"#),
            ),
            // Half a surrogate pair.
            (
                r#"{"\ud800p\u0061ssword":"x","a":"\ud800 \"token\":\"x\""}"#,
                Some(
                    "{\"\\ud800p\\u0061ssword\":\"[redacted]\",\"a\":\"\u{fffd} \\\"token\\\":\\\"[redacted]\\\"\"}",
                ),
            ),
            ("{\"a\":\"\u{2028}\"}", Some(r#"{"a":"\u2028"}"#)),
            ("{a}", None),
            ("{}{}", None),
            ("", None),
        ] {
            assert_eq!(copied(text).as_deref(), copy, "{text}");
        }
    }

    #[test]
    fn text_within_text_has_an_end() {
        let text_at = |depth: usize| {
            let secret = serde_json::json!({"password": "hunter2", "note": "fine"});
            (0..depth).fold(secret.to_string(), |text, _| {
                serde_json::json!({ "body": text }).to_string()
            })
        };
        let clean = |depth| Redaction::default().clean(&text_at(depth)).into_owned();
        for depth in 0..=NESTED {
            let clean = clean(depth);
            assert!(
                clean.contains("fine") && !clean.contains("hunter2"),
                "{clean}"
            );
        }
        let deeper = clean(NESTED + 1);
        assert!(
            !deeper.contains("fine") && deeper.contains("[redacted]"),
            "{deeper}"
        );
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
