//! What holds for all metrics of a function.

use std::env;
use std::io::Write;
use std::sync::{Arc, OnceLock};

use super::check;
use super::error::MetricError;
use crate::clock::{Clock, SystemClock};
use crate::output::Output;
use crate::switch::switch;

/// The dimension that most metrics have.
pub(super) const SERVICE: &str = "service";

/// As it is used.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) namespace: Option<String>,
    /// Why there is none, if the environment has something that CloudWatch would refuse.
    pub(super) refused: Option<MetricError>,
    /// Those of every set, the service first.
    pub(super) dimensions: Vec<(String, String)>,
    /// In place of the function's own, in the dimension of the cold-start metric.
    pub(super) function_name: Option<String>,
    pub(super) disabled: bool,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) output: Output,
}

static CURRENT: OnceLock<Arc<Config>> = OnceLock::new();

impl Config {
    pub(super) fn current() -> &'static Arc<Self> {
        let mut refused = None;
        let current = CURRENT.get_or_init(|| {
            let configured = Metrics::new().configure(|name| env::var(name).ok());
            // With a name from the environment that CloudWatch would refuse there is no namespace
            // either, and every metric that is added says why.
            Arc::new(configured.unwrap_or_else(|error| {
                refused = Some(error.clone());
                Self::bare(error)
            }))
        });
        // Afterwards: a subscriber of the function's own may count its lines.
        if let Some(error) = refused {
            tracing::warn!("metrics cannot be as the environment says: {error}");
        }
        current
    }

    pub(super) fn bare(refused: MetricError) -> Self {
        Self {
            namespace: None,
            refused: Some(refused),
            dimensions: Vec::new(),
            function_name: None,
            disabled: false,
            clock: Arc::new(SystemClock),
            output: Output::Stdout,
        }
    }

    pub(super) fn write(&self, line: &str) {
        if !self.disabled {
            self.output.write(line);
        }
    }
}

/// What holds for all metrics of a function, where the environment does not say it.
///
/// | variable | |
/// | --- | --- |
/// | `POWERTOOLS_METRICS_NAMESPACE` | the namespace, unless set in code |
/// | `POWERTOOLS_SERVICE_NAME` | the dimension `service`, unless set in code |
/// | `POWERTOOLS_METRICS_DISABLED` | `true`: everything is checked, nothing is written |
/// | `POWERTOOLS_METRICS_FUNCTION_NAME` | `function_name` of the cold-start metric |
///
/// # Example
///
/// ```
/// use kiln::metrics::{self, MetricError, Metrics, Unit};
///
/// Metrics::new()
///     .namespace("Shop")
///     .service("orders")
///     .dimension("stage", "prod")
///     .init()?;
/// metrics::add("OrdersPlaced", Unit::Count, 1.0)?;
/// # Ok::<(), MetricError>(())
/// ```
#[derive(Debug, Default)]
#[must_use = "nothing is configured until `init`"]
pub struct Metrics {
    namespace: Option<String>,
    service: Option<String>,
    dimensions: Vec<(String, String)>,
    function_name: Option<String>,
    clock: Option<Arc<dyn Clock>>,
    output: Option<Output>,
}

impl Metrics {
    /// Nothing but what the environment says.
    ///
    /// # Example
    ///
    /// ```
    /// kiln::metrics::Metrics::new().init()?;
    /// # Ok::<(), kiln::metrics::MetricError>(())
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// The namespace of all metrics.
    ///
    /// # Example
    ///
    /// ```
    /// kiln::metrics::Metrics::new().namespace("Shop").init()?;
    /// # Ok::<(), kiln::metrics::MetricError>(())
    /// ```
    pub fn namespace(mut self, name: impl Into<String>) -> Self {
        self.namespace = Some(name.into());
        self
    }

    /// The dimension `service` of all metrics.
    ///
    /// # Example
    ///
    /// ```
    /// kiln::metrics::Metrics::new().service("orders").init()?;
    /// # Ok::<(), kiln::metrics::MetricError>(())
    /// ```
    pub fn service(mut self, name: impl Into<String>) -> Self {
        self.service = Some(name.into());
        self
    }

    /// A dimension of all metrics of all invocations.
    ///
    /// # Example
    ///
    /// ```
    /// kiln::metrics::Metrics::new().dimension("stage", "prod").init()?;
    /// # Ok::<(), kiln::metrics::MetricError>(())
    /// ```
    pub fn dimension(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.dimensions.push((name.into(), value.into()));
        self
    }

    /// What the cold-start metric has as `function_name`, in place of the function's own.
    ///
    /// # Example
    ///
    /// ```
    /// kiln::metrics::Metrics::new().function_name("orders").init()?;
    /// # Ok::<(), kiln::metrics::MetricError>(())
    /// ```
    pub fn function_name(mut self, name: impl Into<String>) -> Self {
        self.function_name = Some(name.into());
        self
    }

    /// The clock of the timestamps, for tests.
    ///
    /// # Example
    ///
    /// ```
    /// kiln::metrics::Metrics::new().clock(kiln::clock::SystemClock).init()?;
    /// # Ok::<(), kiln::metrics::MetricError>(())
    /// ```
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Where lines go in place of stdout, for tests.
    ///
    /// # Example
    ///
    /// ```
    /// kiln::metrics::Metrics::new().writer(std::io::sink()).init()?;
    /// # Ok::<(), kiln::metrics::MetricError>(())
    /// ```
    pub fn writer(mut self, writer: impl Write + Send + 'static) -> Self {
        self.output = Some(Output::to(writer));
        self
    }

    /// Holds from here on: in `main`, before anything is added.
    ///
    /// # Errors
    /// A name or value that CloudWatch would refuse; [`AlreadyConfigured`](MetricError::AlreadyConfigured)
    /// the second time, or when a metric was added before.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::metrics::{MetricError, Metrics};
    ///
    /// Metrics::new().namespace("Shop").init()?;
    /// let again = Metrics::new().namespace("Other").init();
    /// assert_eq!(again, Err(MetricError::AlreadyConfigured));
    /// # Ok::<(), MetricError>(())
    /// ```
    pub fn init(self) -> Result<(), MetricError> {
        let config = self.configure(|name| env::var(name).ok())?;
        CURRENT
            .set(Arc::new(config))
            .map_err(|_| MetricError::AlreadyConfigured)
    }

    pub(super) fn configure(
        self,
        get: impl Fn(&str) -> Option<String>,
    ) -> Result<Config, MetricError> {
        let get = |name: &str| get(name).filter(|value| !value.trim().is_empty());
        let namespace = self
            .namespace
            .or_else(|| get("POWERTOOLS_METRICS_NAMESPACE"));
        if let Some(name) = &namespace {
            check::namespace(name)?;
        }
        let service = self.service.or_else(|| get("POWERTOOLS_SERVICE_NAME"));
        let mut dimensions: Vec<(String, String)> = Vec::new();
        let service = service.map(|name| (SERVICE.to_owned(), name));
        for (name, value) in service.into_iter().chain(self.dimensions) {
            check::dimension(&name)?;
            check::dimension_value(&name, &value)?;
            dimensions.retain(|(known, _)| *known != name);
            dimensions.push((name, value));
        }
        if let Some((last, _)) = dimensions.get(check::DIMENSIONS) {
            return Err(MetricError::TooManyDimensions {
                dimension: last.clone(),
            });
        }
        let function_name = self
            .function_name
            .or_else(|| get("POWERTOOLS_METRICS_FUNCTION_NAME"));
        if let Some(name) = &function_name {
            check::dimension_value(super::service::FUNCTION_NAME, name)?;
        }
        let is_yes = |value: String| switch(value.trim()) == Some(true);
        Ok(Config {
            namespace,
            refused: None,
            dimensions,
            function_name,
            disabled: get("POWERTOOLS_METRICS_DISABLED").is_some_and(is_yes),
            clock: self.clock.unwrap_or_else(|| Arc::new(SystemClock)),
            output: self.output.unwrap_or(Output::Stdout),
        })
    }
}
