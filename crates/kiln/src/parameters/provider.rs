//! Where parameters come from.

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{ParameterError, Value};

/// What is asked of a provider. It is, with the transform, the key of the cache.
///
/// # Example
///
/// ```
/// use kiln::parameters::Query;
///
/// let query = Query::new("/orders/url");
/// assert_eq!(query.name, "/orders/url");
/// assert!(query.version.is_none());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Query {
    /// The name, or the ARN.
    pub name: String,
    /// Whether encrypted values are decrypted; `None` leaves it to the provider. Of SSM alone.
    pub decrypt: Option<bool>,
    /// Which version; `None` is the current one.
    pub version: Option<Version>,
    /// Whether a path is read with everything below it. Of [`PathProvider`] alone.
    pub recursive: bool,
}

impl Query {
    /// For the current version of this name; recursive where it is a path.
    ///
    /// ```
    /// assert!(kiln::parameters::Query::new("/orders").recursive);
    /// ```
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            decrypt: None,
            version: None,
            recursive: true,
        }
    }
}

/// A version of a parameter.
///
/// # Example
///
/// ```
/// use kiln::parameters::Version;
///
/// // What a secret was before its last rotation.
/// let version = Version::Stage("AWSPREVIOUS".to_owned());
/// assert_ne!(version, Version::Id("3".to_owned()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Version {
    /// By its id: a version number in SSM, a version id in Secrets Manager.
    Id(String),
    /// By the label it has: a label in SSM, a staging label in Secrets Manager.
    Stage(String),
}

/// A store of parameters.
///
/// The providers for AWS are features of their own; this is all they have to do, and all that one's
/// own has to. [`Parameters`](super::Parameters) adds what a function needs beside it.
///
/// # Example
///
/// ```
/// use kiln::parameters::{ParameterError, Parameters, Provider, Query, Value};
///
/// /// Environment variables.
/// struct Variables;
///
/// impl Provider for Variables {
///     async fn fetch(&self, query: &Query) -> Result<Value, ParameterError> {
///         let found = std::env::var(&query.name);
///         found.map(Value::from).map_err(|_| ParameterError::not_found(&query.name))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let variables = Parameters::new(Variables);
/// assert!(variables.get("PATH").await.is_ok());
/// # }
/// ```
pub trait Provider: Send + Sync + 'static {
    /// Fetches one value.
    ///
    /// # Cancellation
    /// Dropped when nobody waits for it any more.
    ///
    /// # Errors
    /// [`ParameterError`], of the name that was asked for. [`ParameterError::Unavailable`] for what
    /// passes by itself: only then may a stale value stand in.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::parameters::{InMemory, Provider, Query};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), kiln::parameters::ParameterError> {
    /// let store = InMemory::from([("/orders/limit", "100")]);
    /// let value = store.fetch(&Query::new("/orders/limit")).await?;
    /// assert_eq!(value.as_bytes(), b"100");
    ///
    /// let error = store.fetch(&Query::new("/orders/url")).await.unwrap_err();
    /// assert_eq!(error.name(), "/orders/url");
    /// # Ok(())
    /// # }
    /// ```
    fn fetch(&self, query: &Query) -> impl Future<Output = Result<Value, ParameterError>> + Send;
}

/// A store that answers for all names below a path.
///
/// # Example
///
/// ```
/// use kiln::parameters::{InMemory, PathProvider, Query};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), kiln::parameters::ParameterError> {
/// let store = InMemory::from([("/orders/url", "https://example.com"), ("/other", "1")]);
/// let found = store.fetch_path(&Query::new("/orders")).await?;
/// assert_eq!(found.len(), 1);
/// # Ok(())
/// # }
/// ```
pub trait PathProvider: Provider {
    /// Fetches what is below the path, by whole name.
    ///
    /// # Errors
    /// [`ParameterError`], of the path.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::parameters::{InMemory, PathProvider, Query};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), kiln::parameters::ParameterError> {
    /// let store = InMemory::from([("/orders/database/user", "app")]);
    /// let found = store.fetch_path(&Query::new("/orders")).await?;
    /// assert_eq!(found[0].0, "/orders/database/user", "the whole name");
    /// # Ok(())
    /// # }
    /// ```
    fn fetch_path(
        &self,
        path: &Query,
    ) -> impl Future<Output = Result<Vec<(String, Value)>, ParameterError>> + Send;
}

/// A store that answers for several names in one call.
///
/// # Example
///
/// ```
/// use kiln::parameters::{InMemory, NamesProvider, Query};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let store = InMemory::from([("a", "1")]);
/// let answers = store.fetch_names(vec![Query::new("a"), Query::new("b")]).await;
/// assert!(answers[0].1.is_ok());
/// assert!(answers[1].1.is_err());
/// # }
/// ```
pub trait NamesProvider: Provider {
    /// Fetches the values, each of which may fail by itself: one answer for each query.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::parameters::{InMemory, NamesProvider, Query};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let store = InMemory::from([("a", "1")]);
    /// let answers = store.fetch_names(vec![Query::new("a"), Query::new("b")]).await;
    /// assert_eq!(answers.len(), 2, "one for each, found or not");
    /// assert_eq!(store.fetches(), 1, "but one call");
    /// # }
    /// ```
    fn fetch_names(
        &self,
        queries: Vec<Query>,
    ) -> impl Future<Output = Vec<(Query, Result<Value, ParameterError>)>> + Send;
}

/// A provider that is chosen when the function starts.
///
/// # Example
///
/// ```
/// use kiln::parameters::{AnyProvider, InMemory, Parameters};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), kiln::parameters::ParameterError> {
/// let store = InMemory::from([("/orders/limit", "100")]);
/// let parameters: Parameters<AnyProvider> = Parameters::new(AnyProvider::new(store));
/// assert_eq!(parameters.get("/orders/limit").await?, "100");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct AnyProvider(Arc<dyn Boxed>);

impl AnyProvider {
    /// Any provider, as one type.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::parameters::{AnyProvider, Extension, InMemory, Parameters};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), kiln::parameters::ParameterError> {
    /// let provider = match Extension::is_present() {
    ///     true => AnyProvider::new(Extension::ssm()),
    ///     false => AnyProvider::new(InMemory::from([("/orders/limit", "100")])),
    /// };
    /// let parameters = Parameters::new(provider);
    /// assert_eq!(parameters.get("/orders/limit").await?, "100");
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(provider: impl Provider) -> Self {
        Self(Arc::new(provider))
    }

    /// A provider that others have as well.
    #[cfg(feature = "flags")]
    pub(super) fn shared(provider: Arc<impl Provider>) -> Self {
        Self(provider)
    }
}

impl Provider for AnyProvider {
    async fn fetch(&self, query: &Query) -> Result<Value, ParameterError> {
        self.0.fetch_boxed(query).await
    }
}

impl fmt::Debug for AnyProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyProvider").finish_non_exhaustive()
    }
}

/// A trait whose functions return futures has no objects.
trait Boxed: Send + Sync {
    fn fetch_boxed<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Value, ParameterError>>;
}

impl<P: Provider> Boxed for P {
    fn fetch_boxed<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Value, ParameterError>> {
        Box::pin(self.fetch(query))
    }
}
