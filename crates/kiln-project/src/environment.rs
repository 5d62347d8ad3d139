//! The variables configuration may come from, as a value: what reads settings never reads the
//! process, so tests need not change it.

use std::collections::BTreeMap;
use std::ffi::OsString;

/// A set of environment variables.
///
/// ```
/// use kiln_project::Environment;
///
/// let environment = Environment::from_pairs([("KILN_MEMORY", "512")]);
/// assert_eq!(environment.get("KILN_MEMORY"), Some("512"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    variables: BTreeMap<String, String>,
}

impl Environment {
    /// The environment of this process. Variables that are not UTF-8 are left out: no setting of
    /// ours could be read from them.
    pub fn from_process() -> Self {
        let readable = |pair: (OsString, OsString)| {
            Some((pair.0.into_string().ok()?, pair.1.into_string().ok()?))
        };
        Self {
            variables: std::env::vars_os().filter_map(readable).collect(),
        }
    }

    /// An environment of exactly these variables.
    pub fn from_pairs<Name, Value>(pairs: impl IntoIterator<Item = (Name, Value)>) -> Self
    where
        Name: Into<String>,
        Value: Into<String>,
    {
        Self {
            variables: pairs
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        }
    }

    /// The value of a variable. An empty one counts as not set, which is how a shell unsets a
    /// variable for one command (`KILN_MEMORY= kiln watch`).
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }
}
