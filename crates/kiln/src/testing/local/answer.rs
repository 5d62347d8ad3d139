//! What an invocation has answered.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::response::Parts;
use lambda_runtime::Diagnostic;
use serde::de::DeserializeOwned;

use super::error::LocalError;

/// What an invocation has answered, as [Invoke] returns it.
///
/// [Invoke]: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
///
/// # Example
///
/// ```no_run
/// # async fn test() -> Result<(), kiln::Error> {
/// let function = kiln::testing::local!().await?;
/// let answer = function.invoke(&0).await?;
/// let error = answer.error().expect("zero is refused");
/// assert_eq!(error.error_type, "InvalidAmount");
/// assert!(answer.log_tail.contains("refused"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LocalAnswer {
    /// The payload: what the handler has answered, or its error as JSON.
    pub payload: Bytes,
    /// `Unhandled` when the function has failed: its handler, its init, or its environment.
    pub function_error: Option<String>,
    /// The last 4 KB of the invocation's log.
    pub log_tail: String,
}

impl LocalAnswer {
    pub(super) fn of(parts: &Parts, payload: Bytes) -> Result<Self, LocalError> {
        if !parts.status.is_success() {
            return Err(LocalError::Refused {
                status: parts.status.as_u16(),
                message: String::from_utf8_lossy(&payload).into_owned(),
            });
        }
        let header = |name: &str| parts.headers.get(name)?.to_str().ok();
        let log = header("x-amz-log-result").map(|log| STANDARD.decode(log));
        Ok(Self {
            payload,
            function_error: header("x-amz-function-error").map(ToOwned::to_owned),
            log_tail: match log {
                Some(Ok(log)) => String::from_utf8_lossy(&log).into_owned(),
                _ => String::new(),
            },
        })
    }

    /// The payload, from JSON.
    ///
    /// # Errors
    /// [`LocalError::Answer`], with the payload, when it is not of this type.
    ///
    /// # Example
    ///
    /// ```no_run
    /// # async fn test() -> Result<(), kiln::Error> {
    /// # let function = kiln::testing::local!().await?;
    /// let answer = function.invoke(&[1, 2, 3]).await?;
    /// assert_eq!(answer.json::<u32>()?, 6);
    /// // A failed function's payload is its error.
    /// assert!(function.invoke("no numbers").await?.json::<u32>().is_err());
    /// # Ok(())
    /// # }
    /// ```
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, LocalError> {
        serde_json::from_slice(&self.payload).map_err(|source| LocalError::Answer {
            source,
            text: self.text(),
        })
    }

    /// The payload as text.
    ///
    /// # Example
    ///
    /// ```no_run
    /// # async fn test() -> Result<(), kiln::Error> {
    /// # let function = kiln::testing::local!().await?;
    /// let answer = function.invoke("hello").await?;
    /// // As it came: JSON with its quotes, or what a function has streamed.
    /// assert_eq!(answer.text(), r#""HELLO""#);
    /// # Ok(())
    /// # }
    /// ```
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.payload).into_owned()
    }

    /// The error of a function that has failed.
    ///
    /// # Example
    ///
    /// ```no_run
    /// # async fn test() -> Result<(), kiln::Error> {
    /// # let function = kiln::testing::local!().await?;
    /// assert!(function.invoke(&7).await?.error().is_none());
    /// let error = function.invoke(&0).await?.error().expect("zero is refused");
    /// assert_eq!(error.error_type, "InvalidAmount");
    /// assert_eq!(error.error_message, "the amount is zero");
    /// # Ok(())
    /// # }
    /// ```
    pub fn error(&self) -> Option<Diagnostic> {
        self.function_error.as_ref()?;
        serde_json::from_slice(&self.payload).ok()
    }
}
