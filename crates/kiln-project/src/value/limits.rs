//! The limits of a function: how much memory, how much time, how many at a time.

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

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

/// A whole number within Lambda's bounds.
macro_rules! whole_number {
    (
        $(#[doc = $doc:literal])+
        $type:ident($allowed:literal, $range:expr, $unit:literal)
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        #[serde(transparent)]
        pub struct $type(u16);

        impl $type {
            /// This number, where Lambda takes it.
            pub fn new(number: u16) -> Option<Self> {
                $range.contains(&number).then_some(Self(number))
            }

            /// The number.
            pub fn get(self) -> u16 {
                self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!("{}", $unit), self.0)
            }
        }

        impl SettingValue for $type {
            const ALLOWED: &'static str = $allowed;

            fn from_text(text: &str) -> Option<Self> {
                Self::new(digits(text.trim())?)
            }

            fn describe(&self) -> String {
                self.to_string()
            }
        }
    };
}

whole_number! {
    /// Size of `/tmp` in megabytes, 512 to 10,240 in steps of one.
    ///
    /// Source: AWS Lambda developer guide, "Configure ephemeral storage for Lambda functions".
    EphemeralStorage("a whole number of megabytes from 512 to 10240", (512..=10_240), " MB")
}

impl EphemeralStorage {
    /// What AWS gives a function that does not ask.
    pub const DEFAULT: Self = Self(512);
}

whole_number! {
    /// How many environments are kept initialized.
    ///
    /// Source: `ProvisionedConcurrentExecutions` of the operation PutProvisionedConcurrencyConfig.
    ProvisionedConcurrency("a whole number of environments from 1 to 65535", (1..=u16::MAX), "")
}

whole_number! {
    /// How many events an environment of a managed instance takes at a time.
    ///
    /// Source: `PerExecutionEnvironmentMaxConcurrency` of a function's capacity provider.
    MaxConcurrency("a whole number of invocations from 1 to 1600", (1..=1_600), "")
}

/// How long an environment may rest before it ends.
///
/// Written as a number of seconds or with a unit: `90`, `90s`, `10m`, `1h`; `0` or `never` for one
/// that ends with the service only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdleTimeout(Option<Duration>);

impl Serialize for IdleTimeout {
    /// As it is written.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.describe())
    }
}

impl IdleTimeout {
    /// Ten minutes. AWS names no figure; its environments have been seen to last 5 to 15.
    pub const DEFAULT: Self = Self(Some(Duration::from_secs(600)));

    /// The time; none where environments rest as long as they like.
    pub fn duration(self) -> Option<Duration> {
        self.0
    }
}

impl SettingValue for IdleTimeout {
    const ALLOWED: &'static str =
        "a time such as 90, \"90s\", \"10m\" or \"1h\", or `never`, which 0 is too";

    fn from_text(text: &str) -> Option<Self> {
        let text = text.trim();
        if text == "never" {
            return Some(Self(None));
        }
        let (number, unit) = match text.strip_suffix(['s', 'm', 'h']) {
            Some(number) if text.ends_with('m') => (number, 60),
            Some(number) if text.ends_with('h') => (number, 3_600),
            Some(number) => (number, 1),
            None => (text, 1),
        };
        let seconds = u64::from(digits(number)?) * unit;
        Some(Self((seconds > 0).then(|| Duration::from_secs(seconds))))
    }

    fn describe(&self) -> String {
        let seconds = self.0.map_or(0, |time| time.as_secs());
        match seconds {
            0 => "never".to_owned(),
            _ if seconds.is_multiple_of(3_600) => format!("{}h", seconds / 3_600),
            _ if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
            _ => format!("{seconds}s"),
        }
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

    #[test]
    fn numbers_have_lambdas_bounds() {
        for (text, storage, provisioned, at_a_time) in [
            ("0", false, false, false),
            ("1", false, true, true),
            ("511", false, true, true),
            ("512", true, true, true),
            (" 1600 ", true, true, true),
            ("1601", true, true, false),
            ("10240", true, true, false),
            ("10241", false, true, false),
            ("512MB", false, false, false),
            ("+600", false, false, false),
            ("", false, false, false),
        ] {
            assert_eq!(
                EphemeralStorage::from_text(text).is_some(),
                storage,
                "{text}"
            );
            assert_eq!(
                ProvisionedConcurrency::from_text(text).is_some(),
                provisioned,
                "{text}"
            );
            assert_eq!(
                MaxConcurrency::from_text(text).is_some(),
                at_a_time,
                "{text}"
            );
        }
        assert_eq!(EphemeralStorage::DEFAULT.describe(), "512 MB");
        assert_eq!(
            MaxConcurrency::from_json(&json!(8)).map(MaxConcurrency::get),
            Some(8)
        );
    }

    #[test]
    fn idle_environments_end_after_a_time_or_never() {
        for (text, seconds, words) in [
            ("0", Some(0), "never"),
            ("never", Some(0), "never"),
            ("0m", Some(0), "never"),
            ("90", Some(90), "90s"),
            (" 90s ", Some(90), "90s"),
            ("120", Some(120), "2m"),
            ("10m", Some(600), "10m"),
            ("1h", Some(3_600), "1h"),
            ("24h", Some(86_400), "24h"),
            ("", None, ""),
            ("m", None, ""),
            ("1d", None, ""),
            ("-1", None, ""),
            ("1.5h", None, ""),
            ("Never", None, ""),
        ] {
            let read = IdleTimeout::from_text(text);
            let duration = read.map(|time| time.duration().unwrap_or_default().as_secs());
            assert_eq!(duration, seconds, "{text:?}");
            assert_eq!(read.map(|time| time.describe()).unwrap_or_default(), words);
        }
        assert_eq!(IdleTimeout::DEFAULT.describe(), "10m");
    }

    proptest! {
        #[test]
        fn texts_never_panic(text in ".*") {
            let _ = (Timeout::from_text(&text), Memory::from_text(&text));
            let _ = (IdleTimeout::from_text(&text), MaxConcurrency::from_text(&text));
        }

        #[test]
        fn idle_timeouts_round_trip(text in "[0-9]{1,4}[smh]?") {
            let time = IdleTimeout::from_text(&text);
            prop_assert!(time.is_some());
            let words = time.map(|time| time.describe());
            prop_assert_eq!(words.as_deref().and_then(IdleTimeout::from_text), time);
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
