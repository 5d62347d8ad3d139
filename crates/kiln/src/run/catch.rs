//! Panics and errors as what Lambda reports.

use std::any::Any;
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll};

use futures_util::FutureExt as _;
use futures_util::future::{CatchUnwind, Either, Map, Ready, ready};
use lambda_runtime::tower::Service;
use lambda_runtime::{Diagnostic, LambdaEvent};

use super::report;

/// A service whose panics and errors have become [`Diagnostic`]s.
///
/// Around the handler, so that layers see a panic as an error, and again around the layers.
#[derive(Clone, Debug)]
pub(super) struct Caught<S>(pub(super) S);

type Payload = Box<dyn Any + Send>;
type Outcome<R, E> = Result<Result<R, E>, Payload>;
/// Named and not boxed: it is in the way of every invocation.
type CaughtFuture<F, R, E> = Either<
    Map<CatchUnwind<AssertUnwindSafe<F>>, fn(Outcome<R, E>) -> Result<R, Diagnostic>>,
    Ready<Result<R, Diagnostic>>,
>;

impl<S, A> Service<LambdaEvent<A>> for Caught<S>
where
    S: Service<LambdaEvent<A>>,
    S::Error: Into<Diagnostic> + Debug + 'static,
{
    type Response = S::Response;
    type Error = Diagnostic;
    type Future = CaughtFuture<S::Future, S::Response, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Diagnostic>> {
        self.0.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, event: LambdaEvent<A>) -> Self::Future {
        // What panics may be left half-way, as a handler's state is on any error; it is its own.
        match catch_unwind(AssertUnwindSafe(|| self.0.call(event))) {
            Ok(future) => {
                let outcome: fn(_) -> _ = outcome::<S::Response, S::Error>;
                Either::Left(AssertUnwindSafe(future).catch_unwind().map(outcome))
            }
            Err(payload) => Either::Right(ready(Err(report::of_panic(&*payload)))),
        }
    }
}

fn outcome<R, E>(outcome: Outcome<R, E>) -> Result<R, Diagnostic>
where
    E: Into<Diagnostic> + Debug + 'static,
{
    match outcome {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(error)) => Err(report::of_error(error)),
        Err(payload) => Err(report::of_panic(&*payload)),
    }
}

/// A service whose failures are logged.
#[derive(Clone, Debug)]
pub(super) struct Reported<S>(pub(super) S);

impl<S, A> Service<LambdaEvent<A>> for Reported<S>
where
    S: Service<LambdaEvent<A>, Error = Diagnostic>,
{
    type Response = S::Response;
    type Error = Diagnostic;
    type Future =
        Map<S::Future, fn(Result<S::Response, Diagnostic>) -> Result<S::Response, Diagnostic>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Diagnostic>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, event: LambdaEvent<A>) -> Self::Future {
        self.0
            .call(event)
            .map(|answer| answer.inspect_err(report::failure))
    }
}
