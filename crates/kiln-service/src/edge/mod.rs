//! The HTTP edge: the only place that knows HTTP. One file per operation of the API.

mod debugger;
mod invoke;
mod invoke_async;
mod invoke_stream;
mod reply;

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::{GracefulConnection, GracefulShutdown};
use kiln_protocol::error::ServiceError;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::service::Service;
use reply::Reply;

/// A name for the only function there is, as cargo-lambda's users write it.
pub const ONLY_FUNCTION: &str = "_";

/// How long to wait after a connection that could not be taken.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// How long connections may take to finish once the service was told to stop.
const GRACE: Duration = Duration::from_secs(1);

/// Serves the API on listeners that are already bound, until `shutdown` completes.
///
/// Connections then get a moment to finish their answers. The functions' environments are the
/// service's: see [`Service::close`].
pub async fn serve(
    service: Service,
    listeners: Vec<TcpListener>,
    shutdown: impl Future<Output = ()>,
) {
    let connections = Arc::new(GracefulShutdown::new());
    let mut accepting = JoinSet::new();
    for listener in listeners {
        accepting.spawn(accept(service.clone(), listener, Arc::clone(&connections)));
    }
    shutdown.await;
    // Nobody is accepted any more, and the tasks let go of the connections.
    accepting.shutdown().await;
    if let Some(connections) = Arc::into_inner(connections) {
        // What is still open after the grace is cut.
        let _ = tokio::time::timeout(GRACE, connections.shutdown()).await;
    }
}

async fn accept(service: Service, listener: TcpListener, connections: Arc<GracefulShutdown>) {
    loop {
        // Out of descriptors for a moment, or a caller gone already: the next may work.
        let Ok((stream, _)) = listener.accept().await else {
            // Then the next fails as soon: not without a pause.
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        // Answers are small and awaited: never wait to fill a packet.
        let _ = stream.set_nodelay(true);
        let connection = connection(service.clone(), stream);
        let connection = connections.watch(connection);
        // A connection that breaks concerns its caller alone.
        tokio::spawn(async move { connection.await.ok() });
    }
}

/// One connection, which serves requests when it is polled.
pub(crate) fn connection<I>(
    service: Service,
    stream: I,
) -> impl GracefulConnection<Error = hyper::Error> + Send
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    hyper::server::conn::http1::Builder::new().serve_connection(
        TokioIo::new(stream),
        service_fn(move |request| {
            let service = service.clone();
            async move { Ok::<_, Infallible>(route(&service, request).await.into_response()) }
        }),
    )
}

async fn route(service: &Service, request: Request<Incoming>) -> Reply {
    let path = request.uri().path().to_owned();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    match (request.method(), segments.as_slice()) {
        (&Method::POST, ["2015-03-31", "functions", name, "invocations"]) => {
            invoke::handle(service, name, request).await
        }
        (
            &Method::POST,
            [
                "2021-11-15",
                "functions",
                name,
                "response-streaming-invocations",
            ],
        ) => invoke_stream::handle(service, name, request).await,
        // Old clients write a slash at its end.
        (
            &Method::POST,
            ["2014-11-13", "functions", name, "invoke-async"]
            | ["2014-11-13", "functions", name, "invoke-async", ""],
        ) => invoke_async::handle(service, name, request).await,
        (_, [".rt", rest @ ..]) => debugger::handle(service, rest, request).await,
        (method, _) => Reply::error(&ServiceError::UnknownOperation(format!(
            "kiln does not serve `{method} {path}`: functions are invoked by `POST /2015-03-31/functions/NAME/invocations`"
        ))),
    }
}
