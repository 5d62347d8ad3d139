//! The event as it came.

use std::task::{Context, Poll};

use bytes::Bytes;
use lambda_runtime::LambdaInvocation;
use tokio::task::futures::TaskLocalFuture;
use tower::{Layer, Service};

tokio::task_local! {
    static BODY: Bytes;
}

/// The body of the invocation that this task handles.
pub(super) fn body() -> Option<Bytes> {
    BODY.try_with(Bytes::clone).ok()
}

/// Hands the event as it came on to the [`LoggingLayer`](super::LoggingLayer), which logs it if asked
/// to, and finds the correlation id in it.
///
/// A layer of the runtime, around the parsing of the event; [`run`](crate::run()) adds it.
///
/// # Example
///
/// ```no_run
/// use kiln::logging::{EventLayer, LoggingLayer};
/// use kiln::tower::{Layer, service_fn};
/// use kiln::{Error, LambdaEvent};
/// use lambda_runtime::Runtime;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// async fn handler(_event: LambdaEvent<()>) -> Result<(), Error> {
///     Ok(())
/// }
///
/// let handler = LoggingLayer::new().layer(service_fn(handler));
/// Runtime::new(handler).layer(EventLayer::new()).run().await
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct EventLayer {}

impl EventLayer {
    /// The layer.
    pub const fn new() -> Self {
        Self {}
    }
}

impl<S> Layer<S> for EventLayer {
    type Service = EventService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        EventService { inner }
    }
}

/// The service of [`EventLayer`].
#[derive(Clone, Debug)]
pub struct EventService<S> {
    inner: S,
}

impl<S: Service<LambdaInvocation>> Service<LambdaInvocation> for EventService<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = TaskLocalFuture<Bytes, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, invocation: LambdaInvocation) -> Self::Future {
        let body = invocation.body.clone();
        // The handler's service is called at once, its future polled later.
        let future = BODY.sync_scope(body.clone(), || self.inner.call(invocation));
        BODY.scope(body, future)
    }
}
