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
    /// 400: the body is not JSON, or a header does not parse.
    InvalidRequestContent(String),
    /// 404: no such function (or version); the message carries its ARN.
    ResourceNotFound {
        /// ARN with qualifier, as the service prints it.
        arn: String,
        /// The functions there are: a member of ours that SDKs ignore and people read.
        functions: Vec<String>,
    },
    /// 409: the function exists and cannot run now.
    ResourceConflict(String),
    /// 413: the payload is larger than the operation takes.
    RequestTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// 429: more invocations at a time than the account may run.
    TooManyRequests(ThrottleReason),
    /// 404: a path or method that is no operation of the service, or not one of this release.
    UnknownOperation(String),
    /// 500: a defect of the service.
    Service(String),
}

/// Why a request was throttled, as `Reason` in the answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThrottleReason {
    /// The account's concurrency is exhausted.
    ConcurrentInvocationLimitExceeded,
}

impl ThrottleReason {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::ConcurrentInvocationLimitExceeded => "ConcurrentInvocationLimitExceeded",
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

    /// HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::InvalidParameterValue(_)
            | Self::Validation { .. }
            | Self::InvalidRequestContent(_) => 400,
            Self::ResourceNotFound { .. } | Self::UnknownOperation(_) => 404,
            Self::ResourceConflict(_) => 409,
            Self::RequestTooLarge { .. } => 413,
            Self::TooManyRequests(_) => 429,
            Self::Service(_) => 500,
        }
    }

    /// Value of the `x-amzn-ErrorType` header.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidParameterValue(_) => "InvalidParameterValueException",
            Self::Validation { .. } => "ValidationException",
            Self::TooManyRequests(_) => "TooManyRequestsException",
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
            | Self::Service(message) => message.clone(),
            Self::Validation {
                value,
                field,
                constraint,
            } => format!(
                "1 validation error detected: Value '{value}' at '{field}' failed to satisfy constraint: {constraint}"
            ),
            Self::TooManyRequests(_) => "Rate Exceeded.".to_owned(),
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
            Self::Service(_) => json!({"Type": "Service", "Message": message}),
            Self::UnknownOperation(_) => json!({"Message": message}),
            Self::Validation { .. } => json!({"message": message}),
            Self::TooManyRequests(reason) => {
                json!({"Reason": reason.name(), "Type": "User", "message": message})
            }
            Self::InvalidParameterValue(_)
            | Self::InvalidRequestContent(_)
            | Self::ResourceConflict(_)
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
    fn the_message_key_follows_the_service_model() {
        let refused = ServiceError::InvalidRequestContent("no".to_owned());
        assert_eq!(
            refused.body().to_string(),
            r#"{"Type":"User","message":"no"}"#
        );
        assert_eq!(refused.status(), 400);
    }
}
