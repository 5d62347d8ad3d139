//! A value together with where it came from.

use std::fmt;
use std::path::PathBuf;

use serde::{Serialize, Serializer};

/// A resolved value and its origin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Setting<T> {
    /// The effective value.
    pub value: T,
    /// The layer it was taken from.
    pub origin: Origin,
}

impl<T> Setting<T> {
    /// A value that nobody configured.
    pub fn default_value(value: T) -> Self {
        Self {
            value,
            origin: Origin::Default,
        }
    }
}

impl<T: fmt::Display> fmt::Display for Setting<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.value, self.origin)
    }
}

/// Where a value came from; its `Display` completes "taken from …".
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A flag of the command, such as `--memory`.
    Flag(&'static str),
    /// An environment variable of the shell, by name.
    Variable(String),
    /// A key of a manifest, or of `CargoLambda.toml`.
    Metadata {
        /// The file, relative to the workspace root where it lies inside.
        file: PathBuf,
        /// The table, as it is written in the file between brackets.
        table: String,
        /// The key in it.
        key: String,
    },
    /// A file of environment variables.
    EnvFile(PathBuf),
    /// Nobody said anything.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => f.write_str(flag),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Metadata { file, table, key } if table.is_empty() => {
                write!(f, "{key} in {}", file.display())
            }
            Self::Metadata { file, table, key } => {
                write!(f, "[{table}] {key} in {}", file.display())
            }
            Self::EnvFile(file) => write!(f, "{}", file.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

impl Serialize for Origin {
    /// The words of `Display`: programs show an origin, they do not act on it.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_read_like_places() {
        let metadata = |table: &str| Origin::Metadata {
            file: "a/Cargo.toml".into(),
            table: table.into(),
            key: "memory".into(),
        };
        let cases = [
            (Origin::Flag("--memory"), "--memory"),
            (
                Origin::Variable("KILN_MEMORY".into()),
                "environment variable KILN_MEMORY",
            ),
            (
                metadata("package.metadata.lambda.deploy"),
                "[package.metadata.lambda.deploy] memory in a/Cargo.toml",
            ),
            (metadata(""), "memory in a/Cargo.toml"),
            (Origin::EnvFile(".env".into()), ".env"),
            (Origin::Default, "default"),
        ];
        for (origin, expected) in cases {
            assert_eq!(origin.to_string(), expected);
        }
    }
}
