//! What of a response stands in its span.

use std::marker::PhantomData;

use serde::Serialize;

/// The longest text, in bytes: X-Ray takes segments of 64 KB in all.
const LONGEST: usize = 16 * 1024;

/// What a [`TracingLayer`](super::TracingLayer) records of responses.
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
/// assert_eq!(recorded(CaptureResponse::default()).as_deref(), Some("[1,2]"));
/// ```
pub trait Capture<R>: Clone + Send + 'static {
    /// The text that is recorded, if any.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::tracing::{Capture as _, CaptureResponse};
    ///
    /// let long = "x".repeat(100_000);
    /// let recorded = CaptureResponse::default().capture(&long).unwrap();
    /// assert_eq!(recorded.len(), 16 * 1024, "its first 16 KB");
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
pub struct CaptureResponse {
    pub(super) _private: PhantomData<()>,
}

impl<R: Serialize> Capture<R> for CaptureResponse {
    fn capture(&self, response: &R) -> Option<String> {
        let mut text = serde_json::to_string(response).ok()?;
        if text.len() > LONGEST {
            let end = text.floor_char_boundary(LONGEST);
            text.truncate(end);
        }
        Some(text)
    }
}
