//! What functions read parameters with.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use serde::de::DeserializeOwned;

use super::cache::{Cache, Key, Policy};
use super::{
    Many, NamesProvider, Parameter, ParameterError, PathProvider, Provider, Query, Secret,
    Transform, Version, Wanted, settings,
};
use crate::clock::{Clock, SystemClock};

/// Parameters of one store, in memory for a while.
///
/// Build it once per environment. Clones share the values; each has settings of its own, so that
/// `parameters.clone().max_age(…)` is another view of the same store.
///
/// - A value is served from memory while it is younger than the maximum age: 300 s, or
///   `POWERTOOLS_PARAMETERS_MAX_AGE` in seconds, or [`max_age`](Self::max_age). The age is
///   judged by who reads, and counts from the beginning of the fetch.
/// - Of any number of callers that miss a value at the same time, one asks the store. A caller that is
///   dropped takes nothing from the others.
/// - Errors are never kept. A parameter that does not exist any more, or may no longer be read, is not
///   served from memory either, once that is known.
/// - What is kept is never dropped for space: names are meant to come from code, not from events.
///
/// # Deadlines
/// Within an invocation, callers wait no longer than it lasts: a store that accepts and never answers
/// is [`ParameterError::Unavailable`] 100 ms before its [deadline](crate::Deadline::current). Where a
/// [stale value](Self::stale_if_error) may stand in, it does so after half of what is left, ten seconds
/// at most. The fetch goes on for others that have more time; a refresh beside the invocation has thirty
/// seconds, whatever the invocation has. Outside of invocations, during init say, the timeouts of the
/// client count alone.
///
/// # Cancellation
/// Everything here may be dropped at any time. A fetch ends when the last one that waits for it is
/// dropped.
///
/// # Example
///
/// ```
/// use kiln::parameters::{InMemory, Parameters};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), kiln::parameters::ParameterError> {
/// let parameters = Parameters::new(InMemory::from([("/orders/url", "https://example.com")]));
/// assert_eq!(parameters.get("/orders/url").await?, "https://example.com");
/// # Ok(())
/// # }
/// ```
pub struct Parameters<P> {
    store: Arc<Store<P>>,
    /// The name is that of no parameter: the rest of it are settings.
    query: Query,
    policy: Policy,
}

struct Store<P> {
    provider: Arc<P>,
    names: Arc<Cache<Parameter>>,
    paths: Arc<Cache<Many>>,
}

impl<P> Store<P> {
    fn empty(provider: Arc<P>, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            provider,
            names: Arc::new(Cache::new(clock.clone())),
            paths: Arc::new(Cache::new(clock)),
        })
    }
}

impl<P> Clone for Parameters<P> {
    fn clone(&self) -> Self {
        Self {
            store: self.store.clone(),
            query: self.query.clone(),
            policy: self.policy,
        }
    }
}

impl<P> fmt::Debug for Parameters<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parameters")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

impl<P: Provider> Parameters<P> {
    /// Those of this store.
    ///
    /// ```
    /// use kiln::parameters::{InMemory, Parameters};
    ///
    /// let parameters = Parameters::new(InMemory::default());
    /// ```
    pub fn new(provider: P) -> Self {
        Self {
            store: Store::empty(Arc::new(provider), Arc::new(SystemClock)),
            query: Query::new(""),
            policy: Policy {
                max_age: settings::max_age(settings::variable),
                stale_while_revalidate: Duration::ZERO,
                stale_if_error: Duration::ZERO,
                force: false,
                goes_on: false,
            },
        }
    }

    /// Ages by this clock, for tests: the same store, with a memory of its own.
    ///
    /// ```
    /// use kiln::clock::SystemClock;
    /// use kiln::parameters::{InMemory, Parameters};
    ///
    /// let parameters = Parameters::new(InMemory::default()).clock(SystemClock);
    /// ```
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.store = Store::empty(self.store.provider.clone(), Arc::new(clock));
        self
    }

    /// How old a value may be that is served from memory.
    ///
    /// Zero switches the memory off: every call asks the store by itself, nothing is kept, and there
    /// is nothing stale to serve.
    ///
    /// ```
    /// # use kiln::parameters::{InMemory, Parameters};
    /// # use std::time::Duration;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), kiln::parameters::ParameterError> {
    /// let store = InMemory::from([("/orders/url", "https://example.com")]);
    /// let uncached = Parameters::new(store.clone()).max_age(Duration::ZERO);
    /// uncached.get("/orders/url").await?;
    /// uncached.get("/orders/url").await?;
    /// assert_eq!(store.fetches(), 2);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.policy.max_age = max_age;
        self
    }

    /// Serves a value that is too old by less than this at once, and fetches a newer one meanwhile.
    ///
    /// Callers then wait only for a value that has not been asked for in a long time. The fetch runs
    /// beside the invocation and is frozen with its environment: until one of them has lasted long
    /// enough, the old value is served. Off unless set.
    ///
    /// ```
    /// # use kiln::parameters::{InMemory, Parameters};
    /// # use std::time::Duration;
    /// let parameters = Parameters::new(InMemory::default())
    ///     .max_age(Duration::from_secs(60))
    ///     .stale_while_revalidate(Duration::from_secs(600));
    /// ```
    #[must_use]
    pub fn stale_while_revalidate(mut self, limit: Duration) -> Self {
        self.policy.stale_while_revalidate = limit;
        self
    }

    /// Serves a value that is too old by less than this when the store
    /// [does not answer](ParameterError::Unavailable), with a warning in the log.
    ///
    /// The store is then asked again after five seconds at the earliest, since every invocation would
    /// wait for its timeouts. Off unless set.
    ///
    /// ```
    /// # use kiln::parameters::{InMemory, Parameters};
    /// # use std::time::Duration;
    /// let parameters = Parameters::new(InMemory::default())
    ///     .stale_if_error(Duration::from_secs(3_600));
    /// ```
    #[must_use]
    pub fn stale_if_error(mut self, limit: Duration) -> Self {
        self.policy.stale_if_error = limit;
        self
    }

    /// The same parameters, always from the store: what is read this way is kept for the others, and
    /// no stale value stands in for it.
    ///
    /// ```
    /// # use kiln::parameters::{InMemory, Parameters};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), kiln::parameters::ParameterError> {
    /// let store = InMemory::from([("/orders/key", "old")]);
    /// let parameters = Parameters::new(store.clone());
    /// assert_eq!(parameters.get("/orders/key").await?, "old");
    ///
    /// // The database refuses the old key.
    /// store.set("/orders/key", "new");
    /// assert_eq!(parameters.force_fetch().get("/orders/key").await?, "new");
    /// assert_eq!(parameters.get("/orders/key").await?, "new");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn force_fetch(&self) -> Self {
        let mut forced = self.clone();
        forced.policy.force = true;
        forced
    }

    /// The same parameters, decrypted or not, whatever the provider does otherwise.
    ///
    /// ```
    /// # use kiln::parameters::{InMemory, Parameters};
    /// let parameters = Parameters::new(InMemory::default()).decrypt(true);
    /// ```
    #[must_use]
    pub fn decrypt(mut self, decrypt: bool) -> Self {
        self.query.decrypt = Some(decrypt);
        self
    }

    /// The same parameters, in another version than the current one.
    ///
    /// ```
    /// # use kiln::parameters::{InMemory, Parameters, Version};
    /// let secrets = Parameters::new(InMemory::default());
    /// let previous = secrets.clone().version(Version::Stage("AWSPREVIOUS".to_owned()));
    /// ```
    #[must_use]
    pub fn version(mut self, version: Version) -> Self {
        self.query.version = Some(version);
        self
    }

    /// The same parameters; of a path only what is directly below it.
    ///
    /// ```
    /// # use kiln::parameters::{InMemory, Parameters};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), kiln::parameters::ParameterError> {
    /// let store = InMemory::from([("/orders/url", "u"), ("/orders/database/user", "app")]);
    /// let parameters = Parameters::new(store).not_recursive();
    /// let found = parameters.get_by_path("/orders").await?;
    /// assert!(found.values.keys().eq(["url"]));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn not_recursive(mut self) -> Self {
        self.query.recursive = false;
        self
    }

    /// A parameter as text.
    ///
    /// # Errors
    /// [`ParameterError`]; [`Transform`](ParameterError::Transform) when it is not UTF-8.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::parameters::{InMemory, ParameterError, Parameters};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), kiln::parameters::ParameterError> {
    /// let parameters = Parameters::new(InMemory::from([("/orders/url", "https://example.com")]));
    /// assert_eq!(parameters.get("/orders/url").await?, "https://example.com");
    ///
    /// let error = parameters.get("/orders/uri").await.unwrap_err();
    /// assert!(matches!(error, ParameterError::NotFound { .. }));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn get(&self, name: &str) -> Result<String, ParameterError> {
        let parameter = self.parameter(name).await?;
        Ok(parameter.text()?.to_owned())
    }

    /// A parameter as text, if it exists.
    ///
    /// That it does not is not kept: the next call asks again.
    ///
    /// # Errors
    /// [`ParameterError`], but not for one that does not exist.
    ///
    /// ```
    /// # use kiln::parameters::{InMemory, Parameters};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), kiln::parameters::ParameterError> {
    /// let parameters = Parameters::new(InMemory::default());
    /// assert_eq!(parameters.get_optional("/orders/url").await?, None);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn get_optional(&self, name: &str) -> Result<Option<String>, ParameterError> {
        match self.get(name).await {
            Ok(text) => Ok(Some(text)),
            Err(ParameterError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A parameter as text that is not shown in logs, errors and answers.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    ///
    /// ```
    /// # use kiln::parameters::{InMemory, Parameters};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), kiln::parameters::ParameterError> {
    /// let parameters = Parameters::new(InMemory::from([("/orders/key", "pa55")]));
    /// let key = parameters.secret("/orders/key").await?;
    /// assert_eq!(key.to_string(), "[secret]");
    /// assert_eq!(key.expose(), "pa55");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn secret(&self, name: &str) -> Result<Secret, ParameterError> {
        self.parameter(name).await?.secret()
    }

    /// A parameter's JSON as a type. It is parsed once, and made into the type for every call.
    ///
    /// # Errors
    /// [`ParameterError`]; [`Transform`](ParameterError::Transform) when it is not JSON, or not of that
    /// type, with the place and without the value.
    ///
    /// ```
    /// # use kiln::parameters::{InMemory, Parameters};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), kiln::parameters::ParameterError> {
    /// let parameters = Parameters::new(InMemory::from([("/orders/limits", "[1, 2]")]));
    /// assert_eq!(parameters.get_json::<Vec<u32>>("/orders/limits").await?, [1, 2]);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn get_json<T: DeserializeOwned>(&self, name: &str) -> Result<T, ParameterError> {
        self.get_transformed(name, Transform::Json).await?.json()
    }

    /// A parameter's bytes, decoded from base64.
    ///
    /// # Errors
    /// [`ParameterError`]; [`Transform`](ParameterError::Transform) when it is not base64.
    ///
    /// ```
    /// # use kiln::parameters::{InMemory, Parameters};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), kiln::parameters::ParameterError> {
    /// let parameters = Parameters::new(InMemory::from([("/orders/logo", "AAEC")]));
    /// assert_eq!(parameters.get_base64("/orders/logo").await?, [0, 1, 2].as_slice());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn get_base64(&self, name: &str) -> Result<Bytes, ParameterError> {
        let parameter = self.get_transformed(name, Transform::Binary).await?;
        Ok(parameter.bytes())
    }

    /// A parameter as the store has it: text, or the bytes of a binary secret.
    ///
    /// # Errors
    /// [`ParameterError`].
    ///
    /// ```
    /// # use kiln::parameters::{InMemory, Parameters};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), kiln::parameters::ParameterError> {
    /// let parameters = Parameters::new(InMemory::from([("/orders/key", vec![0xFF])]));
    /// assert_eq!(parameters.parameter("/orders/key").await?.bytes(), [0xFF].as_slice());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn parameter(&self, name: &str) -> Result<Arc<Parameter>, ParameterError> {
        self.get_transformed(name, Transform::None).await
    }

    /// A parameter, transformed.
    ///
    /// # Errors
    /// [`ParameterError`]; [`Transform`](ParameterError::Transform) when the value is not of that kind.
    ///
    /// ```
    /// # use kiln::parameters::{InMemory, Parameters, Transform};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), kiln::parameters::ParameterError> {
    /// let parameters = Parameters::new(InMemory::from([("/orders/limits.json", "[1, 2]")]));
    /// let limits = parameters.get_transformed("/orders/limits.json", Transform::Auto).await?;
    /// assert_eq!(limits.json::<Vec<u32>>()?, [1, 2]);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn get_transformed(
        &self,
        name: &str,
        transform: Transform,
    ) -> Result<Arc<Parameter>, ParameterError> {
        let key = (self.query(name), transform);
        let fetch = |(query, _): &Key| {
            let (provider, query) = (self.store.provider.clone(), query.clone());
            async move {
                let value = provider.fetch(&query).await?;
                Parameter::new(&query.name, value, transform).map(Arc::new)
            }
            .boxed()
        };
        self.store.names.get(key, self.policy, fetch).await
    }

    /// Forgets all values.
    ///
    /// ```
    /// # use kiln::parameters::{InMemory, Parameters};
    /// Parameters::new(InMemory::default()).clear();
    /// ```
    pub fn clear(&self) {
        self.store.names.clear();
        self.store.paths.clear();
    }

    /// The provider.
    ///
    /// ```
    /// # use kiln::parameters::{InMemory, Parameters};
    /// assert_eq!(Parameters::new(InMemory::default()).provider().fetches(), 0);
    /// ```
    pub fn provider(&self) -> &P {
        &self.store.provider
    }

    /// The same settings, with a memory of its own, of any provider; for one who goes on without.
    #[cfg(feature = "flags")]
    pub(crate) fn erased(&self) -> Parameters<super::AnyProvider> {
        let provider = super::AnyProvider::shared(self.store.provider.clone());
        let mut policy = self.policy;
        policy.goes_on = true;
        Parameters {
            store: Store::empty(Arc::new(provider), self.store.names.clock()),
            query: self.query.clone(),
            policy,
        }
    }

    fn query(&self, name: &str) -> Query {
        let mut query = self.query.clone();
        name.clone_into(&mut query.name);
        query
    }
}

impl<P: PathProvider> Parameters<P> {
    /// All parameters below a path, by what their names have beyond it. Kept as a whole.
    ///
    /// # Errors
    /// [`ParameterError`], of the path.
    ///
    /// ```
    /// # use kiln::parameters::{InMemory, Parameters};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), kiln::parameters::ParameterError> {
    /// let store = InMemory::from([("/orders/url", "u"), ("/orders/database/user", "app")]);
    /// let found = Parameters::new(store).get_by_path("/orders").await?;
    /// assert!(found.values.keys().eq(["database/user", "url"]));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn get_by_path(&self, path: &str) -> Result<Many, ParameterError> {
        self.get_by_path_transformed(path, Transform::None).await
    }

    /// All parameters below a path, transformed: each is in `values`, or in `errors` if its value is
    /// not of that kind.
    ///
    /// # Errors
    /// [`ParameterError`], of the path.
    ///
    /// ```
    /// # use kiln::parameters::{InMemory, Parameters, Transform};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), kiln::parameters::ParameterError> {
    /// let store = InMemory::from([("/orders/url", "u"), ("/orders/limits.json", "no JSON")]);
    /// let parameters = Parameters::new(store);
    /// let found = parameters.get_by_path_transformed("/orders", Transform::Auto).await?;
    /// assert!(found.values.keys().eq(["url"]));
    /// assert!(found.errors.keys().eq(["limits.json"]));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn get_by_path_transformed(
        &self,
        path: &str,
        transform: Transform,
    ) -> Result<Many, ParameterError> {
        let key = (self.query(path), transform);
        let fetch = |(query, _): &Key| {
            let (provider, query) = (self.store.provider.clone(), query.clone());
            async move {
                let mut found = Many::default();
                for (name, value) in provider.fetch_path(&query).await? {
                    let below = name.strip_prefix(&query.name).unwrap_or(&name);
                    let below = below.trim_start_matches('/').to_owned();
                    found.add(below, Parameter::new(&name, value, transform));
                }
                Ok(Arc::new(found))
            }
            .boxed()
        };
        let found = self.store.paths.get(key, self.policy, fetch).await?;
        Ok(found.as_ref().clone())
    }
}

impl<P: NamesProvider> Parameters<P> {
    /// Several parameters by name: those that are not in memory in as few calls as possible.
    ///
    /// Each is kept by itself, and [served stale](Self::stale_while_revalidate) by itself. What fails does
    /// so by itself as well, and is told by name; of a name that is wanted in several ways the last one
    /// is told. What another call fetches already, of one or of many, is not asked for again.
    ///
    /// ```
    /// # use kiln::parameters::{InMemory, Parameters};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), kiln::parameters::ParameterError> {
    /// let store = InMemory::from([("/orders/url", "u"), ("/orders/limit", "100")]);
    /// let parameters = Parameters::new(store.clone());
    /// let found = parameters.get_many(["/orders/url", "/orders/limit"]).await.into_result()?;
    /// assert_eq!(found.len(), 2);
    /// assert_eq!(store.fetches(), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn get_many<W: Into<Wanted>>(&self, wanted: impl IntoIterator<Item = W>) -> Many {
        let wanted: Vec<Wanted> = wanted.into_iter().map(Into::into).collect();
        let keys = wanted.iter().map(|wanted| {
            let mut policy = self.policy;
            policy.max_age = wanted.max_age.unwrap_or(policy.max_age);
            ((wanted.query(&self.query), wanted.transform), policy)
        });
        let keys: Vec<(Key, Policy)> = keys.collect();
        let provider = self.store.provider.clone();
        let fetch = |keys: Vec<Key>| {
            async move {
                // One name may be wanted in several ways, and is fetched once.
                let queries: HashSet<Query> = keys.iter().map(|(query, _)| query.clone()).collect();
                let answers = provider.fetch_names(queries.into_iter().collect()).await;
                let answers: HashMap<Query, _> = answers.into_iter().collect();
                let fetched = keys.into_iter().filter_map(|key| {
                    let (query, transform) = &key;
                    let value = answers.get(query)?.clone();
                    let fetched = value.and_then(|value| {
                        Parameter::new(&query.name, value, *transform).map(Arc::new)
                    });
                    Some((key, fetched))
                });
                fetched.collect()
            }
            .boxed()
        };
        let fetched = self.store.names.get_many(&keys, fetch).await;
        let mut found = Many::default();
        for (wanted, fetched) in wanted.into_iter().zip(fetched) {
            found.add(wanted.name, fetched.map(|found| found.as_ref().clone()));
        }
        found
    }
}
