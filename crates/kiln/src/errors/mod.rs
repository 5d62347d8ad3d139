//! Errors with a stable type, for alarms, retries and HTTP answers.
//!
//! What Lambda reports of a failed invocation is an `errorType` and an `errorMessage`. Alarms,
//! metric filters and Step Functions match on the type, so it must not change when code moves; the
//! default of `lambda_runtime` is the name of a Rust type, which for a boxed error is that of the box.
//!
//! # Example
//!
//! ```
//! use kiln::LambdaError;
//! use std::fmt;
//!
//! #[derive(Debug)]
//! struct CardDeclined;
//! # impl fmt::Display for CardDeclined {
//! #     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
//! #         f.write_str("the card was declined")
//! #     }
//! # }
//! # impl std::error::Error for CardDeclined {}
//!
//! impl LambdaError for CardDeclined {
//!     fn error_type(&self) -> &str {
//!         "CardDeclined"
//!     }
//!     fn http_status(&self) -> http::StatusCode {
//!         http::StatusCode::PAYMENT_REQUIRED
//!     }
//! }
//!
//! assert!(!CardDeclined.is_retryable());
//! ```

use http::StatusCode;
use lambda_runtime::Diagnostic;

/// An error whose type others rely on.
pub trait LambdaError: std::error::Error {
    /// What Lambda reports as `errorType`: the same for as long as somebody may match on it.
    fn error_type(&self) -> &str;

    /// Whether the same event may succeed when it is tried again. Unless said otherwise, it may not.
    fn is_retryable(&self) -> bool {
        false
    }

    /// The status for a caller over HTTP: unless said otherwise, 500.
    fn http_status(&self) -> StatusCode {
        StatusCode::INTERNAL_SERVER_ERROR
    }

    /// What Lambda reports: the type, and the message.
    fn diagnostic(&self) -> Diagnostic {
        Diagnostic {
            error_type: self.error_type().to_owned(),
            error_message: self.to_string(),
        }
    }
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
