//! One invocation on its way through an environment, and what comes of it.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use kiln_protocol::invoke::PlatformError;
use kiln_protocol::log_line::{Report, Status};
use tokio::sync::{mpsc, oneshot};

/// An event for the function, with what the Runtime API tells the runtime about it.
#[derive(Debug)]
pub struct Invocation {
    /// UUID, the same that the caller is told.
    pub request_id: String,
    /// ARN as the caller wrote it.
    pub function_arn: String,
    /// X-Ray trace header.
    pub trace_id: String,
    /// Decoded client context, a JSON document on one line.
    pub client_context: Option<String>,
    /// For whom it runs, in a function that keeps its tenants apart.
    pub tenant_id: Option<String>,
    /// The event, handed to the runtime as it came.
    pub payload: Bytes,
    /// Keep the last of the log for the caller. The answer then waits for the REPORT line.
    pub tail: bool,
    /// When the service took the request.
    pub arrived: SystemTime,
    /// Who waits for the outcome; `None` for an event nobody waits for.
    pub reply: Option<oneshot::Sender<Outcome>>,
    /// Where the parts of a streamed response go, as they come, before the outcome. `None` for a
    /// caller that wants the whole: the environment then collects it.
    pub parts: Option<mpsc::Sender<ResponsePart>>,
}

/// A part of a streamed response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResponsePart {
    /// The response has begun. Comes first, and once.
    Head {
        /// `Content-Type` as the runtime sent it: `application/vnd.awslambda.http-integration-response`
        /// says that a prelude with status and headers opens the payload.
        content_type: Option<String>,
    },
    /// The next bytes of the payload.
    Chunk(Bytes),
}

impl Invocation {
    /// Whether the caller has gone away. An event without a caller is never abandoned.
    pub fn is_abandoned(&self) -> bool {
        self.reply.as_ref().is_some_and(oneshot::Sender::is_closed)
    }
}

/// What the caller of an invocation is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub result: InvocationResult,
    /// The last 4 KB of the log, when asked for.
    pub log_tail: Option<Vec<u8>>,
}

/// How an invocation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvocationResult {
    /// The function answered.
    Answer(Bytes),
    /// The function reported an error, this is its body.
    FunctionError(Bytes),
    /// The function streamed its answer, all of which has been sent as [`ResponsePart`]s.
    Streamed,
    /// The function streamed a part of its answer and then reported an error.
    StreamFailed {
        /// `Category.Reason`.
        error_type: String,
        /// The error's body.
        body: Bytes,
    },
    /// The platform ended the invocation.
    Platform {
        /// Why.
        error: PlatformError,
        /// The invocation, which the error's text names.
        request_id: String,
    },
    /// The environment could not be restored from its snapshot.
    NotRestored(Status),
    /// The environment was closed while it ran: the service is going away.
    Closed,
}

impl InvocationResult {
    /// Whether the caller sees `X-Amz-Function-Error`.
    pub fn is_function_error(&self) -> bool {
        matches!(
            self,
            Self::FunctionError(_) | Self::StreamFailed { .. } | Self::Platform { .. }
        )
    }
}

/// A finished invocation in numbers.
#[derive(Clone, Debug)]
pub struct InvocationReport {
    /// UUID of the invocation.
    pub request_id: String,
    /// A process was started for it: an init came before it, or was part of it. One that was started
    /// ahead was not for it, though its REPORT line has that init.
    pub cold: bool,
    /// The figures of its REPORT line.
    pub report: Report,
    /// The caller was told of a function error, of this type where the platform made it.
    pub function_error: Option<String>,
    /// From the arrival of the request to the end.
    pub total: Duration,
}
