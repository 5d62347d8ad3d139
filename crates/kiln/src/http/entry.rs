//! The function's entry.

use std::convert::Infallible;
use std::fmt::{self, Debug};
use std::future::ready;
use std::pin::Pin;
use std::task::{Context, Poll};

use ::http::Response;
use bytes::Bytes;
use http_body::Body as HttpBody;
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Body, IntoResponse, Request, StreamAdapter};
use lambda_runtime::{Error, LambdaEvent};
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceBuilder};

use super::{DeadlineLayer, ProblemLayer, RequestIdLayer, ResponseLimitLayer};
use crate::LambdaError;

/// Runs a function that answers HTTP requests: a handler of [`lambda_http`], or a router of axum.
///
/// The requests come from REST APIs, HTTP APIs, function URLs and load balancers. Around the service
/// there are, from the outside in, [`RequestIdLayer`], [`ProblemLayer`], [`DeadlineLayer`] and
/// [`ResponseLimitLayer`]. It runs as [`kiln::run`](crate::run()) has it: its runtime, its logs, its
/// concurrency.
///
/// For state built once, and layers around the whole invocation, there is
/// [`Builder::run_http`](crate::run::Builder::run_http).
///
/// # Errors
/// As [`kiln::run`](crate::run()).
///
/// # Example
///
/// ```no_run
/// use kiln::Error;
/// use kiln::tower::service_fn;
/// use lambda_http::{Body, Request, Response};
/// use std::convert::Infallible;
///
/// fn main() -> Result<(), Error> {
///     kiln::http::run(service_fn(greet))
/// }
///
/// async fn greet(request: Request) -> Result<Response<Body>, Infallible> {
///     Ok(Response::new(Body::from(format!("hello from {}", request.uri().path()))))
/// }
/// ```
pub fn run<S>(service: S) -> Result<(), Error>
where
    S: Service<Request> + Clone + Send + Sync + 'static,
    S::Response: IntoResponse + 'static,
    S::Error: LambdaError + Send + 'static,
    S::Future: Send + 'static,
{
    interim(Events::new(service))
}

/// Runs a function that streams its answers: what it writes reaches the caller at once, up to 200 MB.
///
/// The function URL must be in the invoke mode `RESPONSE_STREAM` ([response streaming]); HTTP APIs and
/// load balancers wait for the whole answer. Around the service there are [`RequestIdLayer`],
/// [`ProblemLayer`] and [`DeadlineLayer`], which see the answer begin: an error of the body, later,
/// ends the stream, and the caller notices by its missing end.
///
/// The body is one that a text can become, for the errors: that of axum, for instance.
///
/// [response streaming]: https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html
///
/// # Errors
/// As [`kiln::run`](crate::run()).
///
/// # Example
///
/// ```no_run
/// use kiln::Error;
/// use kiln::tower::service_fn;
/// use lambda_http::{Request, Response};
/// use std::convert::Infallible;
///
/// fn main() -> Result<(), Error> {
///     kiln::http::run_streaming(service_fn(|_request: Request| async {
///         Ok::<_, Infallible>(Response::new("a body, usually one made of a stream".to_owned()))
///     }))
/// }
/// ```
pub fn run_streaming<S, R>(service: S) -> Result<(), Error>
where
    S: Service<Request, Response = Response<R>> + Clone + Send + Sync + 'static,
    S::Error: LambdaError + Send + 'static,
    S::Future: Send + 'static,
    R: HttpBody + From<String> + Unpin + Send + 'static,
    R::Data: Into<Bytes> + Send,
    R::Error: Into<Error> + Debug + Send,
{
    let service = ServiceBuilder::new()
        .layer(RequestIdLayer::new())
        .layer(ProblemLayer::new())
        .layer(DeadlineLayer::new())
        .service(service);
    interim(StreamAdapter::from(service))
}

/// A service over HTTP, as one over Lambda's events: what [`run`](fn@run) runs.
///
/// It is a service for [`Builder::run_service`](crate::run::Builder::run_service), and for tests that
/// speak the events themselves.
///
/// # Example
///
/// ```
/// use kiln::http::Events;
/// use kiln::tower::{ServiceExt as _, service_fn};
/// use kiln::{Context, LambdaEvent};
/// use lambda_http::Request;
/// use std::convert::Infallible;
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// # runtime.block_on(async {
/// let events = Events::new(service_fn(|_: Request| async { Ok::<_, Infallible>("hello") }));
/// let event = serde_json::from_str(r#"{
///     "version": "2.0", "rawPath": "/", "isBase64Encoded": false,
///     "requestContext": {"http": {"method": "GET", "path": "/"}}
/// }"#).unwrap();
/// let answer = events.oneshot(LambdaEvent::new(event, Context::default())).await.unwrap();
/// assert_eq!(serde_json::to_value(answer).unwrap()["body"], "hello");
/// # });
/// ```
#[derive(Clone)]
pub struct Events {
    inner: Adapter<'static, Converted, Answers>,
}

type Answers = BoxCloneSyncService<Request, Converted, Infallible>;
/// What [`lambda_http`] makes of a response, and has no name for.
pub(crate) type HttpAnswer =
    <Adapter<'static, Converted, Answers> as Service<LambdaEvent<LambdaRequest>>>::Response;

impl Events {
    /// Of this service, with the layers of [`run`](fn@run).
    pub fn new<S>(service: S) -> Self
    where
        S: Service<Request> + Clone + Send + Sync + 'static,
        S::Response: IntoResponse + 'static,
        S::Error: LambdaError + Send + 'static,
        S::Future: Send + 'static,
    {
        let service = ServiceBuilder::new()
            .map_response(Converted)
            .layer(RequestIdLayer::new())
            .layer(ProblemLayer::new())
            .layer(DeadlineLayer::new())
            .layer(ResponseLimitLayer::new())
            .service(service);
        Self {
            inner: Adapter::from(BoxCloneSyncService::new(service)),
        }
    }
}

impl Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

impl Service<LambdaEvent<LambdaRequest>> for Events {
    type Response = HttpAnswer;
    type Error = Infallible;
    type Future =
        <Adapter<'static, Converted, Answers> as Service<LambdaEvent<LambdaRequest>>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, event: LambdaEvent<LambdaRequest>) -> Self::Future {
        self.inner.call(event)
    }
}

/// A response whose body is as Lambda takes it: it is not converted, and copied, a second time.
#[doc(hidden)]
pub struct Converted(Response<Body>);

impl IntoResponse for Converted {
    fn into_response(self) -> Pin<Box<dyn Future<Output = Response<Body>> + Send>> {
        Box::pin(ready(self.0))
    }
}

fn interim<S, B, T, D, X>(service: S) -> Result<(), Error>
where
    S: Service<LambdaEvent<LambdaRequest>, Error = Infallible>,
    S::Response: lambda_runtime::IntoFunctionResponse<B, T>,
    B: serde::Serialize,
    T: futures_util::Stream<Item = Result<D, X>> + Unpin + Send + 'static,
    D: Into<Bytes> + Send,
    X: Into<Error> + Send + Debug,
{
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(lambda_runtime::run(service))
}
