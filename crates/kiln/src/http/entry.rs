//! The function's entry.

use std::fmt::Debug;

use ::http::Response;
use bytes::Bytes;
use http_body::Body as HttpBody;
use lambda_http::request::LambdaRequest;
use lambda_http::{IntoResponse, Request};
use lambda_runtime::{Diagnostic, Error, LambdaEvent};
use tower::{Layer, Service, ServiceBuilder};

use super::events::Streaming;
use super::{DeadlineLayer, Events, HttpAnswer, ProblemLayer, RequestIdLayer};
use crate::LambdaError;
use crate::run::{Builder, Handler, Init, NoInit};

/// Runs a function that answers HTTP requests: a handler of [`lambda_http`], or a router of axum.
///
/// The requests come from REST APIs, HTTP APIs, function URLs and load balancers. Around the service
/// there are, from the outside in, [`RequestIdLayer`], [`ProblemLayer`], [`DeadlineLayer`] and
/// [`ResponseLimitLayer`](super::ResponseLimitLayer). It runs as [`kiln::run`](crate::run()) has it: its runtime, its logs, its
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
    crate::builder().run_service(Events::new(service))
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
    crate::builder().run_service(Streaming::new(service))
}

impl<L> Builder<NoInit, L> {
    /// Runs a function that answers HTTP requests, as [`http::run`](crate::http::run()) does, with the
    /// layers of the builder around the whole invocation.
    ///
    /// # Example
    ///
    /// ```no_run
    /// use kiln::{Error, service_fn};
    /// use kiln::tracing::{TracingLayer, Trigger};
    /// use lambda_http::Request;
    /// use std::convert::Infallible;
    ///
    /// fn main() -> Result<(), Error> {
    ///     # let exporter = opentelemetry_sdk::trace::InMemorySpanExporter::default();
    ///     let provider = kiln::tracing::provider().with_batch_exporter(exporter).build();
    ///     kiln::builder()
    ///         .layer(TracingLayer::new(provider).trigger(Trigger::Http))
    ///         .run_http(service_fn(|_request: Request| async { Ok::<_, Infallible>("hello") }))
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`run`](crate::run()).
    pub fn run_http<S>(self, service: S) -> Result<(), Error>
    where
        S: Service<Request> + Clone + Send + Sync + 'static,
        S::Response: IntoResponse + 'static,
        S::Error: LambdaError + Send + 'static,
        S::Future: Send + 'static,
        L: Layer<Handler<LambdaRequest, HttpAnswer>> + Send + 'static,
        L::Service: Service<LambdaEvent<LambdaRequest>, Response = HttpAnswer>,
        L::Service: Clone + Send + 'static,
        <L::Service as Service<LambdaEvent<LambdaRequest>>>::Future: Send + 'static,
        <L::Service as Service<LambdaEvent<LambdaRequest>>>::Error:
            Into<Diagnostic> + Debug + 'static,
    {
        self.run_service(Events::new(service))
    }
}

impl<I, L> Builder<Init<I>, L>
where
    I: Send + Sync + 'static,
{
    /// Runs a function that answers HTTP requests with the service that this closure makes of the
    /// state: a router of axum, for instance.
    ///
    /// # Example
    ///
    /// ```no_run
    /// use kiln::{Error, service_fn};
    /// use lambda_http::Request;
    /// use std::convert::Infallible;
    ///
    /// fn main() -> Result<(), Error> {
    ///     kiln::builder()
    ///         .init(|| async { Ok::<_, Error>("hello".to_owned()) })
    ///         .run_http(|greeting| {
    ///             service_fn(move |_request: Request| async move {
    ///                 Ok::<_, Infallible>(greeting.as_str())
    ///             })
    ///         })
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`run`](crate::run()), and [`StartError::Init`](crate::run::StartError::Init) when the init
    /// hook fails.
    pub fn run_http<M, S>(self, make: M) -> Result<(), Error>
    where
        M: FnOnce(&'static I) -> S + Send + 'static,
        S: Service<Request> + Clone + Send + Sync + 'static,
        S::Response: IntoResponse + 'static,
        S::Error: LambdaError + Send + 'static,
        S::Future: Send + 'static,
        L: Layer<Handler<LambdaRequest, HttpAnswer>> + Send + 'static,
        L::Service: Service<LambdaEvent<LambdaRequest>, Response = HttpAnswer>,
        L::Service: Clone + Send + 'static,
        <L::Service as Service<LambdaEvent<LambdaRequest>>>::Future: Send + 'static,
        <L::Service as Service<LambdaEvent<LambdaRequest>>>::Error:
            Into<Diagnostic> + Debug + 'static,
    {
        self.run_service(move |state| Events::new(make(state)))
    }
}
