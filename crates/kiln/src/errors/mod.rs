//! Errors with a stable type, for alarms, retries and HTTP answers.
//!
//! What Lambda reports of a failed invocation is an `errorType` and an `errorMessage`
//! ([Invocation error]). Alarms, metric filters and [Step Functions] match on the type, so it must not
//! change when code moves; the default of `lambda_runtime` is the name of a Rust type, which for a boxed
//! error is that of the box.
//!
//! # Example
//!
//! ```
//! use kiln::LambdaError;
//!
//! #[derive(Debug, thiserror::Error, LambdaError)]
//! enum PaymentError {
//!     #[error("the card was declined")]
//!     #[lambda_error(status = 402)]
//!     CardDeclined,
//!     #[error("the bank does not answer")]
//!     #[lambda_error(type = "BankDown", retryable, status = 503)]
//!     Bank(#[from] std::io::Error),
//! }
//!
//! let declined = PaymentError::CardDeclined;
//! assert_eq!(declined.error_type(), "CardDeclined");
//! assert_eq!(declined.http_status().as_u16(), 402);
//! assert!(!declined.is_retryable());
//!
//! // What Lambda reports when a handler returns it.
//! let diagnostic = kiln::Diagnostic::from(declined);
//! assert_eq!(diagnostic.error_type, "CardDeclined");
//! assert_eq!(diagnostic.error_message, "the card was declined");
//! ```
//!
//! A handler of many errors returns `Result<_, kiln::Diagnostic>`, into which `?` turns all of them.
//! In a box (`kiln::Error`, which `?` fills as well) the errors of this crate keep their types; a type
//! of the function's own is lost there, and reported as `Error`.
//!
//! [Invocation error]: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-invokeerror
//! [Step Functions]: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html

mod boxed;

pub(crate) use boxed::diagnostic;
pub use http::StatusCode;
#[cfg(feature = "derive")]
#[doc(no_inline)]
pub use kiln_macros::LambdaError;
use lambda_runtime::Diagnostic;

/// An error whose type others rely on.
///
/// Derived with the feature `derive`, see [the derive macro](derive@LambdaError); by hand:
///
/// ```
/// use kiln::errors::{LambdaError, StatusCode};
/// use std::fmt;
///
/// #[derive(Debug)]
/// struct CardDeclined;
///
/// impl fmt::Display for CardDeclined {
///     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
///         f.write_str("the card was declined")
///     }
/// }
///
/// impl std::error::Error for CardDeclined {}
///
/// impl LambdaError for CardDeclined {
///     fn error_type(&self) -> &str {
///         "CardDeclined"
///     }
///     fn http_status(&self) -> StatusCode {
///         StatusCode::PAYMENT_REQUIRED
///     }
/// }
///
/// impl From<CardDeclined> for kiln::Diagnostic {
///     fn from(error: CardDeclined) -> Self {
///         error.diagnostic()
///     }
/// }
///
/// assert!(!CardDeclined.is_retryable());
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no error type for Lambda",
    note = "derive it: `#[derive(kiln::LambdaError)]`"
)]
pub trait LambdaError: std::error::Error {
    /// What Lambda reports as `errorType`: the same for as long as somebody may match on it.
    ///
    /// Of the states of Step Functions, `Retry` and `Catch` match on it: see [Handling errors].
    ///
    /// [Handling errors]: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::LambdaError;
    ///
    /// #[derive(Debug, thiserror::Error, LambdaError)]
    /// enum PaymentError {
    ///     #[error("the bank does not answer")]
    ///     #[lambda_error(type = "BankDown")]
    ///     Bank,
    /// }
    /// // What an alarm counts, whatever the variant is called.
    /// assert_eq!(PaymentError::Bank.error_type(), "BankDown");
    /// ```
    fn error_type(&self) -> &str;

    /// Whether the same event may succeed when it is tried again. Unless said otherwise, it may not.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::LambdaError;
    ///
    /// #[derive(Debug, thiserror::Error, LambdaError)]
    /// enum PaymentError {
    ///     #[error("the card was declined")]
    ///     Declined,
    ///     #[error("the bank does not answer")]
    ///     #[lambda_error(retryable)]
    ///     Bank,
    /// }
    /// assert!(!PaymentError::Declined.is_retryable());
    /// assert!(PaymentError::Bank.is_retryable());
    /// ```
    fn is_retryable(&self) -> bool {
        false
    }

    /// The status for a caller over HTTP: unless said otherwise, 500.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::LambdaError;
    ///
    /// #[derive(Debug, thiserror::Error, LambdaError)]
    /// enum PaymentError {
    ///     #[error("the card was declined")]
    ///     #[lambda_error(status = 402)]
    ///     Declined,
    ///     #[error("the ledger is not balanced")]
    ///     Ledger,
    /// }
    /// assert_eq!(PaymentError::Declined.http_status(), 402);
    /// assert_eq!(PaymentError::Ledger.http_status(), 500);
    /// ```
    fn http_status(&self) -> StatusCode {
        StatusCode::INTERNAL_SERVER_ERROR
    }

    /// What Lambda reports: the type, and the message, as the Runtime API's [Invocation error] takes them.
    ///
    /// [Invocation error]: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-invokeerror
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::LambdaError;
    ///
    /// #[derive(Debug, thiserror::Error, LambdaError)]
    /// enum PaymentError {
    ///     #[error("the card {0} was declined")]
    ///     Declined(u32),
    /// }
    /// let diagnostic = PaymentError::Declined(4242).diagnostic();
    /// assert_eq!(diagnostic.error_type, "Declined");
    /// assert_eq!(diagnostic.error_message, "the card 4242 was declined");
    /// ```
    fn diagnostic(&self) -> Diagnostic {
        Diagnostic {
            error_type: self.error_type().to_owned(),
            error_message: self.to_string(),
        }
    }
}

impl<E: LambdaError> LambdaError for Box<E> {
    fn error_type(&self) -> &str {
        self.as_ref().error_type()
    }
    fn is_retryable(&self) -> bool {
        self.as_ref().is_retryable()
    }
    fn http_status(&self) -> StatusCode {
        self.as_ref().http_status()
    }
}

/// For the derive macro, which has checked the number.
#[doc(hidden)]
pub fn __status(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Implements [`LambdaError`] for an error of this crate, and what a handler needs to return it.
///
/// The crate's own derive macro is a feature, and its errors must do without.
macro_rules! lambda_error {
    ($error:ty: |$it:ident| ($kind:expr, retryable: $retryable:expr, status: $status:ident)) => {
        impl $crate::errors::LambdaError for $error {
            fn error_type(&self) -> &str {
                let $it = self;
                $kind
            }
            fn is_retryable(&self) -> bool {
                let $it = self;
                $retryable
            }
            fn http_status(&self) -> ::http::StatusCode {
                ::http::StatusCode::$status
            }
        }

        impl From<$error> for ::lambda_runtime::Diagnostic {
            fn from(error: $error) -> Self {
                $crate::errors::LambdaError::diagnostic(&error)
            }
        }
    };
}
pub(crate) use lambda_error;
