//! Download, compute, upload: overlapping, in bounded memory.
//!
//! Done phase by phase, the processors wait for the last download and the network for the last
//! computation, and everything is in memory at once. Here, computing starts on the first item while the
//! rest still download, and no more is begun than memory allows.
//!
//! ```
//! use kiln::pipeline;
//! # use std::io::Error;
//! # struct Object { key: &'static str, size: u64 }
//! # async fn get(object: Object) -> Result<(String, Vec<u8>), Error> { Ok((object.key.to_owned(), vec![1; 10])) }
//! # fn thumbnail((key, image): (String, Vec<u8>)) -> Result<(String, Vec<u8>), Error> { Ok((key, image[..2].to_vec())) }
//! # async fn put((key, _image): (String, Vec<u8>)) -> Result<String, Error> { Ok(key) }
//!
//! # kiln_doc(async {
//! let objects = vec![Object { key: "mug.png", size: 10 }, Object { key: "bowl.png", size: 10 }];
//! let report = pipeline::items(objects, |object| object.size)
//!     .transfers(8)
//!     .memory(64 << 20)
//!     .download(get)
//!     .compute(thumbnail)
//!     .upload(put)
//!     .run()
//!     .await;
//! assert_eq!(report.into_results()?, ["mug.png", "bowl.png"]);
//! # Ok::<_, pipeline::ItemError<Error>>(())
//! # }).unwrap();
//! # fn kiln_doc<T>(test: impl Future<Output = T>) -> T {
//! #     tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test)
//! # }
//! ```
//!
//! # Limits
//!
//! - [`transfers`](Pipeline::transfers): downloads and uploads at once, together. Uploads go first: they
//!   end an item and free its memory.
//! - [`memory`](Pipeline::memory): bytes of all items that have begun and not ended. An item begins
//!   when all it says it takes is free, and in the order of the items: a large one waits for the small
//!   ones before it, and is not overtaken. One that is larger than all of the memory fails with
//!   [`Cause::TooLarge`], and nothing is begun for it. Leave some of the function's [memory] to
//!   everything else: a process that exceeds it is killed.
//! - computations at once: the threads of the [pool](crate::compute), which are as many as the memory
//!   brings processors.
//!
//! [memory]: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
//!
//! # Failures
//!
//! Every item has exactly one outcome, at its place in the [`Report`]. Where a stage fails or panics,
//! that item ends with an [`ItemError`] that says which stage, and the others go on; with
//! [`stop_on_failure`](Pipeline::stop_on_failure) none is begun after it, and those that have begun
//! come to their end.
//!
//! # Deadlines
//!
//! All ends [`MARGIN`] before the deadline of the current invocation, unless another margin or deadline
//! is set: what is under way is dropped, and the report says how far each item was. With a
//! [`lead`](Pipeline::lead), no item is begun that could not come to its end. At the deadline itself
//! Lambda would reset the [environment], and nobody would know.
//!
//! [environment]: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
//!
//! # Cancellation
//!
//! Dropping the future drops all transfers. Computations that run come to their end, on the pool's
//! threads; the others do not begin.

use std::time::Duration;

mod builder;
mod drive;
mod error;
mod report;

pub use builder::{Pipeline, items};
pub use error::{Cause, ItemError, Stage};
pub use report::Report;

/// How long before the deadline of the invocation a pipeline ends: 100 ms, in which the handler can
/// answer.
///
/// # Example
///
/// ```
/// use kiln::{Deadline, pipeline};
/// use std::time::Duration;
///
/// // What a pipeline has of 30 seconds.
/// let left = Deadline::after(Duration::from_secs(30)).less(pipeline::MARGIN).remaining();
/// assert!(left <= Some(Duration::from_millis(29_900)));
/// ```
pub const MARGIN: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;
