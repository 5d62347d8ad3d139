//! What a setting's value may be, and how it reads from a manifest or a variable.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

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
    Addresses,
    BuildTarget,
    Compiler,
    OutputFormat
);

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
        Self::from_megabytes(text.trim().parse().ok()?)
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

/// A number of nothing but digits (`parse` alone would take `+1`).
fn digits(text: &str) -> Option<u16> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

/// Addresses to listen on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Addresses(pub Vec<IpAddr>);

impl Addresses {
    /// Both loopback addresses: `localhost` resolves to either, depending on the client, and no
    /// other machine can reach them.
    pub fn loopback() -> Self {
        Self(vec![
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::LOCALHOST),
        ])
    }
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&list(&self.0))
    }
}

impl SettingValue for Addresses {
    const ALLOWED: &'static str = "an IP address, several with commas between, or `localhost`";

    fn from_text(text: &str) -> Option<Self> {
        let mut addresses = Vec::new();
        for part in text.split(',').map(str::trim) {
            if part == "localhost" {
                addresses.extend(Self::loopback().0);
            } else {
                // Brackets are how an IPv6 address is written in a URL.
                let bare = part
                    .strip_prefix('[')
                    .and_then(|rest| rest.strip_suffix(']'))
                    .unwrap_or(part);
                addresses.push(bare.parse().ok()?);
            }
        }
        Some(Self(addresses))
    }

    fn from_json(value: &Value) -> Option<Self> {
        match value {
            Value::Array(_) => Self::from_text(&Vec::<String>::from_json(value)?.join(",")),
            _ => Self::from_text(&scalar(value)?),
        }
    }

    fn describe(&self) -> String {
        self.to_string()
    }
}

/// What a build is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BuildTarget {
    /// Lambda's arm64, with whichever C library links best.
    Arm64,
    /// Lambda's x86_64, with whichever C library links best.
    X86_64,
    /// A Rust target, with a glibc version after it or without.
    Triple(String),
}

impl Serialize for BuildTarget {
    /// As it is written.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.describe())
    }
}

impl BuildTarget {
    /// The Rust target, without a glibc version.
    pub fn triple(&self) -> &str {
        match self {
            Self::Arm64 => "aarch64-unknown-linux-gnu",
            Self::X86_64 => "x86_64-unknown-linux-gnu",
            Self::Triple(text) => match text.split_once('.') {
                Some((triple, version)) if version.starts_with(|c: char| c.is_ascii_digit()) => {
                    triple
                }
                // A file with a target's description.
                _ => text,
            },
        }
    }
}

impl SettingValue for BuildTarget {
    const ALLOWED: &'static str =
        "`arm64`, `x86_64` or a Rust target such as `x86_64-unknown-linux-gnu.2.26`";

    fn from_text(text: &str) -> Option<Self> {
        match text {
            "" => None,
            "arm64" => Some(Self::Arm64),
            "x86_64" => Some(Self::X86_64),
            triple => Some(Self::Triple(triple.to_owned())),
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Arm64 => "arm64".to_owned(),
            Self::X86_64 => "x86_64".to_owned(),
            Self::Triple(triple) => triple.clone(),
        }
    }
}

/// What compiles and links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CompilerKind {
    /// Whatever links the target on this machine.
    Auto,
    /// Plain cargo with the linker it is configured with.
    Cargo,
    /// Cargo with zig as C compiler and linker, cargo-lambda's `cargo_zigbuild`.
    Zig,
    /// Cargo with the static C library that comes with Rust.
    Musl,
    /// Cargo inside a container. cargo-lambda's; nothing here does it.
    Cross,
}

/// A compiler and its options, cargo-lambda's `[….build.compiler]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Compiler {
    /// Which one; key `type`.
    #[serde(rename = "type")]
    pub kind: CompilerKind,
    /// Words to use in place of cargo's `build`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subcommand: Vec<String>,
    /// Arguments to add.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extra_args: Vec<String>,
}

impl SettingValue for Compiler {
    const ALLOWED: &'static str = "`auto`, `cargo`, `zig` or `musl`";

    fn from_text(text: &str) -> Option<Self> {
        let kind = match text.to_ascii_lowercase().as_str() {
            "auto" => CompilerKind::Auto,
            "cargo" => CompilerKind::Cargo,
            "zig" | "zigbuild" | "cargo_zigbuild" | "cargo-zigbuild" => CompilerKind::Zig,
            "musl" => CompilerKind::Musl,
            "cross" => CompilerKind::Cross,
            _ => return None,
        };
        Some(Self {
            kind,
            subcommand: Vec::new(),
            extra_args: Vec::new(),
        })
    }

    fn from_json(value: &Value) -> Option<Self> {
        let Value::Object(table) = value else {
            return Self::from_text(value.as_str()?);
        };
        let words = |key: &str| match table.get(key) {
            Some(words) => Vec::<String>::from_json(words),
            None => Some(Vec::new()),
        };
        Some(Self {
            subcommand: words("subcommand")?,
            extra_args: words("extra_args")?,
            ..Self::from_text(table.get("type")?.as_str()?)?
        })
    }

    fn describe(&self) -> String {
        let name = match self.kind {
            CompilerKind::Auto => "auto",
            CompilerKind::Cargo => "cargo",
            CompilerKind::Zig => "zig",
            CompilerKind::Musl => "musl",
            CompilerKind::Cross => "cross",
        };
        let words = [name.to_owned()].into_iter();
        let words = words.chain(self.subcommand.iter().cloned());
        let words: Vec<String> = words.chain(self.extra_args.iter().cloned()).collect();
        words.join(" ")
    }
}

/// What a build leaves behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputFormat {
    /// The executable `bootstrap`.
    #[default]
    Binary,
    /// An archive ready for upload.
    Zip,
}

impl fmt::Display for OutputFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Binary => "binary",
            Self::Zip => "zip",
        })
    }
}

impl SettingValue for OutputFormat {
    const ALLOWED: &'static str = "`binary` or `zip`";

    fn from_text(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case("binary") {
            Some(Self::Binary)
        } else if text.eq_ignore_ascii_case("zip") {
            Some(Self::Zip)
        } else {
            None
        }
    }

    fn describe(&self) -> String {
        self.to_string()
    }
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
    fn addresses() {
        let cases = [
            ("127.0.0.1", Some("127.0.0.1")),
            ("::", Some("::")),
            ("[::1]", Some("::1")),
            ("localhost", Some("127.0.0.1, ::1")),
            ("127.0.0.1, ::1", Some("127.0.0.1, ::1")),
            ("example.com", None),
            ("", None),
            ("127.0.0.1:9000", None),
        ];
        for (text, expected) in cases {
            let found = Addresses::from_text(text).map(|addresses| addresses.to_string());
            assert_eq!(found.as_deref(), expected, "{text:?}");
        }
        let list = Addresses::from_json(&json!(["::1", "0.0.0.0"]));
        assert_eq!(
            list.map(|it| it.to_string()).as_deref(),
            Some("::1, 0.0.0.0")
        );
    }

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
        assert_eq!(OutputFormat::from_text("ZIP"), Some(OutputFormat::Zip));
        assert_eq!(OutputFormat::from_text("tar"), None);
        assert_eq!(Compiler::from_json(&json!({"type": "gcc"})), None);
        assert_eq!(
            Compiler::from_json(&json!({"type": "cargo", "subcommand": 1})),
            None
        );
        assert_eq!(PathBuf::from_json(&json!(1)), None);
    }

    #[test]
    fn targets_and_compilers() {
        let targets = [
            ("arm64", "aarch64-unknown-linux-gnu"),
            ("x86_64", "x86_64-unknown-linux-gnu"),
            ("x86_64-unknown-linux-gnu.2.26", "x86_64-unknown-linux-gnu"),
            ("aarch64-unknown-linux-musl", "aarch64-unknown-linux-musl"),
            ("targets/custom.json", "targets/custom.json"),
        ];
        for (text, triple) in targets {
            let target: BuildTarget = text.parse().unwrap();
            assert_eq!((target.triple(), target.describe()), (triple, text.into()));
            assert_eq!(serde_json::to_value(&target).unwrap(), json!(text));
        }
        let compilers = [
            ("auto", CompilerKind::Auto),
            ("Cargo", CompilerKind::Cargo),
            ("zig", CompilerKind::Zig),
            ("cargo-zigbuild", CompilerKind::Zig),
            ("cargo_zigbuild", CompilerKind::Zig),
            ("musl", CompilerKind::Musl),
            ("cross", CompilerKind::Cross),
        ];
        for (text, kind) in compilers {
            let compiler = Compiler::from_text(text).map(|compiler| compiler.kind);
            assert_eq!(compiler, Some(kind), "{text}");
        }
        assert_eq!(
            "gcc".parse::<Compiler>().unwrap_err().to_string(),
            "expected `auto`, `cargo`, `zig` or `musl`"
        );
    }

    proptest! {
        #[test]
        fn texts_never_panic(text in ".*") {
            let _ = (Timeout::from_text(&text), Memory::from_text(&text));
            let _ = (Addresses::from_text(&text), Vec::<String>::from_text(&text));
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
