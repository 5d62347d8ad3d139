//! Responses that Lambda would refuse.

use std::panic::AssertUnwindSafe;
use std::task::{Context, Poll};

use ::http::{HeaderMap, Request, Response, StatusCode};
use futures_util::FutureExt as _;
use lambda_http::request::RequestContext;
use lambda_http::{Body, IntoResponse, RequestExt as _};
use tower::Service;

use super::{Answering, Problem, request_id};
use crate::run::panic_message;
use crate::service_of::service_of;

/// The largest response that Lambda takes from a function, in bytes of JSON.
///
/// What it says otherwise is `Response payload size exceeded maximum allowed payload size (6291556
/// bytes).`; the documented number is 6 MB ([quotas]).
///
/// [quotas]: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
///
/// # Example
///
/// ```
/// use kiln::http::RESPONSE_LIMIT;
///
/// // Bytes stand in the JSON as base64, four for three.
/// let image = vec![0_u8; 5 << 20];
/// assert!(image.len().div_ceil(3) * 4 > RESPONSE_LIMIT, "5 MB are too much");
/// ```
pub const RESPONSE_LIMIT: usize = 6_291_556;

/// The largest response that a load balancer takes from a function, in bytes of JSON: 1 MB
/// ([Lambda functions as targets]).
///
/// [Lambda functions as targets]: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
///
/// # Example
///
/// ```
/// use kiln::http::{ALB_RESPONSE_LIMIT, RESPONSE_LIMIT, ResponseLimitLayer};
///
/// assert!(ALB_RESPONSE_LIMIT < RESPONSE_LIMIT);
/// // Answers to a load balancer have it anyway. For a function that is to answer alike behind all:
/// let layer = ResponseLimitLayer::new().at_most(ALB_RESPONSE_LIMIT);
/// # let _ = layer;
/// ```
pub const ALB_RESPONSE_LIMIT: usize = 1_048_576;

/// What the JSON of a response has around status, headers and body, generously.
const FRAME: usize = 256;

/// Answers 500, and logs why, in place of a response that Lambda or the load balancer would refuse.
///
/// A response travels as JSON: a text is escaped, a binary body is base64 and a third larger. When
/// that is over the limit, Lambda fails the invocation with `Function.ResponseSizeTooLarge`; the
/// caller reads a bare 502 and the function's own log says nothing. This layer counts first.
///
/// It makes the body what [`lambda_http`] would make of it, so it belongs outside of all layers
/// that change the body; [`run`](fn@super::run) puts it there. Streamed responses have other limits and
/// no need of it. A body that fails half-way is answered 500 as well.
///
/// # Example
///
/// ```
/// use kiln::http::ResponseLimitLayer;
/// use kiln::tower::{Layer as _, ServiceExt as _, service_fn};
/// use lambda_http::Request;
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// let service = ResponseLimitLayer::new().layer(service_fn(|_: Request| async {
///     Ok::<_, std::convert::Infallible>("x".repeat(7_000_000))
/// }));
/// let answer = service.oneshot(Request::default()).await.unwrap();
/// assert_eq!(answer.status(), 500);
/// assert_eq!(answer.headers()["content-type"], "application/problem+json");
/// # });
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ResponseLimitLayer {
    limit: usize,
}

impl ResponseLimitLayer {
    /// [`RESPONSE_LIMIT`], and [`ALB_RESPONSE_LIMIT`] for requests of load balancers.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::http::ResponseLimitLayer;
    /// use kiln::tower::{Layer as _, ServiceExt as _, service_fn};
    /// use lambda_http::{Request, request};
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    /// # runtime.block_on(async {
    /// let service = ResponseLimitLayer::new().layer(service_fn(|_: Request| async {
    ///     Ok::<_, std::convert::Infallible>("x".repeat(2_000_000))
    /// }));
    /// let answer = service.clone().oneshot(Request::default()).await.unwrap();
    /// assert_eq!(answer.status(), 200);
    ///
    /// let of_balancer = request::from_str(kiln::testing::sample_text("alb")).unwrap();
    /// assert_eq!(service.oneshot(of_balancer).await.unwrap().status(), 500);
    /// # });
    /// ```
    pub const fn new() -> Self {
        Self {
            limit: RESPONSE_LIMIT,
        }
    }

    /// At most so many bytes of JSON, where that is less.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::http::ResponseLimitLayer;
    /// use kiln::tower::{Layer as _, ServiceExt as _, service_fn};
    /// use lambda_http::Request;
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    /// # runtime.block_on(async {
    /// let layer = ResponseLimitLayer::new().at_most(64 * 1024);
    /// let service = layer.layer(service_fn(|_: Request| async {
    ///     Ok::<_, std::convert::Infallible>("x".repeat(100_000))
    /// }));
    /// assert_eq!(service.oneshot(Request::default()).await.unwrap().status(), 500);
    /// # });
    /// ```
    #[must_use]
    pub const fn at_most(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }
}

impl Default for ResponseLimitLayer {
    fn default() -> Self {
        Self::new()
    }
}

service_of! { ResponseLimitLayer => ResponseLimitService { limit: usize } }

impl<S, B> Service<Request<B>> for ResponseLimitService<S>
where
    S: Service<Request<B>>,
    S::Response: IntoResponse,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Answering<Body, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let is_alb = matches!(
            request.extensions().request_context_ref(),
            Some(RequestContext::Alb(_))
        );
        let own = if is_alb {
            ALB_RESPONSE_LIMIT
        } else {
            RESPONSE_LIMIT
        };
        let limit = self.limit.min(own);
        let id = request_id(&request);
        let answer = self.inner.call(request);
        Box::pin(async move {
            // The conversion is boxed and panics when the body breaks off.
            let conversion = answer.await?.into_response();
            let size = match AssertUnwindSafe(conversion).catch_unwind().await {
                Ok(response) => match size_of(&response, is_alb) {
                    size if size <= limit => return Ok(response),
                    size => Some(size),
                },
                Err(panic) => {
                    let message = panic_message(panic.as_ref());
                    ::tracing::error!(
                        error_type = "Body",
                        "the body of the answer broke off: {message}"
                    );
                    None
                }
            };
            let mut problem = Problem::new(StatusCode::INTERNAL_SERVER_ERROR);
            if let Some(size) = size {
                ::tracing::error!(
                    error_type = "ResponseTooLarge",
                    size,
                    limit,
                    "the answer is too large for Lambda to take: answer in pages, by a link to S3, or streamed"
                );
                problem = problem
                    .kind("response-too-large")
                    .detail("the answer is larger than can be sent");
            }
            Ok(problem.of_request(id).response())
        })
    }
}

/// The bytes of JSON that a response becomes, or a few more.
fn size_of(response: &Response<Body>, is_alb: bool) -> usize {
    let body = match response.body() {
        Body::Text(text) => escaped(text),
        Body::Binary(bytes) => bytes.len().div_ceil(3) * 4,
        _ => 0,
    };
    // Load balancers get them twice, as single and as multiple values.
    let headers = of_headers(response.headers()) * if is_alb { 2 } else { 1 };
    FRAME + headers + body
}

fn of_headers(headers: &HeaderMap) -> usize {
    let of_one = |(name, value): (&::http::HeaderName, &::http::HeaderValue)| {
        let value = value.to_str().map_or(value.len() * 2, escaped);
        // Quotes, colon, comma, brackets.
        name.as_str().len() + value + 9
    };
    headers.iter().map(of_one).sum()
}

/// The bytes of a text in JSON, without its quotes.
fn escaped(text: &str) -> usize {
    let of_one = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0..0x20 => 6,
        _ => 1,
    };
    text.bytes().map(of_one).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn texts_are_counted_as_they_are_escaped(text in any::<String>()) {
            let json = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(escaped(&text), json.len() - 2);
        }
    }
}
