//! One condition: an action, a key of the attributes, and a value.

use std::cmp::Ordering;

use serde_json::Value;

use super::json::Node;
use super::schedule::Schedule;

/// A condition, as it was checked.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Condition {
    /// Of an attribute.
    Attribute { key: String, test: Test },
    /// Of the time.
    Time(Schedule),
}

/// What is tested of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Test {
    Compare(Comparison, Value),
    Range(Modulo),
}

/// Actions with an attribute on one side and a value on the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equals,
    NotEquals,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    StartsWith,
    EndsWith,
    KeyInValue,
    KeyNotInValue,
    ValueInKey,
    ValueNotInKey,
    AnyInValue,
    AllInValue,
    NoneInValue,
}

/// `START <= attribute % BASE <= END`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Modulo {
    base: i64,
    start: i64,
    end: i64,
}

impl Condition {
    /// Checks a condition of the document.
    pub(super) fn parse(node: &Node) -> Result<Self, String> {
        let Node::Object(members) = node else {
            return Err("it is no object".to_owned());
        };
        if members.is_empty() {
            return Err("it is empty".to_owned());
        }
        let action = node.get("action").ok_or("it has no `action`")?;
        let action = action.as_str().ok_or("its `action` is no string")?;
        let key = node.get("key").and_then(Node::as_str).unwrap_or_default();
        if key.is_empty() {
            return Err("its `key` is no string with anything in it".to_owned());
        }
        let value = node.get("value").filter(|value| !value.is_null());
        let value = value.ok_or("it has no `value`")?;
        if let Some(schedule) = Schedule::parse(action, key, value) {
            return schedule.map(Self::Time);
        }
        Ok(Self::Attribute {
            key: key.to_owned(),
            test: Test::parse(action, value)?,
        })
    }
}

impl Test {
    fn parse(action: &str, value: &Node) -> Result<Self, String> {
        use Comparison::*;

        let comparison = match action {
            "EQUALS" => Equals,
            "NOT_EQUALS" => NotEquals,
            "KEY_GREATER_THAN_VALUE" => Greater,
            "KEY_GREATER_THAN_OR_EQUAL_VALUE" => GreaterOrEqual,
            "KEY_LESS_THAN_VALUE" => Less,
            "KEY_LESS_THAN_OR_EQUAL_VALUE" => LessOrEqual,
            "STARTSWITH" => StartsWith,
            "ENDSWITH" => EndsWith,
            // `IN` and `NOT_IN` are the older names.
            "IN" | "KEY_IN_VALUE" => KeyInValue,
            "NOT_IN" | "KEY_NOT_IN_VALUE" => KeyNotInValue,
            "VALUE_IN_KEY" => ValueInKey,
            "VALUE_NOT_IN_KEY" => ValueNotInKey,
            "ANY_IN_VALUE" => AnyInValue,
            "ALL_IN_VALUE" => AllInValue,
            "NONE_IN_VALUE" => NoneInValue,
            "MODULO_RANGE" => return Modulo::parse(value).map(Self::Range),
            _ => return Err(format!("there is no action `{action}`")),
        };
        let takes_list = matches!(comparison, AnyInValue | AllInValue | NoneInValue);
        if takes_list && !matches!(value, Node::List(_)) {
            return Err(format!("the `value` of `{action}` is no list"));
        }
        Ok(Self::Compare(comparison, value.to_value()))
    }

    /// Whether an attribute passes. Types that do not go together do not, whatever the action.
    pub(super) fn passes(&self, attribute: &Value) -> bool {
        match self {
            Self::Compare(comparison, value) => comparison.holds(attribute, value).unwrap_or(false),
            Self::Range(modulo) => modulo.holds(attribute).unwrap_or(false),
        }
    }
}

impl Comparison {
    /// None where the types do not go together.
    fn holds(self, attribute: &Value, value: &Value) -> Option<bool> {
        let ordering = || order(attribute, value);
        match self {
            Self::Equals => Some(equal(attribute, value)),
            Self::NotEquals => Some(!equal(attribute, value)),
            Self::Greater => ordering().map(Ordering::is_gt),
            Self::GreaterOrEqual => ordering().map(Ordering::is_ge),
            Self::Less => ordering().map(Ordering::is_lt),
            Self::LessOrEqual => ordering().map(Ordering::is_le),
            Self::StartsWith => Some(attribute.as_str()?.starts_with(value.as_str()?)),
            Self::EndsWith => Some(attribute.as_str()?.ends_with(value.as_str()?)),
            Self::KeyInValue => contains(value, attribute),
            Self::KeyNotInValue => contains(value, attribute).map(|found| !found),
            Self::ValueInKey => contains(attribute, value),
            Self::ValueNotInKey => contains(attribute, value).map(|found| !found),
            Self::AnyInValue => among(attribute, value, |found| found > 0),
            Self::NoneInValue => among(attribute, value, |found| found == 0),
            Self::AllInValue => {
                let all = attribute.as_array()?.len();
                among(attribute, value, |found| found == all)
            }
        }
    }
}

/// How many items of a list are in another.
fn among(items: &Value, list: &Value, test: impl Fn(usize) -> bool) -> Option<bool> {
    let items = items.as_array()?.iter();
    let list = list.as_array()?;
    let found = items.filter(|item| list.iter().any(|other| equal(item, other)));
    Some(test(found.count()))
}

/// In a list an equal item, in a string a part of it, in an object a member of that name.
fn contains(whole: &Value, part: &Value) -> Option<bool> {
    match whole {
        Value::Array(items) => Some(items.iter().any(|item| equal(item, part))),
        Value::String(text) => Some(text.contains(part.as_str()?)),
        Value::Object(members) => Some(members.contains_key(part.as_str()?)),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// As JSON, except that 1 and 1.0 are one number.
fn equal(one: &Value, two: &Value) -> bool {
    match (one, two) {
        (Value::Number(_), Value::Number(_)) => order(one, two) == Some(Ordering::Equal),
        (Value::Array(one), Value::Array(two)) => {
            one.len() == two.len() && one.iter().zip(two).all(|(one, two)| equal(one, two))
        }
        (Value::Object(one), Value::Object(two)) => {
            let same = |(name, one)| two.get(name).is_some_and(|two| equal(one, two));
            one.len() == two.len() && one.iter().all(same)
        }
        (one, two) => one == two,
    }
}

/// Of two numbers, or of two strings by their characters.
fn order(one: &Value, two: &Value) -> Option<Ordering> {
    if let (Value::String(one), Value::String(two)) = (one, two) {
        return Some(one.cmp(two));
    }
    let (Value::Number(one), Value::Number(two)) = (one, two) else {
        return None;
    };
    // Whole numbers are compared as such: beyond 2^53 a float cannot tell neighbours apart.
    let whole = |number: &serde_json::Number| {
        let signed = number.as_i64().map(i128::from);
        signed.or_else(|| number.as_u64().map(i128::from))
    };
    match (whole(one), whole(two)) {
        (Some(one), Some(two)) => Some(one.cmp(&two)),
        _ => one.as_f64()?.partial_cmp(&two.as_f64()?),
    }
}

impl Modulo {
    fn parse(value: &Node) -> Result<Self, String> {
        let number = |name: &str| {
            let number = value.get(name).and_then(|node| node.to_value().as_i64());
            number.ok_or_else(|| {
                format!("the `value` of `MODULO_RANGE` has no whole number `{name}`")
            })
        };
        let modulo = Self {
            base: number("BASE")?,
            start: number("START")?,
            end: number("END")?,
        };
        let Self { base, start, end } = modulo;
        if 0 <= start && start <= end && end < base {
            Ok(modulo)
        } else {
            Err("`MODULO_RANGE` wants 0 <= `START` <= `END` < `BASE`".to_owned())
        }
    }

    fn holds(self, attribute: &Value) -> Option<bool> {
        let within = |rest: i128| i128::from(self.start) <= rest && rest <= i128::from(self.end);
        if let Some(number) = attribute.as_i64() {
            return Some(within(i128::from(number.rem_euclid(self.base))));
        }
        let number = attribute.as_u64()?;
        Some(within(i128::from(number).rem_euclid(i128::from(self.base))))
    }
}
