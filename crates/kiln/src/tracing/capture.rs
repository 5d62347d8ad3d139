//! What of a response stands in its span.

use serde::Serialize;

/// What a [`TracingLayer`](super::TracingLayer) records of responses: any function that makes a text of
/// one, or nothing.
///
/// # Example
///
/// ```
/// use kiln::tracing::{Capture, CaptureResponse, NoCapture};
///
/// fn recorded(capture: impl Capture<Vec<u32>>) -> Option<String> {
///     capture.capture(&vec![1, 2])
/// }
/// assert_eq!(recorded(NoCapture), None);
/// assert_eq!(recorded(CaptureResponse).as_deref(), Some("[1,2]"));
/// let count = |items: &Vec<u32>| Some(format!("{} items", items.len()));
/// assert_eq!(recorded(count).as_deref(), Some("2 items"));
/// ```
pub trait Capture<R>: Clone + Send + 'static {
    /// The text that is recorded, if any.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::tracing::{Capture as _, CaptureResponse};
    ///
    /// let recorded = CaptureResponse.capture(&["ord-1001"]);
    /// assert_eq!(recorded.as_deref(), Some(r#"["ord-1001"]"#));
    /// ```
    fn capture(&self, response: &R) -> Option<String>;
}

/// Nothing is recorded of responses.
///
/// # Example
///
/// ```
/// use kiln::tracing::{NoCapture, TracingLayer};
///
/// // What a layer has from the start, where its type is to be written.
/// let layer: TracingLayer<NoCapture> = TracingLayer::new(kiln::tracing::provider().build());
/// # let _ = layer;
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct NoCapture;

impl<R> Capture<R> for NoCapture {
    fn capture(&self, _response: &R) -> Option<String> {
        None
    }
}

/// Responses are recorded as JSON.
///
/// # Example
///
/// ```
/// use kiln::tracing::{CaptureResponse, TracingLayer};
///
/// let layer = TracingLayer::new(kiln::tracing::provider().build());
/// let recording: TracingLayer<CaptureResponse> = layer.capture_response();
/// # let _ = recording;
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct CaptureResponse;

impl<R: Serialize> Capture<R> for CaptureResponse {
    fn capture(&self, response: &R) -> Option<String> {
        serde_json::to_string(response).ok()
    }
}

impl<R, F> Capture<R> for F
where
    F: Fn(&R) -> Option<String> + Clone + Send + 'static,
{
    fn capture(&self, response: &R) -> Option<String> {
        self(response)
    }
}
