//! Many calls at once: bounded, retried, in time for the deadline.
//!
//! Calls that wait for each other's answers cost their sum; calls side by side cost the slowest. All of
//! them at once, though, is how one event with 10,000 records takes down a database. [`fan_out`] keeps
//! a bound, and ends before the invocation does; [`retry`] is one call with its retries.
//!
//! ```
//! use kiln::io::{self, Retry};
//! use std::time::Duration;
//! # #[derive(Debug)]
//! # struct Unavailable;
//! # impl std::fmt::Display for Unavailable {
//! #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("unavailable") }
//! # }
//! # impl std::error::Error for Unavailable {}
//! # impl kiln::LambdaError for Unavailable {
//! #     fn error_type(&self) -> &str { "Unavailable" }
//! #     fn is_retryable(&self) -> bool { true }
//! # }
//!
//! async fn price(symbol: &'static str) -> Result<usize, Unavailable> {
//!     # if fastrand::bool() { return Err(Unavailable) }
//!     Ok(symbol.len())
//! }
//!
//! # kiln_doc(async {
//! let prices = io::fan_out(["KLN", "GLZE", "CLAY"], 8, price)
//!     .timeout(Duration::from_secs(2))
//!     .retry(Retry::attempts(30).base(Duration::from_millis(1)))
//!     .await?;
//! assert_eq!(prices, [3, 4, 4]);
//! # Ok::<_, io::FanOutError<Unavailable>>(())
//! # }).unwrap();
//! # fn kiln_doc<T>(test: impl Future<Output = T>) -> T {
//! #     tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test)
//! # }
//! ```
//!
//! # Deadlines
//!
//! Everything here ends [`MARGIN`] before the deadline of the current invocation, unless another margin
//! or deadline is set: calls under way are dropped, none is begun, and no retry is waited for that
//! would come too late. What became of each call is said by its [`CallError`]. A handler that waits on
//! ends with its [environment], and with what the other calls have brought.
//!
//! [environment]: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
//!
//! # Cancellation
//!
//! Calls live in the task that awaits them. Dropping the future drops all of them.
//!
//! # Async, not parallel
//!
//! Calls wait side by side on one thread, and that is what they should do: one that computes stops the
//! others. For that there is [`compute`](crate).

use std::time::Duration;

mod call;
mod error;
mod fan_out;
mod retry;

pub use error::{CallError, FanOutError};
pub use fan_out::{FanOut, fan_out};
pub use retry::{Retry, retry, retry_if};

/// How long before the deadline of the invocation calls are given up: 100 ms, in which the handler can
/// answer.
///
/// # Example
///
/// ```
/// use kiln::{Deadline, io};
/// use std::time::Duration;
///
/// // What calls have of the last two seconds.
/// let left = Deadline::after(Duration::from_secs(2)).less(io::MARGIN).remaining();
/// assert!(left <= Some(Duration::from_millis(1_900)));
/// ```
pub const MARGIN: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;
