//! Why a function could not be started or called.

use std::fmt;
use std::io;

use lambda_runtime::Error;

/// Why a function could not be started or called on the local Lambda.
///
/// Its `Debug` form is its message: tests print that.
///
/// # Example
///
/// ```
/// use kiln::testing::{LocalBuilder, LocalError};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let refused = LocalBuilder::new(".", "orders").env("THE TABLE", "orders").await;
/// match refused.unwrap_err() {
///     LocalError::Variable { name } => assert_eq!(name, "THE TABLE"),
///     other => panic!("{other}"),
/// }
/// # });
/// ```
#[non_exhaustive]
pub enum LocalError {
    /// `kiln` did not start.
    NotStarted {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// `kiln` ended.
    Ended {
        /// What it has printed.
        printed: String,
    },
    /// The package does not build.
    DoesNotBuild {
        /// What was printed.
        printed: String,
    },
    /// A variable that cannot be passed on: not a name, or a value that `kiln watch --env-var` reads
    /// as several.
    Variable {
        /// Its name.
        name: String,
    },
    /// The call did not reach an answer.
    Call(Error),
    /// The local Lambda refused the call.
    Refused {
        /// The HTTP status.
        status: u16,
        /// What it says.
        message: String,
    },
    /// The answer is not of the type that it was read as.
    Answer {
        /// Why.
        source: serde_json::Error,
        /// The answer.
        text: String,
    },
}

impl fmt::Display for LocalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStarted { program, source } => write!(
                f,
                "cannot start `{program}`: {source}; install it with `cargo install cargo-kiln`, or \
                 name the program in the variable `KILN`"
            ),
            Self::Ended { printed } => write!(f, "`kiln watch` ended:\n{printed}"),
            Self::DoesNotBuild { printed } => write!(f, "the package does not build:\n{printed}"),
            Self::Variable { name } => write!(
                f,
                "the variable `{name}` cannot be passed on: its name has letters, digits and `_`, \
                 its value no blanks at its ends and no comma before a name and `=`"
            ),
            Self::Call(error) => write!(f, "the call failed: {error}"),
            Self::Refused { status, message } => write!(f, "refused with {status}: {message}"),
            Self::Answer { source, text } => write!(f, "{source} in the answer:\n{text}"),
        }
    }
}

impl fmt::Debug for LocalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for LocalError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NotStarted { source, .. } => Some(source),
            Self::Call(error) => Some(error.as_ref()),
            Self::Answer { source, .. } => Some(source),
            _ => None,
        }
    }
}
