//! Errors, panics and empty error answers become problem documents.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::task::{Context, Poll};

use ::http::header::CONTENT_TYPE;
use ::http::{Method, Request, Response, StatusCode};
use futures_util::FutureExt as _;
use http_body::Body as HttpBody;
use tower::{Service, ServiceExt as _};

use super::{Answering, Problem, request_id};
use crate::LambdaError;
use crate::run::{PANICKED, panic_message};
use crate::service_of::service_of;

/// Has a service answer with [problem documents](Problem) where it would fail.
///
/// - An error becomes [the problem it is](Problem::of), with the request id as `instance`: callers
///   read the message of a 4xx, and of a 5xx nothing but its status.
/// - A panic becomes a 500. This needs `panic = "unwind"`, the default.
/// - An error answer without a body and a content type, as axum has for unknown paths and methods,
///   gets a problem of its status for a body. Other answers stay as they are.
///
/// 5xx are logged as errors with `error_type` and message, 4xx at info; the request is not logged.
///
/// Without it an error of the handler is a failed invocation: the caller of an API reads `502` and
/// `Internal server error`, whatever the error was.
///
/// # Example
///
/// ```
/// use http::{Request, Response, StatusCode};
/// use kiln::LambdaError;
/// use kiln::http::ProblemLayer;
/// use kiln::tower::{ServiceBuilder, ServiceExt as _, service_fn};
///
/// #[derive(Debug)]
/// struct UnknownOrder;
/// # impl std::fmt::Display for UnknownOrder {
/// #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
/// #         f.write_str("there is no such order")
/// #     }
/// # }
/// # impl std::error::Error for UnknownOrder {}
///
/// impl LambdaError for UnknownOrder {
///     fn error_type(&self) -> &str {
///         "UnknownOrder"
///     }
///     fn http_status(&self) -> StatusCode {
///         StatusCode::NOT_FOUND
///     }
/// }
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// let service = ServiceBuilder::new()
///     .layer(ProblemLayer::new())
///     .service(service_fn(|_: Request<String>| async {
///         Err::<Response<String>, _>(UnknownOrder)
///     }));
/// let answer = service.oneshot(Request::default()).await.unwrap();
/// assert_eq!(answer.status(), StatusCode::NOT_FOUND);
/// assert!(answer.body().contains("there is no such order"));
/// # });
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ProblemLayer {
    _private: (),
}

impl ProblemLayer {
    /// The layer. It has no settings.
    ///
    /// # Example
    ///
    /// ```
    /// use http::{Request, Response, StatusCode};
    /// use kiln::http::ProblemLayer;
    /// use kiln::tower::{Layer as _, ServiceExt as _, service_fn};
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    /// # runtime.block_on(async {
    /// let service = ProblemLayer::new().layer(service_fn(|_: Request<()>| async {
    ///     let mut answer = Response::new(String::new());
    ///     *answer.status_mut() = StatusCode::NOT_FOUND;
    ///     Ok::<_, std::convert::Infallible>(answer)
    /// }));
    /// let answer = service.oneshot(Request::new(())).await.unwrap();
    /// assert!(answer.body().contains(r#""title":"Not Found""#), "where there was nothing");
    /// # });
    /// ```
    pub fn new() -> Self {
        Self::default()
    }
}

service_of! { ProblemLayer => ProblemService {} }

impl<S, B, R> Service<Request<B>> for ProblemService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Error: LambdaError,
    S::Future: Send + 'static,
    B: Send + 'static,
    R: HttpBody + From<String>,
{
    type Response = Response<R>;
    type Error = Infallible;
    type Future = Answering<R, Infallible>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        // The inner service is awaited with the call, where its error can be answered.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let id = request_id(&request);
        let is_head = request.method() == Method::HEAD;
        // Its first poll is its call, so that a panic there is caught as well.
        let answer = self.inner.clone().oneshot(request);
        Box::pin(async move {
            let problem = match AssertUnwindSafe(answer).catch_unwind().await {
                Ok(Ok(response)) if is_head || !is_bare(&response) => return Ok(response),
                Ok(Ok(response)) => {
                    let bare = Problem::new(response.status());
                    return Ok(fill(response, bare.of_request(id)));
                }
                Ok(Err(error)) => {
                    log(&error);
                    Problem::of(&error)
                }
                Err(panic) => {
                    ::tracing::error!(
                        error_type = PANICKED,
                        "the handler panicked: {}",
                        panic_message(panic.as_ref())
                    );
                    Problem::new(StatusCode::INTERNAL_SERVER_ERROR)
                }
            };
            Ok(problem.of_request(id).response())
        })
    }
}

/// Whether it is an error that says nothing.
fn is_bare<R: HttpBody>(response: &Response<R>) -> bool {
    let status = response.status();
    (status.is_client_error() || status.is_server_error())
        && !response.headers().contains_key(CONTENT_TYPE)
        && (response.body().is_end_stream() || response.body().size_hint().exact() == Some(0))
}

/// The same answer with the problem as its body; headers such as `allow` stay.
fn fill<R: From<String>>(response: Response<R>, problem: Problem) -> Response<R> {
    let (mut parts, _empty) = response.into_parts();
    let (of_problem, body) = problem.response().into_parts();
    parts.headers.remove(::http::header::CONTENT_LENGTH);
    parts.headers.extend(of_problem.headers);
    Response::from_parts(parts, body)
}

pub(super) fn log(error: &(impl LambdaError + ?Sized)) {
    let error_type = error.error_type();
    if error.http_status().is_client_error() {
        // The caller's mistake: worth knowing, not worth waking anyone.
        ::tracing::info!(error_type, "request refused: {error}");
    } else {
        ::tracing::error!(error_type, "request failed: {error}");
    }
}
