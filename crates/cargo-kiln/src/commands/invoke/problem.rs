//! What an invocation that did not reach its function means, and what to do about it.

use aws_sdk_lambda::config::http::HttpResponse;
use aws_sdk_lambda::error::{ProvideErrorMetadata as _, SdkError};
use kiln_protocol::function::LATEST;

use crate::failure::Failure;

/// An error of either operation that invokes a function.
pub type Refusal = SdkError<aws_sdk_lambda::Error, HttpResponse>;

/// What the two operations' errors have in common.
pub fn refusal<E: Into<aws_sdk_lambda::Error>>(error: SdkError<E, HttpResponse>) -> Refusal {
    error.map_service_error(Into::into)
}

/// A call of the local Lambda.
pub fn local(error: Refusal, function: &str, endpoint: &str) -> Failure {
    match &error {
        SdkError::DispatchFailure(failure) if failure.is_io() || failure.is_timeout() => {
            Failure::usage(format!("no local Lambda answers at {endpoint}"))
                .hint("start it with `kiln watch`, or name its port with `--port`")
        }
        SdkError::ServiceError(refused) if is_not_found(refused.err()) => {
            let functions = functions(refused.raw());
            if let ([], Some(version)) = (functions.as_slice(), version(refused.err().message())) {
                return Failure::usage(format!("there is no version or alias `{version}` here"))
                    .hint(
                        "the local Lambda runs `$LATEST`, which is what you get without `--alias`",
                    );
            }
            let failure = if function == kiln_service::edge::ONLY_FUNCTION {
                Failure::usage("which function is to be invoked?")
            } else {
                Failure::usage(format!("there is no function `{function}` at {endpoint}"))
            };
            failure.hint(format!("name one of: {}", functions.join(", ")))
        }
        _ => other(error),
    }
}

/// A call of AWS.
pub fn remote(error: Refusal, function: &str) -> Failure {
    match &error {
        SdkError::ServiceError(refused) if is_not_found(refused.err()) => {
            other(error).hint(format!(
                "is `{function}` deployed in this region and account? `--region` and `--profile` choose others"
            ))
        }
        SdkError::ServiceError(_) => other(error),
        SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_) => other(error)
            .hint("check region and credentials with `kiln doctor`, or choose with `--profile` and `--region`"),
        _ => other(error),
    }
}

fn is_not_found(error: &aws_sdk_lambda::Error) -> bool {
    matches!(error, aws_sdk_lambda::Error::ResourceNotFoundException(_))
}

fn other(error: Refusal) -> Failure {
    match error {
        SdkError::ServiceError(refused) => {
            let code = refused.err().code().unwrap_or("error");
            let message = refused.err().message().unwrap_or("no message");
            Failure::usage(format!(
                "the invocation was refused with `{code}`: {message}"
            ))
        }
        error => Failure::usage(NoCall {
            source: error.into_source().ok(),
        }),
    }
}

/// A call that got no answer. The SDK says what happened step by step, in the sources of its error.
#[derive(Debug, thiserror::Error)]
#[error("the call got no answer")]
struct NoCall {
    source: Option<aws_sdk_lambda::error::BoxError>,
}

/// The version that was not found, where it is not the function that is missing: the last part of
/// the ARN with which the local Lambda's message ends.
fn version(message: Option<&str>) -> Option<&str> {
    let (_, version) = message?.rsplit_once(':')?;
    (version != LATEST).then_some(version)
}

/// The functions there are, which the local Lambda lists in its refusal where one is unknown.
fn functions(response: &HttpResponse) -> Vec<String> {
    let body = response.body().bytes().unwrap_or_default();
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let names = body.get("Functions").and_then(|names| names.as_array());
    names
        .into_iter()
        .flatten()
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect()
}
