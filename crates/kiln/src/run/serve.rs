//! The loop of `lambda_runtime`, with our service in it.

use std::fmt::Debug;

use futures_util::Stream;
use lambda_runtime::layers::TracingLayer;
use lambda_runtime::tower::{Layer, Service};
use lambda_runtime::{Diagnostic, Error, IntoFunctionResponse, LambdaEvent, Runtime};
use serde::{Serialize, de::DeserializeOwned};

use super::assemble::{Handler, assemble};
use super::builder::BoxFuture;
use super::scope::InvocationLayer;
use super::start::Options;

/// The future that answers events until the Runtime API fails.
///
/// Boxed: from here on nothing is generic.
pub(super) fn serve<V, L, A, B, T, D, X>(
    service: V,
    layers: &L,
    options: Options,
) -> BoxFuture<Result<(), Error>>
where
    V: Service<LambdaEvent<A>> + Clone + Send + Sync + 'static,
    V::Future: Send + 'static,
    V::Response: Send + 'static,
    V::Error: Into<Diagnostic> + Debug + 'static,
    A: DeserializeOwned + Send + 'static,
    L: Layer<Handler<A, V::Response>>,
    L::Service: Service<LambdaEvent<A>> + Clone + Send + 'static,
    <L::Service as Service<LambdaEvent<A>>>::Future: Send + 'static,
    <L::Service as Service<LambdaEvent<A>>>::Error: Into<Diagnostic> + Debug + 'static,
    <L::Service as Service<LambdaEvent<A>>>::Response: IntoFunctionResponse<B, T> + Send + 'static,
    B: Serialize + Send + 'static,
    T: Stream<Item = Result<D, X>> + Unpin + Send + 'static,
    D: Into<bytes::Bytes> + Send + 'static,
    X: Into<Error> + Debug + Send + 'static,
{
    let runtime = Runtime::new(assemble(service, layers))
        .layer(InvocationLayer::new())
        // The span with the request id, which log lines of `lambda_runtime` itself are in as well.
        .layer(TracingLayer::new());
    let runtime = options
        .snapstart
        .0
        .into_iter()
        .fold(runtime, Runtime::register_snapstart_resource);
    // One event after the other, unless the environment asks for more.
    Box::pin(runtime.run_concurrent())
}
