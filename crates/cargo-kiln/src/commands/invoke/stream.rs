//! `kiln invoke --stream`: the answer is printed while the function is sending it.

use std::io::{IsTerminal as _, Write as _};

use aws_sdk_lambda::Client;
use aws_sdk_lambda::error::{BoxError, DisplayErrorContext};
use aws_sdk_lambda::operation::invoke_with_response_stream::InvokeWithResponseStreamOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{
    InvokeWithResponseStreamCompleteEvent as Complete,
    InvokeWithResponseStreamResponseEvent as Event,
};

use super::{Call, Refusal, problem, show_log};
use crate::aws::Stale;
use crate::failure::{Exit, Failure};

/// Invokes the function; its answer has begun when this returns.
pub async fn invoke(
    client: &Client,
    call: Call<'_>,
    stale: Stale,
) -> Result<InvokeWithResponseStreamOutput, Refusal> {
    client
        .invoke_with_response_stream()
        .function_name(call.function)
        .set_qualifier(call.qualifier)
        .set_client_context(call.client_context)
        .set_tenant_id(call.tenant_id)
        .set_log_type(call.log_type)
        .payload(Blob::new(call.payload))
        .customize()
        .interceptor(stale)
        .send()
        .await
        .map_err(problem::refusal)
}

/// Prints the answer as it comes, byte by byte what the function sends.
pub async fn show(mut answer: InvokeWithResponseStreamOutput) -> Result<Exit, Failure> {
    let mut stdout = std::io::stdout().lock();
    let mut last = None;
    let end = loop {
        match answer.event_stream.recv().await {
            Ok(Some(Event::PayloadChunk(chunk))) => {
                let bytes = chunk.payload().map(Blob::as_ref).unwrap_or_default();
                last = bytes.last().copied().or(last);
                // A closed pipe is the reader's choice, not an error.
                if stdout
                    .write_all(bytes)
                    .and_then(|()| stdout.flush())
                    .is_err()
                {
                    return Ok(Exit::Done);
                }
            }
            Ok(Some(Event::InvokeComplete(end))) => break Ok(end),
            // A kind of event that this version of the SDK does not know.
            Ok(Some(_)) => {}
            Ok(None) => break Err("the stream ended without saying how".into()),
            Err(error) => {
                break Err(BoxError::from(DisplayErrorContext(error).to_string()));
            }
        }
    };
    if stdout.is_terminal() && last.is_some_and(|byte| byte != b'\n') {
        // The shell's prompt belongs on a line of its own.
        let _ = stdout.write_all(b"\n");
    }
    drop(stdout);
    conclude(&end.map_err(Failure::usage)?)
}

fn conclude(end: &Complete) -> Result<Exit, Failure> {
    if let Some(log) = end.log_result() {
        show_log(log);
    }
    let Some(code) = end.error_code() else {
        return Ok(Exit::Done);
    };
    let details = end.error_details().unwrap_or_default();
    let json: serde_json::Value = serde_json::from_str(details).unwrap_or_default();
    let member = |name: &str| json.get(name).and_then(|value| value.as_str());
    // `Unhandled` says less than the error itself.
    let kind = member("errorType").unwrap_or(code);
    let message = member("errorMessage").unwrap_or(details);
    Err(Failure::failed(format!(
        "the function failed with `{kind}`: {message}"
    )))
}
