//! Services over HTTP, as services over Lambda's events.

use std::convert::Infallible;
use std::fmt::{self, Debug};
use std::future::ready;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use ::http::Response;
use futures_util::future::BoxFuture;
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Body, IntoResponse, Request, StreamAdapter};
use lambda_runtime::LambdaEvent;
use serde::Serialize;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceBuilder};

use super::{DeadlineLayer, ProblemLayer, RequestIdLayer, ResponseLimitLayer};
use crate::LambdaError;

/// A service over HTTP, as one over Lambda's events: what [`run`](fn@super::run) runs.
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
    /// Of this service, with the layers of [`run`](fn@super::run).
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
pub(super) struct Streaming<S, R> {
    inner: S,
    body: PhantomData<fn() -> R>,
}

impl<S, R> Streaming<S, R> {
    pub(super) fn new(inner: S) -> Self {
        Self {
            inner,
            body: PhantomData,
        }
    }
}

impl<S: Clone, R> Clone for Streaming<S, R> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone())
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
struct Converted(Response<Body>);

impl IntoResponse for Converted {
    fn into_response(self) -> Pin<Box<dyn Future<Output = Response<Body>> + Send>> {
        Box::pin(ready(self.0))
    }
}
