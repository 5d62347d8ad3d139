//! What is protected, and what to do when that is not possible.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

use super::builder::IdempotencyBuilder;
use super::cache::Cache;
use super::key::Hash;
use super::record::Record;
use super::store::Store;
use crate::clock::Clock;

/// What to do when the store fails.
///
/// # Example
///
/// ```
/// use kiln::idempotency::{Idempotency, MemoryStore, StoreFailure};
///
/// let builder = Idempotency::builder(MemoryStore::new())
///     // A reminder sent twice is better than none.
///     .on_store_failure(StoreFailure::RunUnprotected);
/// # let _ = builder;
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreFailure {
    /// Fail with [`PersistenceLayer`](super::IdempotencyError::PersistenceLayer). When it is the
    /// answer that cannot be stored the work is done all the same: the key is blocked until the
    /// invocation's deadline, and a retry after that runs again. An answer whose storing the store does
    /// not answer for in time is given, with a warning.
    #[default]
    Fail,
    /// Run the handler without protection and answer what it answers, with a warning in the log: it
    /// may run more than once. A store that does not answer has half of what is left of the invocation,
    /// and the handler the rest.
    RunUnprotected,
}

/// What to do when the event has nothing that could be a key.
///
/// # Example
///
/// ```
/// use kiln::idempotency::{Idempotency, IdempotencyError, MemoryStore, MissingKey, RunError};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let idempotency = Idempotency::builder(MemoryStore::new())
///     .on_missing_key(MissingKey::Fail)
///     .build()?;
/// let charged = idempotency.run(None::<&str>, || async { Ok::<_, kiln::Error>(4490) }).await;
/// assert!(matches!(charged, Err(RunError::Idempotency(IdempotencyError::MissingKey))));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum MissingKey {
    /// Run the handler without protection, with a warning in the log.
    #[default]
    RunUnprotected,
    /// Fail with [`MissingKey`](super::IdempotencyError::MissingKey): `raise_on_no_idempotency_key`
    /// of Powertools.
    Fail,
}

pub(super) type ReplayHook = Arc<dyn Fn(&mut Value, &Record) + Send + Sync>;

/// Has work run once per key.
///
/// A clone is the same one: build it once, with the rest of the function's state.
///
/// # Example
///
/// ```
/// use kiln::idempotency::{Idempotency, MemoryStore};
/// # async fn charge(cents: u32) -> Result<u32, kiln::Error> { Ok(cents) }
///
/// struct State {
///     idempotency: Idempotency,
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // Once, when the function starts.
/// let state = State { idempotency: Idempotency::new(MemoryStore::new()) };
/// // In each invocation.
/// assert_eq!(state.idempotency.run("ord-1001", || charge(4490)).await?, 4490);
/// assert_eq!(state.idempotency.run("ord-1001", || charge(10)).await?, 4490);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Idempotency {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) store: Box<dyn Store>,
    /// `<function>.<name>#`, unless set.
    pub(super) prefix: String,
    pub(super) expires_after: Duration,
    pub(super) hash: Hash,
    pub(super) on_store_failure: StoreFailure,
    pub(super) on_missing_key: MissingKey,
    pub(super) on_replay: Option<ReplayHook>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) is_disabled: bool,
    pub(super) cache: Mutex<Cache>,
}

impl Inner {
    /// The lock is for the moment.
    pub(super) fn cache(&self) -> MutexGuard<'_, Cache> {
        // At worst one record more or less is cached, whoever panicked meanwhile.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Idempotency {
    /// With the usual settings.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::idempotency::{Idempotency, MemoryStore};
    /// # async fn charge(cents: u32) -> Result<u32, kiln::Error> { Ok(cents) }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let idempotency = Idempotency::new(MemoryStore::new());
    /// assert_eq!(idempotency.run("ord-1001", || charge(4490)).await?, 4490);
    /// assert_eq!(idempotency.run("ord-1001", || charge(10)).await?, 4490);
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(store: impl Store) -> Self {
        Self::builder(store).finish()
    }

    /// With settings of one's own.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::idempotency::{Idempotency, MemoryStore};
    /// use std::time::Duration;
    ///
    /// let idempotency = Idempotency::builder(MemoryStore::new())
    ///     .name("charge")
    ///     .expires_after(Duration::from_secs(24 * 3_600))
    ///     .build()?;
    /// assert!(format!("{idempotency:?}").contains(".charge#"));
    /// # Ok::<_, kiln::idempotency::SettingsError>(())
    /// ```
    pub fn builder(store: impl Store) -> IdempotencyBuilder {
        IdempotencyBuilder::new(Box::new(store))
    }
}

impl fmt::Debug for Idempotency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Idempotency")
            .field("store", &self.inner.store)
            .field("prefix", &self.inner.prefix)
            .finish_non_exhaustive()
    }
}
