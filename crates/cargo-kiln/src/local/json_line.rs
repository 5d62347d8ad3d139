//! Lines of logs in JSON, made readable for a terminal.
//!
//! Levels and messages stand in the members that structured loggers and Lambda itself give them:
//! `tracing`'s JSON, flat or with `fields`; `slog` and its like with `msg`; Lambda's records with `type`
//! and `record`.

use std::fmt::Write as _;

use anstyle::Style;
use serde_json::{Map, Value};

use crate::output::{DIM, ERROR, GOOD, HINT, WARNING};

/// Members that say when: a terminal shows lines as they come.
const TIMES: [&str; 4] = ["timestamp", "time", "ts", "@timestamp"];
const LEVELS: [&str; 3] = ["level", "lvl", "severity"];
const MESSAGES: [&str; 3] = ["message", "msg", "@message"];
/// Members of `tracing`'s lines that hold others.
const FIELDS: &str = "fields";
const SPANS: [&str; 2] = ["spans", "span"];

/// The line as level, message and fields; none when it is no log line in JSON, to be shown as it is.
pub fn readable(line: &str) -> Option<String> {
    let object: Map<String, Value> = serde_json::from_str(line).ok()?;
    record_of_lambda(&object).or_else(|| line_of_function(&object))
}

/// `{"time":…,"type":"platform.start","record":{…}}`
fn record_of_lambda(object: &Map<String, Value>) -> Option<String> {
    let name = object.get("type")?.as_str()?;
    let record = object.get("record")?.as_object()?;
    if !name.starts_with("platform.") {
        return None;
    }
    let mut text = format!("{DIM}{}", plain(name));
    add_fields(&mut text, "", record);
    Some(format!("{text}{DIM:#}"))
}

fn line_of_function(object: &Map<String, Value>) -> Option<String> {
    let empty = Map::new();
    let fields = object.get(FIELDS).and_then(Value::as_object);
    let fields = fields.unwrap_or(&empty);
    let find = |names: &[&str]| {
        names
            .iter()
            .find_map(|name| object.get(*name).or_else(|| fields.get(*name)))
    };
    let level = find(&LEVELS).and_then(Value::as_str);
    let message = find(&MESSAGES);
    // Any other object is data, which the function prints as it wants to.
    if level.is_none() && (message.is_none() || find(&TIMES).is_none()) {
        return None;
    }
    let mut text = String::new();
    if let Some(level) = level {
        let level = plain(&level.to_ascii_uppercase());
        let style = style_of(&level);
        let _ = write!(text, "{style}{level:<5}{style:#} ");
    }
    if let Some(message) = message {
        match message {
            Value::String(message) => text.push_str(&plain(message)),
            other => text.push_str(&other.to_string()),
        }
    }
    let said: Vec<&str> = [&TIMES[..], &LEVELS, &MESSAGES].concat();
    let mut rest = Map::new();
    let unsaid = |(name, _): &(&String, &Value)| !said.contains(&name.as_str());
    for (name, value) in fields.iter().chain(object).filter(unsaid) {
        let is_fields = name == FIELDS && value.is_object();
        if !is_fields && !SPANS.contains(&name.as_str()) {
            rest.insert(name.clone(), value.clone());
        }
    }
    // What surrounds the line, the outermost first. `span` is the innermost of `spans`.
    let spans = match (object.get("spans"), object.get("span")) {
        (Some(Value::Array(spans)), _) => spans.as_slice(),
        (_, Some(span)) => std::slice::from_ref(span),
        _ => &[],
    };
    for (name, value) in spans.iter().filter_map(Value::as_object).flatten() {
        if name != "name" && !rest.contains_key(name) {
            rest.insert(name.clone(), value.clone());
        }
    }
    let _ = write!(text, "{DIM}");
    add_fields(&mut text, "", &rest);
    let _ = write!(text, "{DIM:#}");
    Some(text)
}

/// Adds ` name=value` for each member, `outer.inner=value` for those of objects in it.
fn add_fields(text: &mut String, prefix: &str, fields: &Map<String, Value>) {
    for (name, value) in fields {
        let name = format!("{prefix}{}", plain(name));
        match value {
            Value::Object(inner) if !inner.is_empty() => {
                add_fields(text, &format!("{name}."), inner);
            }
            Value::String(value) if is_word(value) => {
                let _ = write!(text, " {name}={value}");
            }
            // As JSON, which has quotes and escapes for the rest.
            value => {
                let _ = write!(text, " {name}={}", plain(&value.to_string()));
            }
        }
    }
}

/// Whether a text reads as one value without quotes.
fn is_word(text: &str) -> bool {
    !text.is_empty()
        && !text
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || matches!(c, '"' | '='))
}

/// A text without control characters but for breaks and tabs, which make stack traces readable: what was
/// escaped in the log must not become an order to the terminal.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() && !matches!(c, '\n' | '\t') {
            plain.extend(c.escape_default());
        } else {
            plain.push(c);
        }
    }
    plain
}

fn style_of(level: &str) -> Style {
    match level {
        "ERROR" | "FATAL" | "CRITICAL" => ERROR,
        "WARN" | "WARNING" => WARNING,
        "INFO" => GOOD,
        "DEBUG" => HINT,
        _ => DIM,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without styles.
    fn shown(line: &str) -> Option<String> {
        readable(line).map(|text| anstream::adapter::strip_str(&text).to_string())
    }

    #[test]
    fn lines_of_loggers_and_of_lambda_are_readable() {
        for (line, expected) in [
            (
                r#"{"timestamp":"2026-11-22T10:00:00Z","level":"INFO","fields":{"message":"order taken","order_id":7,"who":"a b"},"target":"orders"}"#,
                r#"INFO  order taken order_id=7 target=orders who="a b""#,
            ),
            (
                r#"{"timestamp":"t","level":"ERROR","message":"no","target":"o","span":{"name":"inner","k":1},"spans":[{"name":"outer","requestId":"abc"},{"name":"inner","k":1}]}"#,
                "ERROR no target=o k=1 requestId=abc",
            ),
            (
                r#"{"level":"warn","msg":"late","ts":1.5,"by":{"ms":3,"of":"x"},"list":[1,"a"]}"#,
                r#"WARN  late by.ms=3 by.of=x list=[1,"a"]"#,
            ),
            (
                r#"{"time":"t","type":"platform.report","record":{"requestId":"abc","metrics":{"durationMs":1.2},"status":"success"}}"#,
                "platform.report metrics.durationMs=1.2 requestId=abc status=success",
            ),
            (r#"{"time":"t","message":"no level"}"#, "no level"),
            (r#"{"level":"INFO"}"#, "INFO  "),
            (
                r#"{"level":"INFO","message":"two\nlines \u001b[2J","k":"\u001b[2J"}"#,
                "INFO  two\nlines \\u{1b}[2J k=\"\\u001b[2J\"",
            ),
        ] {
            let found = shown(line).unwrap();
            let words = |text: &str| {
                let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
                words.sort();
                words
            };
            // The order of members is that of the map, which depends on features of others.
            assert_eq!(words(&found), words(expected), "{found}");
        }
    }

    #[test]
    fn whatever_else_a_function_prints_stays_as_it_is() {
        for line in [
            "",
            "text",
            "{",
            "[1]",
            "7",
            r#""text""#,
            "{}",
            r#"{"message":"an answer, perhaps"}"#,
            r#"{"level":3}"#,
            r#"{"type":"platform.start"}"#,
            r#"{"type":"order","record":{}}"#,
            r#"{"level":"INFO"} and more"#,
        ] {
            assert_eq!(shown(line), None, "{line}");
        }
    }
}
