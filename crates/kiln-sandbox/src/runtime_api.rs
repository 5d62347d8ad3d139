//! The Runtime API of one environment over HTTP: one listener each, one function per operation.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Body;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kiln_protocol::headers;
use kiln_protocol::invoke::MAX_RESPONSE_BYTES;
use kiln_protocol::runtime_api::{Answer, Operation};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::environment::{Environment, NextEvent};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Serves the environment's listener until the task is aborted, and its connections with it.
pub(crate) async fn listen(listener: TcpListener, environment: Arc<Environment>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // Out of descriptors for a moment, or a caller gone already: the next may work.
                let Ok((stream, _)) = accepted else { continue };
                // Answers are small and awaited: never wait to fill a packet.
                let _ = stream.set_nodelay(true);
                let environment = Arc::clone(&environment);
                connections.spawn(async move {
                    let service = service_fn(|request| {
                        let environment = Arc::clone(&environment);
                        async move { Ok::<_, std::convert::Infallible>(serve(&environment, request).await) }
                    });
                    // A connection that breaks takes nothing with it: the process is watched.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
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
        Some(Operation::Ping) => Response::new(Full::from("pong")),
        Some(Operation::Next) => match environment.next().await {
            Ok(event) => deliver(event),
            Err(refused) => answer(refused),
        },
        Some(Operation::Response(id)) => answer(respond(environment, id, false, body).await),
        Some(Operation::Error(id)) => answer(respond(environment, id, true, body).await),
        Some(Operation::InitError) => {
            let error_type = parts
                .headers
                .get(headers::RUNTIME_ERROR_TYPE)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default();
            match read(body).await {
                Ok(body) => answer(environment.init_error(error_type, body.unwrap_or_default())),
                Err(truncated) => answer(truncated),
            }
        }
        // Nothing is restored from snapshots here, and the paths are SnapStart's alone.
        Some(Operation::RestoreNext | Operation::RestoreError) | None => answer(Answer::NotFound),
    }
}

async fn respond<B>(environment: &Arc<Environment>, id: &str, failed: bool, body: B) -> Answer
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let answer = match read(body).await {
        Ok(body) => environment.respond(id, failed, body),
        Err(truncated) => return truncated,
    };
    // The caller was woken just now and would run on this worker, after this task. Somebody waits
    // for that answer, and nobody for this one.
    tokio::task::yield_now().await;
    answer
}

/// The whole body; `None` when it is larger than a function's answer may be.
async fn read<B>(body: B) -> Result<Option<Bytes>, Answer>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    match Limited::new(body, MAX_RESPONSE_BYTES).collect().await {
        Ok(collected) => Ok(Some(collected.to_bytes())),
        Err(error) if error.is::<LengthLimitError>() => Ok(None),
        Err(_) => Err(Answer::Truncated),
    }
}

fn answer(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(answer.body()));
    *response.status_mut() =
        StatusCode::from_u16(answer.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
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
    response
}
