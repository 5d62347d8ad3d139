//! What was added and not written yet.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use super::check;
use super::config::Config;
use super::error::MetricError;
use super::unit::Unit;
use crate::json;

/// One line in the making.
#[derive(Clone, Debug)]
pub(super) struct Sheet {
    config: Arc<Config>,
    /// In place of the configured one.
    namespace: Option<String>,
    metrics: Vec<Metric>,
    /// All values together.
    values: usize,
    /// Names and values of all sets: a line has one value per name.
    dimensions: Vec<(String, String)>,
    /// Names of the dimensions that were added one by one.
    own: Vec<String>,
    /// Names of the further sets.
    sets: Vec<Vec<String>>,
    /// Keys, and values as JSON.
    metadata: Vec<(String, String)>,
    timestamp: Option<Duration>,
    /// Whether anything was added since it was made.
    used: bool,
}

#[derive(Clone, Debug)]
struct Metric {
    name: String,
    unit: Unit,
    high_resolution: bool,
    values: Vec<f64>,
}

impl Sheet {
    pub(super) fn new(config: &Arc<Config>) -> Self {
        Self {
            config: Arc::clone(config),
            namespace: None,
            metrics: Vec::new(),
            values: 0,
            dimensions: config.dimensions.clone(),
            own: Vec::new(),
            sets: Vec::new(),
            metadata: Vec::new(),
            timestamp: None,
            used: false,
        }
    }

    /// Whether a metric was added at any time.
    pub(super) fn was_used(&self) -> bool {
        self.used
    }

    pub(super) fn config(&self) -> &Arc<Config> {
        &self.config
    }

    pub(super) fn set_namespace(&mut self, name: String) -> Result<(), MetricError> {
        check::namespace(&name)?;
        self.namespace = Some(name);
        Ok(())
    }

    /// Adds a value; returns a line to write when the sheet is full.
    pub(super) fn add(
        &mut self,
        name: &str,
        unit: Unit,
        high_resolution: bool,
        value: f64,
    ) -> Result<Option<String>, MetricError> {
        check::metric(name)?;
        check::value(name, value)?;
        if self.namespace.is_none() && self.config.namespace.is_none() {
            return Err(MetricError::NoNamespace);
        }
        if self.is_dimension(name) || self.is_metadata(name) {
            return Err(taken(name));
        }
        let known = self.metrics.iter().position(|metric| metric.name == name);
        let at = known.unwrap_or_else(|| {
            self.metrics.push(Metric {
                name: name.to_owned(),
                unit,
                high_resolution,
                values: Vec::new(),
            });
            self.metrics.len() - 1
        });
        let metric = &mut self.metrics[at];
        if metric.unit != unit || metric.high_resolution != high_resolution {
            return Err(MetricError::Redefined {
                metric: check::excerpt(name),
            });
        }
        metric.values.push(value);
        self.values += 1;
        self.used = true;
        let is_full = metric.values.len() == check::VALUES
            || self.metrics.len() == check::METRICS
            || self.values == check::ALL_VALUES;
        Ok(is_full.then(|| self.take_line()).flatten())
    }

    /// Adds a dimension to the first set, in place of the value it had.
    pub(super) fn dimension(&mut self, name: &str, value: &str) -> Result<(), MetricError> {
        self.check_dimension(name, value)?;
        if !self.own.iter().any(|known| known == name) && !self.config.is_dimension(name) {
            if self.own.len() + self.config.dimensions.len() >= check::DIMENSIONS {
                return Err(MetricError::TooManyDimensions {
                    dimension: check::excerpt(name),
                });
            }
            self.own.push(name.to_owned());
        }
        self.set_dimension(name, value);
        Ok(())
    }

    /// Adds a further set.
    pub(super) fn dimension_set(&mut self, set: &[(&str, &str)]) -> Result<(), MetricError> {
        // All of it or nothing.
        let mut names: Vec<String> = Vec::new();
        for (name, value) in set {
            self.check_dimension(name, value)?;
            if !self.config.is_dimension(name) && !names.iter().any(|known| known == name) {
                names.push((*name).to_owned());
            }
            if names.len() + self.config.dimensions.len() > check::DIMENSIONS {
                return Err(MetricError::TooManyDimensions {
                    dimension: check::excerpt(name),
                });
            }
        }
        for (name, value) in set {
            self.set_dimension(name, value);
        }
        if !names.is_empty() && !self.sets.contains(&names) {
            self.sets.push(names);
        }
        Ok(())
    }

    /// Adds what is in the line without being a metric or a dimension; `value` is JSON.
    pub(super) fn metadata(&mut self, key: &str, value: String) -> Result<(), MetricError> {
        check::metadata(key)?;
        if self.is_dimension(key) || self.metrics.iter().any(|metric| metric.name == key) {
            return Err(taken(key));
        }
        let others = self.metadata.iter().filter(|(known, _)| known != key);
        let size: usize = others.map(|(key, value)| key.len() + value.len()).sum();
        if size + key.len() + value.len() > check::METADATA {
            return Err(MetricError::InvalidMetadata {
                key: check::excerpt(key),
                reason: "is too long: 64 KiB are the most for all of a line",
            });
        }
        set(&mut self.metadata, key, value);
        Ok(())
    }

    /// Sets the time of all metrics of the line, since 1970.
    pub(super) fn timestamp(&mut self, time: Duration) -> Result<(), MetricError> {
        check::timestamp(time, self.config.clock.since_epoch())?;
        self.timestamp = Some(time);
        Ok(())
    }

    /// The line with its line break, if there is a metric in it. Metrics are gone afterwards,
    /// dimensions, metadata and the timestamp are not.
    pub(super) fn take_line(&mut self) -> Option<String> {
        let namespace = self.namespace.as_ref().or(self.config.namespace.as_ref())?;
        if self.metrics.is_empty() {
            return None;
        }
        let line = self.line(namespace);
        self.metrics.clear();
        self.values = 0;
        Some(line)
    }

    /// As [`take_line`](Self::take_line), and everything but the default dimensions is gone.
    pub(super) fn finish(&mut self) -> Option<String> {
        let line = self.take_line();
        let used = self.used;
        *self = Self::new(&Arc::clone(&self.config));
        self.used = used;
        line
    }

    fn line(&self, namespace: &str) -> String {
        let time = self
            .timestamp
            .unwrap_or_else(|| self.config.clock.since_epoch());
        let mut line = String::with_capacity(256 + 64 * self.metrics.len() + 12 * self.values);
        // Writing to a string does not fail.
        let _infallible = write!(
            line,
            "{{\"_aws\":{{\"Timestamp\":{},\"CloudWatchMetrics\":[{{\"Namespace\":",
            time.as_millis()
        );
        json::string(&mut line, namespace);
        line.push_str(",\"Dimensions\":[");
        // A line has a set, and be it empty: a metric without dimensions.
        if self.sets.is_empty() || !self.own.is_empty() {
            self.write_set(&mut line, &self.own);
        }
        for names in &self.sets {
            separate(&mut line);
            self.write_set(&mut line, names);
        }
        line.push_str("],\"Metrics\":[");
        for metric in &self.metrics {
            separate(&mut line);
            line.push_str("{\"Name\":");
            json::string(&mut line, &metric.name);
            line.push_str(",\"Unit\":");
            json::string(&mut line, metric.unit.as_str());
            if metric.high_resolution {
                line.push_str(",\"StorageResolution\":1");
            }
            line.push('}');
        }
        line.push_str("]}]}");
        for (name, value) in &self.dimensions {
            member(&mut line, name);
            json::string(&mut line, value);
        }
        for (key, value) in &self.metadata {
            member(&mut line, key);
            line.push_str(value);
        }
        for metric in &self.metrics {
            member(&mut line, &metric.name);
            match &metric.values[..] {
                [only] => json::float(&mut line, *only),
                values => {
                    line.push('[');
                    for value in values {
                        separate(&mut line);
                        json::float(&mut line, *value);
                    }
                    line.push(']');
                }
            }
        }
        line.push_str("}\n");
        line
    }

    /// A set: the default dimensions and these.
    fn write_set(&self, line: &mut String, names: &[String]) {
        line.push('[');
        let defaults = self.config.dimensions.iter().map(|(name, _)| name);
        for name in defaults.chain(names) {
            separate(line);
            json::string(line, name);
        }
        line.push(']');
    }

    fn check_dimension(&self, name: &str, value: &str) -> Result<(), MetricError> {
        check::dimension(name)?;
        check::dimension_value(name, value)?;
        if self.is_metadata(name) || self.metrics.iter().any(|metric| metric.name == name) {
            return Err(taken(name));
        }
        Ok(())
    }

    fn set_dimension(&mut self, name: &str, value: &str) {
        set(&mut self.dimensions, name, value.to_owned());
    }

    fn is_dimension(&self, name: &str) -> bool {
        self.dimensions.iter().any(|(known, _)| known == name)
    }

    fn is_metadata(&self, name: &str) -> bool {
        self.metadata.iter().any(|(known, _)| known == name)
    }
}

fn taken(name: &str) -> MetricError {
    MetricError::NameTaken {
        name: check::excerpt(name),
    }
}

fn set(pairs: &mut Vec<(String, String)>, name: &str, value: String) {
    match pairs.iter_mut().find(|(known, _)| known == name) {
        Some((_, known)) => *known = value,
        None => pairs.push((name.to_owned(), value)),
    }
}

/// A comma, but for the first of a list.
fn separate(line: &mut String) {
    if !line.ends_with('[') {
        line.push(',');
    }
}

fn member(line: &mut String, name: &str) {
    line.push(',');
    json::string(line, name);
    line.push(':');
}
