//! The fields of an event or a span, as JSON.

use std::error::Error;
use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};

use crate::json;
use crate::redact::{REDACTED, Redaction};

/// How long a value may be, in bytes. CloudWatch Logs splits events that are too long for it, and
/// what it splits is no JSON any more.
const VALUE_LIMIT: usize = 64 * 1024;
/// How long all of them may be.
const ALL_LIMIT: usize = 192 * 1024;
/// How many errors down a chain are told.
const CHAIN_LIMIT: usize = 16;

/// What was recorded.
#[derive(Debug, Default)]
pub(super) struct Fields {
    pub(super) message: String,
    /// Names, and where each value ends.
    entries: Vec<(&'static str, usize)>,
    values: String,
    /// How many were left out because of their length.
    pub(super) dropped: usize,
    /// What `Debug` wrote last.
    text: String,
}

impl Fields {
    pub(super) fn clear(&mut self) {
        self.message.clear();
        self.entries.clear();
        self.values.clear();
        self.dropped = 0;
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|(known, _)| *known == name)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let mut start = 0;
        self.entries.iter().map(move |(name, end)| {
            let value = &self.values[start..*end];
            start = *end;
            (*name, value)
        })
    }

    /// Adds a value that is JSON already, unless there is one of that name.
    pub(super) fn inherit(&mut self, name: &'static str, value: &str) {
        if !self.has(name) {
            self.add(name, |out| out.push_str(value));
        }
    }

    /// Adds the text as the JSON that it is, as a string where it is none.
    pub(super) fn document(&mut self, name: &'static str, text: &str, redaction: &Redaction) {
        self.add(name, |out| {
            if !write_json(out, text, redaction) {
                write_string(out, &redaction.clean(text));
            }
        });
    }

    /// What records into these.
    pub(super) fn visitor<'a>(&'a mut self, redaction: &'a Redaction) -> Visitor<'a> {
        Visitor {
            fields: self,
            redaction,
        }
    }

    fn add(&mut self, name: &'static str, write: impl FnOnce(&mut String)) {
        if self.values.len() > ALL_LIMIT {
            self.dropped += 1;
            return;
        }
        write(&mut self.values);
        self.entries.push((name, self.values.len()));
    }
}

/// Records fields.
pub(super) struct Visitor<'a> {
    fields: &'a mut Fields,
    redaction: &'a Redaction,
}

impl Visitor<'_> {
    fn value(&mut self, field: &Field, write: impl FnOnce(&mut String)) {
        let covered = self.redaction.covers(field.name());
        self.fields.add(field.name(), |out| {
            if covered {
                out.push_str(REDACTED);
            } else {
                write(out);
            }
        });
    }

    fn text(&mut self, field: &Field, text: &str) {
        let name = field.name();
        if name == "message" {
            let text = self.redaction.clean(text);
            let (head, rest) = split(&text, VALUE_LIMIT);
            self.fields.message.push_str(head);
            write_rest(&mut self.fields.message, rest);
        } else if !name.starts_with("log.") {
            // What the bridge from the crate `log` adds says where a record is from.
            let redaction = self.redaction;
            self.value(field, |out| write_text(out, text, redaction));
        }
    }
}

impl Visit for Visitor<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.value(field, |out| json::float(out, value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.value(field, |out| display(out, value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if !field.name().starts_with("log.") {
            self.value(field, |out| display(out, value));
        }
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        match i64::try_from(value) {
            Ok(value) => self.record_i64(field, value),
            // Readers of JSON round what has no 64 bits.
            Err(_) => self.value(field, |out| display(out, format_args!("\"{value}\""))),
        }
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        match u64::try_from(value) {
            Ok(value) => self.record_u64(field, value),
            Err(_) => self.value(field, |out| display(out, format_args!("\"{value}\""))),
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.value(field, |out| display(out, value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value);
    }

    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        self.text(field, &String::from_utf8_lossy(value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let mut text = std::mem::take(&mut self.fields.text);
        text.clear();
        display(&mut text, value);
        let mut error = value.source();
        for _ in 0..CHAIN_LIMIT {
            let Some(source) = error else { break };
            display(&mut text, format_args!(": {source}"));
            error = source.source();
        }
        self.text(field, &text);
        self.fields.text = text;
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Written aside first: whether it is JSON is only known at its end.
        let mut text = std::mem::take(&mut self.fields.text);
        text.clear();
        display(&mut text, format_args!("{value:?}"));
        self.text(field, &text);
        self.fields.text = text;
    }
}

/// Appends what is written. An implementation that gives up half-way has written its half.
fn display(out: &mut String, value: impl fmt::Display) {
    let _gave_up = write!(out, "{value}");
}

/// An object as one, and everything else as a string: a value that is text in one line and a list in
/// the next is hard to query.
fn write_text(out: &mut String, text: &str, redaction: &Redaction) {
    if !text.trim_start().starts_with('{') || !write_json(out, text, redaction) {
        write_string(out, &redaction.clean(text));
    }
}

/// Whether it is JSON; nothing is appended if not.
fn write_json(out: &mut String, text: &str, redaction: &Redaction) -> bool {
    let start = out.len();
    if !redaction.copy_json(out, text) {
        return false;
    }
    if out.len() - start > VALUE_LIMIT {
        // Half a document is none: a string of it, and of what was left after redaction.
        let copy = out.split_off(start);
        write_string(out, &copy);
    }
    true
}

fn write_string(out: &mut String, text: &str) {
    let (head, rest) = split(text, VALUE_LIMIT);
    out.push('"');
    json::escape(out, head, true);
    write_rest(out, rest);
    out.push('"');
}

fn write_rest(out: &mut String, rest: &str) {
    if !rest.is_empty() {
        display(out, format_args!("… [{} bytes more]", rest.len()));
    }
}

/// In two, the first with at most so many bytes.
fn split(text: &str, most: usize) -> (&str, &str) {
    text.split_at(text.floor_char_boundary(most))
}
