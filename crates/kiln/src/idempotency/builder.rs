//! The settings, one by one.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use super::cache::Cache;
use super::error::SettingsError;
use super::key::Hash;
use super::record::Record;
use super::settings::{Idempotency, Inner, MissingKey, ReplayHook, StoreFailure};
use super::store::Store;
use crate::clock::{Clock, SystemClock};
use crate::environment;
use crate::switch::switch;

/// How long a record counts unless said otherwise: an hour.
///
/// # Example
///
/// ```
/// use kiln::idempotency::{EXPIRES_AFTER, Idempotency, MemoryStore};
///
/// // For callers that try again for a day.
/// let idempotency = Idempotency::builder(MemoryStore::new())
///     .expires_after(24 * EXPIRES_AFTER)
///     .build();
/// assert!(idempotency.is_ok());
/// ```
pub const EXPIRES_AFTER: Duration = Duration::from_secs(3_600);

/// How many completed records are kept in memory unless said otherwise.
///
/// # Example
///
/// ```
/// use kiln::idempotency::{CACHED_RECORDS, Idempotency, MemoryStore};
///
/// // For results that are large.
/// let idempotency = Idempotency::builder(MemoryStore::new())
///     .cached_records(CACHED_RECORDS / 16)
///     .build();
/// assert!(idempotency.is_ok());
/// ```
pub const CACHED_RECORDS: usize = 256;

/// The settings of an [`Idempotency`].
///
/// # Example
///
/// ```
/// use kiln::idempotency::{Idempotency, MemoryStore};
/// use serde_json::json;
/// use std::time::Duration;
///
/// let idempotency = Idempotency::builder(MemoryStore::new())
///     .name("charge")
///     .expires_after(Duration::from_secs(24 * 3_600))
///     .cached_records(1_000)
///     .on_replay(|answer, _record| answer["replayed"] = json!(true))
///     .build()?;
/// # let _ = idempotency;
/// # Ok::<_, kiln::idempotency::SettingsError>(())
/// ```
#[must_use = "settings protect nothing until they are built"]
pub struct IdempotencyBuilder {
    store: Box<dyn Store>,
    name: String,
    key_prefix: Option<String>,
    expires_after: Duration,
    cached_records: usize,
    hash: Hash,
    on_store_failure: StoreFailure,
    on_missing_key: MissingKey,
    on_replay: Option<ReplayHook>,
    clock: Arc<dyn Clock>,
    is_disabled: Option<bool>,
}

impl IdempotencyBuilder {
    /// With the usual settings.
    pub(super) fn new(store: Box<dyn Store>) -> Self {
        Self {
            store,
            name: "handler".to_owned(),
            key_prefix: None,
            expires_after: EXPIRES_AFTER,
            cached_records: CACHED_RECORDS,
            hash: Hash::default(),
            on_store_failure: StoreFailure::default(),
            on_missing_key: MissingKey::default(),
            on_replay: None,
            clock: Arc::new(SystemClock),
            is_disabled: None,
        }
    }

    /// The name of what is protected, which tells its keys from those of other work of the function;
    /// unless said otherwise, `handler`. Powertools for Python has the module and the qualified name of
    /// the function there, such as `app.lambda_handler`.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::idempotency::{Idempotency, MemoryStore};
    /// use std::sync::Arc;
    /// # async fn charge(cents: u32) -> Result<u32, kiln::Error> { Ok(cents) }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = Arc::new(MemoryStore::new());
    /// let charges = Idempotency::builder(store.clone()).name("charge").build()?;
    /// let refunds = Idempotency::builder(store).name("refund").build()?;
    /// // One order is charged and refunded: their keys are not the same.
    /// assert_eq!(charges.run("ord-1001", || charge(4490)).await?, 4490);
    /// assert_eq!(refunds.run("ord-1001", || charge(10)).await?, 10);
    /// # Ok(())
    /// # }
    /// ```
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// What stands before the hash in place of `<function>.<name>`: `key_prefix` of Powertools.
    ///
    /// Functions with the same prefix share their records.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::idempotency::{Idempotency, MemoryStore};
    /// use std::sync::Arc;
    /// # async fn charge(cents: u32) -> Result<u32, kiln::Error> { Ok(cents) }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = Arc::new(MemoryStore::new());
    /// // That of the function in Python beside this one.
    /// let idempotency = Idempotency::builder(store.clone()).key_prefix("payments").build()?;
    /// idempotency.run("ord-1001", || charge(4490)).await?;
    /// assert!(store.get("payments#17d29e05f0da69d4b58ebd4e135d0a0f").is_some());
    /// # Ok(())
    /// # }
    /// ```
    pub fn key_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.key_prefix = Some(prefix.into());
        self
    }

    /// How long a record counts, from the beginning of the execution, and again from its end. Unless
    /// said otherwise, [`EXPIRES_AFTER`]; at least a second.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::idempotency::{Idempotency, MemoryStore};
    /// use kiln::testing::FakeClock;
    /// use std::time::Duration;
    /// # async fn charge(cents: u32) -> Result<u32, kiln::Error> { Ok(cents) }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let clock = FakeClock::at_epoch_seconds(1_800_000_000);
    /// let idempotency = Idempotency::builder(MemoryStore::new())
    ///     .expires_after(Duration::from_secs(60))
    ///     .clock(clock.clone())
    ///     .build()?;
    /// assert_eq!(idempotency.run("ord-1001", || charge(4490)).await?, 4490);
    /// clock.advance(Duration::from_secs(61));
    /// assert_eq!(idempotency.run("ord-1001", || charge(10)).await?, 10);
    /// # Ok(())
    /// # }
    /// ```
    pub fn expires_after(mut self, time: Duration) -> Self {
        self.expires_after = time;
        self
    }

    /// How many completed records are kept in memory. Unless said otherwise,
    /// [`CACHED_RECORDS`]; 0 for none.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::idempotency::{Idempotency, MemoryStore, Store as _};
    /// use std::sync::Arc;
    /// # async fn charge(cents: u32) -> Result<u32, kiln::Error> { Ok(cents) }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = Arc::new(MemoryStore::new());
    /// // For a table from which others delete records.
    /// let idempotency = Idempotency::builder(store.clone()).cached_records(0).build()?;
    /// assert_eq!(idempotency.run("ord-1001", || charge(4490)).await?, 4490);
    /// store.delete("test-func.handler#17d29e05f0da69d4b58ebd4e135d0a0f").await?;
    /// assert_eq!(idempotency.run("ord-1001", || charge(10)).await?, 10);
    /// # Ok(())
    /// # }
    /// ```
    pub fn cached_records(mut self, most: usize) -> Self {
        self.cached_records = most;
        self
    }

    /// What keys and payloads are hashed with. Unless said otherwise, [`Hash::Md5`].
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::idempotency::{Hash, Idempotency, MemoryStore};
    /// use std::sync::Arc;
    /// # async fn charge(cents: u32) -> Result<u32, kiln::Error> { Ok(cents) }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = Arc::new(MemoryStore::new());
    /// let idempotency = Idempotency::builder(store.clone()).hash(Hash::Sha256).build()?;
    /// idempotency.run("ord-1001", || charge(4490)).await?;
    /// let sha256 = "a66fbbcb0d4e5437e71b94d44202a9d8d66da9e58ad9c0008ffeb0e1771de7f7";
    /// assert!(store.get(&format!("test-func.handler#{sha256}")).is_some());
    /// # Ok(())
    /// # }
    /// ```
    pub fn hash(mut self, hash: Hash) -> Self {
        self.hash = hash;
        self
    }

    /// What to do when the store fails. Unless said otherwise, [`StoreFailure::Fail`].
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::idempotency::{Idempotency, StoreFailure};
    /// # use kiln::idempotency::{Record, Saved, Store, StoreError, StoreFuture};
    /// # use std::{future::ready, time::Duration};
    /// # #[derive(Debug)]
    /// # struct Unreachable;
    /// # fn no<T: Send + 'static>() -> StoreFuture<'static, T> {
    /// #     Box::pin(ready(Err(StoreError::new("answer", "no route"))))
    /// # }
    /// # impl Store for Unreachable {
    /// #     fn save_in_progress<'a>(&'a self, _: &'a Record, _: Duration) -> StoreFuture<'a, Saved> { no() }
    /// #     fn save_completed<'a>(&'a self, _: &'a Record) -> StoreFuture<'a, ()> { no() }
    /// #     fn delete<'a>(&'a self, _: &'a str) -> StoreFuture<'a, ()> { no() }
    /// # }
    /// # async fn remind() -> Result<bool, kiln::Error> { Ok(true) }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// assert!(Idempotency::new(Unreachable).run("ord-1001", remind).await.is_err());
    ///
    /// // A reminder sent twice is better than none.
    /// let idempotency = Idempotency::builder(Unreachable)
    ///     .on_store_failure(StoreFailure::RunUnprotected)
    ///     .build()?;
    /// assert!(idempotency.run("ord-1001", remind).await?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_store_failure(mut self, what: StoreFailure) -> Self {
        self.on_store_failure = what;
        self
    }

    /// What to do without a key. Unless said otherwise, [`MissingKey::RunUnprotected`].
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::idempotency::{Idempotency, MemoryStore, MissingKey};
    /// # async fn charge(cents: u32) -> Result<u32, kiln::Error> { Ok(cents) }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let no_order: Option<&str> = None;
    /// let idempotency = Idempotency::new(MemoryStore::new());
    /// assert_eq!(idempotency.run(no_order, || charge(4490)).await?, 4490);
    ///
    /// let idempotency = Idempotency::builder(MemoryStore::new())
    ///     .on_missing_key(MissingKey::Fail)
    ///     .build()?;
    /// assert!(idempotency.run(no_order, || charge(4490)).await.is_err());
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_missing_key(mut self, what: MissingKey) -> Self {
        self.on_missing_key = what;
        self
    }

    /// Changes stored answers before they are given again, to mark them for instance.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::idempotency::{Idempotency, MemoryStore};
    /// use serde_json::{Value, json};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let idempotency = Idempotency::builder(MemoryStore::new())
    ///     .on_replay(|answer, _record| answer["replayed"] = json!(true))
    ///     .build()?;
    /// let charge = || async { Ok::<Value, kiln::Error>(json!({ "cents": 4490 })) };
    /// assert_eq!(idempotency.run("ord-1001", charge).await?, json!({ "cents": 4490 }));
    /// let again = idempotency.run("ord-1001", charge).await?;
    /// assert_eq!(again, json!({ "cents": 4490, "replayed": true }));
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_replay(mut self, hook: impl Fn(&mut Value, &Record) + Send + Sync + 'static) -> Self {
        self.on_replay = Some(Arc::new(hook));
        self
    }

    /// Where the time comes from. Unless said otherwise, [`SystemClock`].
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::idempotency::{Idempotency, MemoryStore};
    /// use kiln::testing::FakeClock;
    /// use std::sync::Arc;
    /// # async fn charge(cents: u32) -> Result<u32, kiln::Error> { Ok(cents) }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = Arc::new(MemoryStore::new());
    /// let idempotency = Idempotency::builder(store.clone())
    ///     .clock(FakeClock::at_epoch_seconds(1_800_000_000))
    ///     .build()?;
    /// idempotency.run("ord-1001", || charge(4490)).await?;
    /// let record = store.get("test-func.handler#17d29e05f0da69d4b58ebd4e135d0a0f").unwrap();
    /// assert_eq!(record.expiration, 1_800_003_600);
    /// # Ok(())
    /// # }
    /// ```
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Whether handlers run without any of it. Unless said otherwise, as
    /// `POWERTOOLS_IDEMPOTENCY_DISABLED` has it.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::idempotency::{Idempotency, MemoryStore};
    /// # async fn charge(cents: u32) -> Result<u32, kiln::Error> { Ok(cents) }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// // Where a test wants each run to be one.
    /// let idempotency = Idempotency::builder(MemoryStore::new()).disabled(true).build()?;
    /// assert_eq!(idempotency.run("ord-1001", || charge(4490)).await?, 4490);
    /// assert_eq!(idempotency.run("ord-1001", || charge(10)).await?, 10);
    /// # Ok(())
    /// # }
    /// ```
    pub fn disabled(mut self, is_disabled: bool) -> Self {
        self.is_disabled = Some(is_disabled);
        self
    }

    /// Builds it.
    ///
    /// # Errors
    /// When records would expire within a second, or the name or the prefix is empty.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::idempotency::{Idempotency, MemoryStore, SettingsError};
    /// use std::time::Duration;
    ///
    /// let builder = Idempotency::builder(MemoryStore::new());
    /// let error = builder.expires_after(Duration::ZERO).build().unwrap_err();
    /// assert_eq!(error, SettingsError::Expiry(Duration::ZERO));
    /// ```
    pub fn build(self) -> Result<Idempotency, SettingsError> {
        // Stores count in seconds.
        if self.expires_after < Duration::from_secs(1) {
            return Err(SettingsError::Expiry(self.expires_after));
        }
        if self.name.is_empty() || self.key_prefix.as_deref() == Some("") {
            return Err(SettingsError::EmptyName);
        }
        Ok(self.finish())
    }

    pub(super) fn finish(self) -> Idempotency {
        // Powertools calls it so outside of Lambda.
        let function = || environment::current().function_name.as_deref();
        let prefix = self
            .key_prefix
            .unwrap_or_else(|| format!("{}.{}", function().unwrap_or("test-func"), self.name));
        let is_disabled = self
            .is_disabled
            .unwrap_or_else(|| disabled(|name| std::env::var(name).ok()));
        Idempotency {
            inner: Arc::new(Inner {
                store: self.store,
                prefix: format!("{prefix}#"),
                expires_after: self.expires_after,
                hash: self.hash,
                on_store_failure: self.on_store_failure,
                on_missing_key: self.on_missing_key,
                on_replay: self.on_replay,
                clock: self.clock,
                is_disabled,
                cache: Mutex::new(Cache::new(self.cached_records)),
            }),
        }
    }
}

impl fmt::Debug for IdempotencyBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdempotencyBuilder")
            .field("store", &self.store)
            .field("name", &self.name)
            .field("expires_after", &self.expires_after)
            .finish_non_exhaustive()
    }
}

/// `POWERTOOLS_IDEMPOTENCY_DISABLED`, in any of the words that Powertools takes.
fn disabled(get: impl Fn(&str) -> Option<String>) -> bool {
    let set = get("POWERTOOLS_IDEMPOTENCY_DISABLED");
    set.and_then(|value| switch(&value)).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_switched_off_in_words() {
        for (set, off) in [
            (None, false),
            (Some("1"), true),
            (Some("true"), true),
            (Some("True"), true),
            (Some("yes"), true),
            (Some("on"), true),
            (Some("0"), false),
            (Some("false"), false),
            (Some("off"), false),
            // Protection is not lost to a mistake.
            (Some(""), false),
            (Some("certainly"), false),
            (Some(" 1"), false),
        ] {
            let get = |name: &str| {
                assert_eq!(name, "POWERTOOLS_IDEMPOTENCY_DISABLED");
                set.map(str::to_owned)
            };
            assert_eq!(disabled(get), off, "{set:?}");
        }
    }

    #[test]
    fn settings_that_make_no_sense_are_refused() {
        let builder = || Idempotency::builder(crate::idempotency::MemoryStore::new());
        for after in [Duration::ZERO, Duration::from_millis(999)] {
            let error = builder().expires_after(after).build().unwrap_err();
            assert_eq!(error, SettingsError::Expiry(after));
        }
        for empty in [builder().name(""), builder().key_prefix("")] {
            assert_eq!(empty.build().unwrap_err(), SettingsError::EmptyName);
        }
        assert!(
            builder()
                .expires_after(Duration::from_secs(1))
                .build()
                .is_ok()
        );
    }
}
