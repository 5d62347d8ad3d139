//! The request id, for callers.

use std::task::{Context, Poll};

use ::http::header::{HeaderName, HeaderValue};
use ::http::{Request, Response};
use tower::{Layer, Service};

use super::{Answering, request_id};

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
    pub fn new() -> Self {
        Self {
            name: HeaderName::from_static("x-request-id"),
        }
    }

    /// Under another name.
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

impl<S> Layer<S> for RequestIdLayer {
    type Service = RequestIdService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RequestIdService {
            inner,
            name: self.name.clone(),
        }
    }
}

/// The service of [`RequestIdLayer`].
#[derive(Clone, Debug)]
pub struct RequestIdService<S> {
    inner: S,
    name: HeaderName,
}

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
