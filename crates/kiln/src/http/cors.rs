//! Requests of pages from elsewhere.

use std::fmt;
use std::time::Duration;

use ::http::Method;
use ::http::header::{
    AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH, LINK,
    LOCATION, RETRY_AFTER,
};
use tower_http::cors::{AllowOrigin, CorsLayer};

/// Lets pages of these origins call the function, and read its answers.
///
/// An origin is a scheme, a host and a port, without a path: `https://shop.example`; `*` is any. This
/// is [`tower_http`]'s layer, with what a function on Lambda usually needs, to be changed by its
/// methods:
///
/// - methods GET, HEAD, POST, PUT, PATCH and DELETE;
/// - of the request, `content-type`, `if-match`, `if-none-match` and the headers of API Gateway's own
///   template: `authorization`, `x-amz-date`, `x-amz-security-token`, `x-api-key`;
/// - of the answer, `etag`, `link`, `location`, `retry-after` and `x-request-id`;
/// - preflight answers kept for an hour: each is an invocation that is paid for;
/// - no credentials. With them, `*` is refused by browsers.
///
/// # Errors of the handler
/// They pass the layer as errors, without its headers, and a page cannot read what they become outside:
/// put a [`ProblemLayer`](super::ProblemLayer) within it. [`run`](fn@super::run) has one around everything, which
/// then has nothing left to do.
///
/// # Only one may do it
/// An HTTP API or a function URL with CORS settings of its own answers preflight requests itself, and
/// puts its own headers on the answers. HTTP APIs ignore the function's ([Configure CORS for HTTP
/// APIs]); behind a function URL both arrive, which is not documented but reported ([CORS and function
/// URLs]), and browsers refuse an answer with two `access-control-allow-origin`. So configure it there or here. REST APIs and load balancers
/// leave it to the function.
///
/// [`tower_http`]: https://docs.rs/tower-http
/// [CORS and function URLs]: https://github.com/aws-powertools/powertools-lambda-python/issues/4163
/// [Configure CORS for HTTP APIs]: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
///
/// # Errors
/// [`InvalidOrigin`] for what is neither `*` nor an origin, as browsers write it: it would never match.
///
/// # Example
///
/// ```
/// use kiln::http::cors;
/// use std::time::Duration;
///
/// let layer = cors(["https://shop.example", "http://localhost:5173"])?
///     .max_age(Duration::from_secs(600));
/// # let _ = layer;
/// assert!(cors(["https://shop.example/"]).is_err(), "an origin has no path");
/// # Ok::<_, kiln::http::InvalidOrigin>(())
/// ```
pub fn cors<O: AsRef<str>>(
    origins: impl IntoIterator<Item = O>,
) -> Result<CorsLayer, InvalidOrigin> {
    let mut listed = Vec::new();
    let mut is_any = false;
    for origin in origins {
        match origin.as_ref() {
            "*" => is_any = true,
            origin => listed.push(parse(origin)?),
        }
    }
    let origins = match is_any {
        true => AllowOrigin::any(),
        false => AllowOrigin::list(listed),
    };
    Ok(CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ])
        .allow_headers([
            AUTHORIZATION,
            CONTENT_TYPE,
            IF_MATCH,
            IF_NONE_MATCH,
            HeaderName::from_static("x-amz-date"),
            HeaderName::from_static("x-amz-security-token"),
            HeaderName::from_static("x-api-key"),
        ])
        .expose_headers([
            ETAG,
            LINK,
            LOCATION,
            RETRY_AFTER,
            HeaderName::from_static("x-request-id"),
        ])
        .max_age(Duration::from_secs(3600)))
}

fn parse(origin: &str) -> Result<HeaderValue, InvalidOrigin> {
    let invalid = || InvalidOrigin {
        origin: origin.to_owned(),
    };
    let (scheme, host) = origin.split_once("://").ok_or_else(invalid)?;
    let is_plain = |text: &str, others: &str| {
        !text.is_empty()
            && text.bytes().all(|byte| {
                byte.is_ascii_lowercase()
                    || byte.is_ascii_digit()
                    || others.as_bytes().contains(&byte)
            })
    };
    if !is_plain(scheme, "+-.") || !is_plain(host, "-._:[]") {
        return Err(invalid());
    }
    HeaderValue::from_str(origin).map_err(|_invalid| invalid())
}

/// A text that no browser sends as an origin.
///
/// # Example
///
/// ```
/// let error = kiln::http::cors(["https://shop.example/"]).unwrap_err();
/// assert_eq!(error.origin, "https://shop.example/");
/// assert!(error.to_string().contains("no path"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidOrigin {
    /// The text.
    pub origin: String,
}

impl fmt::Display for InvalidOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin } = self;
        write!(
            f,
            "`{origin}` is not an origin, such as `https://shop.example`: a scheme and a host in lower \
             case, and no path"
        )
    }
}

impl std::error::Error for InvalidOrigin {}

crate::errors::lambda_error! {
    InvalidOrigin: |_error| ("InvalidOrigin", retryable: false, status: INTERNAL_SERVER_ERROR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_as_browsers_write_them() {
        for (origin, is_one) in [
            ("https://shop.example", true),
            ("http://localhost:5173", true),
            ("http://[::1]:8080", true),
            ("capacitor://localhost", true),
            ("*", true),
            ("https://shop.example/", false),
            ("https://shop.example/path", false),
            ("https://Shop.example", false),
            ("https://*.shop.example", false),
            ("shop.example", false),
            ("https://", false),
            ("", false),
        ] {
            assert_eq!(cors([origin]).is_ok(), is_one, "{origin}");
        }
    }
}
