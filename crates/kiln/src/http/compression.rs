//! Smaller bodies.

use std::task::{Context, Poll};

use ::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, ETAG, HeaderValue};
use ::http::{Request, Response};
use futures_util::TryFutureExt as _;
use futures_util::future::MapOk;
use http_body::Body as HttpBody;
use lambda_http::RequestExt as _;
use lambda_http::request::RequestContext;
use tower::{Layer, Service};
use tower_http::compression::predicate::{And, DefaultPredicate, Predicate as _, SizeAbove};
use tower_http::compression::{Compression, CompressionBody};

use super::Answering;

/// What is worth it, and neither an image, an event stream nor compressed already.
type Worthwhile = And<DefaultPredicate, SizeAbove>;

/// Compresses bodies with gzip or brotli, as the caller accepts them.
///
/// This is `tower_http`'s compression, fitted to Lambda:
///
/// - A compressed body is binary, and travels from Lambda to its front in base64, a third larger:
///   [`lambda_http`] sees to that by the `content-encoding`. HTTP APIs, function URLs and load balancers
///   decode it.
/// - A REST API decodes it only where [`binaryMediaTypes`] says so, and otherwise hands the base64 to
///   the caller. So requests that came through one are not answered compressed, unless
///   [`rest_api`](Self::rest_api) says that it is set up. It can compress by itself, too
///   (`minimumCompressionSize`).
/// - Bodies below 1,024 bytes, images, event streams and what is compressed already stay as they are.
/// - A strong `etag` becomes a weak one, for the bytes are others. The caller sends it back, and
///   [`ETagLayer`](super::ETagLayer), inside of this layer, recognizes it.
///
/// Compressing takes processor time that is paid for, and lets more through Lambda's limit of 6 MB.
///
/// [`binaryMediaTypes`]: https://docs.aws.amazon.com/apigateway/latest/developerguide/lambda-proxy-binary-media.html
///
/// # Example
///
/// ```
/// use http::Request;
/// use kiln::http::CompressionLayer;
/// use kiln::tower::{ServiceBuilder, ServiceExt as _, service_fn};
/// use lambda_http::{Body, Response};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// let service = ServiceBuilder::new()
///     .layer(CompressionLayer::new())
///     .service(service_fn(|_: Request<Body>| async {
///         Ok::<_, std::convert::Infallible>(Response::new(Body::from("again ".repeat(1_000))))
///     }));
/// let request = Request::builder()
///     .header("accept-encoding", "gzip")
///     .body(Body::Empty)
///     .unwrap();
/// let answer = service.oneshot(request).await.unwrap();
/// assert_eq!(answer.headers()["content-encoding"], "gzip");
/// # });
/// ```
#[derive(Clone)]
pub struct CompressionLayer {
    predicate: Worthwhile,
    rest_api: bool,
}

impl CompressionLayer {
    /// Bodies of at least 1,024 bytes.
    ///
    /// # Example
    ///
    /// ```
    /// use http::{Request, Response};
    /// use kiln::http::CompressionLayer;
    /// use kiln::tower::{Layer as _, ServiceExt as _, service_fn};
    /// use lambda_http::Body;
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    /// # runtime.block_on(async {
    /// let service = CompressionLayer::new().layer(service_fn(|_: Request<Body>| async {
    ///     Ok::<_, std::convert::Infallible>(Response::new(Body::from("again ".repeat(100))))
    /// }));
    /// let request = Request::builder().header("accept-encoding", "gzip");
    /// let answer = service.oneshot(request.body(Body::Empty).unwrap()).await.unwrap();
    /// assert!(!answer.headers().contains_key("content-encoding"), "600 bytes are too few");
    /// # });
    /// ```
    pub fn new() -> Self {
        Self {
            predicate: DefaultPredicate::new().and(SizeAbove::new(1_024)),
            rest_api: false,
        }
    }

    /// Bodies of at least so many bytes.
    ///
    /// # Example
    ///
    /// ```
    /// use http::{Request, Response};
    /// use kiln::http::CompressionLayer;
    /// use kiln::tower::{Layer as _, ServiceExt as _, service_fn};
    /// use lambda_http::Body;
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    /// # runtime.block_on(async {
    /// let service = CompressionLayer::new().at_least(500).layer(service_fn(|_: Request<Body>| async {
    ///     Ok::<_, std::convert::Infallible>(Response::new(Body::from("again ".repeat(100))))
    /// }));
    /// let request = Request::builder().header("accept-encoding", "gzip");
    /// let answer = service.oneshot(request.body(Body::Empty).unwrap()).await.unwrap();
    /// assert_eq!(answer.headers()["content-encoding"], "gzip");
    /// # });
    /// ```
    #[must_use]
    pub fn at_least(mut self, bytes: u64) -> Self {
        self.predicate = DefaultPredicate::new().and(SizeAbove::new(bytes));
        self
    }

    /// Also behind REST APIs, whose `binaryMediaTypes` have `*/*`.
    ///
    /// # Example
    ///
    /// ```
    /// use http::Response;
    /// use kiln::http::CompressionLayer;
    /// use kiln::tower::{Layer as _, ServiceExt as _, service_fn};
    /// use lambda_http::{Body, Request, request};
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    /// # runtime.block_on(async {
    /// let request = request::from_str(kiln::testing::sample_text("apigw-v1")).unwrap();
    /// assert!(request.headers()["accept-encoding"].to_str().unwrap().contains("gzip"));
    /// let service = CompressionLayer::new().rest_api().layer(service_fn(|_: Request| async {
    ///     Ok::<_, std::convert::Infallible>(Response::new(Body::from("again ".repeat(1_000))))
    /// }));
    /// let answer = service.oneshot(request).await.unwrap();
    /// assert!(answer.headers().contains_key("content-encoding"));
    /// # });
    /// ```
    #[must_use]
    pub fn rest_api(mut self) -> Self {
        self.rest_api = true;
        self
    }
}

impl Default for CompressionLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for CompressionLayer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CompressionLayer")
            .field("rest_api", &self.rest_api)
            .finish_non_exhaustive()
    }
}

impl<S> Layer<S> for CompressionLayer {
    type Service = CompressionService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        CompressionService {
            inner: Compression::new(Marked { inner }).compress_when(self.predicate.clone()),
            rest_api: self.rest_api,
        }
    }
}

/// The service made by [`CompressionLayer`].
#[derive(Clone)]
pub struct CompressionService<S> {
    inner: Compression<Marked<S>, Worthwhile>,
    rest_api: bool,
}

impl<S> std::fmt::Debug for CompressionService<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CompressionService")
            .field("rest_api", &self.rest_api)
            .finish_non_exhaustive()
    }
}

impl<S, B, R> Service<Request<B>> for CompressionService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    S::Error: 'static,
    R: HttpBody + 'static,
{
    type Response = Response<CompressionBody<R>>;
    type Error = S::Error;
    type Future = Answering<CompressionBody<R>, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let is_rest = matches!(
            request.extensions().request_context_ref(),
            Some(RequestContext::ApiGatewayV1(_))
        );
        if is_rest && !self.rest_api {
            request.headers_mut().remove(ACCEPT_ENCODING);
        }
        let answer = self.inner.call(request);
        Box::pin(async move {
            let mut response = answer.await?;
            let is_own = response.extensions_mut().remove::<Encoded>().is_some();
            if !is_own && response.headers().contains_key(CONTENT_ENCODING) {
                weaken(&mut response);
            }
            Ok(response)
        })
    }
}

/// Makes the tag one of the content and not of the bytes.
fn weaken<B>(response: &mut Response<B>) {
    let weak = response.headers().get(ETAG).and_then(|tag| {
        let tag = tag.to_str().ok().filter(|tag| !tag.starts_with("W/"))?;
        HeaderValue::try_from(format!("W/{tag}")).ok()
    });
    if let Some(weak) = weak {
        response.headers_mut().insert(ETAG, weak);
    }
}

/// The handler has encoded the body itself.
#[derive(Clone)]
struct Encoded;

/// Marks what is encoded before the compression has its turn.
#[derive(Clone)]
struct Marked<S> {
    inner: S,
}

impl<S, B, R> Service<Request<B>> for Marked<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = MapOk<S::Future, fn(Response<R>) -> Response<R>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.inner.call(request).map_ok(|mut response| {
            if response.headers().contains_key(CONTENT_ENCODING) {
                response.extensions_mut().insert(Encoded);
            }
            response
        })
    }
}
