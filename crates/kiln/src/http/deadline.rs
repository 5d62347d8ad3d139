//! An answer before Lambda ends the invocation.

use std::task::{Context, Poll};
use std::time::Duration;

use ::http::{Request, Response};
use lambda_http::RequestExt as _;
use tower::{Layer, Service};

use super::{Answering, Problem};
use crate::deadline::{Deadline, DeadlineExceeded};
use crate::errors::LambdaError as _;

/// Answers 504 shortly before the deadline of the invocation, and drops the handler's future.
///
/// Without it Lambda kills the execution environment at the deadline: the caller reads `502` or
/// `504` from API Gateway, and the next request waits for a cold start. API Gateway gives up after
/// 29 seconds of its own unless its quota was raised ([quotas]), so a function behind it needs no
/// longer timeout than that.
///
/// It is for services over `http::Request`, and its answer is a response. [The layer of
/// `deadline`](crate::deadline::DeadlineLayer) is for handlers of events, and its answer is an error,
/// which for an HTTP function would be a failed invocation.
///
/// In the handler, [`Deadline::current`] is what this layer leaves, so that clients and `io` end before
/// it does.
///
/// # Cancellation
/// The handler's future is dropped where it awaits; what it has spawned goes on.
///
/// [quotas]: https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
///
/// # Example
///
/// ```
/// use kiln::http::DeadlineLayer;
/// use std::time::Duration;
///
/// let layer = DeadlineLayer::new().margin(Duration::from_millis(500));
/// # let _ = layer;
/// ```
#[derive(Clone, Copy, Debug)]
pub struct DeadlineLayer {
    margin: Duration,
}

impl DeadlineLayer {
    /// 100 ms before the deadline.
    ///
    /// # Example
    ///
    /// ```
    /// use http::{Request, Response};
    /// use kiln::http::DeadlineLayer;
    /// use kiln::tower::{Layer as _, ServiceExt as _, service_fn};
    /// use lambda_http::RequestExt as _;
    /// use std::time::Duration;
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    /// # runtime.block_on(async {
    /// let service = DeadlineLayer::new().layer(service_fn(|_: Request<()>| {
    ///     std::future::pending::<Result<Response<String>, std::convert::Infallible>>()
    /// }));
    /// let context = kiln::testing::ContextBuilder::new().deadline(Duration::from_millis(150));
    /// let request = Request::new(()).with_lambda_context(context.build());
    /// assert_eq!(service.oneshot(request).await.unwrap().status(), 504);
    /// # });
    /// ```
    pub const fn new() -> Self {
        Self {
            margin: Duration::from_millis(100),
        }
    }

    /// This long before the deadline: the time that layers further out need afterwards.
    ///
    /// # Example
    ///
    /// ```
    /// use http::{Request, Response};
    /// use kiln::http::DeadlineLayer;
    /// use kiln::tower::{Layer as _, ServiceExt as _, service_fn};
    /// use lambda_http::RequestExt as _;
    /// use std::time::Duration;
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    /// # runtime.block_on(async {
    /// // Layers further out need ten seconds, and there are no more.
    /// let service = DeadlineLayer::new().margin(Duration::from_secs(10)).layer(service_fn(|_: Request<()>| {
    ///     std::future::pending::<Result<Response<String>, std::convert::Infallible>>()
    /// }));
    /// let context = kiln::testing::ContextBuilder::new().deadline(Duration::from_secs(10));
    /// let request = Request::new(()).with_lambda_context(context.build());
    /// assert_eq!(service.oneshot(request).await.unwrap().status(), 504);
    /// # });
    /// ```
    #[must_use]
    pub const fn margin(mut self, margin: Duration) -> Self {
        self.margin = margin;
        self
    }
}

impl Default for DeadlineLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = DeadlineService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        DeadlineService {
            inner,
            margin: self.margin,
        }
    }
}

/// The service made by [`DeadlineLayer`].
#[derive(Clone, Debug)]
pub struct DeadlineService<S> {
    inner: S,
    margin: Duration,
}

impl<S, B, R> Service<Request<B>> for DeadlineService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    R: From<String>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Answering<R, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let of_request = request.extensions().lambda_context_ref().map(Deadline::of);
        let current = Deadline::current();
        let own = of_request.unwrap_or(current).less(self.margin);
        // That of a layer further out may be earlier.
        let deadline = match (own.time(), current.time()) {
            (Some(own), Some(outer)) if outer < own => current,
            _ => own,
        };
        deadline.make_current();
        let id = super::request_id(&request);
        let answer = self.inner.call(request);
        Box::pin(async move {
            match deadline.within(answer).await {
                Ok(answer) => answer,
                Err(exceeded) => {
                    log(exceeded);
                    let problem = Problem::of(&exceeded);
                    Ok(match id {
                        Some(id) => problem.instance(id).response(),
                        None => problem.response(),
                    })
                }
            }
        })
    }
}

fn log(exceeded: DeadlineExceeded) {
    ::tracing::error!(
        error_type = exceeded.error_type(),
        "request failed: {exceeded}"
    );
}
