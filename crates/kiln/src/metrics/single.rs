//! A metric with dimensions of its own.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::config::Config;
use super::error::MetricError;
use super::metadata_json;
use super::sheet::Sheet;
use super::unit::Unit;

/// One metric on a line of its own: with other dimensions than the rest of the invocation's metrics.
///
/// Made by [`single`](super::single); the default dimensions are its own too.
///
/// # Example
///
/// ```
/// use kiln::metrics::{self, MetricError, Metrics, Unit};
///
/// Metrics::new().namespace("Shop").init()?;
/// metrics::single("StockLeft", Unit::Count, 7.0)
///     .dimension("warehouse", "north")
///     .write()?;
/// # Ok::<(), MetricError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is written until `write`"]
pub struct Single {
    sheet: Sheet,
    metric: (String, Unit, f64),
    high_resolution: bool,
    refused: Option<MetricError>,
}

impl Single {
    pub(super) fn new(name: &str, unit: Unit, value: f64) -> Self {
        Self {
            sheet: Sheet::new(Config::current()),
            metric: (name.to_owned(), unit, value),
            high_resolution: false,
            refused: None,
        }
    }

    /// Adds a dimension.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::logging::Captured;
    /// use kiln::metrics::{self, Metrics, Unit};
    ///
    /// let lines = Captured::default();
    /// Metrics::new().namespace("Shop").writer(lines.clone()).init()?;
    /// metrics::single("StockLeft", Unit::Count, 7.0)
    ///     .dimension("warehouse", "north")
    ///     .dimension("item", "apple")
    ///     .write()?;
    /// assert!(lines.lines()[0].contains(r#""Dimensions":[["warehouse","item"]]"#));
    /// # Ok::<(), kiln::metrics::MetricError>(())
    /// ```
    pub fn dimension(self, name: &str, value: &str) -> Self {
        self.with(|sheet| sheet.dimension(name, value))
    }

    /// In another namespace.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::metrics::{self, Unit};
    ///
    /// metrics::single("Logins", Unit::Count, 1.0).namespace("Accounts").write()?;
    /// # Ok::<(), kiln::metrics::MetricError>(())
    /// ```
    pub fn namespace(self, name: impl Into<String>) -> Self {
        self.with(|sheet| sheet.set_namespace(name.into()))
    }

    /// Adds to the line what is no metric and no dimension.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::metrics::{self, Unit};
    ///
    /// metrics::single("Logins", Unit::Count, 1.0)
    ///     .namespace("Accounts")
    ///     .metadata("user_id", 17)
    ///     .write()?;
    /// # Ok::<(), kiln::metrics::MetricError>(())
    /// ```
    pub fn metadata(self, key: &str, value: impl Serialize) -> Self {
        self.with(|sheet| sheet.metadata(key, metadata_json(key, value)?))
    }

    /// At this time in place of now.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::metrics::{self, Unit};
    /// use std::time::{Duration, SystemTime};
    ///
    /// metrics::single("Logins", Unit::Count, 1.0)
    ///     .namespace("Accounts")
    ///     .timestamp(SystemTime::now() - Duration::from_secs(60))
    ///     .write()?;
    /// # Ok::<(), kiln::metrics::MetricError>(())
    /// ```
    pub fn timestamp(self, time: SystemTime) -> Self {
        self.with(|sheet| sheet.timestamp(time.duration_since(UNIX_EPOCH).unwrap_or_default()))
    }

    /// Kept by the second, in place of the minute.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::metrics::{self, Unit};
    ///
    /// metrics::single("Latency", Unit::Milliseconds, 3.5)
    ///     .namespace("Accounts")
    ///     .high_resolution()
    ///     .write()?;
    /// # Ok::<(), kiln::metrics::MetricError>(())
    /// ```
    pub fn high_resolution(mut self) -> Self {
        self.high_resolution = true;
        self
    }

    /// Writes the line, at once.
    ///
    /// # Errors
    /// What CloudWatch would refuse of all that was said; then nothing is written.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::metrics::{self, Metrics, Unit};
    ///
    /// Metrics::new().namespace("Shop").init()?;
    /// let left = metrics::single("StockLeft", Unit::Count, 7.0);
    /// left.clone().dimension("warehouse", "north").write()?;
    /// // What was refused on the way is said here.
    /// let refused = left.dimension("warehouse", "").write().unwrap_err();
    /// assert_eq!(refused.to_string(), "the value of the dimension `warehouse` is empty");
    /// # Ok::<(), kiln::metrics::MetricError>(())
    /// ```
    pub fn write(mut self) -> Result<(), MetricError> {
        if let Some(refused) = self.refused {
            return Err(refused);
        }
        let (name, unit, value) = self.metric;
        self.sheet.add(&name, unit, self.high_resolution, value)?;
        if let Some(line) = self.sheet.take_line() {
            self.sheet.config().write(&line);
        }
        Ok(())
    }

    /// Keeps the first error for the end of the chain.
    fn with(mut self, change: impl FnOnce(&mut Sheet) -> Result<(), MetricError>) -> Self {
        if self.refused.is_none() {
            self.refused = change(&mut self.sheet).err();
        }
        self
    }
}
