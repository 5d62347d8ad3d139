//! The event: it is time. What is to be done is fixed here: the restock order.

use std::num::NonZeroU16;

use aws_lambda_events::eventbridge::EventBridgeEvent;
use lambda_runtime::{LambdaEvent, tracing};

use crate::error::Error;
use crate::order::{Order, OrderLine};
use crate::work::{Outcome, Worker};

/// What the warehouse takes in each time: article, pieces, and what one cost last time, in cents.
const RESTOCK: [(&str, NonZeroU16, u32); 2] = [
    ("KILN-MUG", NonZeroU16::new(24).unwrap(), 1250),
    ("KILN-CAP", NonZeroU16::new(12).unwrap(), 1990),
];

/// Does what is due at one scheduled time. After an error Lambda tries it again, twice by default.
pub async fn handle(
    worker: &Worker,
    event: LambdaEvent<EventBridgeEvent>,
) -> Result<Outcome, Error> {
    // The scheduled time and not the clock: it stays the same when Lambda tries again.
    let time = event.payload.time.ok_or(Error::NoScheduledTime)?;
    let order = Order {
        order_id: format!("restock-{}", time.format("%Y-%m-%dT%H:%MZ")),
        customer: "warehouse".to_owned(),
        lines: RESTOCK
            .iter()
            .map(|&(sku, quantity, unit_price_cents)| OrderLine {
                sku: sku.to_owned(),
                quantity,
                unit_price_cents,
            })
            .collect(),
    };
    let outcome = worker.process(order).await?;
    tracing::info!(order_id = outcome.order_id, "order processed");
    Ok(outcome)
}
