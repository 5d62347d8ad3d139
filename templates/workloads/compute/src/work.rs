//! The work: forecast when an order arrives, computed on all processors.

use serde::Serialize;
use tokio::task;

use crate::error::Error;
use crate::forecast::{self, LineForecast};
use crate::order::Order;

/// When an order will arrive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// The order.
    pub order_id: String,
    /// Its lines, in the order of the order.
    pub lines: Vec<LineForecast>,
}

/// Does the work; one per execution environment.
#[derive(Debug, Default)]
pub struct Worker {
    _private: (),
}

impl Worker {
    /// Forecasts an order.
    pub async fn process(&self, order: Order) -> Result<Outcome, Error> {
        // Computing belongs on rayon's threads, one per processor. Waiting for it on a blocking
        // thread leaves the runtime's own threads free to answer Lambda.
        let outcome = task::spawn_blocking(move || Outcome {
            lines: forecast::lines(&order),
            order_id: order.order_id,
        })
        .await?;
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn forecasts_every_line() {
        let order = serde_json::from_value(serde_json::json!({
            "orderId": "ord-1", "customer": "ada", "lines": [
                {"sku": "KILN-MUG", "quantity": 2, "unitPriceCents": 1250},
                {"sku": "KILN-CAP", "quantity": 1, "unitPriceCents": 1990},
            ]
        }))
        .unwrap();
        let outcome = Worker::default().process(order).await.unwrap();
        let skus: Vec<&str> = outcome.lines.iter().map(|line| line.sku.as_str()).collect();
        assert_eq!(outcome.order_id, "ord-1");
        assert_eq!(skus, ["KILN-MUG", "KILN-CAP"]);
    }
}
