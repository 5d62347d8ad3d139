//! A document that a store has.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::{FlagError, Schema};
use crate::clock::Clock;
use crate::parameters::{AnyProvider, ParameterError, Parameters, Provider};

/// How long a document is kept, as in Powertools.
const MAX_AGE: Duration = Duration::from_secs(5);

/// How long a store that did not answer is left alone: a function asks for many flags, and each
/// would wait for the timeouts of the store to get no more than its default.
const RETRIED_AFTER: Duration = Duration::from_secs(5);

/// A document by its name.
#[derive(Clone)]
pub(super) struct Stored {
    parameters: Parameters<AnyProvider>,
    name: String,
    envelope: Vec<String>,
    /// The last one that was read: it is checked when it has changed.
    last: Arc<Mutex<Option<Checked>>>,
    /// When the store did not answer, unless it has since.
    failed: Arc<Mutex<Option<SystemTime>>>,
}

/// A document, and what it says.
type Checked = (Bytes, Arc<Schema>);

impl Stored {
    pub(super) fn new<P: Provider>(parameters: Parameters<P>, name: String) -> Self {
        Self {
            parameters: parameters.max_age(MAX_AGE).erased(),
            name,
            envelope: Vec::new(),
            last: Arc::default(),
            failed: Arc::default(),
        }
    }

    pub(super) fn set_envelope(&mut self, envelope: Vec<String>) {
        self.envelope = envelope;
        self.last = Arc::default();
    }

    pub(super) fn set_max_age(&mut self, max_age: Duration) {
        self.parameters = self.parameters.clone().max_age(max_age);
    }

    /// Whether the store did not answer just now.
    pub(super) fn is_left_alone(&self, clock: &dyn Clock) -> bool {
        let since = self
            .failed()
            .and_then(|at| clock.now().duration_since(at).ok());
        since.is_some_and(|since| since < RETRIED_AFTER)
    }

    fn failed(&self) -> MutexGuard<'_, Option<SystemTime>> {
        // One assignment: whole whoever panicked meanwhile.
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn schema(&self, clock: &dyn Clock) -> Result<Arc<Schema>, FlagError> {
        let read = self.parameters.parameter(&self.name).await;
        let is_down = matches!(read, Err(ParameterError::Unavailable { .. }));
        *self.failed() = is_down.then(|| clock.now());
        let document = read.map_err(FlagError::Store)?.bytes();
        let last = || self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, schema)) = last().as_ref()
            && *known == document
        {
            return Ok(schema.clone());
        }
        let envelope: Vec<&str> = self.envelope.iter().map(String::as_str).collect();
        let schema = Arc::new(Schema::parse_within(&document, &envelope)?);
        *last() = Some((document, schema.clone()));
        Ok(schema)
    }
}
