//! What a setting's value may be, and how it reads from a manifest or a variable: the common part,
//! and the plain types.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde_json::Value;

mod addresses;
mod build;
mod function_layers;
mod limits;
mod logging;

pub use addresses::Addresses;
pub use build::{BuildTarget, Compiler, CompilerKind, OutputFormat};
pub use function_layers::{FunctionLayer, FunctionLayers};
pub use limits::{
    Concurrency, EphemeralStorage, IdleTimeout, MaxConcurrency, Memory, ProvisionedConcurrency,
    Timeout,
};
pub use logging::{ApplicationLogLevel, LogFormat, SystemLogLevel};

/// A type that settings can have.
pub trait SettingValue: Clone + Sized {
    /// What is accepted, completing "expected …".
    const ALLOWED: &'static str;

    /// Reads the value as it is written in an environment variable.
    fn from_text(text: &str) -> Option<Self>;

    /// Reads the value as it is written in a manifest. Numbers and booleans may be quoted there,
    /// which is what people coming from a shell do.
    fn from_json(value: &Value) -> Option<Self> {
        Self::from_text(&scalar(value)?)
    }

    /// The value relative to the directory of the one who wrote it.
    #[must_use]
    fn anchored(self, _directory: &Path) -> Self {
        self
    }

    /// The value in words.
    fn describe(&self) -> String;
}

/// The text of a string, number, boolean or date; nothing for tables and lists.
pub(crate) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        // Cargo hands dates of a manifest on as a table with this one key.
        Value::Object(table) if table.len() == 1 => table
            .get("$__toml_private_datetime")?
            .as_str()
            .map(str::to_owned),
        _ => None,
    }
}

/// Why a text is not a value of some type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {allowed}")]
pub struct InvalidText {
    /// What is accepted.
    pub allowed: &'static str,
}

/// Makes a type usable as a flag's value: the same words are accepted in all layers.
macro_rules! from_str_as_setting {
    ($($type:ty),+) => {$(
        impl FromStr for $type {
            type Err = InvalidText;

            fn from_str(text: &str) -> Result<Self, InvalidText> {
                Self::from_text(text).ok_or(InvalidText {
                    allowed: <Self as SettingValue>::ALLOWED,
                })
            }
        }
    )+};
}

from_str_as_setting!(
    Memory,
    Timeout,
    Concurrency,
    EphemeralStorage,
    ProvisionedConcurrency,
    MaxConcurrency,
    IdleTimeout,
    LogFormat,
    ApplicationLogLevel,
    SystemLogLevel,
    FunctionLayers,
    Addresses,
    BuildTarget,
    Compiler,
    OutputFormat
);

/// A number of nothing but digits (`parse` alone would take `+1`).
fn digits(text: &str) -> Option<u16> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

impl SettingValue for bool {
    const ALLOWED: &'static str = "true or false";

    fn from_text(text: &str) -> Option<Self> {
        match text {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        }
    }

    fn describe(&self) -> String {
        self.to_string()
    }
}

/// A port; 0 stands for any that is free.
impl SettingValue for u16 {
    const ALLOWED: &'static str = "a port number from 0 to 65535";

    fn from_text(text: &str) -> Option<Self> {
        digits(text.trim())
    }

    fn describe(&self) -> String {
        self.to_string()
    }
}

impl SettingValue for String {
    const ALLOWED: &'static str = "a string that is not empty";

    fn from_text(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| text.to_owned())
    }

    fn describe(&self) -> String {
        self.clone()
    }
}

impl SettingValue for PathBuf {
    const ALLOWED: &'static str = "a path";

    fn from_text(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self::from(text))
    }

    fn from_json(value: &Value) -> Option<Self> {
        Self::from_text(value.as_str()?)
    }

    fn anchored(self, directory: &Path) -> Self {
        directory.join(self)
    }

    fn describe(&self) -> String {
        self.display().to_string()
    }
}

impl SettingValue for Vec<String> {
    const ALLOWED: &'static str = "a list of strings";

    fn from_text(text: &str) -> Option<Self> {
        let parts = text.split(',').map(str::trim);
        Some(
            parts
                .filter(|part| !part.is_empty())
                .map(str::to_owned)
                .collect(),
        )
    }

    fn from_json(value: &Value) -> Option<Self> {
        match value {
            Value::Array(items) => items
                .iter()
                .map(|item| item.as_str().map(str::to_owned))
                .collect(),
            Value::String(text) => Self::from_text(text),
            _ => None,
        }
    }

    fn describe(&self) -> String {
        list(self)
    }
}

/// The items with commas between.
fn list<T: fmt::Display>(items: &[T]) -> String {
    let items: Vec<String> = items.iter().map(T::to_string).collect();
    items.join(", ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn words_and_lists() {
        let list = |value| Vec::<String>::from_json(&value);
        assert_eq!(list(json!(["a", "b"])), Some(vec!["a".into(), "b".into()]));
        assert_eq!(list(json!("a, b,")), Some(vec!["a".into(), "b".into()]));
        assert_eq!(list(json!([1])), None);
        assert_eq!(list(json!(true)), None);
        assert_eq!(bool::from_json(&json!(true)), Some(true));
        assert_eq!(bool::from_json(&json!("0")), Some(false));
        assert_eq!(bool::from_json(&json!("yes")), None);
        assert_eq!(u16::from_json(&json!(65535)), Some(65535));
        assert_eq!(u16::from_json(&json!(65536)), None);
        assert_eq!(PathBuf::from_json(&json!(1)), None);
    }

    proptest! {
        #[test]
        fn texts_never_panic(text in ".*") {
            let _ = Vec::<String>::from_text(&text);
        }
    }
}
