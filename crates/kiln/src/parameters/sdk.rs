//! What the AWS SDK says when a call fails, as ours.

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::ParameterError;
use super::refusal::{Call, chain, classify, unavailable};

/// The SDK's error is not kept: of an answer that cannot be read it holds the body, secret and all.
pub(super) fn failed<E>(call: Call<'_>, error: &SdkError<E, HttpResponse>) -> ParameterError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        // Half of an answer that began well.
        SdkError::ServiceError(failed) if failed.raw().status().is_success() => {
            unavailable(call, "its answer cannot be read")
        }
        SdkError::ServiceError(failed) => {
            let code = failed.err().code().unwrap_or_default();
            let message = failed.err().message().unwrap_or_default();
            classify(call, failed.raw().status().as_u16(), code, message)
        }
        SdkError::TimeoutError(_) => unavailable(call, "it took too long"),
        SdkError::ResponseError(_) => unavailable(call, "its answer cannot be read"),
        // No connection, or no credentials: neither holds an answer.
        SdkError::DispatchFailure(failed) => {
            let cause = failed.as_connector_error().map(|error| chain(error));
            unavailable(call, &cause.unwrap_or_else(|| "no connection".to_owned()))
        }
        error => ParameterError::refused(call.name, chain(error)),
    }
}
