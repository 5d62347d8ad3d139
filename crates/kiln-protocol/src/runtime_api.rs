//! The Runtime API as a function's runtime sees it: answers and error types.
//!
//! Source: [Lambda runtime API](https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html)
//! and the behaviour of the implementation AWS publishes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// The version prefix of every path.
pub const PREFIX: &str = "/2018-06-01";

/// Type of what is not JSON: the answer to a ping, and to a path there is not.
pub const TEXT: &str = "text/plain; charset=utf-8";

/// What a runtime asks for, as its path says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation<'a> {
    /// `GET /ping`
    Ping,
    /// `GET /runtime/invocation/next`
    Next,
    /// `POST /runtime/invocation/{id}/response`
    Response(&'a str),
    /// `POST /runtime/invocation/{id}/error`
    Error(&'a str),
    /// `POST /runtime/init/error`
    InitError,
    /// `GET /runtime/restore/next`: the snapshot can be taken; answered when it is restored.
    RestoreNext,
    /// `POST /runtime/restore/error`: the hook after it failed.
    RestoreError,
}

impl<'a> Operation<'a> {
    /// Reads method and path (without query); `None` for what the API does not have.
    pub fn parse(method: &str, path: &'a str) -> Option<Self> {
        let path = path.strip_prefix(PREFIX)?;
        let mut segments = path.strip_prefix('/')?.split('/');
        let operation = match (
            method,
            segments.next()?,
            segments.next(),
            segments.next(),
            segments.next(),
        ) {
            ("GET", "ping", None, None, None) => Self::Ping,
            ("GET", "runtime", Some("invocation"), Some("next"), None) => Self::Next,
            ("POST", "runtime", Some("invocation"), Some(id), Some("response")) => {
                Self::Response(id)
            }
            ("POST", "runtime", Some("invocation"), Some(id), Some("error")) => Self::Error(id),
            ("POST", "runtime", Some("init"), Some("error"), None) => Self::InitError,
            ("GET", "runtime", Some("restore"), Some("next"), None) => Self::RestoreNext,
            ("POST", "runtime", Some("restore"), Some("error"), None) => Self::RestoreError,
            _ => return None,
        };
        segments.next().is_none().then_some(operation)
    }
}

/// The state of the runtime, named as in the service's refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuntimeState {
    /// The process runs and has not asked for an event.
    Started,
    /// It reported that its init failed.
    InitError,
    /// It waits for an event.
    Ready,
    /// It has an event and has not answered.
    Running,
    /// It is sending an answer.
    InvocationResponse,
    /// It is reporting an error.
    InvocationErrorResponse,
    /// It has answered and not asked for the next event.
    ResponseSent,
    /// Its init is done and it waits to be restored from the snapshot.
    RestoreReady,
    /// It was restored and runs its hooks.
    Restoring,
    /// It reported that its hooks failed.
    RestoreError,
}

impl RuntimeState {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Started => "Started",
            Self::InitError => "InitError",
            Self::Ready => "Ready",
            Self::Running => "Running",
            Self::InvocationResponse => "InvocationResponse",
            Self::InvocationErrorResponse => "InvocationErrorResponse",
            Self::ResponseSent => "RuntimeResponseSentState",
            Self::RestoreReady => "RestoreReady",
            Self::Restoring => "Restoring",
            Self::RestoreError => "RuntimeRestoreErrorState",
        }
    }
}

/// `Lambda-Runtime-Function-Response-Mode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResponseMode {
    /// The answer is complete when it comes.
    #[default]
    Buffered,
    /// It comes while it is made.
    Streaming,
}

impl ResponseMode {
    /// Reads the header's value. Absent or empty means buffered, for which AWS's implementation knows no
    /// word; nor does it know another case of `streaming`.
    ///
    /// # Errors
    /// [`Answer::InvalidResponseMode`] for what is neither.
    pub fn parse(header: Option<&str>) -> Result<Self, Answer> {
        match header {
            None | Some("") => Ok(Self::Buffered),
            Some("streaming") => Ok(Self::Streaming),
            Some(_) => Err(Answer::InvalidResponseMode),
        }
    }
}

/// An answer of the Runtime API that carries no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 202: taken.
    Accepted,
    /// 400: the id in the path is not that of the running invocation.
    InvalidRequestId,
    /// 403: the call does not fit the runtime's state.
    InvalidStateTransition {
        /// Where the runtime is.
        from: RuntimeState,
        /// Where the call would take it, in the service's words.
        to: &'static str,
    },
    /// 400: an answer is neither buffered nor streamed.
    InvalidResponseMode,
    /// 410: the invocation timed out while the process went on (managed instances).
    InvokeTimeout,
    /// 413: the answer is larger than this many bytes.
    ResponseTooLarge(usize),
    /// 400: the body is shorter than announced.
    Truncated,
    /// 404: no such path.
    NotFound,
    /// 405: the path has another method.
    MethodNotAllowed,
    /// 500: the environment is going away.
    Closing,
}

impl Answer {
    /// HTTP status.
    pub fn status(self) -> u16 {
        match self {
            Self::Accepted => 202,
            Self::InvalidRequestId | Self::Truncated | Self::InvalidResponseMode => 400,
            Self::InvalidStateTransition { .. } => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::InvokeTimeout => 410,
            Self::ResponseTooLarge(_) => 413,
            Self::Closing => 500,
        }
    }

    /// Type of the body: JSON, except where the call reaches no operation.
    pub fn content_type(self) -> Option<&'static str> {
        match self {
            Self::NotFound => Some(TEXT),
            Self::MethodNotAllowed => None,
            _ => Some("application/json"),
        }
    }

    /// Body, with the line break the service ends it with.
    pub fn body(self) -> String {
        let (message, error_type) = match self {
            Self::Accepted => return "{\"status\":\"OK\"}\n".to_owned(),
            Self::InvalidRequestId => ("Invalid request ID".to_owned(), "InvalidRequestID"),
            Self::InvalidStateTransition { from, to } => (
                format!(
                    "State transition from {} to {to} failed for runtime. Error: State transition is not allowed",
                    from.name()
                ),
                "InvalidStateTransition",
            ),
            Self::ResponseTooLarge(limit) => (
                format!("Exceeded maximum allowed payload size ({limit} bytes)."),
                "RequestEntityTooLarge",
            ),
            Self::InvalidResponseMode => (
                "Invalid function response mode".to_owned(),
                "InvalidFunctionResponseMode",
            ),
            Self::InvokeTimeout => ("Invoke timeout".to_owned(), "InvokeTimeout"),
            Self::Truncated => (
                "HTTP request detected as truncated".to_owned(),
                "TruncatedHTTPRequest",
            ),
            Self::NotFound => return "404 page not found\n".to_owned(),
            Self::MethodNotAllowed => return String::new(),
            Self::Closing => ("Internal Server Error".to_owned(), "InternalServerError"),
        };
        format!("{{\"errorMessage\":\"{message}\",\"errorType\":\"{error_type}\"}}\n")
    }
}

/// The error at the end of a streamed response that failed on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamError {
    /// `Category.Reason`, sanitised.
    pub error_type: String,
    /// The error's body.
    pub body: Vec<u8>,
}

impl StreamError {
    /// Reads the trailers [`RUNTIME_ERROR_TYPE`](crate::headers::RUNTIME_ERROR_TYPE) and
    /// [`RUNTIME_ERROR_BODY`](crate::headers::RUNTIME_ERROR_BODY); `None` when neither was sent.
    ///
    /// A body that is not base64 is taken as it is: whoever made the mistake wants to see it.
    pub fn from_trailers(error_type: Option<&[u8]>, body: Option<&[u8]>) -> Option<Self> {
        if error_type.is_none() && body.is_none() {
            return None;
        }
        let error_type = String::from_utf8_lossy(error_type.unwrap_or_default());
        let body = body.unwrap_or_default();
        Some(Self {
            error_type: sanitise_error_type(&error_type).to_owned(),
            body: BASE64.decode(body).unwrap_or_else(|_| body.to_owned()),
        })
    }
}

/// The error type as it appears in logs: kept when it is `Runtime.Xyz` or `Function.Xyz`.
pub fn sanitise_error_type(header: &str) -> &str {
    let known = |prefix: &str| {
        header.strip_prefix(prefix).is_some_and(|reason| {
            reason.len() > 1
                && reason.starts_with(|first: char| first.is_ascii_uppercase())
                && reason.bytes().all(|byte| byte.is_ascii_alphabetic())
        })
    };
    if known("Runtime.") || known("Function.") {
        header
    } else if header.starts_with("Function.") {
        "Function.Unknown"
    } else {
        "Runtime.Unknown"
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_are_operations() {
        for (method, path, operation) in [
            ("GET", "/2018-06-01/ping", Some(Operation::Ping)),
            (
                "GET",
                "/2018-06-01/runtime/invocation/next",
                Some(Operation::Next),
            ),
            (
                "POST",
                "/2018-06-01/runtime/invocation/1/response",
                Some(Operation::Response("1")),
            ),
            (
                "POST",
                "/2018-06-01/runtime/invocation/1/error",
                Some(Operation::Error("1")),
            ),
            (
                "POST",
                "/2018-06-01/runtime/init/error",
                Some(Operation::InitError),
            ),
            (
                "GET",
                "/2018-06-01/runtime/restore/next",
                Some(Operation::RestoreNext),
            ),
            (
                "POST",
                "/2018-06-01/runtime/restore/error",
                Some(Operation::RestoreError),
            ),
            ("POST", "/2018-06-01/runtime/restore/next", None),
            ("POST", "/2018-06-01/runtime/invocation/next", None),
            ("GET", "/2018-06-01/runtime/invocation/next/", None),
            ("POST", "/2018-06-01/runtime/invocation/1/response/x", None),
            ("GET", "/2018-06-01/extension/event/next", None),
            ("GET", "/", None),
            ("GET", "", None),
        ] {
            assert_eq!(Operation::parse(method, path), operation, "{method} {path}");
        }
    }

    #[test]
    fn refusals_are_the_services() {
        assert_eq!(Answer::Accepted.body(), "{\"status\":\"OK\"}\n");
        assert_eq!(
            Answer::InvalidRequestId.body(),
            "{\"errorMessage\":\"Invalid request ID\",\"errorType\":\"InvalidRequestID\"}\n"
        );
        assert_eq!(
            Answer::InvalidStateTransition {
                from: RuntimeState::Ready,
                to: "InvocationResponse"
            }
            .body(),
            "{\"errorMessage\":\"State transition from Ready to InvocationResponse failed for runtime. Error: State transition is not allowed\",\"errorType\":\"InvalidStateTransition\"}\n"
        );
        for (answer, status, body) in [
            (
                Answer::InvalidResponseMode,
                400,
                "{\"errorMessage\":\"Invalid function response mode\",\"errorType\":\"InvalidFunctionResponseMode\"}\n",
            ),
            (Answer::NotFound, 404, "404 page not found\n"),
            (Answer::MethodNotAllowed, 405, ""),
            (
                Answer::InvokeTimeout,
                410,
                "{\"errorMessage\":\"Invoke timeout\",\"errorType\":\"InvokeTimeout\"}\n",
            ),
        ] {
            assert_eq!((answer.status(), answer.body().as_str()), (status, body));
        }
        assert_eq!(
            Answer::ResponseTooLarge(crate::invoke::MAX_RESPONSE_BYTES).body(),
            "{\"errorMessage\":\"Exceeded maximum allowed payload size (6291556 bytes).\",\"errorType\":\"RequestEntityTooLarge\"}\n"
        );
    }

    #[test]
    fn response_modes_are_read() {
        for (header, mode) in [
            (None, Ok(ResponseMode::Buffered)),
            (Some(""), Ok(ResponseMode::Buffered)),
            (Some("buffered"), Err(Answer::InvalidResponseMode)),
            (Some("streaming"), Ok(ResponseMode::Streaming)),
            (Some("Streaming"), Err(Answer::InvalidResponseMode)),
            (Some("chunked"), Err(Answer::InvalidResponseMode)),
        ] {
            assert_eq!(ResponseMode::parse(header), mode);
        }
    }

    #[test]
    fn trailers_are_an_error() {
        let read = |error_type: Option<&str>, body: Option<&str>| {
            StreamError::from_trailers(error_type.map(str::as_bytes), body.map(str::as_bytes))
        };
        let error = |error_type: &str, body: &str| {
            Some(StreamError {
                error_type: error_type.to_owned(),
                body: body.into(),
            })
        };
        assert_eq!(read(None, None), None);
        assert_eq!(
            read(Some("Function.Broke"), Some("eyJhIjoxfQ==")),
            error("Function.Broke", r#"{"a":1}"#)
        );
        assert_eq!(read(Some("oops"), None), error("Runtime.Unknown", ""));
        assert_eq!(
            read(None, Some("not base64!")),
            error("Runtime.Unknown", "not base64!")
        );
    }

    #[test]
    fn error_types_are_sanitised() {
        for (header, kept) in [
            ("Runtime.ExitError", "Runtime.ExitError"),
            ("Function.NoGood", "Function.NoGood"),
            ("Function.not-good", "Function.Unknown"),
            ("Function.X", "Function.Unknown"),
            ("unhandled", "Runtime.Unknown"),
            ("", "Runtime.Unknown"),
        ] {
            assert_eq!(sanitise_error_type(header), kept, "{header}");
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics(method in "GET|POST|PUT", path in ".{0,100}", bytes in proptest::collection::vec(any::<u8>(), 0..50)) {
            let _ = Operation::parse(&method, &path);
            let _ = sanitise_error_type(&path);
            prop_assert!(StreamError::from_trailers(Some(&bytes), Some(&bytes)).is_some());
        }
    }
}
