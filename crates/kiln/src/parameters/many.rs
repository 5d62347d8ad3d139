//! Several parameters at once.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Parameter, ParameterError, Query, Transform};

/// What was found of several parameters, and what was not.
///
/// # Example
///
/// ```
/// use kiln::parameters::{InMemory, Parameters};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), kiln::parameters::ParameterError> {
/// let parameters = Parameters::new(InMemory::from([("/orders/url", "https://example.com")]));
/// let found = parameters.get_many(["/orders/url", "/orders/limit"]).await;
/// assert_eq!(found.get("/orders/url")?.text()?, "https://example.com");
/// assert_eq!(found.errors.len(), 1);
///
/// let error = found.into_result().unwrap_err();
/// assert_eq!(error.to_string(), "parameter `/orders/limit` does not exist");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Many {
    /// By name: the whole name, or what is below the path that was asked for.
    pub values: BTreeMap<String, Parameter>,
    /// What failed, by name.
    pub errors: BTreeMap<String, ParameterError>,
}

impl Many {
    /// One of them.
    ///
    /// # Errors
    /// Its error; [`ParameterError::NotFound`] if it is not among them.
    ///
    /// ```
    /// let many = kiln::parameters::Many::default();
    /// assert!(many.get("/orders/url").is_err());
    /// ```
    pub fn get(&self, name: &str) -> Result<&Parameter, ParameterError> {
        self.values.get(name).ok_or_else(|| {
            let error = self.errors.get(name).cloned();
            error.unwrap_or_else(|| ParameterError::not_found(name))
        })
    }

    /// All of them, or the first error by name.
    ///
    /// # Errors
    /// When any has failed.
    ///
    /// ```
    /// let many = kiln::parameters::Many::default();
    /// assert!(many.into_result().is_ok_and(|values| values.is_empty()));
    /// ```
    pub fn into_result(self) -> Result<BTreeMap<String, Parameter>, ParameterError> {
        match self.errors.into_values().next() {
            Some(error) => Err(error),
            None => Ok(self.values),
        }
    }

    pub(super) fn add(&mut self, name: String, found: Result<Parameter, ParameterError>) {
        match found {
            Ok(parameter) => {
                self.values.insert(name, parameter);
            }
            Err(error) => {
                self.errors.insert(name, error);
            }
        }
    }
}

/// One of several parameters, with what is different for it.
///
/// # Example
///
/// ```
/// use kiln::parameters::{InMemory, Parameters, Transform, Wanted};
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), kiln::parameters::ParameterError> {
/// let store = InMemory::from([("/orders/url", "https://example.com"), ("/orders/limits", "[1, 2]")]);
/// let found = Parameters::new(store)
///     .get_many([
///         Wanted::new("/orders/url"),
///         Wanted::new("/orders/limits")
///             .transform(Transform::Json)
///             .max_age(Duration::from_secs(5)),
///     ])
///     .await;
/// assert_eq!(found.get("/orders/limits")?.json::<[u8; 2]>()?, [1, 2]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Wanted {
    pub(super) name: String,
    pub(super) transform: Transform,
    pub(super) decrypt: Option<bool>,
    pub(super) max_age: Option<Duration>,
}

impl Wanted {
    /// This name, with the settings of the [`Parameters`](super::Parameters) that are asked.
    ///
    /// ```
    /// let wanted = kiln::parameters::Wanted::new("/orders/url");
    /// ```
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            transform: Transform::None,
            decrypt: None,
            max_age: None,
        }
    }

    /// What is made of its value.
    ///
    /// ```
    /// # use kiln::parameters::{Transform, Wanted};
    /// let wanted = Wanted::new("/orders/limits").transform(Transform::Json);
    /// ```
    #[must_use]
    pub fn transform(mut self, transform: Transform) -> Self {
        self.transform = transform;
        self
    }

    /// Whether it is decrypted, if it is encrypted.
    ///
    /// ```
    /// # use kiln::parameters::Wanted;
    /// let wanted = Wanted::new("/orders/key").decrypt(true);
    /// ```
    #[must_use]
    pub fn decrypt(mut self, decrypt: bool) -> Self {
        self.decrypt = Some(decrypt);
        self
    }

    /// How old it may be.
    ///
    /// ```
    /// # use kiln::parameters::Wanted;
    /// # use std::time::Duration;
    /// let wanted = Wanted::new("/orders/limits").max_age(Duration::from_secs(5));
    /// ```
    #[must_use]
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = Some(max_age);
        self
    }

    pub(super) fn query(&self, settings: &Query) -> Query {
        let mut query = settings.clone();
        query.name.clone_from(&self.name);
        query.decrypt = self.decrypt.or(query.decrypt);
        query
    }
}

impl<N: Into<String>> From<N> for Wanted {
    fn from(name: N) -> Self {
        Self::new(name)
    }
}
