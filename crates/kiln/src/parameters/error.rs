//! Why a parameter is not there.

use std::fmt;

use crate::errors::lambda_error;

/// Why a parameter could not be read.
///
/// Every variant has the name that was asked for; none has a value, nor any part of one. Errors of
/// the AWS SDK are told by their code and message and are not kept: theirs may hold a whole answer.
///
/// # Example
///
/// ```
/// use kiln::LambdaError;
/// use kiln::parameters::ParameterError;
///
/// let error = ParameterError::unavailable("/orders/url", "connection refused");
/// assert_eq!(error.name(), "/orders/url");
/// assert!(error.is_retryable());
/// assert_eq!(
///     error.to_string(),
///     "the store of parameter `/orders/url` does not answer: connection refused"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParameterError {
    /// There is no parameter of this name, or no such version of it.
    #[non_exhaustive]
    NotFound {
        /// The name that was asked for.
        name: String,
    },
    /// The function's role may not read it.
    #[non_exhaustive]
    AccessDenied {
        /// The name that was asked for.
        name: String,
        /// The permission that the role needs, such as `ssm:GetParameter`.
        permission: String,
    },
    /// The store cannot be reached, has not answered in time, throttles, or has failed. The only
    /// variant that is worth another try, and the only one that [stale values] stand in for.
    ///
    /// [stale values]: super::Parameters::stale_if_error
    #[non_exhaustive]
    Unavailable {
        /// The name that was asked for.
        name: String,
        /// What happened.
        reason: String,
    },
    /// The store refuses the call, for a reason that another try does not change.
    #[non_exhaustive]
    Refused {
        /// The name that was asked for.
        name: String,
        /// What the store says.
        reason: String,
    },
    /// The value is not what it was to be read as.
    #[non_exhaustive]
    Transform {
        /// The name that was asked for.
        name: String,
        /// What it is not, such as `JSON (line 1, column 5)`.
        expected: String,
    },
}

impl ParameterError {
    /// There is no parameter of this name.
    ///
    /// ```
    /// # use kiln::parameters::ParameterError;
    /// let error = ParameterError::not_found("/orders/url");
    /// assert_eq!(error.to_string(), "parameter `/orders/url` does not exist");
    /// ```
    pub fn not_found(name: impl Into<String>) -> Self {
        Self::NotFound { name: name.into() }
    }

    /// The function's role lacks a permission.
    ///
    /// ```
    /// # use kiln::parameters::ParameterError;
    /// let error = ParameterError::access_denied("/orders/url", "ssm:GetParameter");
    /// assert_eq!(
    ///     error.to_string(),
    ///     "parameter `/orders/url` may not be read: the function's role needs `ssm:GetParameter` for it"
    /// );
    /// ```
    pub fn access_denied(name: impl Into<String>, permission: impl Into<String>) -> Self {
        Self::AccessDenied {
            name: name.into(),
            permission: permission.into(),
        }
    }

    /// The store does not answer. The reason must not contain a value.
    ///
    /// ```
    /// # use kiln::parameters::ParameterError;
    /// use kiln::LambdaError;
    ///
    /// assert!(ParameterError::unavailable("/orders/url", "throttled").is_retryable());
    /// ```
    pub fn unavailable(name: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Unavailable {
            name: name.into(),
            reason: reason.into(),
        }
    }

    /// The store refuses. The reason must not contain a value.
    ///
    /// ```
    /// # use kiln::parameters::ParameterError;
    /// let error = ParameterError::refused("a name", "names have no spaces");
    /// assert_eq!(
    ///     error.to_string(),
    ///     "the store refuses parameter `a name`: names have no spaces"
    /// );
    /// ```
    pub fn refused(name: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Refused {
            name: name.into(),
            reason: reason.into(),
        }
    }

    pub(super) fn transform(name: impl Into<String>, expected: impl Into<String>) -> Self {
        Self::Transform {
            name: name.into(),
            expected: expected.into(),
        }
    }

    /// The name that was asked for.
    ///
    /// ```
    /// # use kiln::parameters::ParameterError;
    /// assert_eq!(ParameterError::not_found("/orders/url").name(), "/orders/url");
    /// ```
    pub fn name(&self) -> &str {
        match self {
            Self::NotFound { name }
            | Self::AccessDenied { name, .. }
            | Self::Unavailable { name, .. }
            | Self::Refused { name, .. }
            | Self::Transform { name, .. } => name,
        }
    }

    /// The same of another name: what fails for a whole batch fails for each of its names.
    pub(super) fn renamed(&self, to: &str) -> Self {
        let mut error = self.clone();
        match &mut error {
            Self::NotFound { name }
            | Self::AccessDenied { name, .. }
            | Self::Unavailable { name, .. }
            | Self::Refused { name, .. }
            | Self::Transform { name, .. } => to.clone_into(name),
        }
        error
    }

    fn error_type(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "ParameterNotFound",
            Self::AccessDenied { .. } => "ParameterAccessDenied",
            Self::Unavailable { .. } => "ParameterStoreUnavailable",
            Self::Refused { .. } => "ParameterRefused",
            Self::Transform { .. } => "ParameterTransform",
        }
    }

    pub(super) fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

impl fmt::Display for ParameterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound { name } => write!(f, "parameter `{name}` does not exist"),
            Self::AccessDenied { name, permission } => write!(
                f,
                "parameter `{name}` may not be read: the function's role needs `{permission}` for it"
            ),
            Self::Unavailable { name, reason } => {
                write!(
                    f,
                    "the store of parameter `{name}` does not answer: {reason}"
                )
            }
            Self::Refused { name, reason } => {
                write!(f, "the store refuses parameter `{name}`: {reason}")
            }
            Self::Transform { name, expected } => {
                write!(f, "the value of parameter `{name}` is not {expected}")
            }
        }
    }
}

impl std::error::Error for ParameterError {}

lambda_error! {
    ParameterError: |error| (
        error.error_type(),
        retryable: error.is_unavailable(),
        status: INTERNAL_SERVER_ERROR
    )
}
