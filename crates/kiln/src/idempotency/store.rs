//! Where records are kept.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use lambda_runtime::Diagnostic;

use super::record::Record;
use crate::deadline::Unanswered;
use crate::errors::LambdaError;

/// What a [`Store`] answers with, when it does.
///
/// # Example
///
/// ```
/// use kiln::idempotency::{StoreError, StoreFuture};
/// # async fn remove(_id: &str) -> Result<(), std::io::Error> { Ok(()) }
///
/// // As the functions of a `Store` give it: a boxed block.
/// fn delete(id: &str) -> StoreFuture<'_, ()> {
///     Box::pin(async move {
///         let removed = remove(id).await;
///         removed.map_err(|error| StoreError::new("delete the record", error))
///     })
/// }
/// ```
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Where records are kept.
///
/// It can be made an object, so that a function chooses its store when it starts: an allocation per
/// call is little beside what stores do.
///
/// # Cancellation
/// A future may be dropped at any time; a store must not be left with half a record.
///
/// # Example
///
/// ```
/// use kiln::idempotency::{MemoryStore, Record, Saved, Store};
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store: Box<dyn Store> = Box::new(MemoryStore::new());
/// let record = Record::in_progress("orders.charge#d41d8cd9", 1_800_000_000);
/// let now = Duration::from_secs(1_799_999_000);
/// assert!(matches!(store.save_in_progress(&record, now).await?, Saved::New));
/// assert!(matches!(store.save_in_progress(&record, now).await?, Saved::Exists(_)));
/// # Ok(())
/// # }
/// ```
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Saves the record of an execution that begins, unless there is one that
    /// [may not be replaced](Record::may_be_replaced): then it answers with that. One step, whoever
    /// else does the same.
    ///
    /// `now` is the time since 1970.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::idempotency::{MemoryStore, Record, Saved, Store as _};
    /// use std::time::Duration;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = MemoryStore::new();
    /// let now = Duration::from_secs(1_799_999_000);
    /// let record = Record::in_progress("orders.charge#d41d8cd9", 1_800_000_000);
    /// assert_eq!(store.save_in_progress(&record, now).await?, Saved::New);
    /// assert_eq!(store.save_in_progress(&record, now).await?, Saved::Exists(record.clone()));
    /// // Once the first has expired, the next one may begin.
    /// let later = now + Duration::from_secs(1_001);
    /// assert_eq!(store.save_in_progress(&record, later).await?, Saved::New);
    /// # Ok(())
    /// # }
    /// ```
    fn save_in_progress<'a>(&'a self, record: &'a Record, now: Duration) -> StoreFuture<'a, Saved>;

    /// Saves the answer of an execution: status, data, expiration and validation of its record.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::idempotency::{MemoryStore, Record, Status, Store as _};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = MemoryStore::new();
    /// let mut record = Record::in_progress("orders.charge#d41d8cd9", 1_800_000_000);
    /// record.status = Status::Completed;
    /// record.data = Some("4490".to_owned());
    /// store.save_completed(&record).await?;
    /// assert_eq!(store.get(&record.id), Some(record));
    /// # Ok(())
    /// # }
    /// ```
    fn save_completed<'a>(&'a self, record: &'a Record) -> StoreFuture<'a, ()>;

    /// Deletes the record of an execution that has failed. It is no error if there is none.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::idempotency::{MemoryStore, Record, Store as _};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = MemoryStore::new();
    /// store.put(Record::in_progress("orders.charge#d41d8cd9", 1_800_000_000));
    /// store.delete("orders.charge#d41d8cd9").await?;
    /// assert!(store.is_empty());
    /// // It is gone already: no error.
    /// store.delete("orders.charge#d41d8cd9").await?;
    /// # Ok(())
    /// # }
    /// ```
    fn delete<'a>(&'a self, id: &'a str) -> StoreFuture<'a, ()>;
}

macro_rules! store_behind {
    ($($pointer:ident),+) => {$(
        impl<S: Store + ?Sized> Store for $pointer<S> {
            fn save_in_progress<'a>(
                &'a self,
                record: &'a Record,
                now: Duration,
            ) -> StoreFuture<'a, Saved> {
                self.as_ref().save_in_progress(record, now)
            }

            fn save_completed<'a>(&'a self, record: &'a Record) -> StoreFuture<'a, ()> {
                self.as_ref().save_completed(record)
            }

            fn delete<'a>(&'a self, id: &'a str) -> StoreFuture<'a, ()> {
                self.as_ref().delete(id)
            }
        }
    )+};
}

store_behind! { Box, Arc }

/// What came of saving the record of an execution that begins.
///
/// # Example
///
/// ```
/// use kiln::idempotency::{Record, Saved};
///
/// /// What a store of your own answers with: `existing` is what is there under the record's id.
/// fn saved(existing: Option<Record>) -> Saved {
///     existing.map_or(Saved::New, Saved::Exists)
/// }
/// assert_eq!(saved(None), Saved::New);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saved {
    /// It is saved: the execution may run.
    New,
    /// There is one already.
    Exists(Record),
}

/// A store has not done what it was asked.
///
/// # Example
///
/// ```
/// use kiln::idempotency::StoreError;
///
/// let error = StoreError::new("save the record", "the disk is full");
/// assert_eq!(error.to_string(), "the idempotency store failed to save the record");
/// let error = error.code("ResourceNotFoundException");
/// assert!(error.to_string().ends_with("(`ResourceNotFoundException`)"));
/// ```
#[derive(Debug)]
pub struct StoreError {
    to_do: &'static str,
    code: Option<String>,
    source: Box<dyn Error + Send + Sync>,
}

impl StoreError {
    /// What it failed to do, and why. The cause is not part of the message.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::idempotency::StoreError;
    /// use std::error::Error as _;
    ///
    /// let error = StoreError::new("save the record", "the disk is full");
    /// assert_eq!(error.to_string(), "the idempotency store failed to save the record");
    /// assert_eq!(error.source().unwrap().to_string(), "the disk is full");
    /// ```
    pub fn new(to_do: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            to_do,
            code: None,
            source: source.into(),
        }
    }

    /// Adds the service's code of the error, which is part of the message.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::idempotency::StoreError;
    ///
    /// let error = StoreError::new("save the record", "no such table")
    ///     .code("ResourceNotFoundException");
    /// assert!(error.to_string().ends_with("(`ResourceNotFoundException`)"));
    /// ```
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// Whether the store has not answered in its part of the invocation's time: what it was asked may
    /// be done or not.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::idempotency::{Idempotency, IdempotencyError, RunError};
    /// # use kiln::idempotency::{Record, Saved, Store, StoreFuture};
    /// use kiln::{LambdaEvent, testing};
    /// use std::time::Duration;
    /// # use std::future::pending;
    /// # #[derive(Debug)]
    /// # struct Silent;
    /// # impl Store for Silent {
    /// #     fn save_in_progress<'a>(&'a self, _: &'a Record, _: Duration) -> StoreFuture<'a, Saved> { Box::pin(pending()) }
    /// #     fn save_completed<'a>(&'a self, _: &'a Record) -> StoreFuture<'a, ()> { Box::pin(pending()) }
    /// #     fn delete<'a>(&'a self, _: &'a str) -> StoreFuture<'a, ()> { Box::pin(pending()) }
    /// # }
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// // A table that accepts connections and never answers.
    /// let idempotency = Idempotency::new(Silent);
    /// let pay = move |_event: LambdaEvent<()>| {
    ///     let idempotency = idempotency.clone();
    ///     async move {
    ///         let paid = idempotency.run("ord-1001", || async { Ok::<_, kiln::Error>(4490) }).await;
    ///         let Err(RunError::Idempotency(IdempotencyError::PersistenceLayer(error))) = &paid else {
    ///             panic!("{paid:?}");
    ///         };
    ///         assert!(error.is_timeout());
    ///         paid
    ///     }
    /// };
    /// let error = testing::invoke(pay, testing::event(())).await.unwrap_err();
    /// assert_eq!(error.error_type, "IdempotencyPersistenceLayer");
    /// # }
    /// ```
    pub fn is_timeout(&self) -> bool {
        self.source.is::<Unanswered>()
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the idempotency store failed to {}", self.to_do)?;
        match &self.code {
            Some(code) => write!(f, " (`{code}`)"),
            None => Ok(()),
        }
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.source.as_ref())
    }
}

impl LambdaError for StoreError {
    fn error_type(&self) -> &str {
        "IdempotencyPersistenceLayer"
    }

    fn is_retryable(&self) -> bool {
        true
    }

    fn http_status(&self) -> StatusCode {
        StatusCode::SERVICE_UNAVAILABLE
    }
}

impl From<StoreError> for Diagnostic {
    fn from(error: StoreError) -> Self {
        error.diagnostic()
    }
}
