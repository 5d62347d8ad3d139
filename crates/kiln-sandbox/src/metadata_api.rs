//! What an environment tells its processes about itself over HTTP, on the listener of the Runtime API.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CACHE_CONTROL, HeaderMap, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;
use kiln_protocol::metadata_api::{METADATA_CACHE_CONTROL, NO_CREDENTIALS, Operation, metadata};

use crate::environment::Environment;
use crate::extensions_api::json;

/// Answers a call.
pub(crate) fn serve(
    environment: &Environment,
    operation: Operation,
    headers: &HeaderMap,
) -> Response<Full<Bytes>> {
    let authorization = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let tokens = environment.tokens();
    match operation {
        Operation::Metadata if !operation.is_authorized(authorization, &tokens.metadata) => {
            json(StatusCode::UNAUTHORIZED.as_u16(), "{}".to_owned())
        }
        Operation::Metadata => {
            let mut response = json(200, metadata(environment.region()));
            let cache = HeaderValue::from_static(METADATA_CACHE_CONTROL);
            response.headers_mut().insert(CACHE_CONTROL, cache);
            response
        }
        Operation::Credentials => match environment.credentials() {
            Some(credentials) if operation.is_authorized(authorization, &tokens.credentials) => {
                json(200, credentials.body())
            }
            _ => {
                let mut response = Response::new(Full::from(NO_CREDENTIALS));
                *response.status_mut() = StatusCode::NOT_FOUND;
                response
            }
        },
    }
}
