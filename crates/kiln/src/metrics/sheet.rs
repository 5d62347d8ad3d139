//! What was added and not written yet.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use super::check;
use super::config::{Config, SERVICE};
use super::error::MetricError;
use super::unit::Unit;
use crate::json;

/// One line in the making.
#[derive(Clone, Debug)]
pub(super) struct Sheet {
    config: Arc<Config>,
    /// Whether of the default dimensions only the service is wanted.
    only_service: bool,
    /// In place of the configured one.
    namespace: Option<String>,
    metrics: Vec<Metric>,
    /// How long they are at most in the line, in bytes.
    body: usize,
    /// Names and values of all sets: a line has one value per name.
    dimensions: Vec<(String, String)>,
    /// Names of the dimensions that were added one by one.
    own: Vec<String>,
    /// Names of the further sets.
    sets: Vec<Vec<String>>,
    /// Keys, and values as JSON.
    metadata: Vec<(String, String)>,
    timestamp: Option<Duration>,
    /// Whether a metric was added, also one that is written.
    used: bool,
}

#[derive(Clone, Debug)]
struct Metric {
    name: String,
    unit: Unit,
    high_resolution: bool,
    values: Vec<f64>,
}

impl Metric {
    /// As long as any is with one value.
    const LONGEST: usize = 2 * (2 * 255 + 2) + Self::AROUND + check::VALUE;
    /// What is written around its name, which is there twice.
    const AROUND: usize = r#",{"Name":,"Unit":"Terabytes/Second","StorageResolution":1},:[]"#.len();

    /// How long one of this name is at most in the line, without its values.
    fn written(name: &str) -> usize {
        2 * check::written(name) + Self::AROUND
    }
}

impl Sheet {
    pub(super) fn new(config: &Arc<Config>) -> Self {
        Self {
            config: Arc::clone(config),
            only_service: false,
            namespace: None,
            metrics: Vec::new(),
            body: 0,
            dimensions: config.dimensions.clone(),
            own: Vec::new(),
            sets: Vec::new(),
            metadata: Vec::new(),
            timestamp: None,
            used: false,
        }
    }

    /// Of the default dimensions, with the service alone.
    pub(super) fn of_service(config: &Arc<Config>) -> Self {
        let mut sheet = Self::new(config);
        sheet.only_service = true;
        sheet.dimensions.retain(|(name, _)| name == SERVICE);
        sheet
    }

    /// The default dimensions.
    fn defaults(&self) -> impl Iterator<Item = &String> {
        let all = self.config.dimensions.iter().map(|(name, _)| name);
        all.filter(|name| !self.only_service || *name == SERVICE)
    }

    fn is_default(&self, name: &str) -> bool {
        self.defaults().any(|known| known == name)
    }

    /// Whether a metric was added since this was asked.
    pub(super) fn take_used(&mut self) -> bool {
        std::mem::take(&mut self.used)
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
            let refused = self.config.refused.clone();
            return Err(refused.unwrap_or(MetricError::NoNamespace));
        }
        if self.is_dimension(name) || self.is_metadata(name) {
            return Err(taken(name));
        }
        let known = self.metrics.iter().position(|metric| metric.name == name);
        let at = known.unwrap_or_else(|| {
            self.body += Metric::written(name);
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
        self.body += check::VALUE;
        self.used = true;
        // Another value of another metric has room in a line that is not full.
        let is_full = metric.values.len() == check::VALUES
            || self.metrics.len() == check::METRICS
            || self.body + Metric::LONGEST > check::BODY;
        Ok(is_full.then(|| self.take_line()).flatten())
    }

    /// Adds a dimension to the first set, in place of the value it had.
    pub(super) fn dimension(&mut self, name: &str, value: &str) -> Result<(), MetricError> {
        self.check_dimension(name, value)?;
        let is_new = !self.own.iter().any(|known| known == name) && !self.is_default(name);
        let of_set = if is_new { check::written(name) + 1 } else { 0 };
        self.check_room(of_set + self.written_more(name, value), name)?;
        if is_new {
            if self.own.len() + self.defaults().count() >= check::DIMENSIONS {
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
            if !self.is_default(name) && !names.iter().any(|known| known == name) {
                names.push((*name).to_owned());
            }
            if names.len() + self.defaults().count() > check::DIMENSIONS {
                return Err(MetricError::TooManyDimensions {
                    dimension: check::excerpt(name),
                });
            }
        }
        let is_new = !names.is_empty() && !self.sets.iter().any(|known| is_same(known, &names));
        let values = set
            .iter()
            .map(|(name, value)| self.written_more(name, value));
        let of_set = if is_new { self.written_set(&names) } else { 0 };
        let first = names.first().map_or("", String::as_str);
        self.check_room(of_set + values.sum::<usize>(), first)?;
        for (name, value) in set {
            self.set_dimension(name, value);
        }
        if is_new {
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
        let before = self.metadata.iter().find(|(known, _)| known == key);
        let before = before.map_or(0, |(key, value)| written_metadata(key, value));
        let after = written_metadata(key, &value);
        self.check_room(after.saturating_sub(before), key)?;
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
        self.body = 0;
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
        let values: usize = self.metrics.iter().map(|metric| metric.values.len()).sum();
        let mut line = String::with_capacity(256 + 64 * self.metrics.len() + 12 * values);
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
        // A set that is there twice would have every value counted twice.
        for names in self.sets.iter().filter(|set| !is_same(set, &self.own)) {
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
        for name in self.defaults().chain(names) {
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

    /// Refuses what would make the line longer than an event of the log may be.
    fn check_room(&self, more: usize, name: &str) -> Result<(), MetricError> {
        if more > 0 && self.written() + more > check::REST {
            return Err(MetricError::LineTooLong {
                name: check::excerpt(name),
            });
        }
        Ok(())
    }

    /// How long a line without metrics is at most, in bytes.
    fn written(&self) -> usize {
        /// What is in every line, with a namespace as long as it may be.
        const FRAME: usize = 1_024;
        let dimensions = self.dimensions.iter();
        let dimensions = dimensions.map(|(name, value)| written_dimension(name, value));
        let sets = self.sets.iter().map(|names| self.written_set(names));
        let metadata = self.metadata.iter();
        let metadata = metadata.map(|(key, value)| written_metadata(key, value));
        FRAME + self.written_set(&self.own) + dimensions.chain(sets).chain(metadata).sum::<usize>()
    }

    fn written_set(&self, names: &[String]) -> usize {
        let each = self
            .defaults()
            .chain(names)
            .map(|name| check::written(name) + 1);
        each.sum::<usize>() + "[],".len()
    }

    /// How much longer the line is with this value of a dimension.
    fn written_more(&self, name: &str, value: &str) -> usize {
        let before = self.dimensions.iter().find(|(known, _)| known == name);
        let before = before.map_or(0, |(name, value)| written_dimension(name, value));
        written_dimension(name, value).saturating_sub(before)
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

/// Whether two sets have the same names: their order says nothing.
fn is_same(one: &[String], other: &[String]) -> bool {
    one.len() == other.len() && one.iter().all(|name| other.contains(name))
}

fn written_dimension(name: &str, value: &str) -> usize {
    check::written(name) + check::written(value) + ",:".len()
}

/// The value is JSON already.
fn written_metadata(key: &str, value: &str) -> usize {
    check::written(key) + value.len() + ",:".len()
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
