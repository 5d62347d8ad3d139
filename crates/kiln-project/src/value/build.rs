//! What a build is for, what makes it, and what it leaves behind.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::SettingValue;

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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
        assert_eq!(Compiler::from_json(&json!({"type": "gcc"})), None);
        assert_eq!(
            Compiler::from_json(&json!({"type": "cargo", "subcommand": 1})),
            None
        );
    }

    #[test]
    fn output_formats() {
        assert_eq!(OutputFormat::from_text("ZIP"), Some(OutputFormat::Zip));
        assert_eq!(OutputFormat::from_text("tar"), None);
    }
}
