//! The request id, for callers.

use std::task::{Context, Poll};

use ::http::header::{HeaderName, HeaderValue};
use ::http::{Request, Response};
use tower::Service;

use super::{Answering, request_id};
use crate::service_of::service_of;

/// Adds the id of the invocation to every answer, as `x-request-id` unless another name is given.
///
/// It is the id that stands in every log line: who complains can say which lines are theirs. An
/// answer that has the header already keeps its own.
///
/// # Example
///
/// ```
/// use kiln::http::RequestIdLayer;
///
/// let layer = RequestIdLayer::new().named(http::HeaderName::from_static("x-correlation-id"));
/// # let _ = layer;
/// ```
#[derive(Clone, Debug)]
pub struct RequestIdLayer {
    name: HeaderName,
}

impl RequestIdLayer {
    /// As `x-request-id`.
    ///
    /// # Example
    ///
    /// ```
    /// use http::{Request, Response};
    /// use kiln::http::RequestIdLayer;
    /// use kiln::tower::{Layer as _, ServiceExt as _, service_fn};
    /// use lambda_http::RequestExt as _;
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    /// # runtime.block_on(async {
    /// let service = RequestIdLayer::new().layer(service_fn(|_: Request<()>| async {
    ///     Ok::<_, std::convert::Infallible>(Response::new(()))
    /// }));
    /// let context = kiln::testing::ContextBuilder::new().request_id("8476a536");
    /// let request = Request::new(()).with_lambda_context(context.build());
    /// let answer = service.oneshot(request).await.unwrap();
    /// assert_eq!(answer.headers()["x-request-id"], "8476a536");
    /// # });
    /// ```
    pub fn new() -> Self {
        Self {
            name: HeaderName::from_static("x-request-id"),
        }
    }

    /// Under another name.
    ///
    /// # Example
    ///
    /// ```
    /// use http::{HeaderName, Request, Response};
    /// use kiln::http::RequestIdLayer;
    /// use kiln::tower::{Layer as _, ServiceExt as _, service_fn};
    /// use lambda_http::RequestExt as _;
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    /// # runtime.block_on(async {
    /// let name = HeaderName::from_static("x-correlation-id");
    /// let service = RequestIdLayer::new().named(name).layer(service_fn(|_: Request<()>| async {
    ///     Ok::<_, std::convert::Infallible>(Response::new(()))
    /// }));
    /// let context = kiln::testing::ContextBuilder::new().request_id("8476a536");
    /// let request = Request::new(()).with_lambda_context(context.build());
    /// let answer = service.oneshot(request).await.unwrap();
    /// assert_eq!(answer.headers()["x-correlation-id"], "8476a536");
    /// # });
    /// ```
    #[must_use]
    pub fn named(mut self, name: HeaderName) -> Self {
        self.name = name;
        self
    }
}

impl Default for RequestIdLayer {
    fn default() -> Self {
        Self::new()
    }
}

service_of! { RequestIdLayer => RequestIdService { name: HeaderName } }

impl<S, B, R> Service<Request<B>> for RequestIdService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Answering<R, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let id = request_id(&request).and_then(|id| HeaderValue::try_from(id).ok());
        let name = self.name.clone();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let mut response = answer.await?;
            if let Some(id) = id {
                response.headers_mut().entry(name).or_insert(id);
            }
            Ok(response)
        })
    }
}
