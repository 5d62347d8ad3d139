//! The APIs of one environment over HTTP: one listener each. The Runtime API is here, one function per
//! operation; those of extensions are in [`extensions_api`].

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Body;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kiln_protocol::headers;
use kiln_protocol::invoke::MAX_RESPONSE_BYTES;
use kiln_protocol::runtime_api::{Answer, Operation, ResponseMode, TEXT, sanitise_error_type};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::environment::{EXIT_GRACE, Environment, NextEvent, Posted, drain};
use crate::extensions_api;
use crate::lifecycle::Answered;

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How long to wait after a connection that could not be taken.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// Serves the environment's listener until the task is aborted, and its connections with it.
pub(crate) async fn listen(listener: TcpListener, environment: Arc<Environment>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else {
                    // Out of descriptors, perhaps, and the next fails as soon: not without a pause.
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                };
                // Answers are small and awaited: never wait to fill a packet.
                let _ = stream.set_nodelay(true);
                connections.spawn(connection(stream, Arc::clone(&environment)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Serves one connection until either side ends it.
pub(crate) async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    environment: Arc<Environment>,
) {
    let service = service_fn(|request| {
        let environment = Arc::clone(&environment);
        async move { Ok::<_, std::convert::Infallible>(serve(&environment, request).await) }
    });
    // A connection that breaks takes nothing with it: the process is watched.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// Answers one call.
pub(crate) async fn serve<B>(
    environment: &Arc<Environment>,
    request: Request<B>,
) -> Response<Full<Bytes>>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let (parts, body) = request.into_parts();
    match Operation::parse(parts.method.as_str(), parts.uri.path()) {
        Some(Operation::Ping) => {
            let mut pong = Response::new(Full::from("pong"));
            let text = HeaderValue::from_static(TEXT);
            pong.headers_mut().insert(CONTENT_TYPE, text);
            pong
        }
        Some(Operation::Next) => match environment.next().await {
            Ok(event) => deliver(event),
            Err(refused) => answer(refused),
        },
        Some(Operation::Response(id)) => {
            // What is no text is no mode either.
            let mode = parts
                .headers
                .get(headers::RUNTIME_RESPONSE_MODE)
                .map(|mode| mode.to_str().unwrap_or("?"));
            let done = match ResponseMode::parse(mode) {
                Ok(ResponseMode::Buffered) => respond(environment, id, None, body).await,
                Ok(ResponseMode::Streaming) => stream(environment, id, &parts.headers, body).await,
                Err(_) => {
                    let done = environment.respond(id, Answered::InvalidMode, None);
                    drain(pin!(body)).await;
                    done
                }
            };
            answer(done)
        }
        Some(Operation::Error(id)) => {
            let error_type = sanitise_error_type(error_type(&parts.headers)).to_owned();
            answer(respond(environment, id, Some(error_type), body).await)
        }
        Some(Operation::InitError) => {
            let error_type = error_type(&parts.headers);
            match read(pin!(body)).await {
                Ok(body) => answer(environment.init_error(error_type, body)),
                Err(Unread::TooLarge) => answer(environment.init_error(error_type, Bytes::new())),
                Err(Unread::Truncated) => answer(Answer::Truncated),
            }
        }
        Some(Operation::RestoreNext) => match environment.restore_next().await {
            Ok(()) => Response::new(Full::default()),
            Err(refused) => answer(refused),
        },
        Some(Operation::RestoreError) => {
            let error_type = error_type(&parts.headers);
            drain(pin!(body)).await;
            answer(environment.restore_error(error_type))
        }
        None => extensions_api::serve(environment, parts, body).await,
    }
}

fn error_type(headers: &HeaderMap) -> &str {
    headers
        .get(headers::RUNTIME_ERROR_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

/// With the type of an error, or with a result.
async fn respond<B>(
    environment: &Arc<Environment>,
    id: &str,
    error_type: Option<String>,
    body: B,
) -> Answer
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let mut body = pin!(body);
    let answer = match read(body.as_mut()).await {
        Ok(body) => {
            let failed = error_type.is_some();
            let posted = Posted { body, error_type };
            environment.respond(id, Answered::Body { failed }, Some(posted))
        }
        Err(Unread::TooLarge) => {
            let limit = MAX_RESPONSE_BYTES;
            let answer = environment.respond(id, Answered::TooLarge { limit }, None);
            drain(body).await;
            return answer;
        }
        Err(Unread::Truncated) => {
            tokio::time::sleep(EXIT_GRACE).await;
            return environment.respond(id, Answered::Truncated, None);
        }
    };
    // The caller was woken just now and would run on this worker, after this task. Somebody waits
    // for that answer, and nobody for this one.
    tokio::task::yield_now().await;
    answer
}

async fn stream<B>(environment: &Arc<Environment>, id: &str, headers: &HeaderMap, body: B) -> Answer
where
    B: Body<Data = Bytes>,
{
    let mut body = pin!(body);
    match environment.begin_response(id, headers).await {
        Ok(stream) => stream.run(body).await,
        Err(refused) => {
            drain(body.as_mut()).await;
            refused
        }
    }
}

/// Why there is no whole body.
enum Unread {
    /// It is larger than a function's answer may be.
    TooLarge,
    /// It is shorter than announced.
    Truncated,
}

/// The whole body.
async fn read<B>(body: Pin<&mut B>) -> Result<Bytes, Unread>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    match Limited::new(body, MAX_RESPONSE_BYTES).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Unread::TooLarge),
        Err(_) => Err(Unread::Truncated),
    }
}

pub(crate) fn answer(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(answer.body()));
    *response.status_mut() =
        StatusCode::from_u16(answer.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Some(content_type) = answer.content_type() {
        let content_type = HeaderValue::from_static(content_type);
        response.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    response
}

fn deliver(event: NextEvent) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(event.payload));
    let headers = response.headers_mut();
    let json = HeaderValue::from_static("application/json");
    headers.insert(CONTENT_TYPE, json);
    let mut insert = |name, value: String| {
        // Values are made or checked by the service; one that HTTP cannot carry is left out.
        if let Ok(value) = HeaderValue::from_maybe_shared(Bytes::from(value)) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    insert(headers::RUNTIME_REQUEST_ID, event.request_id);
    insert(headers::RUNTIME_DEADLINE, event.deadline_ms.to_string());
    insert(headers::RUNTIME_ARN, event.function_arn);
    insert(headers::RUNTIME_TRACE_ID, event.trace_id);
    if let Some(context) = event.client_context {
        insert(headers::RUNTIME_CLIENT_CONTEXT, context);
    }
    if let Some(tenant) = event.tenant_id {
        insert(headers::RUNTIME_TENANT_ID, tenant);
    }
    response
}
