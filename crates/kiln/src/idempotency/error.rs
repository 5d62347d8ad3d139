//! Why an execution was not protected, or did not run.

use std::error::Error;
use std::fmt;

use http::StatusCode;
use lambda_runtime::Diagnostic;

use super::store::StoreError;
use crate::errors::{LambdaError, diagnostic};

/// Why an execution was not protected, or did not run.
///
/// # Example
///
/// ```
/// use kiln::LambdaError as _;
/// use kiln::idempotency::IdempotencyError;
///
/// let error = IdempotencyError::AlreadyInProgress { id: "orders.charge#d41d8cd9".to_owned() };
/// assert!(error.is_retryable());
/// assert_eq!(error.error_type(), "IdempotencyAlreadyInProgress");
/// assert_eq!(error.http_status(), 409);
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum IdempotencyError {
    /// An execution with the same key has begun, and its time is not up.
    AlreadyInProgress {
        /// The key, hashed.
        id: String,
    },
    /// The record was there, and was gone or out of date when it was looked at, three times in a row.
    InconsistentState {
        /// The key, hashed.
        id: String,
    },
    /// The key was used before, with another payload.
    PayloadMismatch {
        /// The key, hashed.
        id: String,
    },
    /// There is nothing in the event that could be a key.
    MissingKey,
    /// The key or the payload cannot be written as JSON.
    UnusableKey(serde_json::Error),
    /// The handler's answer cannot be stored as JSON.
    UnusableResponse(serde_json::Error),
    /// The stored answer is not what the handler answers: written by another version of it.
    UnreadableResponse {
        /// The key, hashed.
        id: String,
    },
    /// The store has failed.
    PersistenceLayer(StoreError),
}

impl fmt::Display for IdempotencyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyInProgress { id } => {
                write!(
                    f,
                    "an execution with the idempotency key `{id}` is in progress"
                )
            }
            Self::InconsistentState { id } => {
                write!(f, "the record of the idempotency key `{id}` keeps changing")
            }
            Self::PayloadMismatch { id } => write!(
                f,
                "the idempotency key `{id}` was used before with another payload"
            ),
            Self::MissingKey => f.write_str("the event has no idempotency key"),
            Self::UnusableKey(_) => f.write_str("the idempotency key cannot be written as JSON"),
            Self::UnusableResponse(_) => {
                f.write_str("the answer cannot be written as JSON, to be stored")
            }
            Self::UnreadableResponse { id } => write!(
                f,
                "the stored answer of the idempotency key `{id}` is not what the function answers"
            ),
            Self::PersistenceLayer(error) => error.fmt(f),
        }
    }
}

impl Error for IdempotencyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::UnusableKey(error) | Self::UnusableResponse(error) => Some(error),
            // It speaks for itself.
            Self::PersistenceLayer(error) => error.source(),
            _ => None,
        }
    }
}

impl LambdaError for IdempotencyError {
    fn error_type(&self) -> &str {
        match self {
            Self::AlreadyInProgress { .. } => "IdempotencyAlreadyInProgress",
            Self::InconsistentState { .. } => "IdempotencyInconsistentState",
            Self::PayloadMismatch { .. } => "IdempotencyValidation",
            Self::MissingKey => "IdempotencyMissingKey",
            Self::UnusableKey(_) => "IdempotencyUnusableKey",
            Self::UnusableResponse(_) => "IdempotencyUnusableResponse",
            Self::UnreadableResponse { .. } => "IdempotencyUnreadableResponse",
            Self::PersistenceLayer(error) => error.error_type(),
        }
    }

    fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::AlreadyInProgress { .. }
                | Self::InconsistentState { .. }
                | Self::PersistenceLayer(_)
        )
    }

    /// Those of the [draft on the header `Idempotency-Key`][draft], where it has one.
    ///
    /// [draft]: https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
    fn http_status(&self) -> StatusCode {
        match self {
            Self::AlreadyInProgress { .. } | Self::InconsistentState { .. } => StatusCode::CONFLICT,
            Self::PayloadMismatch { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::MissingKey | Self::UnusableKey(_) => StatusCode::BAD_REQUEST,
            Self::UnusableResponse(_) | Self::UnreadableResponse { .. } => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
            Self::PersistenceLayer(error) => error.http_status(),
        }
    }
}

impl From<IdempotencyError> for Diagnostic {
    fn from(error: IdempotencyError) -> Self {
        error.diagnostic()
    }
}

/// The handler's error, or one of its protection.
///
/// # Example
///
/// ```
/// use kiln::Diagnostic;
/// use kiln::idempotency::{IdempotencyError, RunError};
///
/// let error: RunError<&str> = RunError::Handler("the card was declined");
/// assert_eq!(Diagnostic::from(error).error_message, "the card was declined");
/// let error: RunError<&str> = IdempotencyError::MissingKey.into();
/// assert_eq!(Diagnostic::from(error).error_type, "IdempotencyMissingKey");
/// ```
///
/// It is a [`LambdaError`] where the handler's is one, with that one's type and status.
#[derive(Debug)]
pub enum RunError<E> {
    /// The handler's.
    Handler(E),
    /// Of its protection.
    Idempotency(IdempotencyError),
}

impl<E> From<IdempotencyError> for RunError<E> {
    fn from(error: IdempotencyError) -> Self {
        Self::Idempotency(error)
    }
}

impl<E: fmt::Display> fmt::Display for RunError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Handler(error) => error.fmt(f),
            Self::Idempotency(error) => error.fmt(f),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> Error for RunError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            // A boxed error is none itself.
            Self::Handler(_) => None,
            Self::Idempotency(error) => error.source(),
        }
    }
}

/// For work whose error is one: a function that answers requests returns it as it is.
impl<E: LambdaError> LambdaError for RunError<E> {
    fn error_type(&self) -> &str {
        match self {
            Self::Handler(error) => error.error_type(),
            Self::Idempotency(error) => error.error_type(),
        }
    }

    fn is_retryable(&self) -> bool {
        match self {
            Self::Handler(error) => error.is_retryable(),
            Self::Idempotency(error) => error.is_retryable(),
        }
    }

    fn http_status(&self) -> StatusCode {
        match self {
            Self::Handler(error) => error.http_status(),
            Self::Idempotency(error) => error.http_status(),
        }
    }
}

impl<E: Into<Diagnostic> + 'static> From<RunError<E>> for Diagnostic {
    fn from(error: RunError<E>) -> Self {
        match error {
            RunError::Handler(error) => diagnostic(error),
            RunError::Idempotency(error) => error.into(),
        }
    }
}

/// Settings that make no sense.
///
/// # Example
///
/// ```
/// use kiln::idempotency::{Idempotency, MemoryStore, SettingsError};
/// use std::time::Duration;
///
/// let builder = Idempotency::builder(MemoryStore::new()).expires_after(Duration::ZERO);
/// let error = builder.build().unwrap_err();
/// assert_eq!(error, SettingsError::Expiry(Duration::ZERO));
/// assert_eq!(error.to_string(), "records that expire after `0ns` protect nothing: the least is one second");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SettingsError {
    /// Records would expire within the second: stores count in seconds.
    Expiry(std::time::Duration),
    /// The name, or the prefix of keys, is empty.
    EmptyName,
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expiry(after) => write!(
                f,
                "records that expire after `{after:?}` protect nothing: the least is one second"
            ),
            Self::EmptyName => f.write_str("the name of what is protected is empty"),
        }
    }
}

impl Error for SettingsError {}

crate::errors::lambda_error! {
    SettingsError: |_error| ("IdempotencySettings", retryable: false, status: INTERNAL_SERVER_ERROR)
}
