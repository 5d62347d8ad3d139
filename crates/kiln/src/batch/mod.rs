//! Batches of records, whose failures are reported one by one.
//!
//! Without partial answers one bad record fails its whole batch: the good ones are delivered and
//! handled again, and again, until the bad one is given up. Here every record is handled for itself,
//! as many at once as their order allows, and the answer names those that are to come back.
//!
//! ```no_run
//! use kiln::LambdaEvent;
//! use kiln::batch::{self, BatchError, Record, SqsBatchResponse, SqsEvent};
//! # #[derive(serde::Deserialize)]
//! # struct Order;
//!
//! async fn handle(event: LambdaEvent<SqsEvent>) -> Result<SqsBatchResponse, BatchError> {
//!     batch::sqs(event, |record: Record<Order>| async move { reserve(record.body).await })
//!         .concurrency(64)
//!         .await
//! }
//! # async fn reserve(_: Order) -> Result<(), kiln::Error> { Ok(()) }
//!
//! fn main() -> Result<(), kiln::Error> {
//!     kiln::run(handle)
//! }
//! ```
//!
//! The event source mapping must have `ReportBatchItemFailures` among its function response types:
//! otherwise Lambda takes any answer for a success, and [deletes what failed][sqs].
//!
//! # What is kept in order
//!
//! | source | side by side | after a failure | reported |
//! | --- | --- | --- | --- |
//! | SQS | all records | the others go on | what failed |
//! | SQS FIFO | message groups | nothing more is begun; with [`skip_group_on_error`](Batch::skip_group_on_error) nothing more of its group | what failed and what was not begun |
//! | Kinesis | shards (an event has one) | nothing more of its shard | the lowest sequence number of what is not done: Lambda resumes there |
//! | DynamoDB | nothing | nothing more is begun | the same |
//! | Kafka | partitions of topics | nothing more of its partition | what failed and what was not begun |
//!
//! A queue is taken for a FIFO queue when its ARN says so (`.fifo`), and by [`sqs_fifo`] always.
//! There, after the first failure, records of other groups that are under way are finished, and not
//! reported if they succeed: order is a promise within a group. [`concurrency(1)`](Batch::concurrency)
//! goes through the batch strictly in its order, and reports everything from the first failure on.
//!
//! # What is a failure
//!
//! - An error of the handler, or a panic of it (where panics unwind, as they do by default).
//! - A record that is not what the handler takes: a failed record, not a failed batch.
//! - A record that is not done shortly before the invocation's deadline
//!   ([`margin`](Batch::margin)): its future is dropped, or was never begun. So it comes back, where
//!   a timeout would bring back the whole batch.
//!
//! Each is logged once, as a warning with its identifier and the error's type; never with its body, nor
//! with the error's message, which may quote it.
//! When no record at all has succeeded the batch fails as a whole ([`BatchError::EveryRecordFailed`]),
//! so that the metric `Errors` of the function moves; [`error_when_all_failed(false)`](Batch::error_when_all_failed)
//! has them reported instead.
//!
//! Records are delivered at least once: make the handler [idempotent](crate).
//!
//! Sources: [SQS][sqs], [Kinesis][kinesis], [DynamoDB Streams][dynamodb], [Kafka][kafka].
//!
//! [sqs]: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
//! [kinesis]: https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
//! [dynamodb]: https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
//! [kafka]: https://docs.aws.amazon.com/lambda/latest/dg/kafka-retry-configurations.html

mod builder;
mod change;
mod engine;
pub mod envelope;
mod error;
mod incoming;
mod record;
mod sources;

pub use aws_lambda_events::dynamodb::{Event as DynamoDbEvent, EventRecord as DynamoDbRecord};
pub use aws_lambda_events::kafka::{KafkaEvent, KafkaRecord};
pub use aws_lambda_events::kinesis::{KinesisEvent, KinesisEventRecord};
pub use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
pub use aws_lambda_events::streams::{DynamoDbEventResponse, KinesisEventResponse};

pub use builder::{Batch, CONCURRENCY, MARGIN, dynamodb, kafka, kinesis, sqs, sqs_fifo};
pub use change::Change;
pub use error::{BatchError, UnreadableRecord};
pub use incoming::Incoming;
pub use record::{FromRecord, Record};
pub use sources::{
    DynamoDb, Kafka, KafkaBatchResponse, KafkaIdentifier, KafkaItemFailure, Kinesis, Source, Sqs,
};

#[cfg(test)]
mod tests;
