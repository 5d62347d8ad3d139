//! The limits of a function: how much memory, how much time, how many at a time.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::{SettingValue, digits};

/// Memory of a function in megabytes, 128 to 10,240 in steps of one.
///
/// Source: AWS Lambda developer guide, "Configure Lambda function memory".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Memory(u16);

impl Memory {
    /// What AWS gives a function that does not ask.
    pub const DEFAULT: Self = Self(128);

    /// This many megabytes, where Lambda has them.
    pub fn from_megabytes(megabytes: u16) -> Option<Self> {
        (128..=10_240)
            .contains(&megabytes)
            .then_some(Self(megabytes))
    }

    /// The size in megabytes.
    pub fn megabytes(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} MB", self.0)
    }
}

impl SettingValue for Memory {
    const ALLOWED: &'static str = "a whole number of megabytes from 128 to 10240";

    fn from_text(text: &str) -> Option<Self> {
        Self::from_megabytes(digits(text.trim())?)
    }

    fn describe(&self) -> String {
        self.to_string()
    }
}

/// How long an invocation may take, 1 to 900 whole seconds.
///
/// Written as a number of seconds, or with units: `30`, `30s`, `2m`, `1m30s`.
/// Source: AWS Lambda developer guide, "Configure Lambda function timeout".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Timeout(u16);

impl Timeout {
    /// 30 seconds: what cargo-lambda deploys with. AWS's own default of 3 seconds is a trap for
    /// whoever opens a connection in the first invocation.
    pub const DEFAULT: Self = Self(30);

    /// This many seconds, where Lambda allows them.
    pub fn from_seconds(seconds: u16) -> Option<Self> {
        (1..=900).contains(&seconds).then_some(Self(seconds))
    }

    /// The limit in seconds.
    pub fn seconds(self) -> u16 {
        self.0
    }

    /// The limit as a duration.
    pub fn duration(self) -> Duration {
        Duration::from_secs(u64::from(self.0))
    }
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 60, self.0 % 60) {
            (0, seconds) => write!(f, "{seconds}s"),
            (minutes, 0) => write!(f, "{minutes}m"),
            (minutes, seconds) => write!(f, "{minutes}m{seconds}s"),
        }
    }
}

impl SettingValue for Timeout {
    const ALLOWED: &'static str = "a time from 1 to 900 seconds, such as 30, \"30s\" or \"2m\"";

    fn from_text(text: &str) -> Option<Self> {
        let text = text.trim();
        let (minutes, rest) = match text.split_once('m') {
            Some((minutes, rest)) => (digits(minutes)?, rest),
            None => (0, text),
        };
        let seconds = match rest.strip_suffix('s') {
            Some(seconds) => digits(seconds)?,
            None if rest.is_empty() && text.ends_with('m') => 0,
            // `1m30` is half a time: was it 30 seconds, or a slip of the pen?
            None if text.contains('m') => return None,
            None => digits(rest)?,
        };
        Self::from_seconds(minutes.checked_mul(60)?.checked_add(seconds)?)
    }

    fn describe(&self) -> String {
        self.to_string()
    }
}

/// How many invocations may be in flight at a time.
///
/// Source: AWS Lambda developer guide, "Configuring reserved concurrency for a function".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Concurrency(u16);

impl Concurrency {
    /// What an account has that has asked for no more.
    pub const ACCOUNT_DEFAULT: Self = Self(1_000);

    /// This many invocations at a time.
    pub fn new(invocations: u16) -> Self {
        Self(invocations)
    }

    /// How many invocations.
    pub fn invocations(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Concurrency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl SettingValue for Concurrency {
    const ALLOWED: &'static str = "a whole number of invocations from 0 to 65535";

    fn from_text(text: &str) -> Option<Self> {
        digits(text.trim()).map(Self)
    }

    fn describe(&self) -> String {
        self.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn concurrencies() {
        for (text, invocations) in [
            ("0", Some(0)),
            (" 5 ", Some(5)),
            ("65535", Some(65_535)),
            ("65536", None),
            ("-1", None),
            ("+1", None),
            ("", None),
        ] {
            let read = Concurrency::from_text(text).map(Concurrency::invocations);
            assert_eq!(read, invocations, "{text}");
        }
        assert_eq!(Concurrency::from_json(&json!(5)), Some(Concurrency::new(5)));
        assert_eq!(Concurrency::from_json(&json!(1.5)), None);
    }

    #[test]
    fn timeouts() {
        let cases = [
            ("1", Some(1)),
            ("30", Some(30)),
            ("30s", Some(30)),
            (" 30s ", Some(30)),
            ("2m", Some(120)),
            ("1m30s", Some(90)),
            ("0m5s", Some(5)),
            ("15m", Some(900)),
            ("900", Some(900)),
            ("0", None),
            ("901", None),
            ("15m1s", None),
            ("", None),
            ("s", None),
            ("m", None),
            ("m5s", None),
            ("1m30", None),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("1h", None),
            ("30 s", None),
            ("70000", None),
            ("1100m", None),
        ];
        for (text, seconds) in cases {
            assert_eq!(
                Timeout::from_text(text).map(Timeout::seconds),
                seconds,
                "{text:?}"
            );
        }
        assert_eq!(
            Timeout::from_json(&json!(45)).map(Timeout::seconds),
            Some(45)
        );
        assert_eq!(
            Timeout::from_json(&json!("1m")).map(Timeout::seconds),
            Some(60)
        );
        for value in [json!(1.5), json!(true), json!([30]), json!(null)] {
            assert_eq!(Timeout::from_json(&value), None, "{value}");
        }
    }

    #[test]
    fn memories() {
        let cases = [
            ("128", Some(128)),
            ("129", Some(129)),
            ("10240", Some(10_240)),
            ("127", None),
            ("10241", None),
            ("+512", None),
            ("512MB", None),
            ("", None),
        ];
        for (text, megabytes) in cases {
            assert_eq!(
                Memory::from_text(text).map(Memory::megabytes),
                megabytes,
                "{text:?}"
            );
        }
        assert_eq!(
            "64".parse::<Memory>().unwrap_err().to_string(),
            "expected a whole number of megabytes from 128 to 10240"
        );
    }

    proptest! {
        #[test]
        fn texts_never_panic(text in ".*") {
            let _ = (Timeout::from_text(&text), Memory::from_text(&text));
        }

        #[test]
        fn times_that_look_right_never_panic(text in "[0-9]{0,6}m?[0-9]{0,6}s?") {
            let _ = Timeout::from_text(&text);
        }

        #[test]
        fn timeouts_round_trip(seconds in 1u16..=900) {
            let timeout = Timeout::from_seconds(seconds);
            let words = timeout.map(|timeout| timeout.to_string());
            prop_assert_eq!(words.as_deref().and_then(Timeout::from_text), timeout);
        }
    }
}
