//! The order that this function works on.

use std::num::NonZeroU16;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// What a customer wants. A value of this type is valid: deserializing checks it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    /// Identifies the order; the same for every delivery of the same event.
    pub order_id: String,
    /// Who placed it.
    pub customer: String,
    /// What is ordered, at least one line.
    #[serde(deserialize_with = "at_least_one")]
    pub lines: Vec<OrderLine>,
}

/// One article of an order.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderLine {
    /// The article.
    pub sku: String,
    /// How many of it.
    pub quantity: NonZeroU16,
    /// What one cost when it was ordered, in cents.
    pub unit_price_cents: u32,
}

fn at_least_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<OrderLine>, D::Error> {
    let lines = Vec::deserialize(deserializer)?;
    if lines.is_empty() {
        return Err(D::Error::custom("an order has at least one line"));
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_not_an_order() {
        let cases = [
            (
                r#"{"orderId":"o","customer":"c","lines":[]}"#,
                "at least one line",
            ),
            (
                r#"{"orderId":"o","customer":"c","lines":[{"sku":"s","quantity":0,"unitPriceCents":1}]}"#,
                "nonzero",
            ),
            (r#"{"customer":"c","lines":[]}"#, "at least one line"),
            (r#"{"customer":"c"}"#, "missing field"),
        ];
        for (text, reason) in cases {
            let error = serde_json::from_str::<Order>(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
