//! One invocation, as `kiln::run` makes it.

use std::fmt::Debug;
use std::sync::Arc;

use lambda_runtime::tower::Service;
use lambda_runtime::tower::layer::util::Identity;
use lambda_runtime::{Diagnostic, LambdaEvent};

use crate::run::{Function, assemble, once};

/// Has a handler answer an event as [`kiln::run`](crate::run()) does: in scope, with panics caught,
/// errors as Lambda reports them.
///
/// # Errors
/// What Lambda would report: of a panic, the type [`HandlerPanicked`](crate::run::PANICKED).
///
/// # Example
///
/// ```
/// use kiln::{Error, LambdaEvent, testing};
///
/// async fn halve(event: LambdaEvent<u32>) -> Result<u32, Error> {
///     assert!(event.payload.is_multiple_of(2), "odd");
///     Ok(event.payload / 2)
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// assert_eq!(testing::invoke(halve, testing::event(4)).await.unwrap(), 2);
///
/// let error = testing::invoke(halve, testing::event(5)).await.unwrap_err();
/// assert_eq!(error.error_type, "HandlerPanicked");
/// assert_eq!(error.error_message, "the handler panicked: odd");
/// # });
/// ```
pub async fn invoke<A, R, E, F, H>(handler: H, event: LambdaEvent<A>) -> Result<R, Diagnostic>
where
    H: Fn(LambdaEvent<A>) -> F + Send + Sync + 'static,
    F: Future<Output = Result<R, E>> + Send + 'static,
    A: 'static,
    R: Send + 'static,
    E: Into<Diagnostic> + Debug + 'static,
{
    invoke_service(Function(Arc::new(handler)), event).await
}

/// Has a service answer an event as [`Builder::run_service`](crate::run::Builder::run_service) does:
/// a handler with its layers, or an adapter.
///
/// # Errors
/// What Lambda would report.
///
/// # Example
///
/// ```
/// use kiln::deadline::DeadlineLayer;
/// use kiln::tower::ServiceBuilder;
/// use kiln::{Error, LambdaEvent, testing};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let service = ServiceBuilder::new()
///     .layer(DeadlineLayer::new())
///     .service_fn(async |event: LambdaEvent<u32>| Ok::<_, Error>(event.payload + 1));
/// let answer = testing::invoke_service(service, testing::event(1)).await;
/// assert_eq!(answer.unwrap(), 2);
/// # });
/// ```
pub async fn invoke_service<S, A>(
    service: S,
    event: LambdaEvent<A>,
) -> Result<S::Response, Diagnostic>
where
    S: Service<LambdaEvent<A>> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Diagnostic> + Debug + 'static,
    S::Response: Send + 'static,
    A: 'static,
{
    once(assemble(service, &Identity::new()), event).await
}
