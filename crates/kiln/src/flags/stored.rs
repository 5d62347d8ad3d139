//! A document that a store has.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::{FlagError, Schema};
use crate::parameters::{AnyProvider, Parameters, Provider};

/// How long a document is kept, as in Powertools.
const MAX_AGE: Duration = Duration::from_secs(5);

/// A document by its name.
#[derive(Clone)]
pub(super) struct Stored {
    parameters: Parameters<AnyProvider>,
    name: String,
    envelope: Vec<String>,
    /// The last one that was read: it is checked when it has changed.
    last: Arc<Mutex<Option<Checked>>>,
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
        }
    }

    pub(super) fn set_envelope(&mut self, envelope: Vec<String>) {
        self.envelope = envelope;
        self.last = Arc::default();
    }

    pub(super) fn set_max_age(&mut self, max_age: Duration) {
        self.parameters = self.parameters.clone().max_age(max_age);
    }

    pub(super) async fn schema(&self) -> Result<Arc<Schema>, FlagError> {
        let read = self.parameters.parameter(&self.name).await;
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
