//! `POST /2021-11-15/functions/{FunctionName}/response-streaming-invocations`
//! ([InvokeWithResponseStream](https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStream.html)).

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use bytes::Bytes;
use http::{Request, StatusCode};
use hyper::body::{Body, Frame, Incoming};
use kiln_protocol::error::ServiceError;
use kiln_protocol::event_stream::{self, InvokeComplete};
use kiln_protocol::function::LATEST;
use kiln_protocol::headers;
use kiln_protocol::invoke::{InvocationType, PlatformError};
use kiln_sandbox::{InvocationResult, Outcome, ResponsePart};
use tokio::sync::{mpsc, oneshot};

use super::invoke::{self, InvokeRequest};
use super::reply::Reply;
use crate::service::Service;

/// How many parts of a response wait for a caller that reads slowly before its function has to.
const PARTS: usize = 8;
/// Into which pieces an answer is cut that came as a whole.
const PIECE_BYTES: usize = 64 * 1024;

pub(super) async fn handle(service: &Service, name: &str, request: Request<Incoming>) -> Reply {
    let parse_type = InvocationType::parse_streaming;
    invoke::operate(service, name, request, parse_type, invoke).await
}

async fn invoke(
    service: &Service,
    asked: InvokeRequest,
    arrived: SystemTime,
) -> Result<Reply, ServiceError> {
    let function = invoke::function(service, &asked.arn)?;
    if asked.invocation_type == InvocationType::DryRun {
        function.check_tenant(asked.tenant_id.as_deref())?;
        return Ok(Reply::empty(StatusCode::NO_CONTENT));
    }
    let stale = function.wait_for_build().await;
    let (sender, mut outcome) = oneshot::channel();
    let (part_sender, mut parts) = mpsc::channel(PARTS);
    let request_id = asked.request_id.clone();
    let trace_id = asked.trace_id.clone();
    function.submit(asked.into_invocation(arrived, Some(sender), Some(part_sender)))?;
    // Until the function begins to answer, a fault of the service is an HTTP error.
    let first = tokio::select! {
        biased;
        Some(part) = parts.recv() => First::Part(part),
        outcome = &mut outcome => First::Outcome(outcome.map_err(|_| invoke::no_environment())?),
    };
    let mut body = EventStream {
        request_id,
        bytes: Bytes::new(),
        parts,
        end: End::Awaited(outcome),
    };
    let mut content_type = None;
    match first {
        First::Part(ResponsePart::Head { content_type: sent }) => content_type = sent,
        First::Part(ResponsePart::Chunk(chunk)) => body.bytes = chunk,
        First::Outcome(outcome) if outcome.result == InvocationResult::Closed => {
            return Err(invoke::stopped(function.name()));
        }
        First::Outcome(Outcome {
            result: InvocationResult::NotRestored(status),
            ..
        }) => return Err(invoke::not_restored(&status)),
        First::Outcome(outcome) => body.conclude(outcome),
    }
    let mut reply = Reply::stream(body)
        .with(headers::EXECUTED_VERSION, LATEST)
        .with(headers::TRACE_ID, trace_id);
    if let Some(content_type) = content_type {
        reply = reply.with(headers::REMAPPED_CONTENT_TYPE, content_type);
    }
    if stale {
        reply = reply.with(headers::KILN_STALE, "true");
    }
    Ok(reply)
}

/// What the caller is told of first.
enum First {
    Part(ResponsePart),
    Outcome(Outcome),
}

/// The messages of a streamed answer: a `PayloadChunk` for each piece, `InvokeComplete` at the end.
#[derive(Debug)]
pub(super) struct EventStream {
    request_id: String,
    /// What is to be sent before anything else.
    bytes: Bytes,
    parts: mpsc::Receiver<ResponsePart>,
    end: End,
}

#[derive(Debug)]
enum End {
    /// The invocation runs.
    Awaited(oneshot::Receiver<Outcome>),
    /// The last message, which follows what is still in the channel.
    Known(Vec<u8>),
    Sent,
}

impl EventStream {
    /// The invocation is over.
    fn conclude(&mut self, outcome: Outcome) {
        let complete = match outcome.result {
            InvocationResult::Answer(body) => {
                self.bytes = body;
                InvokeComplete::default()
            }
            InvocationResult::Streamed => InvokeComplete::default(),
            InvocationResult::StreamFailed { error_type, body } => {
                InvokeComplete::failed(&error_type, &body)
            }
            // As in `X-Amz-Function-Error`; seen so with callers of the service.
            InvocationResult::FunctionError(body) => InvokeComplete::failed("Unhandled", &body),
            InvocationResult::Platform { error, request_id } => {
                InvokeComplete::failed(error.error_type(), error.payload(&request_id).as_bytes())
            }
            InvocationResult::NotRestored(status) => {
                let error = invoke::not_restored(&status);
                InvokeComplete::failed(error.code(), error.body().to_string().as_bytes())
            }
            InvocationResult::Closed => {
                let closed = PlatformError::Sandbox("the service stopped".to_owned());
                let body = closed.payload(&self.request_id);
                InvokeComplete::failed(closed.error_type(), body.as_bytes())
            }
        };
        let complete = match outcome.log_tail {
            Some(tail) => complete.with_log(&tail),
            None => complete,
        };
        self.end = End::Known(complete.frame());
    }
}

impl Body for EventStream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        let frame = loop {
            if !this.bytes.is_empty() {
                let piece = this.bytes.split_to(this.bytes.len().min(PIECE_BYTES));
                if let Some(frame) = event_stream::payload_chunks(&piece).next() {
                    break frame;
                }
            }
            let part = match &this.end {
                End::Awaited(_) => match this.parts.poll_recv(cx) {
                    Poll::Ready(part) => part,
                    Poll::Pending => None,
                },
                // Whoever ended the stream had put all of it into the channel before.
                End::Known(_) => this.parts.try_recv().ok(),
                End::Sent => return Poll::Ready(None),
            };
            match (part, &mut this.end) {
                (Some(ResponsePart::Chunk(chunk)), _) => this.bytes = chunk,
                (Some(ResponsePart::Head { .. }), _) => {}
                (None, End::Awaited(outcome)) => match ready!(Pin::new(outcome).poll(cx)) {
                    Ok(outcome) => this.conclude(outcome),
                    Err(_) => {
                        let lost = ServiceError::Service("the invocation was lost".to_owned());
                        this.end = End::Known(event_stream::exception(&lost));
                    }
                },
                (None, End::Known(frame)) => {
                    let frame = std::mem::take(frame);
                    this.end = End::Sent;
                    break frame;
                }
                (None, End::Sent) => {}
            }
        };
        Poll::Ready(Some(Ok(Frame::data(frame.into()))))
    }
}
