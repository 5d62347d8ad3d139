//! Names of projects: what cargo, Rust, Windows and Lambda can all live with.

use std::fmt;

use thiserror::Error;

/// Longest name of a Lambda function
/// (<https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>).
const LONGEST: usize = 64;

/// Words of the language, those of editions to come included; as cargo has them, and `gen`.
const KEYWORDS: &[&str] = &[
    "Self", "abstract", "as", "async", "await", "become", "box", "break", "const", "continue",
    "crate", "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if",
    "impl", "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub",
    "ref", "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// Directories of cargo's own below `target/debug`, where the executable would go.
const ARTIFACTS: &[&str] = &["build", "deps", "examples", "incremental"];

/// Crates that every crate can name already.
const STANDARD: &[&str] = &["alloc", "core", "proc_macro", "std", "test"];

/// A valid name for a package, its crate and its function.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProjectName(String);

impl ProjectName {
    /// Checks a name.
    ///
    /// ```
    /// use kiln_project::scaffold::ProjectName;
    ///
    /// assert_eq!(ProjectName::parse("my-orders")?.crate_name(), "my_orders");
    /// let error = ProjectName::parse("match").unwrap_err();
    /// assert_eq!(error.to_string(), "`match` cannot name a project: it is a keyword of Rust");
    /// # Ok::<(), kiln_project::scaffold::NameError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The first rule that the name breaks, and a name that breaks none.
    pub fn parse(name: &str) -> Result<Self, NameError> {
        match fault(name) {
            None => Ok(Self(name.to_owned())),
            Some(fault) => Err(NameError {
                name: name.to_owned(),
                fault,
                suggestion: suggest(name),
            }),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as Rust code writes it.
    pub fn crate_name(&self) -> String {
        self.0.replace('-', "_")
    }
}

impl fmt::Display for ProjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a name cannot name a project.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{name}` cannot name a project: it {fault}")]
pub struct NameError {
    name: String,
    /// A name close to it that is valid.
    suggestion: String,
    fault: String,
}

impl NameError {
    /// The way out.
    pub fn hint(&self) -> String {
        format!("a name like `{}` would do", self.suggestion)
    }
}

/// What is wrong, as the end of a sentence that begins with "it".
fn fault(name: &str) -> Option<String> {
    let crate_name = name.replace('-', "_");
    let lowercase = name.to_ascii_lowercase();
    let fault = if name.is_empty() {
        "is empty".to_owned()
    } else if let Some(bad) = name.chars().find(|c| !is_name_character(*c)) {
        format!("has the character `{bad}`, and only letters, digits, `-` and `_` are allowed")
    } else if name.starts_with(|c: char| c.is_ascii_digit()) {
        "starts with a digit".to_owned()
    } else if name.starts_with('-') {
        "starts with a dash".to_owned()
    } else if !name.contains(|c: char| c.is_ascii_alphanumeric()) {
        "has no letter".to_owned()
    } else if KEYWORDS.contains(&crate_name.as_str()) {
        "is a keyword of Rust".to_owned()
    } else if STANDARD.contains(&crate_name.as_str()) {
        "is the name of a crate that comes with Rust".to_owned()
    } else if ARTIFACTS.contains(&name) {
        "is the name of a directory that cargo keeps beside the executable".to_owned()
    } else if is_windows_device(&lowercase) {
        "is the name of a device on Windows".to_owned()
    } else if name.len() > LONGEST {
        format!("is longer than {LONGEST} characters, the most a Lambda function's name may have")
    } else {
        return None;
    };
    Some(fault)
}

fn is_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}

fn is_windows_device(lowercase: &str) -> bool {
    if let Some(number) = lowercase
        .strip_prefix("com")
        .or_else(|| lowercase.strip_prefix("lpt"))
    {
        return matches!(number.as_bytes(), [b'1'..=b'9']);
    }
    matches!(lowercase, "con" | "prn" | "aux" | "nul")
}

/// A valid name that reads like this one.
fn suggest(name: &str) -> String {
    let replaced: String = name
        .chars()
        .map(|c| if is_name_character(c) { c } else { '-' })
        .collect();
    let words: Vec<&str> = replaced
        .split('-')
        .filter(|word| !word.is_empty())
        .collect();
    let mut suggestion = words.join("-");
    suggestion.truncate(LONGEST - "-function".len());
    let suggestion = suggestion.trim_end_matches('-');
    if suggestion.is_empty() {
        return "my-function".to_owned();
    }
    for candidate in [
        suggestion.to_owned(),
        format!("{suggestion}-function"),
        format!("fn-{suggestion}"),
    ] {
        if fault(&candidate).is_none() {
            return candidate;
        }
    }
    "my-function".to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_and_what_is_wrong_with_them() {
        let cases = [
            ("orders", None, ""),
            ("a", None, ""),
            ("My_Orders-2", None, ""),
            ("_x", None, ""),
            ("", Some("is empty"), "my-function"),
            ("a b", Some("has the character ` `"), "a-b"),
            ("a/b", Some("has the character `/`"), "a-b"),
            ("café", Some("has the character `é`"), "caf"),
            ("a.b", Some("has the character `.`"), "a-b"),
            ("1st", Some("starts with a digit"), "fn-1st"),
            ("-a", Some("starts with a dash"), "a"),
            ("__", Some("has no letter"), "__-function"),
            ("match", Some("is a keyword of Rust"), "match-function"),
            ("gen", Some("is a keyword of Rust"), "gen-function"),
            (
                "test",
                Some("is the name of a crate that comes"),
                "test-function",
            ),
            (
                "proc-macro",
                Some("is the name of a crate that comes"),
                "proc-macro-function",
            ),
            ("deps", Some("is the name of a directory"), "deps-function"),
            ("Com1", Some("is the name of a device"), "Com1-function"),
            ("nul", Some("is the name of a device"), "nul-function"),
            ("com10", None, ""),
        ];
        for (name, fault, suggestion) in cases {
            match (ProjectName::parse(name), fault) {
                (Ok(parsed), None) => assert_eq!(parsed.as_str(), name),
                (Err(error), Some(fault)) => {
                    assert!(error.to_string().contains(fault), "{name}: {error}");
                    assert_eq!(error.suggestion, suggestion, "{name}");
                }
                (result, _) => panic!("{name}: {result:?}"),
            }
        }
    }

    #[test]
    fn lambda_limits_the_length() {
        assert!(ProjectName::parse(&"a".repeat(64)).is_ok());
        let error = ProjectName::parse(&"a".repeat(65)).unwrap_err();
        assert!(error.to_string().contains("longer than 64"), "{error}");
    }

    proptest! {
        #[test]
        fn every_suggestion_is_valid(name in any::<String>()) {
            if let Err(error) = ProjectName::parse(&name) {
                prop_assert!(ProjectName::parse(&error.suggestion).is_ok(), "{}", error.suggestion);
            }
        }

        #[test]
        fn valid_names_are_identifiers(name in "[a-z0-9_-]{1,70}") {
            if let Ok(name) = ProjectName::parse(&name) {
                let identifier = name.crate_name();
                prop_assert!(!identifier.starts_with(|c: char| c.is_ascii_digit()));
                prop_assert!(identifier.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
            }
        }
    }
}
