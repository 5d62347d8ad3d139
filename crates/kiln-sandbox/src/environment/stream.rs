//! A streamed response on its way from the runtime to the caller.
//!
//! The task that reads the runtime's request passes on each piece as it comes, through a channel of
//! a few pieces: a caller that reads slowly, or the bandwidth of a response, holds back the
//! function and nothing piles up here. When the last piece is in the channel, and only then, the
//! machine learns that the response has ended, and the caller its outcome. Whatever ends the
//! invocation before (a timeout, a crash, a close) settles it at once, and the end of the stream
//! then concerns nobody.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body_util::BodyExt as _;
use hyper::body::Body;
use kiln_protocol::headers;
use kiln_protocol::invoke::MAX_RESPONSE_BYTES;
use kiln_protocol::runtime_api::{Answer, StreamError};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::effects::Reply;
use super::{Active, Core, Environment, Posted, runtime_answer};
use crate::bandwidth::TokenBucket;
use crate::invocation::ResponsePart;
use crate::lifecycle::{Answered, Event, TurnEvent};

/// Most bytes passed on at once: what the channel holds is bounded by this times its capacity, and
/// a slow bandwidth is felt evenly.
const MAX_PIECE_BYTES: usize = 64 * 1024;

/// How long a response that broke off waits for the end of its process, whose exit is then what the
/// caller is told. The kernel closes a process's connections a moment before it reports its end.
pub(crate) const EXIT_GRACE: Duration = Duration::from_millis(250);

/// The stream of the running invocation, as the environment remembers it.
#[derive(Debug)]
pub(super) struct ActiveStream {
    /// Tells it from those of processes of before, which may still be ending.
    serial: u64,
    /// The caller receives it part by part; otherwise it gets the whole at the end.
    pub(super) forwarded: bool,
}

impl ActiveStream {
    fn new(serial: u64, forwarded: bool) -> Self {
        Self { serial, forwarded }
    }
}

/// Where the pieces go.
enum Sink {
    /// To a caller that reads them one by one.
    Forward(mpsc::Sender<ResponsePart>, TokenBucket),
    /// Together, for a caller that waits for all.
    Collect(BytesMut),
    /// Nowhere: the caller has gone away, which does not stop the function.
    Discard,
}

/// How a streamed response ended.
enum End {
    Complete,
    Failed(StreamError),
    TooLarge,
    Truncated,
}

/// A streamed response that has begun.
pub(crate) struct ResponseStream {
    environment: Arc<Environment>,
    request_id: String,
    serial: u64,
    sink: Sink,
    received: usize,
    limit: usize,
    /// The machine knows that it has ended.
    ended: bool,
}

impl Active {
    /// Its response begins to come.
    pub(super) fn begin_stream(&mut self, serial: u64) {
        let forwarded = self.invocation.parts.is_some();
        self.times.responded = Some(Instant::now());
        self.stream = Some(ActiveStream::new(serial, forwarded));
    }
}

impl Core {
    /// The invocation whose response is this stream, unless it has ended.
    fn streaming(&mut self, serial: u64) -> Option<&mut Active> {
        let all = self.active.iter_mut().chain(self.turns.values_mut());
        all.into_iter().find(|active| {
            let stream = active.stream.as_ref();
            stream.is_some_and(|stream| stream.serial == serial)
        })
    }
}

impl Environment {
    /// The runtime began to send a streamed response to an invocation.
    pub(crate) async fn begin_response(
        self: &Arc<Self>,
        request_id: &str,
        headers: &HeaderMap,
    ) -> Result<ResponseStream, Answer> {
        let (serial, parts) = {
            let mut core = self.lock();
            core.streams += 1;
            let serial = core.streams;
            let event = match self.config.max_concurrency {
                Some(_) => Event::Turn(request_id.to_owned(), TurnEvent::ResponseBegun),
                None => Event::ResponseBegun {
                    current: core.is_current(request_id),
                },
            };
            let reply = self.dispatch(core, event);
            if let Some(Reply::Runtime(refused)) = reply {
                return Err(refused);
            }
            let mut core = self.lock();
            // It may have ended between the two locks.
            let Some(active) = core.streaming(serial) else {
                return Err(Answer::Closing);
            };
            (serial, active.invocation.parts.take())
        };
        let limits = self.config.stream_limits;
        let (sink, limit) = match parts {
            Some(parts) => {
                let content_type = headers
                    .get(http::header::CONTENT_TYPE)
                    .and_then(|value| value.to_str().ok())
                    .map(str::to_owned);
                // A caller that has gone away is noticed with the first piece.
                let _ = parts.send(ResponsePart::Head { content_type }).await;
                let bucket = TokenBucket::new(limits, Instant::now());
                (Sink::Forward(parts, bucket), limits.max_bytes)
            }
            None => (Sink::Collect(BytesMut::new()), MAX_RESPONSE_BYTES),
        };
        Ok(ResponseStream {
            environment: Arc::clone(self),
            request_id: request_id.to_owned(),
            serial,
            sink,
            received: 0,
            limit,
            ended: false,
        })
    }
}

impl ResponseStream {
    /// Passes on the response; returns the answer to the call that sent it.
    pub(crate) async fn run<B>(mut self, mut body: Pin<&mut B>) -> Answer
    where
        B: Body<Data = Bytes>,
    {
        let end = self.pass_on(body.as_mut()).await;
        if matches!(end, End::Truncated) {
            tokio::time::sleep(EXIT_GRACE).await;
        }
        let too_large = matches!(end, End::TooLarge);
        let answer = self.end(end);
        if too_large {
            drain(body).await;
        }
        answer
    }

    async fn pass_on<B>(&mut self, mut body: Pin<&mut B>) -> End
    where
        B: Body<Data = Bytes>,
    {
        let mut error = None;
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else {
                return End::Truncated;
            };
            match frame.into_data() {
                Ok(data) => {
                    self.received += data.len();
                    if self.received > self.limit {
                        return End::TooLarge;
                    }
                    self.take(data).await;
                }
                Err(frame) => error = frame.trailers_ref().and_then(stream_error),
            }
        }
        error.map_or(End::Complete, End::Failed)
    }

    async fn take(&mut self, mut data: Bytes) {
        while !data.is_empty() {
            match &mut self.sink {
                Sink::Forward(parts, bandwidth) => {
                    let piece = data.split_to(data.len().min(MAX_PIECE_BYTES));
                    let bytes = u32::try_from(piece.len()).unwrap_or(u32::MAX);
                    let wait = bandwidth.take(bytes, Instant::now());
                    if !wait.is_zero() {
                        tokio::time::sleep(wait).await;
                    }
                    if parts.send(ResponsePart::Chunk(piece)).await.is_err() {
                        self.sink = Sink::Discard;
                    }
                }
                Sink::Collect(collected) => {
                    collected.extend_from_slice(&data);
                    return;
                }
                Sink::Discard => return,
            }
        }
    }

    fn end(&mut self, end: End) -> Answer {
        self.ended = true;
        let mut core = self.environment.lock();
        let received = self.received as u64;
        let active = core.streaming(self.serial);
        let current = active.map(|it| it.produced = received).is_some();
        let answered = match end {
            End::Complete => {
                if let Sink::Collect(collected) = &mut self.sink {
                    core.posted = Some(Posted {
                        body: std::mem::take(collected).freeze(),
                        error_type: None,
                    });
                }
                Answered::Body { failed: false }
            }
            End::Failed(error) => {
                core.posted = Some(Posted {
                    body: error.body.into(),
                    error_type: Some(error.error_type),
                });
                Answered::Body { failed: true }
            }
            End::TooLarge => Answered::TooLarge { limit: self.limit },
            End::Truncated => Answered::Truncated,
        };
        let ended = match self.environment.config.max_concurrency {
            Some(_) => {
                let request_id = self.request_id.clone();
                Event::Turn(request_id, TurnEvent::ResponseEnded(answered))
            }
            None => Event::ResponseEnded { answered, current },
        };
        runtime_answer(self.environment.dispatch(core, ended))
    }
}

impl Drop for ResponseStream {
    fn drop(&mut self) {
        // Whatever becomes of the connection, the caller is not left waiting for the rest.
        if !self.ended {
            self.end(End::Truncated);
        }
    }
}

/// Reads what is left of a body that is not wanted: a runtime that is still sending would otherwise
/// find its connection closed, and not the answer.
pub(crate) async fn drain<B: Body>(mut body: Pin<&mut B>) {
    while let Some(Ok(_)) = body.frame().await {}
}

fn stream_error(trailers: &HeaderMap) -> Option<StreamError> {
    let trailer = |name| trailers.get(name).map(http::HeaderValue::as_bytes);
    StreamError::from_trailers(
        trailer(headers::RUNTIME_ERROR_TYPE),
        trailer(headers::RUNTIME_ERROR_BODY),
    )
}
