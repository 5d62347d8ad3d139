//! Parameters of a test.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{NamesProvider, ParameterError, PathProvider, Provider, Query, Value};

/// A store in memory, for tests: values that can be changed, and a store that can be down.
///
/// Clones share what they hold. Versions and decryption mean nothing to it.
///
/// # Example
///
/// ```
/// use kiln::parameters::{InMemory, Parameters};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), kiln::parameters::ParameterError> {
/// let store = InMemory::from([("/orders/limit", "100")]);
/// let parameters = Parameters::new(store.clone());
/// assert_eq!(parameters.get("/orders/limit").await?, "100");
/// assert_eq!(parameters.get("/orders/limit").await?, "100");
/// assert_eq!(store.fetches(), 1);
///
/// store.set_down(true);
/// assert!(parameters.force_fetch().get("/orders/limit").await.is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct InMemory(Arc<Store>);

#[derive(Debug, Default)]
struct Store {
    values: Mutex<BTreeMap<String, Value>>,
    down: AtomicBool,
    fetches: AtomicUsize,
}

impl InMemory {
    /// Sets a value.
    ///
    /// ```
    /// let store = kiln::parameters::InMemory::default();
    /// store.set("/orders/limit", "100");
    /// ```
    pub fn set(&self, name: impl Into<String>, value: impl Into<Value>) {
        self.values().insert(name.into(), value.into());
    }

    /// Removes a value.
    ///
    /// ```
    /// let store = kiln::parameters::InMemory::from([("/orders/limit", "100")]);
    /// store.remove("/orders/limit");
    /// ```
    pub fn remove(&self, name: &str) {
        self.values().remove(name);
    }

    /// Has every fetch fail with [`ParameterError::Unavailable`], or no longer.
    ///
    /// ```
    /// kiln::parameters::InMemory::default().set_down(true);
    /// ```
    pub fn set_down(&self, down: bool) {
        self.0.down.store(down, Ordering::SeqCst);
    }

    /// How often it was asked, whatever the answer; once for several names at once.
    ///
    /// ```
    /// assert_eq!(kiln::parameters::InMemory::default().fetches(), 0);
    /// ```
    pub fn fetches(&self) -> usize {
        self.0.fetches.load(Ordering::SeqCst)
    }

    fn values(&self) -> MutexGuard<'_, BTreeMap<String, Value>> {
        // One assignment at a time: whole whoever panicked meanwhile.
        self.0.values.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn asked(&self, name: &str) -> Result<(), ParameterError> {
        self.0.fetches.fetch_add(1, Ordering::SeqCst);
        if self.0.down.load(Ordering::SeqCst) {
            return Err(ParameterError::unavailable(name, "it is down"));
        }
        Ok(())
    }

    fn find(&self, name: &str) -> Result<Value, ParameterError> {
        let found = self.values().get(name).cloned();
        found.ok_or_else(|| ParameterError::not_found(name))
    }
}

impl<N: Into<String>, V: Into<Value>, const COUNT: usize> From<[(N, V); COUNT]> for InMemory {
    fn from(values: [(N, V); COUNT]) -> Self {
        let store = Self::default();
        for (name, value) in values {
            store.set(name, value);
        }
        store
    }
}

impl Provider for InMemory {
    async fn fetch(&self, query: &Query) -> Result<Value, ParameterError> {
        self.asked(&query.name)?;
        self.find(&query.name)
    }
}

impl PathProvider for InMemory {
    async fn fetch_path(&self, path: &Query) -> Result<Vec<(String, Value)>, ParameterError> {
        self.asked(&path.name)?;
        let below = format!("{}/", path.name.trim_end_matches('/'));
        let values = self.values();
        let found = values.iter().filter(|(name, _)| {
            let rest = name.strip_prefix(&below);
            rest.is_some_and(|rest| path.recursive || !rest.contains('/'))
        });
        Ok(found
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect())
    }
}

impl NamesProvider for InMemory {
    async fn fetch_names(
        &self,
        queries: Vec<Query>,
    ) -> Vec<(Query, Result<Value, ParameterError>)> {
        let asked = self.asked("");
        let answers = queries.into_iter().map(|query| {
            let answer = match &asked {
                Ok(()) => self.find(&query.name),
                Err(down) => Err(down.renamed(&query.name)),
            };
            (query, answer)
        });
        answers.collect()
    }
}
