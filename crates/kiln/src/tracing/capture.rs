//! What of a response stands in its span.

use std::marker::PhantomData;

use serde::Serialize;

/// The longest text, in bytes: X-Ray takes segments of 64 KB in all.
const LONGEST: usize = 16 * 1024;

/// What a [`TracingLayer`](super::TracingLayer) records of responses.
pub trait Capture<R>: Clone + Send + 'static {
    /// The text that is recorded, if any.
    fn capture(&self, response: &R) -> Option<String>;
}

/// Nothing is recorded of responses.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoCapture;

impl<R> Capture<R> for NoCapture {
    fn capture(&self, _response: &R) -> Option<String> {
        None
    }
}

/// Responses are recorded as JSON.
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
