//! Handlers that run once per key, however often their event is delivered.
//!
//! Queues, event sources and callers that retry deliver at least once: without a record of what was
//! done, a card is charged twice. Here the first execution with a key leaves its answer in a
//! [`Store`], and those that follow are given that answer.
//!
//! ```
//! use kiln::idempotency::{Idempotency, MemoryStore};
//! # #[derive(serde::Serialize, serde::Deserialize)]
//! # struct Receipt { cents: u32 }
//! # async fn charge(_: u32) -> Result<Receipt, kiln::Error> { Ok(Receipt { cents: 4490 }) }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let idempotency = Idempotency::builder(MemoryStore::new()).name("charge").build()?;
//! let order_id = "ord-1001";
//! let receipt: Receipt = idempotency.run(order_id, || charge(4490)).await?;
//! // Delivered again: not charged again, and the same receipt.
//! let receipt: Receipt = idempotency.run(order_id, || charge(4490)).await?;
//! assert_eq!(receipt.cents, 4490);
//! # Ok(())
//! # }
//! ```
//!
//! Around a whole handler it is a [layer](Idempotency::layer).
//!
//! # What happens
//!
//! The semantics are those of Powertools for AWS Lambda, so that functions in Python can share a
//! table with this one.
//!
//! | the record of the key | the execution | the caller gets |
//! | --- | --- | --- |
//! | none, expired, or in progress past its time | runs | its answer, which is stored |
//! | completed | does not run | the stored answer, through [`on_replay`](IdempotencyBuilder::on_replay) |
//! | completed, with another payload | does not run | [`PayloadMismatch`](IdempotencyError::PayloadMismatch) |
//! | in progress | does not run | [`AlreadyInProgress`](IdempotencyError::AlreadyInProgress): try again |
//!
//! - The key is hashed: `<function>.<name>#<hash>`, of the JSON that Powertools for Python hashes: names
//!   sorted, `", "` and `": "` between, all that is not ASCII escaped. Its functions find the record of the
//!   same key.
//! - A key of nothing (`None`, an empty text, a list or object of nothing but `null`) protects
//!   nothing: the handler runs, with a warning; or not, with [`MissingKey::Fail`].
//! - An execution is in progress until the invocation's deadline. Then Lambda has killed it, and the
//!   next one may run. Outside of an invocation that time is not known, which is logged as a warning:
//!   an execution that is killed blocks its key until the record expires.
//! - The handler's **error**: the record is deleted, so that a retry runs, and the caller gets the
//!   handler's error. A **panic** is the same, and goes on. If the record cannot be deleted the error
//!   is the handler's all the same, and the key is blocked until the deadline.
//! - A handler that is **dropped** (a timeout around it, Lambda's own) may have done its work or not,
//!   and nothing can be awaited any more: the record stays in progress until the deadline of the
//!   invocation. Put a [`DeadlineLayer`](crate::deadline::DeadlineLayer) around this one, not within: its
//!   error would be one of the handler, and delete the record while what it cut off may still act.
//! - A **store that fails**: the error [`PersistenceLayer`](IdempotencyError::PersistenceLayer), or an
//!   execution without protection, by [`StoreFailure`].
//! - A **store that does not answer** in its time of the invocation, which is all that is left but for
//!   100 ms, has failed ([`StoreError::is_timeout`]); with [`StoreFailure::RunUnprotected`] it has half of
//!   what is left, and the handler the rest. What it was asked may be done all the same: the key is then
//!   blocked until the deadline.
//! - The handler has run, and the store does not answer for the **storing of the answer**: the answer is
//!   given, with a warning, whatever the [`StoreFailure`], since an error would have the caller try again
//!   what is done. The record is completed, if what was sent has arrived; if not it stays in progress until
//!   the deadline, and a duplicate after that runs again, but in this environment, which keeps the answer
//!   in memory. For the **deletion** of a record the error is the
//!   handler's, and the record is gone or stays in progress until the deadline.
//! - Completed records are kept in memory too, 256 of them unless said otherwise, and are not asked
//!   for again. Those in progress never are: they change elsewhere.
//! - `POWERTOOLS_IDEMPOTENCY_DISABLED` set to `1` or `true` switches all of it off.
//!
//! Sources: [idempotency of Powertools](https://docs.aws.amazon.com/powertools/python/latest/utilities/idempotency/).

mod builder;
mod cache;
mod error;
mod key;
mod layer;
mod machine;
mod memory;
mod record;
mod settings;
mod store;

#[cfg(feature = "idempotency-dynamodb")]
mod dynamodb;

pub use builder::{CACHED_RECORDS, EXPIRES_AFTER, IdempotencyBuilder};
#[cfg(feature = "idempotency-dynamodb")]
pub use dynamodb::DynamoDbStore;
pub use error::{IdempotencyError, RunError, SettingsError};
pub use key::Hash;
pub use layer::{IdempotencyLayer, IdempotencyService};
pub use memory::MemoryStore;
pub use record::{Record, Status};
pub use settings::{Idempotency, MissingKey, StoreFailure};
pub use store::{Saved, Store, StoreError, StoreFuture};
