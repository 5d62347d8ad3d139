//! Flags of a document that is fixed, or that a store has.

use std::any::type_name;
use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::Value;

#[cfg(feature = "parameters")]
use super::stored::Stored;
use super::{FlagError, Schema};
use crate::clock::{Clock, SystemClock};

/// Feature flags, evaluated for attributes such as a user's tier.
///
/// - A feature that is not in the document has the value that the caller passes, and so has every
///   feature while the document [cannot be read](FlagError::Store): a warning in the log says so. Who
///   would rather fail asks for the [`schema`](Self::schema) first. A store that does not answer is
///   asked again after five seconds at the earliest, or by `schema`: else each flag would wait for it.
/// - A document that is wrong is an error: it names the feature, the rule and the condition.
/// - The document is read from its store at most every five seconds.
///
/// # Example
///
/// ```
/// use kiln::flags::{FeatureFlags, Schema};
/// use serde_json::json;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), kiln::flags::FlagError> {
/// let schema = Schema::parse(br#"{
///     "discount": {"default": false, "rules": {"gold tier": {
///         "when_match": true,
///         "conditions": [{"action": "EQUALS", "key": "tier", "value": "gold"}]
///     }}},
///     "page size": {"default": 50, "boolean_type": false}
/// }"#)?;
/// let flags = FeatureFlags::fixed(schema);
///
/// let customer = json!({"tier": "gold"});
/// assert!(flags.is_enabled("discount", &customer, false).await?);
/// assert_eq!(flags.value("page size", &customer, 10_u32).await?, 50);
/// assert_eq!(flags.value("page height", &customer, 10_u32).await?, 10);
/// assert_eq!(flags.enabled(&customer).await?, ["discount", "page size"]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct FeatureFlags {
    source: Source,
    clock: Arc<dyn Clock>,
}

#[derive(Clone)]
enum Source {
    Fixed(Arc<Schema>),
    #[cfg(feature = "parameters")]
    Stored(Stored),
}

impl FeatureFlags {
    /// Those of a document that is part of the function, or of a test.
    ///
    /// ```
    /// use kiln::flags::{FeatureFlags, Schema};
    ///
    /// let flags = FeatureFlags::fixed(Schema::parse(b"{}")?);
    /// # Ok::<_, kiln::flags::FlagError>(())
    /// ```
    pub fn fixed(schema: Schema) -> Self {
        Self::of(Source::Fixed(Arc::new(schema)))
    }

    /// Those of a document in a store, by its name there: a configuration profile of AppConfig, or any
    /// parameter or secret.
    ///
    /// The document is kept for five seconds, whatever the age of the other parameters; set another
    /// with [`max_age`](Self::max_age). What else was set of them holds here as well: with
    /// [`stale_if_error`](crate::parameters::Parameters::stale_if_error) flags keep their
    /// values while the store is down.
    ///
    /// ```
    /// use kiln::flags::FeatureFlags;
    /// use kiln::parameters::{InMemory, Parameters};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), kiln::flags::FlagError> {
    /// let store = InMemory::from([("features", r#"{"discount": {"default": true}}"#)]);
    /// let flags = FeatureFlags::stored(Parameters::new(store), "features");
    /// assert!(flags.is_enabled("discount", &serde_json::Value::Null, false).await?);
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "parameters")]
    pub fn stored<P: crate::parameters::Provider>(
        parameters: crate::parameters::Parameters<P>,
        name: impl Into<String>,
    ) -> Self {
        Self::of(Source::Stored(Stored::new(parameters, name.into())))
    }

    /// Features that are not the whole document, but under these members of it, one within the other.
    /// Nothing changes for a [fixed](Self::fixed) document: see [`Schema::parse_within`].
    ///
    /// ```
    /// # use kiln::flags::FeatureFlags;
    /// # use kiln::parameters::{InMemory, Parameters};
    /// let parameters = Parameters::new(InMemory::default());
    /// let flags = FeatureFlags::stored(parameters, "shop").envelope(["features"]);
    /// ```
    #[cfg(feature = "parameters")]
    #[must_use]
    pub fn envelope<M: Into<String>>(mut self, members: impl IntoIterator<Item = M>) -> Self {
        if let Source::Stored(stored) = &mut self.source {
            stored.set_envelope(members.into_iter().map(Into::into).collect());
        }
        self
    }

    /// How old a document of a store may be: five seconds unless set.
    ///
    /// ```
    /// # use kiln::flags::FeatureFlags;
    /// # use kiln::parameters::{InMemory, Parameters};
    /// # use std::time::Duration;
    /// let parameters = Parameters::new(InMemory::default());
    /// let flags = FeatureFlags::stored(parameters, "features").max_age(Duration::from_secs(60));
    /// ```
    #[cfg(feature = "parameters")]
    #[must_use]
    pub fn max_age(mut self, max_age: std::time::Duration) -> Self {
        if let Source::Stored(stored) = &mut self.source {
            stored.set_max_age(max_age);
        }
        self
    }

    /// Conditions of the time by this clock, for tests.
    ///
    /// ```
    /// use kiln::clock::SystemClock;
    /// use kiln::flags::{FeatureFlags, Schema};
    ///
    /// let flags = FeatureFlags::fixed(Schema::parse(b"{}")?).clock(SystemClock);
    /// # Ok::<_, kiln::flags::FlagError>(())
    /// ```
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Whether a boolean feature is on for these attributes, a JSON object.
    ///
    /// # Errors
    /// [`FlagError::Syntax`] and [`FlagError::Schema`] when the document is wrong,
    /// [`FlagError::Type`] when the feature is not boolean.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::flags::{FeatureFlags, Schema};
    /// use serde_json::json;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), kiln::flags::FlagError> {
    /// let flags = FeatureFlags::fixed(Schema::parse(br#"{"search": {"default": true}}"#)?);
    /// let caller = json!({"tier": "gold"});
    /// assert!(flags.is_enabled("search", &caller, false).await?);
    /// // It is not in the document: the value that was passed.
    /// assert!(!flags.is_enabled("discount", &caller, false).await?);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn is_enabled(
        &self,
        feature: &str,
        attributes: &Value,
        default: bool,
    ) -> Result<bool, FlagError> {
        let on = |schema: &Schema, value: &Value| {
            let is_boolean = schema.is_boolean(feature);
            value.as_bool().filter(|_| is_boolean)
        };
        self.read(feature, attributes, default, on).await
    }

    /// The value of a feature for these attributes, a JSON object.
    ///
    /// # Errors
    /// [`FlagError::Syntax`] and [`FlagError::Schema`] when the document is wrong,
    /// [`FlagError::Type`] when the value is of another type.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::flags::{FeatureFlags, Schema};
    /// use serde_json::json;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), kiln::flags::FlagError> {
    /// let flags = FeatureFlags::fixed(Schema::parse(
    ///     br#"{"page size": {"default": 50, "boolean_type": false}}"#,
    /// )?);
    /// let caller = json!({"tier": "gold"});
    /// assert_eq!(flags.value("page size", &caller, 10_u32).await?, 50);
    ///
    /// let error = flags.value("page size", &caller, false).await.unwrap_err();
    /// assert_eq!(error.to_string(), "the value of feature `page size` is no `bool`");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn value<T: DeserializeOwned>(
        &self,
        feature: &str,
        attributes: &Value,
        default: T,
    ) -> Result<T, FlagError> {
        let typed = |_: &Schema, value: &Value| T::deserialize(value).ok();
        self.read(feature, attributes, default, typed).await
    }

    /// The features that are on for these attributes, in the order of the document: those that are
    /// `true`, and of the others those that are neither null nor zero nor empty. None while the
    /// document cannot be read.
    ///
    /// # Errors
    /// [`FlagError::Syntax`] and [`FlagError::Schema`] when the document is wrong.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::flags::{FeatureFlags, Schema};
    /// use serde_json::json;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), kiln::flags::FlagError> {
    /// let flags = FeatureFlags::fixed(Schema::parse(br#"{
    ///     "search": {"default": true},
    ///     "discount": {"default": false},
    ///     "banner": {"default": "Sale", "boolean_type": false}
    /// }"#)?);
    /// assert_eq!(flags.enabled(&json!({})).await?, ["search", "banner"]);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn enabled(&self, attributes: &Value) -> Result<Vec<String>, FlagError> {
        let Some(schema) = self.readable("").await? else {
            return Ok(Vec::new());
        };
        let enabled = schema.enabled(attributes, self.clock.now());
        Ok(enabled.map(str::to_owned).collect())
    }

    /// The document, checked: for those who would rather fail than go on with their own values.
    ///
    /// # Errors
    /// [`FlagError`]; [`Store`](FlagError::Store) when it cannot be read.
    ///
    /// ```
    /// # use kiln::flags::FeatureFlags;
    /// # use kiln::parameters::{InMemory, Parameters};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let flags = FeatureFlags::stored(Parameters::new(InMemory::default()), "features");
    /// let error = flags.schema().await.unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "failed to read the feature flags: parameter `features` does not exist"
    /// );
    /// # }
    /// ```
    pub async fn schema(&self) -> Result<Arc<Schema>, FlagError> {
        match &self.source {
            Source::Fixed(schema) => Ok(schema.clone()),
            #[cfg(feature = "parameters")]
            Source::Stored(stored) => stored.schema(self.clock.as_ref()).await,
        }
    }

    fn of(source: Source) -> Self {
        Self {
            source,
            clock: Arc::new(SystemClock),
        }
    }

    /// What is made of a feature's value, or the caller's own.
    async fn read<T>(
        &self,
        feature: &str,
        attributes: &Value,
        default: T,
        made: impl FnOnce(&Schema, &Value) -> Option<T>,
    ) -> Result<T, FlagError> {
        let Some(schema) = self.readable(feature).await? else {
            return Ok(default);
        };
        let Some(value) = schema.evaluate(feature, attributes, self.clock.now()) else {
            tracing::debug!(feature, "there is no such feature: the caller's value");
            return Ok(default);
        };
        made(&schema, value).ok_or_else(|| FlagError::Type {
            feature: feature.to_owned(),
            expected: type_name::<T>(),
        })
    }

    /// The document, or none when its store does not have it.
    async fn readable(&self, feature: &str) -> Result<Option<Arc<Schema>>, FlagError> {
        #[cfg(feature = "parameters")]
        if let Source::Stored(stored) = &self.source
            && stored.is_left_alone(self.clock.as_ref())
        {
            tracing::debug!(
                feature,
                "feature flags cannot be read yet: the caller's value"
            );
            return Ok(None);
        }
        match self.schema().await {
            Ok(schema) => Ok(Some(schema)),
            #[cfg(feature = "parameters")]
            Err(FlagError::Store(error)) => {
                tracing::warn!(feature, %error, "feature flags cannot be read: the caller's value");
                Ok(None)
            }
            Err(error) => {
                tracing::debug!(feature, %error, "feature flags are wrong");
                Err(error)
            }
        }
    }
}

impl fmt::Debug for FeatureFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FeatureFlags").finish_non_exhaustive()
    }
}
