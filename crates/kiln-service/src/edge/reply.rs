//! An answer on its way out.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, Response, StatusCode};
use http_body_util::{Either, Full};
use kiln_protocol::error::ServiceError;
use kiln_protocol::{event_stream, headers};
use uuid::Uuid;

use super::invoke_stream::EventStream;

/// A body that is all there, as nearly always, or one that comes.
pub(super) type Body = Either<Full<Bytes>, Box<EventStream>>;

/// Status, headers and body of an answer.
#[derive(Debug)]
pub(super) struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Body,
}

impl Reply {
    /// An answer without body.
    pub(super) fn empty(status: StatusCode) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: Either::Left(Full::default()),
        }
    }

    /// A JSON document.
    pub(super) fn json(status: StatusCode, body: impl Into<Bytes>) -> Self {
        let mut reply = Self::empty(status);
        let json = HeaderValue::from_static("application/json");
        reply.headers.insert(CONTENT_TYPE, json);
        reply.body = Either::Left(Full::new(body.into()));
        reply
    }

    /// An event stream, whose messages are still to come.
    pub(super) fn stream(body: EventStream) -> Self {
        let mut reply = Self::empty(StatusCode::OK);
        let event_stream = HeaderValue::from_static(event_stream::CONTENT_TYPE);
        reply.headers.insert(CONTENT_TYPE, event_stream);
        reply.body = Either::Right(Box::new(body));
        reply
    }

    /// A refusal in the form of the service.
    pub(super) fn error(error: &ServiceError) -> Self {
        let status =
            StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let reply =
            Self::json(status, error.body().to_string()).with(headers::ERROR_TYPE, error.code());
        match error.retry_after_seconds() {
            Some(seconds) => reply.with(RETRY_AFTER.as_str(), seconds.to_string()),
            None => reply,
        }
    }

    /// Whatever another part of the service answers.
    pub(super) fn from_response(status: StatusCode, headers: HeaderMap, body: Bytes) -> Self {
        Self {
            status,
            headers,
            body: Either::Left(Full::new(body)),
        }
    }

    /// Adds a header; a value that HTTP cannot carry is left out.
    pub(super) fn with(mut self, name: &'static str, value: impl AsRef<str>) -> Self {
        if let Ok(value) = HeaderValue::from_str(value.as_ref()) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }

    /// The HTTP response. Every answer of the service names its request.
    pub(super) fn into_response(mut self) -> Response<Body> {
        if !self.headers.contains_key(headers::REQUEST_ID) {
            self = self.with(headers::REQUEST_ID, Uuid::new_v4().to_string());
        }
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}
