//! API Gateway's stage, and how to be rid of it.

use axum::http::Uri;
use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt as _};

/// Takes the stage out of a request's path.
///
/// `lambda_http` puts it there (`/prod/orders`) for API Gateway's sake; routes should not depend on
/// where a function is deployed. Its switch is an environment variable, which is easily forgotten.
pub(crate) fn without_stage(mut request: Request) -> Request {
    let stage = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV1(context)) => context.stage.as_deref(),
        Some(RequestContext::ApiGatewayV2(context)) => context.stage.as_deref(),
        _ => None,
    };
    let bare = stage.and_then(|stage| strip(request.uri(), stage));
    if let Some(uri) = bare {
        *request.uri_mut() = uri;
    }
    request
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
