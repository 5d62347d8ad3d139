//! The work: look prices up, forecast on all processors, store the result.
//!
//! Asynchronous at both ends, where the function waits for others; plain synchronous code in the
//! middle, where it computes.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Serialize;
use tokio::task;

use crate::catalogue::{Catalogue, SampleCatalogue};
use crate::error::Error;
use crate::forecast::{self, LineForecast};
use crate::ledger::{Ledger, MemoryLedger};
use crate::order::Order;

/// Calls that one order may have under way: fast for the caller, bearable for the catalogue.
const LOOKUPS_AT_ONCE: usize = 8;

/// What an order costs today and when it will arrive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// The order.
    pub order_id: String,
    /// Its lines, in the order of the order.
    pub lines: Vec<LineForecast>,
    /// What all of it costs, in cents.
    pub total_cents: u64,
}

/// Does the work, with the clients it was given; one per execution environment.
pub struct Worker {
    catalogue: Catalogue,
    ledger: Ledger,
}

impl Worker {
    /// A worker that asks this catalogue and writes into this ledger.
    pub fn new(catalogue: Catalogue, ledger: Ledger) -> Self {
        Self { catalogue, ledger }
    }

    /// Prices, forecasts and stores an order.
    pub async fn process(&self, order: Order) -> Result<Outcome, Error> {
        let prices = self.prices(&order).await?;
        // Computing belongs on rayon's threads, one per processor. Waiting for it on a blocking
        // thread leaves the runtime's own threads free for calls and answers.
        let outcome = task::spawn_blocking(move || compute(order, &prices)).await?;
        // Events are delivered at least once: storing by order makes the second time harmless.
        self.ledger.store(&outcome).await?;
        Ok(outcome)
    }

    /// The price of each line, in cents, in the order of the lines.
    async fn prices(&self, order: &Order) -> Result<Vec<u32>, Error> {
        let skus: Vec<String> = order.lines.iter().map(|line| line.sku.clone()).collect();
        // `buffered` bounds the calls and answers in the order of the lines, whoever is first.
        let prices = stream::iter(skus)
            .map(|sku| async move { self.catalogue.price(&sku).await })
            .buffered(LOOKUPS_AT_ONCE)
            .try_collect()
            .await?;
        Ok(prices)
    }
}

fn compute(order: Order, prices: &[u32]) -> Outcome {
    let total_cents = order
        .lines
        .iter()
        .zip(prices)
        .map(|(line, price)| u64::from(line.quantity.get()) * u64::from(*price))
        .sum();
    Outcome {
        lines: forecast::lines(&order),
        order_id: order.order_id,
        total_cents,
    }
}

/// A worker that needs no configuration.
impl Default for Worker {
    fn default() -> Self {
        Self::new(
            Catalogue::Sample(SampleCatalogue::default()),
            Ledger::Memory(MemoryLedger::default()),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(sku: &str) -> Order {
        serde_json::from_value(serde_json::json!({
            "orderId": "ord-1", "customer": "ada", "lines": [
                {"sku": "KILN-MUG", "quantity": 2, "unitPriceCents": 1},
                {"sku": sku, "quantity": 1, "unitPriceCents": 1},
            ]
        }))
        .unwrap()
    }

    #[tokio::test]
    async fn prices_forecasts_and_stores() {
        let worker = Worker::default();
        let outcome = worker.process(order("KILN-CAP")).await.unwrap();
        assert_eq!(outcome.total_cents, 2 * 1250 + 1990);
        assert_eq!(outcome.lines.len(), 2);
        let Ledger::Memory(ledger) = &worker.ledger else {
            panic!("the default ledger is in memory");
        };
        assert_eq!(ledger.get("ord-1").as_ref(), Some(&outcome));
    }

    #[tokio::test]
    async fn a_second_delivery_changes_nothing() {
        let worker = Worker::default();
        let first = worker.process(order("KILN-CAP")).await.unwrap();
        let second = worker.process(order("KILN-CAP")).await.unwrap();
        assert_eq!(first, second);
        let Ledger::Memory(ledger) = &worker.ledger else {
            panic!("the default ledger is in memory");
        };
        assert_eq!(ledger.len(), 1);
    }

    #[tokio::test]
    async fn nothing_is_stored_when_a_price_is_missing() {
        let worker = Worker::default();
        let error = worker.process(order("NO-SUCH")).await.unwrap_err();
        assert_eq!(error.error_type(), "UnknownSku");
        let Ledger::Memory(ledger) = &worker.ledger else {
            panic!("the default ledger is in memory");
        };
        assert!(ledger.is_empty());
    }
}
