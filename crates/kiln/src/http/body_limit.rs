//! Requests that are too large.

use std::task::{Context, Poll};

use ::http::{Request, Response, StatusCode};
use futures_util::future::{Either, Ready, ready};
use http_body::Body as HttpBody;
use tower::Service;

use super::Problem;
use crate::service_of::service_of;

/// Answers 413 to a request whose body is larger than the limit, without calling the handler.
///
/// Lambda itself takes events of up to 6 MB ([quotas]), which is a body of 4.5 MB where it is binary,
/// and a third more memory again to decode it. A limit of one's own says what the function is meant
/// for, and answers in a form the caller can read.
///
/// The body's own size counts: on Lambda the whole body is there when the handler is called. A body
/// that does not know its size, which only other servers have, passes.
///
/// [quotas]: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
///
/// # Example
///
/// ```
/// use http::{Request, Response};
/// use kiln::http::BodyLimitLayer;
/// use kiln::tower::{ServiceBuilder, ServiceExt as _, service_fn};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// let service = ServiceBuilder::new()
///     .layer(BodyLimitLayer::new(4))
///     .service(service_fn(|_: Request<String>| async {
///         Ok::<_, std::convert::Infallible>(Response::new(String::new()))
///     }));
/// let answer = service.oneshot(Request::new("12345".to_owned())).await.unwrap();
/// assert_eq!(answer.status(), 413);
/// # });
/// ```
#[derive(Clone, Copy, Debug)]
pub struct BodyLimitLayer {
    limit: u64,
}

impl BodyLimitLayer {
    /// At most this many bytes, as the handler sees them: decoded from base64, if they were encoded.
    ///
    /// # Example
    ///
    /// ```
    /// use http::{Request, Response};
    /// use kiln::http::BodyLimitLayer;
    /// use kiln::tower::{Layer as _, ServiceExt as _, service_fn};
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    /// # runtime.block_on(async {
    /// let service = BodyLimitLayer::new(5).layer(service_fn(|_: Request<String>| async {
    ///     Ok::<_, std::convert::Infallible>(Response::new(String::new()))
    /// }));
    /// let answer = service.clone().oneshot(Request::new("12345".to_owned())).await.unwrap();
    /// assert_eq!(answer.status(), 200);
    /// let answer = service.oneshot(Request::new("123456".to_owned())).await.unwrap();
    /// assert_eq!(answer.status(), 413);
    /// # });
    /// ```
    pub const fn new(limit: u64) -> Self {
        Self { limit }
    }
}

service_of! { BodyLimitLayer => BodyLimitService { limit: u64 } }

impl<S, B, R> Service<Request<B>> for BodyLimitService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    B: HttpBody,
    R: From<String>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<Response<R>, S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let limit = self.limit;
        if request.body().size_hint().lower() <= limit {
            return Either::Left(self.inner.call(request));
        }
        ::tracing::info!(limit, "request refused: its body is too large");
        let problem = Problem::new(StatusCode::PAYLOAD_TOO_LARGE)
            .kind("body-too-large")
            .detail(format!("the body has more than {limit} bytes"))
            .of_request(super::request_id(&request));
        Either::Right(ready(Ok(problem.response())))
    }
}
