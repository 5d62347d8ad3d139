//! What an order is, when it is accepted and what it costs.
//!
//! The rules of the shop stand in a crate without Lambda in it: every function applies the same
//! ones, and they are tested without an event in sight.

use serde::{Deserialize, Serialize};

/// The most lines an order may have.
pub const MOST_LINES: usize = 100;
/// The most pieces a line may ask for.
pub const MOST_PIECES: u32 = 1_000;
/// The longest order id, in characters.
pub const LONGEST_ORDER_ID: usize = 64;

/// An order as a customer sends it: any values, checked by [`Order::accept`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    /// Chosen by the sender, so that sending twice is not ordering twice.
    pub order_id: String,
    /// Who orders.
    pub customer: String,
    /// What is ordered.
    pub lines: Vec<Line>,
}

/// One article of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// The article.
    pub sku: String,
    /// How many of it.
    pub quantity: u32,
    /// Its price per piece, in cents.
    pub unit_price_cents: u32,
}

/// Why an order is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// The id is empty, too long, or would need escaping in a URL.
    #[error(
        "the order id `{0}` is not 1 to {LONGEST_ORDER_ID} letters, digits, dashes or underscores"
    )]
    OrderId(String),
    /// Nobody orders.
    #[error("order `{0}` has no customer")]
    NoCustomer(String),
    /// Nothing is ordered, or too much at once.
    #[error("order `{order_id}` has {lines} lines instead of 1 to {MOST_LINES}")]
    Lines {
        /// The order.
        order_id: String,
        /// How many lines it has.
        lines: usize,
    },
    /// A line without an article.
    #[error("line {line} of order `{order_id}` has no sku")]
    NoSku {
        /// The order.
        order_id: String,
        /// The line, counted from 1.
        line: usize,
    },
    /// None or too many of an article.
    #[error("order `{order_id}` asks for {quantity} of `{sku}` instead of 1 to {MOST_PIECES}")]
    Quantity {
        /// The order.
        order_id: String,
        /// The article.
        sku: String,
        /// How many are asked for.
        quantity: u32,
    },
}

/// An order that obeys the rules: to have one is proof that they were checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AcceptedOrder {
    #[serde(flatten)]
    order: Order,
    total_cents: u64,
}

impl AcceptedOrder {
    /// The order.
    pub fn order(&self) -> &Order {
        &self.order
    }

    /// What all of it costs, in cents.
    pub fn total_cents(&self) -> u64 {
        self.total_cents
    }
}

impl Order {
    /// Checks the rules and adds up the total.
    ///
    /// # Errors
    ///
    /// The first rule that the order breaks.
    pub fn accept(self) -> Result<AcceptedOrder, OrderError> {
        if !is_order_id(&self.order_id) {
            return Err(OrderError::OrderId(self.order_id));
        }
        let order_id = || self.order_id.clone();
        if self.customer.trim().is_empty() {
            return Err(OrderError::NoCustomer(order_id()));
        }
        if self.lines.is_empty() || self.lines.len() > MOST_LINES {
            return Err(OrderError::Lines {
                order_id: order_id(),
                lines: self.lines.len(),
            });
        }
        let mut total_cents = 0;
        for (index, line) in self.lines.iter().enumerate() {
            if line.sku.trim().is_empty() {
                return Err(OrderError::NoSku {
                    order_id: order_id(),
                    line: index + 1,
                });
            }
            if !(1..=MOST_PIECES).contains(&line.quantity) {
                return Err(OrderError::Quantity {
                    order_id: order_id(),
                    sku: line.sku.clone(),
                    quantity: line.quantity,
                });
            }
            // Cannot overflow: 100 lines of 1,000 pieces at 2³² cents are below 2⁴⁹.
            total_cents += u64::from(line.quantity) * u64::from(line.unit_price_cents);
        }
        Ok(AcceptedOrder {
            order: self,
            total_cents,
        })
    }
}

/// Whether a text can be an order's id, and so a segment of a URL as it is.
fn is_order_id(text: &str) -> bool {
    (1..=LONGEST_ORDER_ID).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(sku: &str, quantity: u32, unit_price_cents: u32) -> Line {
        Line {
            sku: sku.to_owned(),
            quantity,
            unit_price_cents,
        }
    }

    fn order(order_id: &str, customer: &str, lines: Vec<Line>) -> Order {
        Order {
            order_id: order_id.to_owned(),
            customer: customer.to_owned(),
            lines,
        }
    }

    #[test]
    fn the_total_is_the_sum_of_the_lines() {
        let lines = vec![line("KILN-MUG", 2, 1250), line("KILN-CAP", 1, 1990)];
        let accepted = order("ord-1001", "ada", lines).accept().unwrap();
        assert_eq!(accepted.total_cents(), 4490);
    }

    #[test]
    fn the_largest_order_has_a_total() {
        let lines = vec![line("GOLD", MOST_PIECES, u32::MAX); MOST_LINES];
        let accepted = order("ord-1", "croesus", lines).accept().unwrap();
        assert_eq!(accepted.total_cents(), 429_496_729_500_000);
    }

    #[test]
    fn each_broken_rule_is_named() {
        let mug = || vec![line("KILN-MUG", 1, 1250)];
        for (order, message) in [
            (order("", "ada", mug()), "the order id ``"),
            (order("ord/1", "ada", mug()), "the order id `ord/1`"),
            (order(&"1".repeat(65), "ada", mug()), "letters, digits"),
            (order("ord-1", " ", mug()), "order `ord-1` has no customer"),
            (
                order("ord-1", "ada", vec![]),
                "has 0 lines instead of 1 to 100",
            ),
            (
                order("ord-1", "ada", vec![line("KILN-MUG", 1, 1); 101]),
                "has 101 lines",
            ),
            (
                order("ord-1", "ada", vec![line("KILN-MUG", 1, 1), line("", 1, 1)]),
                "line 2 of order `ord-1` has no sku",
            ),
            (
                order("ord-1", "ada", vec![line("KILN-MUG", 0, 1)]),
                "asks for 0 of `KILN-MUG` instead of 1 to 1000",
            ),
            (
                order("ord-1", "ada", vec![line("KILN-MUG", 1001, 1)]),
                "asks for 1001 of `KILN-MUG`",
            ),
        ] {
            let error = order.accept().unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }

    #[test]
    fn an_accepted_order_is_written_flat() {
        let accepted = order("ord-1", "ada", vec![line("KILN-MUG", 2, 1250)])
            .accept()
            .unwrap();
        assert_eq!(
            serde_json::to_value(accepted).unwrap(),
            serde_json::json!({
                "orderId": "ord-1",
                "customer": "ada",
                "lines": [{"sku": "KILN-MUG", "quantity": 2, "unitPriceCents": 1250}],
                "totalCents": 2500,
            })
        );
    }
}
