//! The orders of a month, page by page.

use std::time::Duration;

/// How many rows a page has.
const PAGE: u64 = 500;
/// How long a table takes for a page.
const LATENCY: Duration = Duration::from_millis(20);

/// The ledger: it stands in for a table, so that the example runs without an account.
///
/// Its rows are made up, always the same, a page per call and each after the time a table takes.
#[derive(Clone, Debug)]
pub struct Ledger {
    /// How many orders a month has.
    pub orders: u64,
    /// The order at which the table fails, if any.
    pub fails_at: Option<u64>,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            orders: 5_000,
            fails_at: None,
        }
    }
}

/// Some orders, and where the next ones begin, if there are any.
#[derive(Clone, Debug)]
pub struct Page {
    /// The orders.
    pub rows: Vec<Row>,
    /// For the next call.
    pub next: Option<u64>,
}

/// One order.
#[derive(Clone, Debug)]
pub struct Row {
    order: String,
    customer: String,
    cents: u64,
}

/// The table does not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the ledger does not answer")]
pub struct LedgerError;

impl Ledger {
    /// The orders of a month from this one on.
    ///
    /// # Errors
    ///
    /// When the table fails.
    pub async fn page(&self, month: &str, cursor: u64) -> Result<Page, LedgerError> {
        tokio::time::sleep(LATENCY).await;
        let end = self.orders.min(cursor + PAGE);
        if self.fails_at.is_some_and(|order| order < end) {
            return Err(LedgerError);
        }
        let row = |number: u64| Row {
            order: format!("{month}-{number:06}"),
            customer: format!("customer {}", number % 97),
            cents: 100 + number * 7919 % 100_000,
        };
        Ok(Page {
            rows: (cursor..end).map(row).collect(),
            next: (end < self.orders).then_some(end),
        })
    }
}

impl Row {
    /// Its line. Nothing in it needs quotes.
    pub fn csv(&self) -> String {
        format!("{},{},{}\n", self.order, self.customer, self.cents)
    }
}
