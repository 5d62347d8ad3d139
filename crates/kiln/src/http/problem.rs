//! Errors as callers see them.

use std::borrow::Cow;
use std::convert::Infallible;
use std::future::ready;

use ::http::header::{CONTENT_TYPE, HeaderValue};
use ::http::{Response, StatusCode};
use lambda_http::Body;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::LambdaError;

/// A problem document: the body of an error over HTTP, as [RFC 9457] has it.
///
/// [RFC 9457]: https://www.rfc-editor.org/rfc/rfc9457
///
/// # Example
///
/// ```
/// use http::StatusCode;
/// use kiln::http::Problem;
///
/// let problem = Problem::new(StatusCode::CONFLICT)
///     .kind("order-id-taken")
///     .detail("there is another order `ord-1001` already")
///     .with("orderId", "ord-1001");
/// let response: http::Response<String> = problem.response();
/// assert_eq!(response.status(), 409);
/// assert_eq!(response.headers()["content-type"], "application/problem+json");
/// assert!(response.body().contains(r#""type":"order-id-taken""#));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Problem {
    #[serde(rename = "type")]
    kind: Cow<'static, str>,
    title: Cow<'static, str>,
    #[serde(serialize_with = "as_number")]
    status: StatusCode,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    #[serde(flatten)]
    members: Map<String, Value>,
}

impl Problem {
    /// A problem that says no more than its status: of type `about:blank`, titled as the status is.
    ///
    /// # Example
    ///
    /// ```
    /// use http::StatusCode;
    /// use kiln::http::Problem;
    ///
    /// let response: http::Response<String> = Problem::new(StatusCode::NOT_FOUND).response();
    /// assert!(response.body().contains(r#""title":"Not Found""#));
    /// ```
    pub fn new(status: StatusCode) -> Self {
        Self {
            kind: Cow::Borrowed("about:blank"),
            title: Cow::Borrowed(status.canonical_reason().unwrap_or("Error")),
            status,
            detail: None,
            instance: None,
            members: Map::new(),
        }
    }

    /// The problem that an error is for a caller.
    ///
    /// Of a caller's mistake (4xx) it has the type and the message. Of ours (5xx) it has neither:
    /// both may tell of what is inside, and belong into the log.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::deadline::DeadlineExceeded;
    /// use kiln::http::Problem;
    ///
    /// # let deadline = kiln::Deadline::at(std::time::UNIX_EPOCH);
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    /// let error: DeadlineExceeded = runtime.block_on(deadline.within(async {})).unwrap_err();
    /// assert_eq!(Problem::of(&error).status(), 504);
    /// ```
    pub fn of(error: &(impl LambdaError + ?Sized)) -> Self {
        let status = error.http_status();
        let problem = Self::new(status);
        if !status.is_client_error() {
            return problem;
        }
        problem
            .kind(error.error_type().to_owned())
            .detail(error.to_string())
    }

    /// As [`of`](Self::of), logged as [`ProblemLayer`](super::ProblemLayer) does, with the id of the
    /// current request as instance: for errors that a handler itself makes answers of, as those of
    /// axum do.
    ///
    /// # Example
    ///
    /// ```
    /// use http::StatusCode;
    /// use kiln::LambdaError;
    /// use kiln::http::Problem;
    ///
    /// #[derive(Debug)]
    /// struct SoldOut;
    /// # impl std::fmt::Display for SoldOut {
    /// #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    /// #         f.write_str("there are none left")
    /// #     }
    /// # }
    /// # impl std::error::Error for SoldOut {}
    /// impl LambdaError for SoldOut {
    ///     fn error_type(&self) -> &str {
    ///         "sold-out"
    ///     }
    ///     fn http_status(&self) -> StatusCode {
    ///         StatusCode::CONFLICT
    ///     }
    /// }
    ///
    /// // With axum: impl IntoResponse for SoldOut { fn into_response(self) -> Response {
    /// let response: http::Response<String> = Problem::reported(&SoldOut).response();
    /// // } }
    /// assert_eq!(response.status(), 409);
    /// ```
    pub fn reported(error: &(impl LambdaError + ?Sized)) -> Self {
        super::problem_layer::log(error);
        Self::of(error).of_request(super::current_id())
    }

    /// With the id of its request as instance, where that is known.
    pub(super) fn of_request(mut self, id: Option<String>) -> Self {
        self.instance = id.or(self.instance);
        self
    }

    /// Names the type: a URI, absolute or not, that clients can match on.
    ///
    /// # Example
    ///
    /// ```
    /// use http::StatusCode;
    /// use kiln::http::Problem;
    ///
    /// let problem = Problem::new(StatusCode::CONFLICT).kind("order-id-taken");
    /// let response: http::Response<String> = problem.response();
    /// assert!(response.body().contains(r#""type":"order-id-taken""#));
    /// ```
    #[must_use]
    pub fn kind(mut self, kind: impl Into<Cow<'static, str>>) -> Self {
        self.kind = kind.into();
        self
    }

    /// Sets the title: the same for all problems of the type.
    ///
    /// # Example
    ///
    /// ```
    /// use http::StatusCode;
    /// use kiln::http::Problem;
    ///
    /// let problem = Problem::new(StatusCode::CONFLICT)
    ///     .kind("order-id-taken")
    ///     .title("The order id is taken");
    /// let response: http::Response<String> = problem.response();
    /// assert!(response.body().contains(r#""title":"The order id is taken""#));
    /// ```
    #[must_use]
    pub fn title(mut self, title: impl Into<Cow<'static, str>>) -> Self {
        self.title = title.into();
        self
    }

    /// Says what went wrong this time. Callers read it, whatever the status is.
    ///
    /// # Example
    ///
    /// ```
    /// use http::StatusCode;
    /// use kiln::http::Problem;
    ///
    /// let problem = Problem::new(StatusCode::BAD_REQUEST).detail("`quantity` is below 1");
    /// let response: http::Response<String> = problem.response();
    /// assert!(response.body().contains(r#""detail":"`quantity` is below 1""#));
    /// ```
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Says which time: [`ProblemLayer`](super::ProblemLayer) puts the request id here.
    ///
    /// # Example
    ///
    /// ```
    /// use http::StatusCode;
    /// use kiln::http::Problem;
    ///
    /// let problem = Problem::new(StatusCode::NOT_FOUND).instance("/orders/ord-1001");
    /// let response: http::Response<String> = problem.response();
    /// assert!(response.body().contains(r#""instance":"/orders/ord-1001""#));
    /// ```
    #[must_use]
    pub fn instance(mut self, instance: impl Into<String>) -> Self {
        self.instance = Some(instance.into());
        self
    }

    /// Adds a member of the application's own. The standard ones stay as they are.
    ///
    /// # Example
    ///
    /// ```
    /// use http::StatusCode;
    /// use kiln::http::Problem;
    ///
    /// let problem = Problem::new(StatusCode::CONFLICT)
    ///     .with("left", 3)
    ///     .with("status", 200);
    /// let response: http::Response<String> = problem.response();
    /// assert!(response.body().contains(r#""left":3"#));
    /// assert!(response.body().contains(r#""status":409"#), "a standard one");
    /// ```
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        let name = name.into();
        let is_standard = ["type", "title", "status", "detail", "instance"].contains(&&*name);
        if !is_standard {
            self.members.insert(name, value.into());
        }
        self
    }

    /// The status.
    ///
    /// # Example
    ///
    /// ```
    /// use http::StatusCode;
    /// use kiln::http::Problem;
    ///
    /// let problem = Problem::new(StatusCode::GONE).title("The sale is over");
    /// assert_eq!(problem.status(), StatusCode::GONE);
    /// ```
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The response, with any body that a text can become: that of axum, of [`lambda_http`], a
    /// `String`.
    ///
    /// # Example
    ///
    /// ```
    /// use http::StatusCode;
    /// use kiln::http::Problem;
    /// use lambda_http::Body;
    ///
    /// let response: http::Response<Body> = Problem::new(StatusCode::GONE).response();
    /// assert_eq!(response.status(), 410);
    /// ```
    pub fn response<B: From<String>>(&self) -> Response<B> {
        // Texts and numbers always become JSON.
        let body = serde_json::to_string(self).unwrap_or_default();
        let mut response = Response::new(B::from(body));
        *response.status_mut() = self.status;
        response.headers_mut().insert(CONTENT_TYPE, PROBLEM_JSON);
        response
    }
}

impl lambda_http::IntoResponse for Problem {
    fn into_response(self) -> BodyFuture {
        Box::pin(ready(self.response()))
    }
}

type BodyFuture = std::pin::Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "what serde calls takes a reference"
)]
fn as_number<S: Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

/// Routers of axum cannot fail.
impl LambdaError for Infallible {
    fn error_type(&self) -> &str {
        match *self {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn standard_members_cannot_be_replaced() {
        let problem = Problem::new(StatusCode::BAD_REQUEST)
            .with("status", 200)
            .with("field", "quantity");
        assert_eq!(
            serde_json::to_value(problem).unwrap(),
            json!({
                "type": "about:blank", "title": "Bad Request", "status": 400, "field": "quantity",
            })
        );
    }
}
