//! An answer before Lambda ends the environment.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use lambda_runtime::tower::Service;
use lambda_runtime::{Diagnostic, LambdaEvent};

use super::{Deadline, DeadlineExceeded};
use crate::errors::diagnostic;
use crate::service_of::service_of;

/// A layer that answers before Lambda ends the environment.
///
/// At the timeout, Lambda kills the environment: the caller reads `Task timed out`, buffered logs and
/// metrics are lost, and the next event waits for a cold start. This layer drops the handler's future
/// a [margin](Self::margin) earlier; layers around it flush, and the environment goes on. The answer is
///
/// - around a handler of events an error, [`DeadlineExceeded`], which is retryable;
/// - around a service over `http::Request` (the feature `http`) a response, 504 with a problem document:
///   an error would be a failed invocation. `http::run` has this layer. API Gateway gives up after 29
///   seconds of its own unless its quota was raised ([quotas]), so a function behind it needs no longer
///   timeout than that.
///
/// A deadline that has passed is answered at once, without calling the handler. What is left for the
/// handler is [`Deadline::current`] there, so that clients and `io` end before the layer does.
///
/// # Cancellation
/// The handler's future is dropped where it awaits. What it has spawned goes on, and so does work that
/// does not await: a handler that computes without awaiting is not stopped.
///
/// [quotas]: https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
///
/// # Example
///
/// ```
/// use kiln::deadline::DeadlineLayer;
/// use kiln::tower::ServiceBuilder;
/// use kiln::{Error, LambdaEvent, testing};
/// use std::time::Duration;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let slow = ServiceBuilder::new()
///     .layer(DeadlineLayer::new().margin(Duration::from_millis(100)))
///     .service_fn(async |_event: LambdaEvent<()>| {
///         tokio::time::sleep(Duration::from_secs(60)).await;
///         Ok::<_, Error>(())
///     });
/// let event = testing::ContextBuilder::new()
///     .deadline(Duration::from_millis(150))
///     .event(());
/// let error = testing::invoke_service(slow, event).await.unwrap_err();
/// assert_eq!(error.error_type, "DeadlineExceeded");
/// # });
/// ```
///
/// Around a service over HTTP:
///
/// ```
/// use http::{Request, Response};
/// use kiln::http::DeadlineLayer;
/// use kiln::tower::{Layer as _, ServiceExt as _, service_fn};
/// use lambda_http::RequestExt as _;
/// use std::time::Duration;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let service = DeadlineLayer::new().layer(service_fn(|_: Request<()>| {
///     std::future::pending::<Result<Response<String>, std::convert::Infallible>>()
/// }));
/// let context = kiln::testing::ContextBuilder::new().deadline(Duration::from_millis(150));
/// let request = Request::new(()).with_lambda_context(context.build());
/// assert_eq!(service.oneshot(request).await.unwrap().status(), 504);
/// # });
/// ```
#[derive(Clone, Copy, Debug)]
pub struct DeadlineLayer {
    margin: Option<Duration>,
}

/// Enough for a flush over the network, and little beside usual timeouts.
const MARGIN: Duration = Duration::from_millis(500);

impl DeadlineLayer {
    /// With the usual margin: 500 ms, or a tenth of what is left when the event arrives if that is
    /// less, as with a timeout of one second.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::deadline::{Deadline, DeadlineLayer};
    /// use kiln::tower::ServiceBuilder;
    /// use kiln::{Error, LambdaEvent, testing};
    /// use std::time::Duration;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let service = ServiceBuilder::new()
    ///     .layer(DeadlineLayer::new())
    ///     .service_fn(async |_event: LambdaEvent<()>| {
    ///         Ok::<_, Error>(Deadline::current().remaining())
    ///     });
    /// // Of 30 seconds, the handler has all but half a second.
    /// let left = testing::invoke_service(service, testing::event(())).await.unwrap();
    /// assert!(left <= Some(Duration::from_millis(29_500)));
    /// # });
    /// ```
    pub const fn new() -> Self {
        Self { margin: None }
    }

    /// With this margin between the answer and the end of the environment.
    ///
    /// It is for what layers around this one do after the handler, and for the answer's way. A margin
    /// that is longer than the function's timeout leaves the handler no time at all.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::deadline::{Deadline, DeadlineLayer};
    /// use kiln::tower::ServiceBuilder;
    /// use kiln::{Error, LambdaEvent, testing};
    /// use std::time::Duration;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// // Of 30 seconds, 10 are for an upload by a layer around this one.
    /// let service = ServiceBuilder::new()
    ///     .layer(DeadlineLayer::new().margin(Duration::from_secs(10)))
    ///     .service_fn(async |_event: LambdaEvent<()>| {
    ///         Ok::<_, Error>(Deadline::current().remaining())
    ///     });
    /// let left = testing::invoke_service(service, testing::event(())).await.unwrap();
    /// assert!(left <= Some(Duration::from_secs(20)));
    /// # });
    /// ```
    #[must_use]
    pub const fn margin(mut self, margin: Duration) -> Self {
        self.margin = Some(margin);
        self
    }
}

impl Default for DeadlineLayer {
    fn default() -> Self {
        Self::new()
    }
}

service_of! { DeadlineLayer => DeadlineService { margin: Option<Duration> } }

impl<S> DeadlineService<S> {
    /// What the handler has of this deadline, made the current one. That of a layer further out may be
    /// earlier.
    pub(crate) fn leave(&self, deadline: Deadline) -> Deadline {
        let margin = self.margin.unwrap_or_else(|| {
            let left = deadline.remaining().unwrap_or_default();
            MARGIN.min(left / 10)
        });
        let left = deadline.less(margin).earliest(Deadline::current());
        left.make_current();
        left
    }
}

impl<S, A> Service<LambdaEvent<A>> for DeadlineService<S>
where
    S: Service<LambdaEvent<A>>,
    S::Future: Send + 'static,
    S::Response: Send + 'static,
    S::Error: Into<Diagnostic> + 'static,
{
    type Response = S::Response;
    type Error = Diagnostic;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, Diagnostic>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Diagnostic>> {
        self.inner.poll_ready(context).map_err(diagnostic)
    }

    fn call(&mut self, event: LambdaEvent<A>) -> Self::Future {
        let deadline = self.leave(Deadline::of(&event.context));
        if deadline.has_passed() {
            return Box::pin(async { Err(DeadlineExceeded.into()) });
        }
        let answer = self.inner.call(event);
        Box::pin(async move {
            match deadline.within(answer).await {
                Ok(answer) => answer.map_err(diagnostic),
                Err(exceeded) => Err(exceeded.into()),
            }
        })
    }
}
