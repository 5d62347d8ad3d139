//! Every invocation in scope.

use std::pin::Pin;
use std::task::{Context, Poll};

use lambda_runtime::tower::{Layer, Service};
use lambda_runtime::{Error, LambdaInvocation};

use super::event::reading;
use crate::invocation::Invocation;

/// A layer of `lambda_runtime::Runtime` that puts every invocation [into scope](crate::invocation::current).
///
/// [`run`](crate::run()) has it; a function that keeps a `Runtime` of its own and wants other parts of
/// this crate adds it.
///
/// # Example
///
/// ```no_run
/// use kiln::lambda_runtime::{Runtime, layers::TracingLayer};
/// use kiln::run::InvocationLayer;
/// use kiln::{Error, LambdaEvent, service_fn};
///
/// # async fn main_() -> Result<(), Error> {
/// let handler = service_fn(async |event: LambdaEvent<String>| Ok::<_, Error>(event.payload));
/// let runtime = Runtime::new(handler)
///     .layer(InvocationLayer::new())
///     .layer(TracingLayer::new());
/// runtime.run().await
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct InvocationLayer;

impl InvocationLayer {
    /// The layer.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::lambda_runtime::LambdaInvocation;
    /// use kiln::run::InvocationLayer;
    /// use kiln::tower::{Layer, ServiceExt, service_fn};
    /// use kiln::{Error, invocation, testing};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let service = InvocationLayer::new().layer(service_fn(async |request: LambdaInvocation| {
    ///     let current = invocation::current().expect("it is in scope");
    ///     assert_eq!(current.context.request_id, request.context.request_id);
    ///     Ok::<_, Error>(())
    /// }));
    /// # let (parts, ()) = http::Response::new(()).into_parts();
    /// # let (body, context) = (bytes::Bytes::new(), testing::context());
    /// # let request = LambdaInvocation { parts, body, context };
    /// service.oneshot(request).await.unwrap();
    /// # });
    /// ```
    pub const fn new() -> Self {
        Self
    }
}

impl<S> Layer<S> for InvocationLayer {
    type Service = InvocationService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        InvocationService { inner }
    }
}

/// A service whose invocations are in scope, made by [`InvocationLayer`].
#[derive(Clone, Debug)]
pub struct InvocationService<S> {
    inner: S,
}

impl<S> Service<LambdaInvocation> for InvocationService<S>
where
    S: Service<LambdaInvocation, Response = (), Error = Error>,
    S::Future: Send + 'static,
{
    type Response = ();
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: LambdaInvocation) -> Self::Future {
        let invocation = Invocation::new(request.context.clone());
        #[cfg(feature = "logging")]
        crate::logging::keep_event(&invocation, &request.body);
        let body = request.body.clone();
        // The event is read in `call`: what is logged of that has a request id as well.
        let answer = reading(body, || {
            invocation.clone().sync_scope(|| self.inner.call(request))
        });
        Box::pin(invocation.scope(answer))
    }
}
