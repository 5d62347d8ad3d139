//! The work: price an order at today's prices, one concurrent call per line.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Serialize;

use crate::catalogue::{Catalogue, SampleCatalogue};
use crate::error::Error;
use crate::order::{Order, OrderLine};

/// Calls that one order may have under way: fast for the caller, bearable for the catalogue.
const LOOKUPS_AT_ONCE: usize = 8;

/// An order at today's prices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// The order.
    pub order_id: String,
    /// Its lines, in the order of the order.
    pub lines: Vec<PricedLine>,
    /// What all of it costs, in cents.
    pub total_cents: u64,
}

/// One line at today's price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PricedLine {
    /// The article.
    pub sku: String,
    /// What all of this line costs, in cents.
    pub total_cents: u64,
}

/// Does the work, with the clients it was given; one per execution environment.
pub struct Worker {
    catalogue: Catalogue,
}

impl Worker {
    /// A worker that asks this catalogue.
    pub fn new(catalogue: Catalogue) -> Self {
        Self { catalogue }
    }

    /// Prices an order.
    pub async fn process(&self, order: Order) -> Result<Outcome, Error> {
        // `buffered` bounds the calls and answers in the order of the lines, whoever is first.
        let lines: Vec<PricedLine> = stream::iter(order.lines)
            .map(|line| self.price(line))
            .buffered(LOOKUPS_AT_ONCE)
            .try_collect()
            .await?;
        Ok(Outcome {
            order_id: order.order_id,
            total_cents: lines.iter().map(|line| line.total_cents).sum(),
            lines,
        })
    }

    async fn price(&self, line: OrderLine) -> Result<PricedLine, Error> {
        let unit_price_cents = self.catalogue.price(&line.sku).await?;
        Ok(PricedLine {
            sku: line.sku,
            total_cents: u64::from(line.quantity.get()) * u64::from(unit_price_cents),
        })
    }
}

/// A worker that needs no configuration.
impl Default for Worker {
    fn default() -> Self {
        Self::new(Catalogue::Sample(SampleCatalogue::default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(lines: &[(&str, u16)]) -> Order {
        let lines: Vec<_> = lines
            .iter()
            .map(|(sku, quantity)| {
                serde_json::json!({"sku": sku, "quantity": quantity, "unitPriceCents": 1})
            })
            .collect();
        serde_json::from_value(
            serde_json::json!({"orderId": "ord-1", "customer": "ada", "lines": lines}),
        )
        .unwrap()
    }

    #[tokio::test]
    async fn prices_every_line_and_keeps_their_order() {
        let order = order(&[("KILN-MUG", 2), ("KILN-CAP", 1), ("KILN-MUG", 1)]);
        let outcome = Worker::default().process(order).await.unwrap();
        let totals: Vec<u64> = outcome.lines.iter().map(|line| line.total_cents).collect();
        assert_eq!(totals, [2500, 1990, 1250]);
        assert_eq!(outcome.total_cents, 5740);
    }

    #[tokio::test]
    async fn an_unknown_article_fails_the_order() {
        let error = Worker::default()
            .process(order(&[("KILN-MUG", 1), ("NO-SUCH", 1)]))
            .await
            .unwrap_err();
        assert_eq!(error.error_type(), "UnknownSku");
        assert!(error.to_string().contains("`NO-SUCH`"), "{error}");
    }
}
