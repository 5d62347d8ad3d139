//! A batch, its settings, and how it is handled.

use std::fmt;
use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::time::Duration;

use aws_lambda_events::dynamodb;
use aws_lambda_events::kafka::KafkaEvent;
use aws_lambda_events::kinesis::KinesisEvent;
use aws_lambda_events::sqs::SqsEvent;
use futures_util::FutureExt as _;
use lambda_runtime::Diagnostic;

use super::engine::{Failure, Plan};
use super::error::BatchError;
use super::incoming::Incoming;
use super::record::FromRecord;
use super::sources::{DynamoDb, Kafka, Kinesis, Source, Sqs};
use crate::deadline::Deadline;

/// How many records are under way at once unless said otherwise.
///
/// # Example
///
/// ```
/// use kiln::batch::{self, SqsEvent, SqsMessage};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), kiln::batch::BatchError> {
/// let event: SqsEvent = kiln::testing::sample("sqs");
/// let response = batch::sqs(event, async |_: SqsMessage| Ok::<_, kiln::Error>(()))
///     // For calls that are quick, and a service that can take them.
///     .concurrency(4 * batch::CONCURRENCY)
///     .await?;
/// assert!(response.batch_item_failures.is_empty());
/// # Ok(())
/// # }
/// ```
pub const CONCURRENCY: usize = 16;

/// What is kept of the invocation's time to write the answer unless said otherwise: 500 ms.
///
/// # Example
///
/// ```
/// use kiln::batch::{self, SqsEvent, SqsMessage};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), kiln::batch::BatchError> {
/// let event: SqsEvent = kiln::testing::sample("sqs");
/// let response = batch::sqs(event, async |_: SqsMessage| Ok::<_, kiln::Error>(()))
///     // Layers around the handler send something of their own.
///     .margin(2 * batch::MARGIN)
///     .await?;
/// assert!(response.batch_item_failures.is_empty());
/// # Ok(())
/// # }
/// ```
pub const MARGIN: Duration = Duration::from_millis(500);

/// A batch that is handled when it is awaited.
///
/// Awaiting gives the answer for Lambda, or a [`BatchError`]. All records are handled within the task
/// that awaits: side by side while they wait for something, and on one thread. CPU work belongs into
/// [`compute`](crate).
///
/// # Cancellation
/// Dropping the future drops the records under way. Nothing is left running.
///
/// # Panics
/// A panic of the handler is the failure of its record.
///
/// # Example
///
/// ```
/// use kiln::batch::{self, SqsEvent, SqsMessage};
/// use std::time::Duration;
///
/// # async fn example(event: SqsEvent) -> Result<(), batch::BatchError> {
/// let response = batch::sqs(event, |message: SqsMessage| async move {
///     message.body.map(drop).ok_or("a message without a body")
/// })
/// .concurrency(64)
/// .margin(Duration::from_secs(1))
/// .await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a batch is handled when it is awaited"]
pub struct Batch<'a, S: Source, I, H> {
    source: S,
    records: Vec<S::Raw>,
    handler: H,
    deadline: Deadline,
    margin: Duration,
    concurrency: usize,
    record_timeout: Option<Duration>,
    error_when_all_failed: bool,
    /// What the handler takes.
    takes: PhantomData<fn(I)>,
    /// How long what the handler borrows lives.
    borrows: PhantomData<&'a ()>,
}

/// A batch of an SQS queue.
///
/// Of a FIFO queue, told by its ARN, the order within message groups is kept, as
/// [the module](super) describes.
///
/// # Example
///
/// ```
/// use kiln::batch::{self, Record, SqsEvent};
///
/// # async fn example(event: SqsEvent) -> Result<(), batch::BatchError> {
/// let response = batch::sqs(event, |record: Record<serde_json::Value>| async move {
///     println!("{}, delivery {}", record.message_id(), record.receive_count());
///     Ok::<_, kiln::Error>(())
/// })
/// .await?;
/// # Ok(())
/// # }
/// ```
pub fn sqs<'a, I, F, E, H>(event: impl Into<Incoming<SqsEvent>>, handler: H) -> Batch<'a, Sqs, I, H>
where
    H: Fn(I) -> F + 'a,
    F: Future<Output = Result<(), E>>,
{
    let Incoming { payload, deadline } = event.into();
    let source = Sqs::told_by_arn(&payload.records);
    Batch::new(source, payload.records, deadline, handler)
}

/// A batch of an SQS FIFO queue, whatever its ARN says.
///
/// Message groups are handled side by side, each in its order. With [`concurrency(1)`](Batch::concurrency)
/// the messages are handled one after the other in the order of the event, whatever their groups: exactly
/// as Powertools does it.
///
/// # Example
///
/// ```
/// use kiln::batch::{self, Record, SqsEvent};
///
/// # async fn example(event: SqsEvent) -> Result<(), batch::BatchError> {
/// let response = batch::sqs_fifo(event, |record: Record<serde_json::Value>| async move {
///     Ok::<_, kiln::Error>(())
/// })
/// .skip_group_on_error()
/// .await?;
/// # Ok(())
/// # }
/// ```
pub fn sqs_fifo<'a, I, F, E, H>(
    event: impl Into<Incoming<SqsEvent>>,
    handler: H,
) -> Batch<'a, Sqs, I, H>
where
    H: Fn(I) -> F + 'a,
    F: Future<Output = Result<(), E>>,
{
    let Incoming { payload, deadline } = event.into();
    Batch::new(Sqs::fifo(), payload.records, deadline, handler)
}

/// A batch of a Kinesis data stream: in order, one record after the other.
///
/// # Example
///
/// ```
/// use kiln::batch::{self, KinesisEvent, KinesisEventRecord, Record};
///
/// # async fn example(event: KinesisEvent) -> Result<(), batch::BatchError> {
/// type Click = Record<serde_json::Value, KinesisEventRecord>;
///
/// let response = batch::kinesis(event, |click: Click| async move {
///     println!("{}", click.raw.kinesis.partition_key);
///     Ok::<_, kiln::Error>(())
/// })
/// .await?;
/// # Ok(())
/// # }
/// ```
pub fn kinesis<'a, I, F, E, H>(
    event: impl Into<Incoming<KinesisEvent>>,
    handler: H,
) -> Batch<'a, Kinesis, I, H>
where
    H: Fn(I) -> F + 'a,
    F: Future<Output = Result<(), E>>,
{
    let Incoming { payload, deadline } = event.into();
    Batch::new(Kinesis::new(), payload.records, deadline, handler)
}

/// A batch of a DynamoDB stream: in order, one record after the other.
///
/// # Example
///
/// ```
/// use kiln::batch::{self, DynamoDbEvent, DynamoDbRecord};
///
/// # async fn example(event: DynamoDbEvent) -> Result<(), batch::BatchError> {
/// let response = batch::dynamodb(event, |record: DynamoDbRecord| async move {
///     println!("{} with {} new attributes", record.event_name, record.change.new_image.len());
///     Ok::<_, kiln::Error>(())
/// })
/// .await?;
/// # Ok(())
/// # }
/// ```
pub fn dynamodb<'a, I, F, E, H>(
    event: impl Into<Incoming<dynamodb::Event>>,
    handler: H,
) -> Batch<'a, DynamoDb, I, H>
where
    H: Fn(I) -> F + 'a,
    F: Future<Output = Result<(), E>>,
{
    let Incoming { payload, deadline } = event.into();
    Batch::new(DynamoDb::new(), payload.records, deadline, handler)
}

/// A batch of Kafka topics, of Amazon MSK or self-managed: partitions side by side, each in order.
///
/// # Example
///
/// ```
/// use kiln::batch::{self, KafkaEvent, KafkaRecord, Record};
///
/// # async fn example(event: KafkaEvent) -> Result<(), batch::BatchError> {
/// type Reading = Record<Option<serde_json::Value>, KafkaRecord>;
///
/// let response = batch::kafka(event, |reading: Reading| async move {
///     println!("offset {}", reading.raw.offset);
///     Ok::<_, kiln::Error>(())
/// })
/// .await?;
/// # Ok(())
/// # }
/// ```
pub fn kafka<'a, I, F, E, H>(
    event: impl Into<Incoming<KafkaEvent>>,
    handler: H,
) -> Batch<'a, Kafka, I, H>
where
    H: Fn(I) -> F + 'a,
    F: Future<Output = Result<(), E>>,
{
    let Incoming { payload, deadline } = event.into();
    let (source, records) = Kafka::of(payload);
    Batch::new(source, records, deadline, handler)
}

impl<S: Source, I, H> Batch<'_, S, I, H> {
    fn new(source: S, records: Vec<S::Raw>, deadline: Deadline, handler: H) -> Self {
        Self {
            source,
            records,
            handler,
            deadline,
            margin: MARGIN,
            concurrency: CONCURRENCY,
            record_timeout: None,
            error_when_all_failed: true,
            takes: PhantomData,
            borrows: PhantomData,
        }
    }

    /// How many records are under way at once, where their order allows; 0 counts as 1. Unless said
    /// otherwise, [`CONCURRENCY`].
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::batch::{self, SqsEvent, SqsMessage};
    /// use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), batch::BatchError> {
    /// # let mut event = SqsEvent::default();
    /// # event.records = vec![SqsMessage::default(); 5];
    /// let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    /// let handled = batch::sqs(event, |_: SqsMessage| async {
    ///     most.fetch_max(now.fetch_add(1, Relaxed) + 1, Relaxed);
    ///     tokio::task::yield_now().await;
    ///     now.fetch_sub(1, Relaxed);
    ///     Ok::<_, kiln::Error>(())
    /// });
    /// handled.concurrency(2).await?;
    /// assert_eq!(most.into_inner(), 2);
    /// # Ok(())
    /// # }
    /// ```
    pub fn concurrency(mut self, records: usize) -> Self {
        self.concurrency = NonZeroUsize::new(records).map_or(1, NonZeroUsize::get);
        self
    }

    /// How long before the invocation's deadline what is not done is given up and reported; at most
    /// half of the time there is. Unless said otherwise, [`MARGIN`].
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::batch::{self, SqsEvent, SqsMessage};
    /// use kiln::deadline::Deadline;
    /// use std::time::Duration;
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), batch::BatchError> {
    /// # let mut event = SqsEvent::default();
    /// # event.records = ["first", "slow"]
    /// #     .map(|id| {
    /// #         let mut message = SqsMessage::default();
    /// #         message.message_id = Some(id.to_owned());
    /// #         message
    /// #     })
    /// #     .into();
    /// # let deadline = Deadline::after(Duration::from_secs(30));
    /// let begun = tokio::time::Instant::now();
    /// let response = batch::sqs(event, |message: SqsMessage| async move {
    ///     if message.message_id.as_deref() == Some("slow") {
    ///         std::future::pending::<()>().await;
    ///     }
    ///     Ok::<_, kiln::Error>(())
    /// })
    /// # .deadline(deadline)
    /// // Of the invocation's 30 s.
    /// .margin(Duration::from_secs(10))
    /// .await?;
    /// assert_eq!(response.batch_item_failures[0].item_identifier, "slow");
    /// assert!(begun.elapsed() <= Duration::from_secs(21));
    /// # Ok(())
    /// # }
    /// ```
    pub fn margin(mut self, margin: Duration) -> Self {
        self.margin = margin;
        self
    }

    /// How long the handler may take for one record. Unless set, as long as the batch.
    ///
    /// A record that takes longer is dropped where it waits, and is a failed one: without a limit, one that
    /// hangs takes its place among those under way until the time of the batch is up.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::batch::{self, SqsEvent, SqsMessage};
    /// use std::time::Duration;
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), batch::BatchError> {
    /// # let mut event = SqsEvent::default();
    /// # event.records = ["hangs", "second"]
    /// #     .map(|id| {
    /// #         let mut message = SqsMessage::default();
    /// #         message.message_id = Some(id.to_owned());
    /// #         message
    /// #     })
    /// #     .into();
    /// let response = batch::sqs(event, |message: SqsMessage| async move {
    ///     if message.message_id.as_deref() == Some("hangs") {
    ///         std::future::pending::<()>().await;
    ///     }
    ///     Ok::<_, kiln::Error>(())
    /// })
    /// .concurrency(1)
    /// .record_timeout(Duration::from_secs(5))
    /// .await?;
    /// assert_eq!(response.batch_item_failures.len(), 1);
    /// assert_eq!(response.batch_item_failures[0].item_identifier, "hangs");
    /// # Ok(())
    /// # }
    /// ```
    pub fn record_timeout(mut self, timeout: Duration) -> Self {
        self.record_timeout = Some(timeout);
        self
    }

    /// A deadline besides that of the invocation. The earlier one counts, less the margin.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::batch::{self, SqsEvent, SqsMessage};
    /// use kiln::deadline::Deadline;
    /// use std::time::Duration;
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), batch::BatchError> {
    /// # let mut event = SqsEvent::default();
    /// # event.records = ["first", "slow"]
    /// #     .map(|id| {
    /// #         let mut message = SqsMessage::default();
    /// #         message.message_id = Some(id.to_owned());
    /// #         message
    /// #     })
    /// #     .into();
    /// let response = batch::sqs(event, |message: SqsMessage| async move {
    ///     if message.message_id.as_deref() == Some("slow") {
    ///         std::future::pending::<()>().await;
    ///     }
    ///     Ok::<_, kiln::Error>(())
    /// })
    /// .deadline(Deadline::after(Duration::from_secs(20)))
    /// .await?;
    /// assert_eq!(response.batch_item_failures[0].item_identifier, "slow");
    /// # Ok(())
    /// # }
    /// ```
    pub fn deadline(mut self, deadline: Deadline) -> Self {
        self.deadline = self.deadline.earliest(deadline);
        self
    }

    /// Whether the batch fails as a whole when no record has succeeded, as it does unless told
    /// otherwise: `raise_on_entire_batch_failure` of Powertools.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::batch::{self, SqsEvent, SqsMessage};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), batch::BatchError> {
    /// # let mut event = SqsEvent::default();
    /// # event.records = ["first", "slow"]
    /// #     .map(|id| {
    /// #         let mut message = SqsMessage::default();
    /// #         message.message_id = Some(id.to_owned());
    /// #         message
    /// #     })
    /// #     .into();
    /// let handler = |_: SqsMessage| async { Err::<(), _>("out of stock") };
    /// assert!(batch::sqs(event.clone(), handler).await.is_err());
    ///
    /// let response = batch::sqs(event, handler).error_when_all_failed(false).await?;
    /// assert_eq!(response.batch_item_failures.len(), 2);
    /// # Ok(())
    /// # }
    /// ```
    pub fn error_when_all_failed(mut self, is_error: bool) -> Self {
        self.error_when_all_failed = is_error;
        self
    }
}

impl<I, H> Batch<'_, Sqs, I, H> {
    /// Of a FIFO queue, has a failure stop its message group alone: the other groups go on.
    ///
    /// A standard queue has no order to keep, and this changes nothing there.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::batch::{self, SqsEvent, SqsMessage};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), batch::BatchError> {
    /// # let mut event = SqsEvent::default();
    /// # for (id, group) in [("1", "ada"), ("2", "ada"), ("3", "bob")] {
    /// #     let mut message = SqsMessage::default();
    /// #     message.message_id = Some(id.to_owned());
    /// #     message.attributes.insert("MessageGroupId".to_owned(), group.to_owned());
    /// #     event.records.push(message);
    /// # }
    /// // The messages 1 and 2 are of the group `ada`, 3 is of `bob`.
    /// let response = batch::sqs_fifo(event, |message: SqsMessage| async move {
    ///     if message.message_id.as_deref() == Some("1") { Err("out of stock") } else { Ok(()) }
    /// })
    /// .concurrency(1)
    /// .skip_group_on_error()
    /// .await?;
    /// let failed = response.batch_item_failures.iter().map(|failure| &failure.item_identifier);
    /// assert_eq!(failed.collect::<Vec<_>>(), ["1", "2"]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn skip_group_on_error(mut self) -> Self {
        self.source = self.source.skipping_groups();
        self
    }
}

impl<'a, S, I, H, F, E> IntoFuture for Batch<'a, S, I, H>
where
    S: Source,
    I: FromRecord<S::Raw> + Send + 'a,
    H: Fn(I) -> F + Send + Sync + 'a,
    F: Future<Output = Result<(), E>> + Send + 'a,
    E: Into<Diagnostic> + 'a,
{
    type Output = Result<S::Response, BatchError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.handle())
    }
}

impl<'a, S: Source, I, H> Batch<'a, S, I, H> {
    async fn handle<F, E>(self) -> Result<S::Response, BatchError>
    where
        I: FromRecord<S::Raw>,
        H: Fn(I) -> F,
        F: Future<Output = Result<(), E>>,
        E: Into<Diagnostic>,
    {
        let Self {
            source,
            records,
            handler,
            deadline,
            margin,
            concurrency,
            record_timeout,
            error_when_all_failed,
            takes: _,
            borrows: _,
        } = self;
        // A margin as long as the whole time would have every batch come back for ever.
        let margin = match deadline.remaining() {
            Some(left) => margin.min(left / 2),
            None => margin,
        };
        let plan = Plan {
            lanes: source.lanes(&records),
            after_failure: source.after_failure(),
            concurrency,
            until: deadline.less(margin),
        };
        let identifiers = records.iter().map(|raw| source.identifier(raw)).collect();
        let mut records: Vec<_> = records.into_iter().map(Some).collect();
        let handler = &handler;
        let fates = plan
            .run(|index| {
                let raw = records.get_mut(index).and_then(Option::take);
                async move {
                    match raw {
                        Some(raw) => handle_record(handler, raw, record_timeout).await,
                        // Each is begun once.
                        None => Err(Failure::Skipped),
                    }
                }
            })
            .await;
        let outcome = report(&plan, fates, identifiers)?;
        match outcome.all_failed_with {
            Some(first_error_type) if error_when_all_failed => Err(BatchError::EveryRecordFailed {
                records: plan.lanes.len(),
                first_error_type,
            }),
            _ => Ok(S::respond(outcome.failed)),
        }
    }
}

/// Handles one record; a panic is its failure, and so is its time when that is up.
async fn handle_record<M, I, H, F, E>(
    handler: &H,
    raw: M,
    limit: Option<Duration>,
) -> Result<(), Failure>
where
    I: FromRecord<M>,
    H: Fn(I) -> F,
    F: Future<Output = Result<(), E>>,
    E: Into<Diagnostic>,
{
    let handled = async {
        let record = I::from_record(raw).map_err(Failure::Unreadable)?;
        let result = handler(record).await;
        result.map_err(|error| Failure::Handler(error.into().error_type))
    };
    // The handler is shared by all records, and a panic may leave what it captures half-changed: as
    // it may in any handler of the runtime, which goes on after panics too.
    let handled = AssertUnwindSafe(handled).catch_unwind();
    let handled = match limit {
        Some(limit) => match tokio::time::timeout(limit, handled).await {
            Ok(handled) => handled,
            Err(_elapsed) => return Err(Failure::TimedOut),
        },
        None => handled.await,
    };
    handled.unwrap_or(Err(Failure::Panicked))
}

/// What came of a batch.
struct Outcome<T> {
    /// Lane and identifier of what is not done, in the order of the batch.
    failed: Vec<(usize, T)>,
    /// The type of the first error, when nothing succeeded.
    all_failed_with: Option<String>,
}

/// Logs what failed, each once.
fn report<T: fmt::Display>(
    plan: &Plan,
    fates: Vec<Result<(), Failure>>,
    identifiers: Vec<Option<T>>,
) -> Result<Outcome<T>, BatchError> {
    let succeeded = fates.iter().any(Result::is_ok);
    let mut all_failed_with = None;
    let mut nameless = None;
    let mut failed = Vec::new();
    let records = plan.lanes.iter().zip(identifiers).zip(fates);
    for (index, ((lane, identifier), fate)) in records.enumerate() {
        let Err(failure) = fate else { continue };
        let error_type = failure.error_type();
        let record = identifier.as_ref().map(tracing::field::display);
        match &failure {
            Failure::Unreadable(what) => {
                tracing::warn!(record, error_type, reason = %what, "record failed");
            }
            _ => tracing::warn!(record, error_type, "record failed"),
        }
        if !succeeded && all_failed_with.is_none() {
            all_failed_with = Some(error_type.to_owned());
        }
        match identifier {
            Some(identifier) => failed.push((*lane, identifier)),
            None => nameless = nameless.or(Some(index)),
        }
    }
    match nameless {
        // Lambda takes an empty identifier, and a missing one, for the failure of the whole batch: an
        // error is the same, said aloud.
        Some(index) => Err(BatchError::NoIdentifier { index }),
        None => Ok(Outcome {
            failed,
            all_failed_with,
        }),
    }
}

impl<S: Source, I, H> fmt::Debug for Batch<'_, S, I, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("source", &self.source)
            .field("records", &self.records.len())
            .field("concurrency", &self.concurrency)
            .finish_non_exhaustive()
    }
}
