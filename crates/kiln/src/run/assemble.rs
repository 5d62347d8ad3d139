//! The handler, the layers and what comes with them, as one service.

use std::fmt::Debug;
use std::sync::Arc;
use std::task::{Context, Poll};

use lambda_runtime::tower::util::BoxCloneSyncService;
use lambda_runtime::tower::{Layer, Service};
use lambda_runtime::{Diagnostic, LambdaEvent};

use super::catch::{Caught, Reported};
use super::event::{Event, Read};
#[cfg(feature = "testing")]
use crate::invocation::Invocation;

/// What the innermost layer wraps: the handler, whose errors and panics have become [`Diagnostic`]s.
///
/// It is boxed so that it has a name, for layers and for helpers that make them; that costs some tens
/// of nanoseconds.
///
/// # Example
///
/// A layer for any function, with which every event is counted:
///
/// ```
/// use kiln::run::Handler;
/// use kiln::tower::{Layer, ServiceBuilder};
/// use kiln::LambdaEvent;
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// static EVENTS: AtomicU64 = AtomicU64::new(0);
///
/// fn counted<A: 'static, R: 'static>() -> impl Layer<Handler<A, R>, Service: Clone> {
///     ServiceBuilder::new().map_request(|event: LambdaEvent<A>| {
///         EVENTS.fetch_add(1, Ordering::Relaxed);
///         event
///     })
/// }
/// # let _ = counted::<(), ()>();
/// ```
pub type Handler<A, R> = BoxCloneSyncService<LambdaEvent<A>, R, Diagnostic>;

/// A handler function as a service.
///
/// `tower`'s own is `Clone` only if the function is, and closures that hold state often are not.
#[derive(Debug)]
pub(crate) struct Function<H>(pub(crate) Arc<H>);

impl<H> Clone for Function<H> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<H, F, A, R, E> Service<LambdaEvent<A>> for Function<H>
where
    H: Fn(LambdaEvent<A>) -> F,
    F: Future<Output = Result<R, E>>,
{
    type Response = R;
    type Error = E;
    type Future = F;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), E>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, event: LambdaEvent<A>) -> F {
        (self.0)(event)
    }
}

/// From the outside in: logs, the report of failures, the event, the user's layers, the handler.
pub(crate) fn assemble<A, S, L>(
    service: S,
    layers: &L,
) -> impl Service<
    LambdaEvent<Event<A>>,
    Response = <L::Service as Service<LambdaEvent<A>>>::Response,
    Error = Diagnostic,
    Future: Send + 'static,
> + Clone
+ Send
+ 'static
where
    A: 'static,
    S: Service<LambdaEvent<A>> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Diagnostic> + Debug + 'static,
    S::Response: Send + 'static,
    L: Layer<Handler<A, S::Response>>,
    L::Service: Service<LambdaEvent<A>> + Clone + Send + 'static,
    <L::Service as Service<LambdaEvent<A>>>::Future: Send + 'static,
    <L::Service as Service<LambdaEvent<A>>>::Error: Into<Diagnostic> + Debug + 'static,
    <L::Service as Service<LambdaEvent<A>>>::Response: Send + 'static,
{
    super::panics::remember();
    let service = layers.layer(BoxCloneSyncService::new(Caught(service)));
    let service = Reported(Read(Caught(service)));
    // Outermost, so that it sees the report.
    #[cfg(feature = "logging")]
    let service = crate::logging::LoggingLayer::new().layer(service);
    service
}

/// One invocation of a service, as Lambda makes it.
#[cfg(feature = "testing")]
pub(crate) async fn once<A, S>(
    mut service: S,
    event: LambdaEvent<A>,
) -> Result<S::Response, Diagnostic>
where
    S: Service<LambdaEvent<Event<A>>, Error = Diagnostic>,
{
    use lambda_runtime::tower::ServiceExt as _;

    let LambdaEvent { payload, context } = event;
    let invocation = Invocation::new(context.clone());
    let event = LambdaEvent::new(Event(Ok(payload)), context);
    let answer = async { service.ready().await?.call(event).await };
    invocation.scope(answer).await
}
