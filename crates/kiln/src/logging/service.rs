//! The log of one invocation, from its begin to its end.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use lambda_runtime::LambdaEvent;
use pin_project_lite::pin_project;
use tower::{Layer, Service};
use tracing::{Span, error_span, info};

use super::layer::EVENT_TARGET;
use super::state::Logged;
use crate::invocation::{self, Invocation};

/// Opens the span of each invocation, and at its end writes or forgets what the
/// [buffer](super::Buffer) has kept.
///
/// The buffer is written when the handler fails, panics, or is dropped before it is done, and
/// forgotten when it succeeds. [`run`](crate::run()) adds the layer; it wants to be within the
/// invocation's [scope](Invocation::scope).
///
/// # Example
///
/// ```
/// use kiln::LambdaEvent;
/// use kiln::invocation::Invocation;
/// use kiln::logging::LoggingLayer;
/// use kiln::tower::{Layer, Service, ServiceExt, service_fn};
/// use kiln::{Context, Error};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let handler = service_fn(async |event: LambdaEvent<u32>| Ok::<_, Error>(event.payload + 1));
/// let mut service = LoggingLayer::new().layer(handler);
///
/// let context = Context::default();
/// let answer = Invocation::new(context.clone())
///     .scope(async { service.ready().await?.call(LambdaEvent::new(1, context)).await })
///     .await;
/// assert_eq!(answer.unwrap(), 2);
/// # });
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct LoggingLayer {}

impl LoggingLayer {
    /// The layer.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::invocation::Invocation;
    /// use kiln::logging::{Buffer, Captured, Logging, LoggingLayer, debug};
    /// use kiln::tower::{Layer, ServiceExt, service_fn};
    /// use kiln::{Error, LambdaEvent, testing};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let lines = Captured::default();
    /// Logging::new().buffer(Buffer::default()).writer(lines.clone()).init();
    /// let handler = service_fn(async |event: LambdaEvent<i32>| {
    ///     debug!("asked for {}", event.payload);
    ///     u32::try_from(event.payload).map_err(Error::from)
    /// });
    /// // Of the two, the one that fails has its details in the log.
    /// for amount in [1, -1] {
    ///     let service = LoggingLayer::new().layer(handler.clone());
    ///     let event = testing::event(amount);
    ///     let invocation = Invocation::new(event.context.clone());
    ///     assert_eq!(invocation.scope(service.oneshot(event)).await.is_ok(), amount > 0);
    /// }
    /// let log = lines.lines().join("\n");
    /// assert!(log.contains("asked for -1") && !log.contains("asked for 1"));
    /// # });
    /// ```
    pub const fn new() -> Self {
        Self {}
    }
}

impl<S> Layer<S> for LoggingLayer {
    type Service = LoggingService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        LoggingService { inner }
    }
}

/// A service with a log for each invocation, made by [`LoggingLayer`].
#[derive(Clone, Debug)]
pub struct LoggingService<S> {
    inner: S,
}

impl<S, A> Service<LambdaEvent<A>> for LoggingService<S>
where
    S: Service<LambdaEvent<A>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = LoggingFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, event: LambdaEvent<A>) -> Self::Future {
        let invocation = invocation::current();
        // The log's filter decides whether this is written, and its layer adds the event.
        info!(target: EVENT_TARGET, "Lambda invocation event");
        // An ERROR, so that it is there whatever the level of the log: work that is spawned within
        // finds its invocation by it.
        let span = error_span!(target: "kiln::invocation", "invocation");
        let end = End(invocation);
        let inner = span.in_scope(|| self.inner.call(event));
        LoggingFuture { inner, span, end }
    }
}

pin_project! {
    /// The future of a [`LoggingService`], made by [`LoggingLayer`].
    #[derive(Debug)]
    pub struct LoggingFuture<F> {
        #[pin]
        inner: F,
        span: Span,
        end: End,
    }
}

impl<F, R, E> Future for LoggingFuture<F>
where
    F: Future<Output = Result<R, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let _entered = this.span.enter();
        let answer = ready!(this.inner.poll(cx));
        if answer.is_ok() {
            this.end.forget();
        } else {
            this.end.flush();
        }
        Poll::Ready(answer)
    }
}

/// The end of an invocation, which has failed unless it is said to have succeeded.
#[derive(Debug)]
struct End(Option<Arc<Invocation>>);

impl End {
    fn forget(&mut self) {
        if let Some(logged) = self.0.take().and_then(|of| Logged::existing(&of)) {
            logged.forget();
        }
    }

    fn flush(&mut self) {
        if let Some(invocation) = self.0.take()
            && let Some(logged) = Logged::existing(&invocation)
        {
            logged.flush(&invocation);
        }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.flush();
    }
}
