//! [`DeadlineLayer`](super::DeadlineLayer) around a service over HTTP.

use std::task::{Context, Poll};

use ::http::{Request, Response};
use lambda_http::RequestExt as _;
use tower::Service;

use super::problem_layer::log;
use super::{Answering, DeadlineService, Problem};
use crate::deadline::{Deadline, DeadlineExceeded};

/// Answers 504, with a problem document.
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
        let deadline = self.leave(of_request.unwrap_or_else(Deadline::current));
        let id = super::request_id(&request);
        let late = |exceeded: DeadlineExceeded| {
            log(&exceeded);
            Problem::of(&exceeded).of_request(id).response()
        };
        if deadline.has_passed() {
            return Box::pin(async move { Ok(late(DeadlineExceeded)) });
        }
        let answer = self.inner.call(request);
        Box::pin(async move {
            match deadline.within(answer).await {
                Ok(answer) => answer,
                Err(exceeded) => Ok(late(exceeded)),
            }
        })
    }
}
