//! The errors of the Lambda API: status, code and body of each refusal.
//!
//! Source: the *Errors* section of the
//! [Invoke](https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html) operation and the
//! service model, which decides per error whether the body's key is `message` or `Message`.

use serde_json::{Value, json};

/// A request refused before the function ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceError {
    /// 400: a parameter has a value the service does not take.
    InvalidParameterValue(String),
    /// 400: a parameter breaks a constraint of the service's model.
    Validation {
        /// The value as it was sent.
        value: String,
        /// The parameter, camel case.
        field: &'static str,
        /// What it must satisfy, in the model's words.
        constraint: String,
    },
    /// 400: a parameter whose value is nobody else's business breaks a constraint of the model.
    SensitiveValidation {
        /// The parameter, camel case.
        field: &'static str,
        /// What it must satisfy, in the model's words.
        constraint: &'static str,
    },
    /// 400: the body is not JSON, or a header does not parse.
    InvalidRequestContent(String),
    /// 400: the function calls itself, by whatever way, again and again.
    RecursiveInvocation(String),
    /// 400: the function can be invoked by version only, and has none.
    NoPublishedVersion(String),
    /// 400: the function takes synchronous invocations only, or asynchronous ones.
    ModeNotSupported(String),
    /// 400: the after-restore hook failed.
    SnapStart(String),
    /// 402: more of something than the account may have.
    ServiceQuotaExceeded(String),
    /// 403: no permission.
    AccessDenied(String),
    /// 404: no such function (or version); the message carries its ARN.
    ResourceNotFound {
        /// ARN with qualifier, as the service prints it.
        arn: String,
        /// The functions there are: a member of ours that SDKs ignore and people read.
        functions: Vec<String>,
    },
    /// 408: the after-restore hook did not end in time.
    SnapStartTimeout(String),
    /// 409: the function exists and cannot run now.
    ResourceConflict(String),
    /// 409: the version's snapshot is not there yet.
    SnapStartNotReady(String),
    /// 409: a durable execution of this name runs with another payload.
    DurableExecutionAlreadyStarted(String),
    /// 413: the payload is larger than the operation takes.
    RequestTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// 415: the body's content type is not JSON.
    UnsupportedMediaType(String),
    /// 429: more than may be, of what the reason says.
    TooManyRequests {
        /// Of what.
        reason: ThrottleReason,
        /// The header `Retry-After`: in how many seconds it is worth trying again, where that is known.
        retry_after_seconds: Option<u64>,
    },
    /// 404: a path or method that is no operation of the service, or not one of this release.
    UnknownOperation(String),
    /// 500: a defect of the service.
    Service(String),
    /// 502: the function's runtime is none that can be run.
    InvalidRuntime(String),
    /// 502: the function's code cannot be unpacked.
    InvalidZipFile(String),
    /// 502: the function is inactive and wakes up.
    ResourceNotReady(String),
}

/// Why a request was throttled, as `Reason` in the answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThrottleReason {
    /// The account's concurrency is exhausted.
    ConcurrentInvocationLimitExceeded,
    /// The function's reserved concurrency is exhausted, or 0.
    ReservedFunctionConcurrentInvocationLimitExceeded,
    /// Environments cannot be added as fast, or more than ten requests a second for each that may
    /// run at a time.
    FunctionInvocationRateLimitExceeded,
    /// More than ten requests a second for each unit of reserved concurrency.
    ReservedFunctionInvocationRateLimitExceeded,
    /// Too many requests to the control plane.
    CallerRateLimitExceeded,
    /// Too many snapshots at a time.
    ConcurrentSnapshotCreateLimitExceeded,
}

impl ThrottleReason {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::ConcurrentInvocationLimitExceeded => "ConcurrentInvocationLimitExceeded",
            Self::ReservedFunctionConcurrentInvocationLimitExceeded => {
                "ReservedFunctionConcurrentInvocationLimitExceeded"
            }
            Self::FunctionInvocationRateLimitExceeded => "FunctionInvocationRateLimitExceeded",
            Self::ReservedFunctionInvocationRateLimitExceeded => {
                "ReservedFunctionInvocationRateLimitExceeded"
            }
            Self::CallerRateLimitExceeded => "CallerRateLimitExceeded",
            Self::ConcurrentSnapshotCreateLimitExceeded => "ConcurrentSnapshotCreateLimitExceeded",
        }
    }
}

impl ServiceError {
    /// `Function not found`, for a function without a version of its own in the request.
    pub fn function_not_found(arn: &crate::function::FunctionArn, functions: Vec<String>) -> Self {
        let mut arn = arn.clone();
        // Invoke appends the qualifier, `$LATEST` by default.
        arn.qualifier
            .get_or_insert_with(|| crate::function::LATEST.to_owned());
        Self::ResourceNotFound {
            arn: arn.to_string(),
            functions,
        }
    }

    /// The caller may not do this to the function.
    pub fn access_denied(caller: &str, action: &str, function: &str) -> Self {
        Self::AccessDenied(format!(
            "User: {caller} is not authorized to perform: {action} on resource: {function} because no identity-based policy allows the {action} action"
        ))
    }

    /// The function is there and in a state it cannot run in, such as `Pending`.
    pub fn not_in_this_state(state: &str) -> Self {
        Self::ResourceConflict(format!(
            "The operation cannot be performed at this time. The function is currently in the following state: {state}"
        ))
    }

    /// HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::InvalidParameterValue(_)
            | Self::Validation { .. }
            | Self::SensitiveValidation { .. }
            | Self::InvalidRequestContent(_)
            | Self::RecursiveInvocation(_)
            | Self::NoPublishedVersion(_)
            | Self::ModeNotSupported(_)
            | Self::SnapStart(_) => 400,
            Self::ServiceQuotaExceeded(_) => 402,
            Self::AccessDenied(_) => 403,
            Self::ResourceNotFound { .. } | Self::UnknownOperation(_) => 404,
            Self::SnapStartTimeout(_) => 408,
            Self::ResourceConflict(_)
            | Self::SnapStartNotReady(_)
            | Self::DurableExecutionAlreadyStarted(_) => 409,
            Self::RequestTooLarge { .. } => 413,
            Self::UnsupportedMediaType(_) => 415,
            Self::TooManyRequests { .. } => 429,
            Self::Service(_) => 500,
            Self::InvalidRuntime(_) | Self::InvalidZipFile(_) | Self::ResourceNotReady(_) => 502,
        }
    }

    /// Value of the `Retry-After` header, where the answer has one.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            Self::TooManyRequests {
                retry_after_seconds,
                ..
            } => *retry_after_seconds,
            _ => None,
        }
    }

    /// Value of the `x-amzn-ErrorType` header.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidParameterValue(_) => "InvalidParameterValueException",
            Self::Validation { .. } | Self::SensitiveValidation { .. } => "ValidationException",
            Self::RecursiveInvocation(_) => "RecursiveInvocationException",
            Self::NoPublishedVersion(_) => "NoPublishedVersionException",
            Self::ModeNotSupported(_) => "ModeNotSupportedException",
            Self::SnapStart(_) => "SnapStartException",
            Self::SnapStartTimeout(_) => "SnapStartTimeoutException",
            Self::SnapStartNotReady(_) => "SnapStartNotReadyException",
            Self::ServiceQuotaExceeded(_) => "ServiceQuotaExceededException",
            Self::AccessDenied(_) => "AccessDeniedException",
            Self::DurableExecutionAlreadyStarted(_) => "DurableExecutionAlreadyStartedException",
            Self::UnsupportedMediaType(_) => "UnsupportedMediaTypeException",
            Self::InvalidRuntime(_) => "InvalidRuntimeException",
            Self::InvalidZipFile(_) => "InvalidZipFileException",
            Self::ResourceNotReady(_) => "ResourceNotReadyException",
            Self::TooManyRequests { .. } => "TooManyRequestsException",
            Self::InvalidRequestContent(_) => "InvalidRequestContentException",
            Self::ResourceNotFound { .. } => "ResourceNotFoundException",
            Self::ResourceConflict(_) => "ResourceConflictException",
            Self::RequestTooLarge { .. } => "RequestTooLargeException",
            Self::UnknownOperation(_) => "UnknownOperationException",
            Self::Service(_) => "ServiceException",
        }
    }

    /// The message on its own.
    pub fn message(&self) -> String {
        match self {
            Self::InvalidParameterValue(message)
            | Self::InvalidRequestContent(message)
            | Self::ResourceConflict(message)
            | Self::UnknownOperation(message)
            | Self::RecursiveInvocation(message)
            | Self::NoPublishedVersion(message)
            | Self::ModeNotSupported(message)
            | Self::SnapStart(message)
            | Self::SnapStartTimeout(message)
            | Self::SnapStartNotReady(message)
            | Self::ServiceQuotaExceeded(message)
            | Self::AccessDenied(message)
            | Self::DurableExecutionAlreadyStarted(message)
            | Self::UnsupportedMediaType(message)
            | Self::InvalidRuntime(message)
            | Self::InvalidZipFile(message)
            | Self::ResourceNotReady(message)
            | Self::Service(message) => message.clone(),
            Self::SensitiveValidation { field, constraint } => format!(
                "1 validation error detected: Value at '{field}' failed to satisfy constraint: {constraint}"
            ),
            Self::Validation {
                value,
                field,
                constraint,
            } => format!(
                "1 validation error detected: Value '{value}' at '{field}' failed to satisfy constraint: {constraint}"
            ),
            Self::TooManyRequests { .. } => "Rate Exceeded.".to_owned(),
            Self::ResourceNotFound { arn, .. } => format!("Function not found: {arn}"),
            Self::RequestTooLarge { limit } => {
                format!(
                    "Request must be smaller than {limit} bytes for the InvokeFunction operation"
                )
            }
        }
    }

    /// JSON body.
    pub fn body(&self) -> Value {
        let message = self.message();
        match self {
            Self::ResourceNotFound { functions, .. } => {
                json!({"Type": "User", "Message": message, "Functions": functions})
            }
            // A caller is told who is to blame; the model says it of each error.
            Self::Service(_) | Self::InvalidRuntime(_) | Self::InvalidZipFile(_) => {
                json!({"Type": "Service", "Message": message})
            }
            Self::ResourceNotReady(_) => json!({"Type": "Service", "message": message}),
            Self::RecursiveInvocation(_)
            | Self::NoPublishedVersion(_)
            | Self::ModeNotSupported(_)
            | Self::SnapStart(_)
            | Self::SnapStartTimeout(_)
            | Self::SnapStartNotReady(_)
            | Self::ServiceQuotaExceeded(_)
            | Self::DurableExecutionAlreadyStarted(_) => {
                json!({"Type": "User", "Message": message})
            }
            Self::AccessDenied(_) | Self::UnknownOperation(_) => json!({"Message": message}),
            Self::Validation { .. } | Self::SensitiveValidation { .. } => {
                json!({"message": message})
            }
            Self::TooManyRequests { reason, .. } => {
                json!({"Reason": reason.name(), "Type": "User", "message": message})
            }
            Self::InvalidParameterValue(_)
            | Self::InvalidRequestContent(_)
            | Self::ResourceConflict(_)
            | Self::UnsupportedMediaType(_)
            | Self::RequestTooLarge { .. } => json!({"Type": "User", "message": message}),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::function::FunctionArn;

    #[test]
    fn an_unknown_function_is_answered_with_its_arn_and_the_functions_there_are() {
        let arn = FunctionArn {
            region: "us-east-1".to_owned(),
            account: "000000000000".to_owned(),
            name: "nope".to_owned(),
            qualifier: None,
        };
        let error = ServiceError::function_not_found(&arn, vec!["orders".to_owned()]);
        assert_eq!(error.status(), 404);
        assert_eq!(error.code(), "ResourceNotFoundException");
        assert_eq!(
            error.body().to_string(),
            r#"{"Type":"User","Message":"Function not found: arn:aws:lambda:us-east-1:000000000000:function:nope:$LATEST","Functions":["orders"]}"#
        );
    }

    #[test]
    fn every_refusal_has_its_status_code_and_body() {
        let text = || "m".to_owned();
        for (error, status, code, body) in [
            (
                ServiceError::RecursiveInvocation(text()),
                400,
                "RecursiveInvocationException",
                r#"{"Type":"User","Message":"m"}"#,
            ),
            (
                ServiceError::NoPublishedVersion(text()),
                400,
                "NoPublishedVersionException",
                r#"{"Type":"User","Message":"m"}"#,
            ),
            (
                ServiceError::ModeNotSupported(text()),
                400,
                "ModeNotSupportedException",
                r#"{"Type":"User","Message":"m"}"#,
            ),
            (
                ServiceError::SnapStart(text()),
                400,
                "SnapStartException",
                r#"{"Type":"User","Message":"m"}"#,
            ),
            (
                ServiceError::ServiceQuotaExceeded(text()),
                402,
                "ServiceQuotaExceededException",
                r#"{"Type":"User","Message":"m"}"#,
            ),
            (
                ServiceError::access_denied("arn:u", "lambda:InvokeFunction", "arn:f"),
                403,
                "AccessDeniedException",
                r#"{"Message":"User: arn:u is not authorized to perform: lambda:InvokeFunction on resource: arn:f because no identity-based policy allows the lambda:InvokeFunction action"}"#,
            ),
            (
                ServiceError::SnapStartTimeout(text()),
                408,
                "SnapStartTimeoutException",
                r#"{"Type":"User","Message":"m"}"#,
            ),
            (
                ServiceError::not_in_this_state("Pending"),
                409,
                "ResourceConflictException",
                r#"{"Type":"User","message":"The operation cannot be performed at this time. The function is currently in the following state: Pending"}"#,
            ),
            (
                ServiceError::SnapStartNotReady(text()),
                409,
                "SnapStartNotReadyException",
                r#"{"Type":"User","Message":"m"}"#,
            ),
            (
                ServiceError::DurableExecutionAlreadyStarted(text()),
                409,
                "DurableExecutionAlreadyStartedException",
                r#"{"Type":"User","Message":"m"}"#,
            ),
            (
                ServiceError::RequestTooLarge { limit: 6_291_456 },
                413,
                "RequestTooLargeException",
                r#"{"Type":"User","message":"Request must be smaller than 6291456 bytes for the InvokeFunction operation"}"#,
            ),
            (
                ServiceError::UnsupportedMediaType(text()),
                415,
                "UnsupportedMediaTypeException",
                r#"{"Type":"User","message":"m"}"#,
            ),
            (
                ServiceError::Service(text()),
                500,
                "ServiceException",
                r#"{"Type":"Service","Message":"m"}"#,
            ),
            (
                ServiceError::InvalidRuntime(text()),
                502,
                "InvalidRuntimeException",
                r#"{"Type":"Service","Message":"m"}"#,
            ),
            (
                ServiceError::InvalidZipFile(text()),
                502,
                "InvalidZipFileException",
                r#"{"Type":"Service","Message":"m"}"#,
            ),
            (
                ServiceError::ResourceNotReady(text()),
                502,
                "ResourceNotReadyException",
                r#"{"Type":"Service","message":"m"}"#,
            ),
            (
                ServiceError::SensitiveValidation {
                    field: "f",
                    constraint: "c",
                },
                400,
                "ValidationException",
                r#"{"message":"1 validation error detected: Value at 'f' failed to satisfy constraint: c"}"#,
            ),
        ] {
            assert_eq!(
                (
                    error.status(),
                    error.code(),
                    error.body().to_string().as_str()
                ),
                (status, code, body)
            );
        }
    }

    #[test]
    fn every_throttle_has_its_reason() {
        for (reason, name) in [
            (
                ThrottleReason::ConcurrentInvocationLimitExceeded,
                "ConcurrentInvocationLimitExceeded",
            ),
            (
                ThrottleReason::ReservedFunctionConcurrentInvocationLimitExceeded,
                "ReservedFunctionConcurrentInvocationLimitExceeded",
            ),
            (
                ThrottleReason::FunctionInvocationRateLimitExceeded,
                "FunctionInvocationRateLimitExceeded",
            ),
            (
                ThrottleReason::ReservedFunctionInvocationRateLimitExceeded,
                "ReservedFunctionInvocationRateLimitExceeded",
            ),
            (
                ThrottleReason::CallerRateLimitExceeded,
                "CallerRateLimitExceeded",
            ),
            (
                ThrottleReason::ConcurrentSnapshotCreateLimitExceeded,
                "ConcurrentSnapshotCreateLimitExceeded",
            ),
        ] {
            let error = ServiceError::TooManyRequests {
                reason,
                retry_after_seconds: None,
            };
            assert_eq!(
                (error.status(), error.code()),
                (429, "TooManyRequestsException")
            );
            assert_eq!(
                error.body().to_string(),
                format!(r#"{{"Reason":"{name}","Type":"User","message":"Rate Exceeded."}}"#)
            );
        }
    }

    #[test]
    fn the_message_key_follows_the_service_model() {
        let refused = ServiceError::InvalidRequestContent("no".to_owned());
        assert_eq!(
            refused.body().to_string(),
            r#"{"Type":"User","message":"no"}"#
        );
        assert_eq!(refused.status(), 400);
    }
}
