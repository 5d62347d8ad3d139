//! Where results are kept: the port to the ledger, and what can stand behind it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use reqwest::{Client, Url};
use thiserror::Error;

use crate::work::Outcome;

/// A place for results.
#[derive(Debug)]
pub enum Ledger {
    /// A service.
    Http(HttpLedger),
    /// This process's memory, for tests and for the first run.
    Memory(MemoryLedger),
}

impl Ledger {
    /// Stores the result of an order, in place of an earlier one of the same order.
    pub async fn store(&self, outcome: &Outcome) -> Result<(), LedgerError> {
        match self {
            Self::Http(ledger) => ledger.store(outcome).await,
            Self::Memory(ledger) => {
                ledger.store(outcome);
                Ok(())
            }
        }
    }
}

/// Why a result was not stored.
#[derive(Debug, Error)]
#[error("the ledger did not take the result of `{order_id}`")]
pub struct LedgerError {
    order_id: String,
    source: reqwest::Error,
}

impl LedgerError {
    /// Whether the answer did not come in time: then the result may have been stored all the same.
    pub fn is_timeout(&self) -> bool {
        self.source.is_timeout()
    }
}

/// A ledger that takes `PUT {base}/outcomes/{orderId}`.
#[derive(Debug)]
pub struct HttpLedger {
    client: Client,
    base: Url,
}

impl HttpLedger {
    /// The ledger at this address. Time limits are the client's.
    pub fn new(client: Client, base: Url) -> Self {
        Self { client, base }
    }

    async fn store(&self, outcome: &Outcome) -> Result<(), LedgerError> {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            // Segments are escaped here: an order named `../x` stays one segment.
            path.pop_if_empty().extend(["outcomes", &outcome.order_id]);
        }
        self.client
            .put(url)
            .json(outcome)
            .send()
            .await
            .and_then(reqwest::Response::error_for_status)
            .map_err(|source| LedgerError {
                order_id: outcome.order_id.clone(),
                source,
            })?;
        Ok(())
    }
}

/// A ledger that lasts as long as this execution environment.
#[derive(Debug, Default)]
pub struct MemoryLedger {
    outcomes: Mutex<HashMap<String, Outcome>>,
}

impl MemoryLedger {
    fn store(&self, outcome: &Outcome) {
        self.outcomes()
            .insert(outcome.order_id.clone(), outcome.clone());
    }

    /// The result of an order.
    pub fn get(&self, order_id: &str) -> Option<Outcome> {
        self.outcomes().get(order_id).cloned()
    }

    /// How many results there are.
    pub fn len(&self) -> usize {
        self.outcomes().len()
    }

    /// Whether there is no result.
    pub fn is_empty(&self) -> bool {
        self.outcomes().is_empty()
    }

    fn outcomes(&self) -> MutexGuard<'_, HashMap<String, Outcome>> {
        // A panic elsewhere cannot have left half an insertion behind.
        self.outcomes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
