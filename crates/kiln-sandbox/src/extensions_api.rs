//! The Extensions, Telemetry and Logs APIs over HTTP, on the listener of the Runtime API.

use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Body;
use kiln_protocol::extensions_api::{
    Answer, Operation, RegisterAnswer, error_type, extension_name, identifier,
};
use kiln_protocol::headers;
use kiln_protocol::metadata_api;
use kiln_protocol::runtime_api;
use kiln_protocol::telemetry_api::Api;

use crate::environment::{Environment, drain};
use crate::runtime_api::{BoxError, answer};

/// Longest body of a request: a registration or a subscription is a few lines.
const MAX_BODY_BYTES: usize = 1 << 20;

/// Answers a call that is none of the Runtime API's.
pub(crate) async fn serve<B>(
    environment: &Arc<Environment>,
    parts: Parts,
    body: B,
) -> Response<Full<Bytes>>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let Parts {
        method,
        uri,
        headers,
        ..
    } = &parts;
    if let Some(operation) = Operation::parse(method.as_str(), uri.path()) {
        return extension(environment, operation, headers, body)
            .await
            .unwrap_or_else(|refused| json(refused.status(), refused.body()));
    }
    if let Some(api) = Api::parse(method.as_str(), uri.path()) {
        return subscribe(environment, api, headers, body)
            .await
            .unwrap_or_else(|refused| json(refused.status(), refused.body()));
    }
    drain(pin!(body)).await;
    if let Some(operation) = metadata_api::Operation::parse(method.as_str(), uri.path()) {
        return crate::metadata_api::serve(environment, operation, headers);
    }
    let path = uri.path();
    let has_path = ["GET", "POST", "PUT"].into_iter().any(|method| {
        runtime_api::Operation::parse(method, path).is_some()
            || Operation::parse(method, path).is_some()
            || Api::parse(method, path).is_some()
            || metadata_api::Operation::parse(method, path).is_some()
    });
    answer(if has_path {
        runtime_api::Answer::MethodNotAllowed
    } else {
        runtime_api::Answer::NotFound
    })
}

async fn extension<B>(
    environment: &Arc<Environment>,
    operation: Operation,
    headers: &HeaderMap,
    body: B,
) -> Result<Response<Full<Bytes>>, Answer>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let header = |name| text(headers, name);
    match operation {
        Operation::Register => {
            let body = read(body).await;
            let name = extension_name(header(headers::EXTENSION_NAME))?;
            let features = header(headers::EXTENSION_ACCEPT_FEATURE);
            let registered = environment.register(name, features, &body?)?;
            let mut response = Response::new(Full::from(registered.body));
            for (name, value) in RegisterAnswer::headers(&registered.identifier) {
                insert(&mut response, name, value);
            }
            Ok(response)
        }
        Operation::Next => {
            let identifier = identifier(header(headers::EXTENSION_IDENTIFIER))?;
            let event = environment.extension_next(identifier).await?;
            let mut response = json(200, event.body());
            let id = uuid::Uuid::new_v4().to_string();
            insert(&mut response, headers::EXTENSION_EVENT_IDENTIFIER, &id);
            Ok(response)
        }
        Operation::InitError | Operation::ExitError => {
            // Nobody reads it, here as there; but it is to arrive.
            drain(pin!(body)).await;
            let identifier = identifier(header(headers::EXTENSION_IDENTIFIER))?;
            let error_type = error_type(header(headers::EXTENSION_ERROR_TYPE), operation)?;
            let answer = environment.extension_error(identifier, operation, error_type);
            Ok(json(answer.status(), answer.body()))
        }
    }
}

async fn subscribe<B>(
    environment: &Arc<Environment>,
    api: Api,
    headers: &HeaderMap,
    body: B,
) -> Result<Response<Full<Bytes>>, Answer>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let body = read(body).await;
    let identifier = identifier(text(headers, headers::EXTENSION_IDENTIFIER))?;
    let answer = environment.subscribe(api, identifier, &body?)?;
    Ok(json(answer.status(), answer.body()))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

async fn read<B>(body: B) -> Result<Bytes, Answer>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let body = pin!(Limited::new(body, MAX_BODY_BYTES));
    match body.collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) => Err(Answer::InvalidRequestFormat(error.to_string())),
    }
}

pub(crate) fn json(status: u16, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

fn insert(response: &mut Response<Full<Bytes>>, name: &'static str, value: &str) {
    // Both are ours: a name and an identifier that HTTP can carry.
    if let Ok(value) = HeaderValue::from_str(value) {
        let name = HeaderName::from_static(name);
        response.headers_mut().insert(name, value);
    }
}
