//! Edits to an event by path: `Records.0.body.customer=grace`.

use serde_json::{Map, Value};

use super::payload::Packing;

/// How deep a path may go: JSON nested deeper than this is refused by `serde_json` when it is read,
/// so an edit beyond it would make an event no function can receive.
const DEEPEST: usize = 127;

/// Why an edit is refused. The event is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetError {
    /// There is no path.
    #[error("the path is empty")]
    EmptyPath,
    /// Two dots in a row, or one at either end.
    #[error("the path `{path}` has an empty segment")]
    EmptySegment {
        /// The path as given.
        path: String,
    },
    /// More segments than JSON may nest.
    #[error("the path has {segments} segments, more than the {DEEPEST} that JSON may nest")]
    TooDeep {
        /// How many segments the path has.
        segments: usize,
    },
    /// What the path leads to and the value nest deeper together than JSON may.
    #[error(
        "at `{path}` the value would nest {levels} levels deep, more than the {DEEPEST} that JSON may"
    )]
    TooNested {
        /// The path as given.
        path: String,
        /// How deep the document would nest.
        levels: usize,
    },
    /// The path goes on where the event has a number or a boolean.
    #[error("{} is {found}: there is no `{segment}` in it", place(.parent))]
    Scalar {
        /// The path as far as it leads; empty when that is the whole event.
        parent: String,
        /// What is there, with its article.
        found: &'static str,
        /// The segment that leads nowhere.
        segment: String,
    },
    /// The path goes on where the event has a text that carries no document.
    #[error("{} is a text without JSON inside: there is no `{segment}` in it", place(.parent))]
    Text {
        /// The path as far as it leads; empty when that is the whole event.
        parent: String,
        /// The segment that leads nowhere.
        segment: String,
    },
    /// An array is given a segment that is no index, or one beyond its end.
    #[error("{} is an array of {length}: there is no `{segment}` in it", place(.parent))]
    Index {
        /// The path of the array; empty when that is the whole event.
        parent: String,
        /// How many items the array has.
        length: usize,
        /// The segment that is no index of it.
        segment: String,
    },
}

/// What errors call the part at `path`.
fn place(path: &str) -> String {
    if path.is_empty() {
        "the event".to_owned()
    } else {
        format!("`{path}`")
    }
}

impl SetError {
    /// What to write instead.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::EmptyPath => {
                Some("write members and indices joined by dots, as in `Records.0.body`".to_owned())
            }
            Self::EmptySegment { .. } => {
                Some(r"a dot that belongs to a name is written `\.`".to_owned())
            }
            Self::Text { parent, .. } if !parent.is_empty() => {
                Some(format!("to replace all of it, set `{parent}`"))
            }
            Self::TooDeep { .. }
            | Self::TooNested { .. }
            | Self::Scalar { .. }
            | Self::Text { .. } => None,
            Self::Index { length: 0, .. } => {
                Some("the array is empty: `0` adds its first item".to_owned())
            }
            Self::Index { length, .. } => Some(format!(
                "its items are `0` to `{}`, and `{length}` adds one",
                length - 1
            )),
        }
    }
}

/// Sets the part of `event` at `path` to `value`.
///
/// A path is members and array indices joined by dots, `Records.0.body`; `\.` is a dot within a
/// name and `\\` a backslash. What is missing on the way, or null, is created; an index equal to the
/// array's length appends.
///
/// `value` is taken as JSON when it is JSON and as text otherwise. Where the event has a text so
/// far it stays one (a queue's message is text, whatever it says): `7` becomes `"7"`, an object
/// becomes its JSON, packed as the old text was; only `null` remains null.
///
/// A path may go on into a text that is JSON itself, or base64 of JSON, or base64 of compressed
/// JSON: the inner document is edited and packed again. So `Records.0.body.orderId` reaches into an
/// SQS message, `Records.0.kinesis.data.orderId` into a Kinesis record, and
/// `awslogs.data.logEvents.0.message` into CloudWatch's.
///
/// Members that AWS computes from others (`md5OfBody`, `size`) are left as they are. Integers beyond
/// 64 bits lose digits, unless they are texts, as AWS writes its own. On an error the event is
/// unchanged.
pub fn set(event: &mut Value, path: &str, value: &str) -> Result<(), SetError> {
    let mut changed = event.clone();
    put(&mut changed, &parse(path)?, 0, value)?;
    can_be_read(&changed, path)?;
    *event = changed;
    Ok(())
}

/// Checks that a document does not nest deeper than a function can read.
fn can_be_read(document: &Value, path: &str) -> Result<(), SetError> {
    match levels(document) {
        0..=DEEPEST => Ok(()),
        levels => Err(SetError::TooNested {
            path: path.to_owned(),
            levels,
        }),
    }
}

/// How deep arrays and objects nest.
fn levels(value: &Value) -> usize {
    let inner = match value {
        Value::Array(items) => items.iter().map(levels).max(),
        Value::Object(members) => members.values().map(levels).max(),
        _ => return 0,
    };
    1 + inner.unwrap_or(0)
}

/// Splits a path at its dots and resolves the escapes.
fn parse(path: &str) -> Result<Vec<String>, SetError> {
    if path.is_empty() {
        return Err(SetError::EmptyPath);
    }
    let mut segments = Vec::new();
    let mut segment = String::new();
    let mut characters = path.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '.' => segments.push(std::mem::take(&mut segment)),
            '\\' => segment.push(
                characters
                    .next_if(|next| matches!(next, '.' | '\\'))
                    .unwrap_or('\\'),
            ),
            other => segment.push(other),
        }
    }
    segments.push(segment);
    if segments.iter().any(String::is_empty) {
        return Err(SetError::EmptySegment {
            path: path.to_owned(),
        });
    }
    if segments.len() > DEEPEST {
        return Err(SetError::TooDeep {
            segments: segments.len(),
        });
    }
    Ok(segments)
}

/// Follows `segments` from the one at `depth` on and replaces what is at their end.
fn put(target: &mut Value, segments: &[String], depth: usize, value: &str) -> Result<(), SetError> {
    let Some(segment) = segments.get(depth) else {
        *target = replacement(target, value);
        return Ok(());
    };
    let parent = || segments[..depth].join(".");
    let scalar = |found| SetError::Scalar {
        parent: parent(),
        found,
        segment: segment.clone(),
    };
    if target.is_null() {
        // Only an array has a use for the segment `0` when there is nothing yet.
        *target = match segment.as_str() {
            "0" => Value::Array(Vec::new()),
            _ => Value::Object(Map::new()),
        };
    }
    match target {
        Value::Object(members) => {
            let member = members.entry(segment.as_str()).or_insert(Value::Null);
            put(member, segments, depth + 1, value)
        }
        Value::Array(items) => {
            let length = items.len();
            let index = index(segment)
                .filter(|index| *index <= length)
                .ok_or_else(|| SetError::Index {
                    parent: parent(),
                    length,
                    segment: segment.clone(),
                })?;
            if index == length {
                items.push(Value::Null);
            }
            put(&mut items[index], segments, depth + 1, value)
        }
        Value::String(text) => {
            let (packing, mut document) = Packing::open(text).ok_or_else(|| SetError::Text {
                parent: parent(),
                segment: segment.clone(),
            })?;
            put(&mut document, segments, depth, value)?;
            can_be_read(&document, &segments.join("."))?;
            *text = packing.close(&document);
            Ok(())
        }
        Value::Number(_) => Err(scalar("a number")),
        Value::Bool(_) => Err(scalar("a boolean")),
        Value::Null => unreachable!("null has just become a container"),
    }
}

/// An array index: digits alone, without the sign that `usize` would accept.
fn index(segment: &str) -> Option<usize> {
    segment
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| segment.parse().ok())
        .flatten()
}

/// What `value` becomes where `old` has been.
fn replacement(old: &Value, value: &str) -> Value {
    let Ok(new) = serde_json::from_str(value) else {
        return Value::String(value.to_owned());
    };
    match (old, new) {
        (Value::String(text), new @ (Value::Object(_) | Value::Array(_))) => {
            let packing = Packing::open(text).map_or(Packing::Text, |(packing, _)| packing);
            Value::String(packing.close(&new))
        }
        (Value::String(_), Value::Number(_) | Value::Bool(_)) => Value::String(value.to_owned()),
        (_, new) => new,
    }
}

#[cfg(test)]
mod tests;
