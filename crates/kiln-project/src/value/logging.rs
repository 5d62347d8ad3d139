//! What a function's log looks like and how much of it there is.

use kiln_protocol::json_log::Level;
use serde::{Serialize, Serializer};

use super::SettingValue;

/// The format of a function's log, `LogFormat` of AWS's `LoggingConfig`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Lines of text.
    Text,
    /// One JSON object in a line, filtered by level.
    Json,
}

impl SettingValue for LogFormat {
    const ALLOWED: &'static str = "`text` or `json`";

    fn from_text(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "text" => Some(Self::Text),
            "json" => Some(Self::Json),
            _ => None,
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
        .to_owned()
    }
}

/// `ApplicationLogLevel`: lines of the function below it are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApplicationLogLevel(Level);

/// `SystemLogLevel`: records of Lambda's own below it are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemLogLevel(Level);

impl ApplicationLogLevel {
    /// The level.
    pub fn level(self) -> Level {
        self.0
    }
}

impl SystemLogLevel {
    /// The level.
    pub fn level(self) -> Level {
        self.0
    }
}

impl SettingValue for ApplicationLogLevel {
    const ALLOWED: &'static str = "`trace`, `debug`, `info`, `warn`, `error` or `fatal`";

    fn from_text(text: &str) -> Option<Self> {
        Level::parse(text).map(Self)
    }

    fn describe(&self) -> String {
        self.0.name().to_ascii_lowercase()
    }
}

impl SettingValue for SystemLogLevel {
    const ALLOWED: &'static str = "`debug`, `info` or `warn`";

    fn from_text(text: &str) -> Option<Self> {
        let level = Level::parse(text)?;
        matches!(level, Level::Debug | Level::Info | Level::Warn).then_some(Self(level))
    }

    fn describe(&self) -> String {
        self.0.name().to_ascii_lowercase()
    }
}

impl Serialize for ApplicationLogLevel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.describe())
    }
}

impl Serialize for SystemLogLevel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.describe())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn formats_and_levels() {
        for (text, format) in [
            ("text", Some(LogFormat::Text)),
            ("JSON", Some(LogFormat::Json)),
            ("Json", Some(LogFormat::Json)),
            ("xml", None),
            ("", None),
        ] {
            assert_eq!(LogFormat::from_text(text), format, "{text}");
        }
        for (text, application, system) in [
            ("trace", true, false),
            ("DEBUG", true, true),
            ("info", true, true),
            ("Warn", true, true),
            ("error", true, false),
            ("FATAL", true, false),
            ("verbose", false, false),
            ("", false, false),
        ] {
            let levels = (
                ApplicationLogLevel::from_text(text),
                SystemLogLevel::from_text(text),
            );
            assert_eq!(
                (levels.0.is_some(), levels.1.is_some()),
                (application, system),
                "{text}"
            );
            // What is shown is what is written.
            for words in [
                levels.0.map(|it| it.describe()),
                levels.1.map(|it| it.describe()),
            ] {
                assert!(words.is_none_or(|words| words == text.to_ascii_lowercase()));
            }
        }
        assert_eq!(ApplicationLogLevel::from_json(&json!(3)), None);
    }
}
