//! Why flags could not be evaluated.

use std::fmt;

use crate::errors::lambda_error;

/// Why feature flags could not be read or evaluated. No message has a value of the document or of
/// the attributes in it.
///
/// # Example
///
/// ```
/// use kiln::flags::{FlagError, Schema};
///
/// let error = Schema::parse(br#"{
///     "discount": {
///         "default": false,
///         "rules": {
///             "regulars": {
///                 "when_match": true,
///                 "conditions": [{"action": "SOUNDS_LIKE", "key": "tier", "value": "gold"}]
///             }
///         }
///     }
/// }"#)
/// .unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "condition 1 of rule `regulars` of feature `discount`: there is no action `SOUNDS_LIKE`"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FlagError {
    /// The document is not JSON.
    #[non_exhaustive]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// The document is not of the schema.
    #[non_exhaustive]
    Schema {
        /// The feature, if it is about one.
        feature: Option<String>,
        /// The rule, if it is about one.
        rule: Option<String>,
        /// The condition, counted from 1, if it is about one.
        condition: Option<usize>,
        /// What is wrong.
        problem: String,
    },
    /// The feature has a value of another type than the one that was asked for.
    #[non_exhaustive]
    Type {
        /// The feature.
        feature: String,
        /// The type that was asked for.
        expected: &'static str,
    },
    /// The document cannot be read from its store.
    #[cfg(feature = "parameters")]
    Store(crate::parameters::ParameterError),
}

impl FlagError {
    fn error_type(&self) -> &'static str {
        match self {
            Self::Syntax { .. } => "FlagSyntax",
            Self::Schema { .. } => "FlagSchema",
            Self::Type { .. } => "FlagType",
            #[cfg(feature = "parameters")]
            Self::Store(_) => "FlagStore",
        }
    }

    fn is_retryable(&self) -> bool {
        match self {
            Self::Syntax { .. } | Self::Schema { .. } | Self::Type { .. } => false,
            #[cfg(feature = "parameters")]
            Self::Store(error) => crate::errors::LambdaError::is_retryable(error),
        }
    }
}

impl fmt::Display for FlagError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax { line, column } => write!(
                f,
                "the feature flags are not JSON (line {line}, column {column})"
            ),
            Self::Schema {
                feature,
                rule,
                condition,
                problem,
            } => {
                let places = [
                    condition.map(|condition| format!("condition {condition}")),
                    rule.as_ref().map(|rule| format!("rule `{rule}`")),
                    feature
                        .as_ref()
                        .map(|feature| format!("feature `{feature}`")),
                ];
                let places: Vec<String> = places.into_iter().flatten().collect();
                match places.as_slice() {
                    [] => write!(f, "the feature flags: {problem}"),
                    places => write!(f, "{}: {problem}", places.join(" of ")),
                }
            }
            Self::Type { feature, expected } => {
                write!(f, "the value of feature `{feature}` is no `{expected}`")
            }
            #[cfg(feature = "parameters")]
            Self::Store(error) => write!(f, "failed to read the feature flags: {error}"),
        }
    }
}

impl std::error::Error for FlagError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            #[cfg(feature = "parameters")]
            Self::Store(error) => Some(error),
            _ => None,
        }
    }
}

lambda_error! {
    FlagError: |error| (
        error.error_type(),
        retryable: error.is_retryable(),
        status: INTERNAL_SERVER_ERROR
    )
}
