//! The function's entry.

use std::convert::Infallible;
use std::fmt::{self, Debug};
use std::future::ready;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use ::http::Response;
use bytes::Bytes;
use futures_util::Stream;
use futures_util::future::BoxFuture;
use http_body::Body as HttpBody;
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Body, IntoResponse, Request, StreamAdapter};
use lambda_runtime::{Diagnostic, Error, IntoFunctionResponse, LambdaEvent};
use serde::Serialize;
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, ServiceBuilder};

use super::{DeadlineLayer, ProblemLayer, RequestIdLayer, ResponseLimitLayer};
use crate::LambdaError;
use crate::run::{Builder, Handler, Init, NoInit};

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
    crate::builder().run_service(Streaming {
        inner: service,
        body: PhantomData,
    })
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
    inner: Mapped,
}

type Answers = BoxCloneSyncService<Request, Converted, Infallible>;
type Mapped = Adapter<'static, Converted, Answers>;

/// What goes back to Lambda: the JSON that the front of the request reads, made by [`Events`].
#[derive(Serialize)]
#[serde(transparent)]
pub struct HttpAnswer {
    /// What [`lambda_http`] makes of a response, and has no name for.
    answer: <Mapped as Service<LambdaEvent<LambdaRequest>>>::Response,
}

impl Debug for HttpAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // It has the caller's data in it.
        f.debug_struct("HttpAnswer").finish_non_exhaustive()
    }
}

impl Events {
    /// Of this service, with the layers of [`run`](fn@run).
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::http::Events;
    /// use kiln::testing;
    /// use kiln::tower::{ServiceExt as _, service_fn};
    /// use lambda_http::Request;
    /// use std::convert::Infallible;
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    /// # runtime.block_on(async {
    /// let events = Events::new(service_fn(|_: Request| async { Ok::<_, Infallible>("hello") }));
    /// let event = testing::event(testing::sample("http"));
    /// let id = event.context.request_id.clone();
    /// let answer = serde_json::to_value(events.oneshot(event).await.unwrap()).unwrap();
    /// assert_eq!(answer["headers"]["x-request-id"], id, "that of `RequestIdLayer`");
    /// # });
    /// ```
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
    pub fn run_http<S, B, T, D, X>(self, service: S) -> Result<(), Error>
    where
        S: Service<Request> + Clone + Send + Sync + 'static,
        S::Response: IntoResponse + 'static,
        S::Error: LambdaError + Send + 'static,
        S::Future: Send + 'static,
        L: Layer<Handler<LambdaRequest, HttpAnswer>> + Send + 'static,
        L::Service: Service<LambdaEvent<LambdaRequest>> + Clone + Send + 'static,
        <L::Service as Service<LambdaEvent<LambdaRequest>>>::Future: Send + 'static,
        <L::Service as Service<LambdaEvent<LambdaRequest>>>::Error:
            Into<Diagnostic> + Debug + 'static,
        <L::Service as Service<LambdaEvent<LambdaRequest>>>::Response:
            IntoFunctionResponse<B, T> + Send + 'static,
        B: Serialize + Send + 'static,
        T: Stream<Item = Result<D, X>> + Unpin + Send + 'static,
        D: Into<Bytes> + Send + 'static,
        X: Into<Error> + Debug + Send + 'static,
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
    pub fn run_http<M, S, B, T, D, X>(self, make: M) -> Result<(), Error>
    where
        M: FnOnce(&'static I) -> S + Send + 'static,
        S: Service<Request> + Clone + Send + Sync + 'static,
        S::Response: IntoResponse + 'static,
        S::Error: LambdaError + Send + 'static,
        S::Future: Send + 'static,
        L: Layer<Handler<LambdaRequest, HttpAnswer>> + Send + 'static,
        L::Service: Service<LambdaEvent<LambdaRequest>> + Clone + Send + 'static,
        <L::Service as Service<LambdaEvent<LambdaRequest>>>::Future: Send + 'static,
        <L::Service as Service<LambdaEvent<LambdaRequest>>>::Error:
            Into<Diagnostic> + Debug + 'static,
        <L::Service as Service<LambdaEvent<LambdaRequest>>>::Response:
            IntoFunctionResponse<B, T> + Send + 'static,
        B: Serialize + Send + 'static,
        T: Stream<Item = Result<D, X>> + Unpin + Send + 'static,
        D: Into<Bytes> + Send + 'static,
        X: Into<Error> + Debug + Send + 'static,
    {
        self.run_service(move |state| Events::new(make(state)))
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
    type Future = BoxFuture<'static, Result<HttpAnswer, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, event: LambdaEvent<LambdaRequest>) -> Self::Future {
        let answer = self.inner.call(event);
        Box::pin(async move {
            let answer = answer.await?;
            Ok(HttpAnswer { answer })
        })
    }
}

/// A service over HTTP whose answers are streams, as one over Lambda's events.
struct Streaming<S, R> {
    inner: S,
    body: PhantomData<fn() -> R>,
}

impl<S: Clone, R> Clone for Streaming<S, R> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            body: PhantomData,
        }
    }
}

impl<S, R: 'static> Service<LambdaEvent<LambdaRequest>> for Streaming<S, R>
where
    StreamAdapter<'static, S, R>: From<S> + Service<LambdaEvent<LambdaRequest>>,
    S: Service<Request> + Clone,
{
    type Response = <StreamAdapter<'static, S, R> as Service<LambdaEvent<LambdaRequest>>>::Response;
    type Error = <StreamAdapter<'static, S, R> as Service<LambdaEvent<LambdaRequest>>>::Error;
    type Future = <StreamAdapter<'static, S, R> as Service<LambdaEvent<LambdaRequest>>>::Future;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        // Its outermost layers are always ready, and await the inner ones with the call.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, event: LambdaEvent<LambdaRequest>) -> Self::Future {
        // The adapter itself is `Send` only where bodies are `Sync`, which those of axum are not.
        StreamAdapter::from(self.inner.clone()).call(event)
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
