//! Bodies that the caller has already.

use std::hash::{DefaultHasher, Hasher as _};
use std::task::{Context, Poll};

use ::http::header::{CONTENT_LOCATION, ETAG, HeaderValue, IF_NONE_MATCH};
use ::http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body::Body as HttpBody;
use http_body_util::BodyExt as _;
use tower::Service;

use super::{Answering, Problem};
use crate::service_of::service_of;

/// Adds an `etag` to answers, and answers 304 without a body when the caller has that tag.
///
/// Only 200s to GET and HEAD are tagged. The tag is strong, made from the bytes of the body: from the
/// same body every environment makes the same tag, until the function is built with another Rust.
/// A tag that the handler has set is kept, and compared. Bodies that do not know their size are
/// streams, and pass as they are, without a tag; so does an empty body, which HEAD often has.
///
/// The handler runs all the same: what is saved is the transfer, and the caller's time.
///
/// Put it inside of [compression](super::CompressionLayer).
///
/// # Example
///
/// ```
/// use http::{Request, Response};
/// use kiln::http::ETagLayer;
/// use kiln::tower::{ServiceBuilder, ServiceExt as _, service_fn};
/// use lambda_http::Body;
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// let service = ServiceBuilder::new()
///     .layer(ETagLayer::new())
///     .service(service_fn(|_: Request<()>| async {
///         Ok::<_, std::convert::Infallible>(Response::new(Body::from("catalogue")))
///     }));
/// let first = service.clone().oneshot(Request::new(())).await.unwrap();
///
/// let again = Request::builder()
///     .header("if-none-match", &first.headers()["etag"])
///     .body(())
///     .unwrap();
/// let again = service.oneshot(again).await.unwrap();
/// assert_eq!(again.status(), 304);
/// assert!(again.body().is_empty());
/// # });
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ETagLayer {
    _private: (),
}

impl ETagLayer {
    /// The layer. It has no settings.
    ///
    /// # Example
    ///
    /// ```
    /// use http::{Request, Response};
    /// use kiln::http::ETagLayer;
    /// use kiln::tower::{Layer as _, ServiceExt as _, service_fn};
    /// use lambda_http::Body;
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    /// # runtime.block_on(async {
    /// let service = ETagLayer::new().layer(service_fn(|_: Request<()>| async {
    ///     Ok::<_, std::convert::Infallible>(Response::new(Body::from("catalogue")))
    /// }));
    /// let read = service.clone().oneshot(Request::new(())).await.unwrap();
    /// assert!(read.headers().contains_key("etag"));
    ///
    /// let written = service.oneshot(Request::post("/").body(()).unwrap()).await.unwrap();
    /// assert!(!written.headers().contains_key("etag"), "only GET and HEAD are tagged");
    /// # });
    /// ```
    pub fn new() -> Self {
        Self::default()
    }
}

service_of! { ETagLayer => ETagService {} }

impl<S, B, R> Service<Request<B>> for ETagService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    R: HttpBody + Default + From<Vec<u8>> + Send + 'static,
    R::Data: Send,
    R::Error: std::fmt::Debug,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Answering<R, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Box::pin(self.inner.call(request));
        }
        let known = request.headers().get_all(IF_NONE_MATCH);
        let known: Vec<HeaderValue> = known.iter().cloned().collect();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let response = answer.await?;
            if response.status() != StatusCode::OK {
                return Ok(response);
            }
            let response = tagged(response).await;
            let Some(tag) = response.headers().get(ETAG) else {
                return Ok(response);
            };
            Ok(match is_among(tag, &known) {
                true => not_modified(response.headers()),
                false => response,
            })
        })
    }
}

/// The response with a tag of its body, if it has none and there is a whole body to make it from.
async fn tagged<R>(response: Response<R>) -> Response<R>
where
    R: HttpBody + From<Vec<u8>> + Default,
    R::Error: std::fmt::Debug,
{
    let has_body = response.body().size_hint().exact().unwrap_or_default() > 0;
    if response.headers().contains_key(ETAG) || !has_body {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    // A body that knows its size is in memory, and this moves it.
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => {
            // What of it came is not the answer, and must not pass for it.
            ::tracing::error!(
                error_type = "Body",
                "the body of the answer broke off: {error:?}"
            );
            let problem = Problem::new(StatusCode::INTERNAL_SERVER_ERROR);
            return problem.response::<Vec<u8>>().map(R::from);
        }
    };
    if let Ok(tag) = HeaderValue::try_from(tag_of(&body)) {
        parts.headers.insert(ETAG, tag);
    }
    Response::from_parts(parts, R::from(Vec::from(body)))
}

/// The length, and 128 bits of hash: two bodies of one resource never meet by chance.
fn tag_of(body: &[u8]) -> String {
    let hash = |seed: u8| {
        let mut hasher = DefaultHasher::new();
        hasher.write_u8(seed);
        hasher.write(body);
        hasher.finish()
    };
    format!("\"{:x}-{:016x}{:016x}\"", body.len(), hash(0), hash(1))
}

/// Whether a tag is among those of `if-none-match`, which are compared [weakly].
///
/// [weakly]: https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2
fn is_among(tag: &HeaderValue, known: &[HeaderValue]) -> bool {
    fn strong(tag: &str) -> &str {
        tag.trim().trim_start_matches("W/")
    }
    let Ok(tag) = tag.to_str().map(strong) else {
        return false;
    };
    known
        .iter()
        .filter_map(|known| known.to_str().ok())
        .flat_map(|known| known.split(','))
        .any(|known| known.trim() == "*" || strong(known) == tag)
}

/// What a 304 has to carry, and nothing of the body's own.
fn not_modified<R: Default>(of: &HeaderMap) -> Response<R> {
    // https://www.rfc-editor.org/rfc/rfc9110#section-15.4.5
    let mut response = Response::new(R::default());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    for (name, value) in of {
        let is_of_content = name.as_str().starts_with("content-") && name != CONTENT_LOCATION;
        if !is_of_content {
            response.headers_mut().append(name, value.clone());
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_compared_weakly() {
        for (known, matches) in [
            (vec![], false),
            (vec!["\"a\""], true),
            (vec!["W/\"a\""], true),
            (vec!["\"b\", \"a\""], true),
            (vec!["\"b\"", " W/\"a\" "], true),
            (vec!["*"], true),
            (vec!["\"b\""], false),
            (vec!["a"], false),
        ] {
            let values: Vec<_> = known
                .iter()
                .map(|known| HeaderValue::from_static(known))
                .collect();
            let tag = HeaderValue::from_static("\"a\"");
            assert_eq!(is_among(&tag, &values), matches, "{known:?}");
        }
    }

    #[test]
    fn other_bodies_have_other_tags() {
        assert_eq!(tag_of(b"one"), tag_of(b"one"));
        assert_ne!(tag_of(b"one"), tag_of(b"two"));
        assert_ne!(tag_of(b""), tag_of(b"\0"));
    }
}
