//! The store in memory.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::ready;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::record::{Record, Status};
use super::store::{Saved, Store, StoreFuture};

/// With this many records those that have expired are looked for.
const MANY: usize = 1_024;

/// A store in the memory of one execution environment.
///
/// For tests, for programs of one process, and against duplicates within one environment: Lambda
/// starts other environments whenever it likes, they know nothing of this one's records, and these
/// end with it. A charge that must happen once needs a store that all environments share.
///
/// What has expired is forgotten when there are many records: 1,024, or twice as many as were left the
/// last time. So it grows with the records that have not expired, and has no other bound.
///
/// # Example
///
/// ```
/// use kiln::idempotency::{Idempotency, MemoryStore};
///
/// let idempotency = Idempotency::new(MemoryStore::new());
/// # let _ = idempotency;
/// ```
#[derive(Debug, Default)]
pub struct MemoryStore {
    records: Mutex<Records>,
}

#[derive(Debug, Default)]
struct Records {
    by_id: HashMap<String, Record>,
    /// With how many to look for expired ones next.
    look_at: usize,
}

impl MemoryStore {
    /// An empty one.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::idempotency::{Idempotency, MemoryStore};
    /// use std::sync::Arc;
    ///
    /// // Kept by the test too, to look into.
    /// let store = Arc::new(MemoryStore::new());
    /// let idempotency = Idempotency::new(store.clone());
    /// assert!(store.is_empty());
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// How many records there are, expired ones that are not forgotten yet included.
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
    /// let idempotency = Idempotency::new(store.clone());
    /// for order in ["ord-1001", "ord-1001", "ord-1002"] {
    ///     idempotency.run(order, || charge(4490)).await?;
    /// }
    /// assert_eq!(store.len(), 2);
    /// # Ok(())
    /// # }
    /// ```
    pub fn len(&self) -> usize {
        self.lock().by_id.len()
    }

    /// Whether there is no record.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::idempotency::{Idempotency, MemoryStore};
    /// use std::sync::Arc;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = Arc::new(MemoryStore::new());
    /// let idempotency = Idempotency::new(store.clone());
    /// let charged = idempotency.run("ord-1001", || async { Err::<u32, _>("card refused") }).await;
    /// assert!(charged.is_err());
    /// // A failure leaves nothing behind: a retry runs.
    /// assert!(store.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The record of a key.
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
    /// let idempotency = Idempotency::builder(store.clone()).name("charge").build()?;
    /// idempotency.run("ord-1001", || charge(4490)).await?;
    /// // Outside of Lambda functions are called `test-func`; then the MD5 of the key's JSON.
    /// let record = store.get("test-func.charge#17d29e05f0da69d4b58ebd4e135d0a0f").unwrap();
    /// assert_eq!(record.data.as_deref(), Some("4490"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn get(&self, id: &str) -> Option<Record> {
        self.lock().by_id.get(id).cloned()
    }

    /// Puts a record, whatever was there: for tests.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::idempotency::{MemoryStore, Record};
    ///
    /// let store = MemoryStore::new();
    /// store.put(Record::in_progress("orders.charge#d41d8cd9", 1_800_000_000));
    /// assert_eq!(store.len(), 1);
    /// assert!(store.get("orders.charge#d41d8cd9").is_some());
    /// ```
    pub fn put(&self, record: Record) {
        self.lock().by_id.insert(record.id.clone(), record);
    }

    fn lock(&self) -> MutexGuard<'_, Records> {
        // Each change is one insertion or removal: whole, whoever panicked meanwhile.
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Records {
    fn forget_expired(&mut self, now: Duration) {
        if self.by_id.len() >= self.look_at.max(MANY) {
            self.by_id.retain(|_, record| !record.has_expired(now));
            self.look_at = self.by_id.len() * 2;
        }
    }
}

impl Store for MemoryStore {
    fn save_in_progress<'a>(&'a self, record: &'a Record, now: Duration) -> StoreFuture<'a, Saved> {
        let mut records = self.lock();
        records.forget_expired(now);
        let saved = match records.by_id.entry(record.id.clone()) {
            Entry::Occupied(existing) if !existing.get().may_be_replaced(now) => {
                Saved::Exists(existing.get().clone())
            }
            Entry::Occupied(mut existing) => {
                existing.insert(record.clone());
                Saved::New
            }
            Entry::Vacant(vacant) => {
                vacant.insert(record.clone());
                Saved::New
            }
        };
        Box::pin(ready(Ok(saved)))
    }

    fn save_completed<'a>(&'a self, record: &'a Record) -> StoreFuture<'a, ()> {
        let mut record = record.clone();
        record.status = Status::Completed;
        self.put(record);
        Box::pin(ready(Ok(())))
    }

    fn delete<'a>(&'a self, id: &'a str) -> StoreFuture<'a, ()> {
        self.lock().by_id.remove(id);
        Box::pin(ready(Ok(())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn expired_records_are_forgotten_when_there_are_many() {
        let store = MemoryStore::new();
        for number in 0..MANY {
            store.put(Record::in_progress(number.to_string(), 10));
        }
        let now = Duration::from_secs(11);
        let record = Record::in_progress("new", 20);
        assert_eq!(
            store.save_in_progress(&record, now).await.unwrap(),
            Saved::New
        );
        assert_eq!(store.len(), 1);
    }
}
