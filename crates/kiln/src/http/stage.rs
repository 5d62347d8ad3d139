//! API Gateway's stage, and how to be rid of it.

use std::task::{Context, Poll};

use ::http::{Request, Uri};
use lambda_http::RequestExt as _;
use lambda_http::request::RequestContext;
use tower::Service;

use crate::service_of::service_of;

/// Takes API Gateway's stage out of the path: `/prod/orders` becomes `/orders`.
///
/// [`lambda_http`] puts it there, so that links work on the default domain; routes should not depend
/// on where a function is deployed. Its own switch, the variable
/// `AWS_LAMBDA_HTTP_IGNORE_STAGE_IN_PATH`, is easily forgotten, and the answer to everything is then
/// 404. A path that does not begin with the stage stays as it is.
///
/// # Example
///
/// ```
/// use kiln::http::StageLayer;
/// use kiln::tower::{Layer as _, ServiceExt as _, service_fn};
/// use lambda_http::{Request, request};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// let service = StageLayer::new().layer(service_fn(|request: Request| async move {
///     Ok::<_, std::convert::Infallible>(request.uri().path().to_owned())
/// }));
/// let event = r#"{
///     "version": "2.0", "rawPath": "/prod/orders", "isBase64Encoded": false,
///     "requestContext": {"stage": "prod", "http": {"method": "GET", "path": "/prod/orders"}}
/// }"#;
/// let request = request::from_str(event).unwrap();
/// assert_eq!(service.oneshot(request).await.unwrap(), "/orders");
/// # });
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct StageLayer {
    _private: (),
}

impl StageLayer {
    /// The layer. It has no settings.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::http::StageLayer;
    /// use kiln::tower::{Layer as _, ServiceExt as _, service_fn};
    /// use lambda_http::{Body, Request};
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    /// # runtime.block_on(async {
    /// let service = StageLayer::new().layer(service_fn(|request: Request| async move {
    ///     Ok::<_, std::convert::Infallible>(request.uri().path().to_owned())
    /// }));
    /// // Not from API Gateway: there is no stage to take away.
    /// let request = http::Request::get("/orders").body(Body::Empty).unwrap();
    /// assert_eq!(service.oneshot(request).await.unwrap(), "/orders");
    /// # });
    /// ```
    pub fn new() -> Self {
        Self::default()
    }
}

service_of! { StageLayer => StageService {} }

impl<S, B> Service<Request<B>> for StageService<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let stage = match request.extensions().request_context_ref() {
            // A REST API's path has no stage: `lambda_http` puts it in front of all but those routes
            // that begin with its name themselves.
            Some(RequestContext::ApiGatewayV1(context)) => context
                .stage
                .as_deref()
                .filter(|stage| !begins_with(request.extensions().raw_http_path(), stage)),
            Some(RequestContext::ApiGatewayV2(context)) => context.stage.as_deref(),
            _ => None,
        };
        let bare = stage.and_then(|stage| strip(request.uri(), stage));
        if let Some(uri) = bare {
            *request.uri_mut() = uri;
        }
        self.inner.call(request)
    }
}

/// Whether the first of several segments of a path is the stage.
fn begins_with(path: &str, stage: &str) -> bool {
    let rest = path
        .strip_prefix('/')
        .and_then(|path| path.strip_prefix(stage));
    rest.is_some_and(|rest| rest.starts_with('/'))
}

/// The URI without `/stage` at the front of its path, when it is there.
fn strip(uri: &Uri, stage: &str) -> Option<Uri> {
    let path_and_query = uri.path_and_query()?.as_str();
    let rest = path_and_query.strip_prefix('/')?.strip_prefix(stage)?;
    // `/production` does not begin with the stage `prod`.
    let path_and_query = match rest.as_bytes().first() {
        Some(b'/') => rest.to_owned(),
        Some(b'?') | None => format!("/{rest}"),
        Some(_) => return None,
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(path_and_query.parse().ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_stage_goes() {
        for (uri, bare) in [
            (
                "https://example.com/prod/orders?a=1",
                Some("https://example.com/orders?a=1"),
            ),
            ("https://example.com/prod", Some("https://example.com/")),
            (
                "https://example.com/prod?a=1",
                Some("https://example.com/?a=1"),
            ),
            (
                "https://example.com/prod/prod",
                Some("https://example.com/prod"),
            ),
            ("/prod/orders", Some("/orders")),
            ("https://example.com/production", None),
            ("https://example.com/orders", None),
        ] {
            let uri: Uri = uri.parse().unwrap();
            let stripped = strip(&uri, "prod").map(|uri| uri.to_string());
            assert_eq!(stripped.as_deref(), bare, "{uri}");
        }
    }
}
