//! The event: records of several partitions, each with an order as its value.

use aws_lambda_events::kafka::{KafkaEvent, KafkaRecord};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use lambda_runtime::{LambdaEvent, tracing};
use serde::Serialize;

use crate::error::Error;
use crate::order::Order;
use crate::work::{Outcome, Worker};

/// Partitions of one batch that may be under way at once.
const PARTITIONS_AT_ONCE: usize = 8;

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Orders processed.
    pub processed: usize,
}

/// Works through one batch: partitions side by side, the records of each in their order.
///
/// After an error Lambda tries the whole batch again, so that the work should bear a second time.
pub async fn handle(worker: &Worker, event: LambdaEvent<KafkaEvent>) -> Result<Summary, Error> {
    let processed: Vec<usize> = stream::iter(event.payload.records)
        .map(|(partition, records)| in_order(worker, partition, records))
        .buffer_unordered(PARTITIONS_AT_ONCE)
        .try_collect()
        .await?;
    Ok(Summary {
        processed: processed.into_iter().sum(),
    })
}

async fn in_order(
    worker: &Worker,
    partition: String,
    records: Vec<KafkaRecord>,
) -> Result<usize, Error> {
    let count = records.len();
    for record in records {
        let offset = record.offset;
        let outcome = process(worker, &record)
            .await
            .map_err(|source| Error::Record {
                partition: partition.clone(),
                offset,
                source: Box::new(source),
            })?;
        tracing::info!(
            order_id = outcome.order_id,
            partition,
            offset,
            "order processed"
        );
    }
    Ok(count)
}

async fn process(worker: &Worker, record: &KafkaRecord) -> Result<Outcome, Error> {
    // A record without a value is a tombstone: nothing that these topics should hold.
    let value = record.value.as_deref().unwrap_or_default();
    let value = STANDARD.decode(value).map_err(Error::invalid_order)?;
    let order: Order = serde_json::from_slice(&value).map_err(Error::invalid_order)?;
    worker.process(order).await
}
