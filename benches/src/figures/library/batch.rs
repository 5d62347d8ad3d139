//! A batch of 10,000 SQS records with 1 % failures: how long it takes, and what is reported.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use kiln::batch::{self, FromRecord as _, Record, SqsBatchResponse, SqsEvent, SqsMessage};
use serde::Deserialize;

use super::on_one_thread;
use crate::error::BenchError;
use crate::figures::{Plan, round};
use crate::report::{Row, Section, Target};
use crate::statistics::{median, milliseconds};

const RECORDS: usize = 10_000;
/// One record in so many fails.
const FAILS: usize = 100;
const GROUPS: usize = 250;
const CONCURRENCY: usize = 64;
/// What a record waits for, as it would for a table or a service.
const WAIT: Duration = Duration::from_millis(1);

#[derive(Debug, Deserialize)]
struct Order {
    number: usize,
}

/// What a batch took, ms, and how many records were reported wrongly, or not, or begun out of order.
#[derive(Clone, Copy, Debug, Default)]
struct Reading {
    time: f64,
    wrong: f64,
}

pub(in crate::figures) fn measure(plan: &Plan) -> Result<Section, BenchError> {
    let [mut ours, mut fifo, mut all_at_once] = [const { Vec::new() }; 3];
    for number in 0..plan.runs {
        round("batch", number, plan.runs);
        ours.push(on_one_thread(standard())?);
        fifo.push(on_one_thread(groups())?);
        all_at_once.push(on_one_thread(join_them_all())?);
    }
    round("batch, one after the other", 0, 1);
    let loops = on_one_thread(one_after_the_other())?;
    let time = |readings: &[Reading]| median(readings.iter().map(|reading| reading.time));
    let wrong = |readings: &[Reading]| readings.iter().map(|reading| reading.wrong).sum::<f64>();
    Ok(Section {
        figure: String::new(),
        title: "10,000 SQS records, 1 % of them failing, 1 ms each (bare: by hand)",
        rows: vec![
            Row::new("64 at once; bare: a loop", "ms").kiln(time(&ours)).bare(loops.time),
            Row::new("64 at once; bare: `join_all` of all 10,000", "ms")
                .kiln(time(&ours))
                .bare(time(&all_at_once)),
            Row::new("64 groups of a FIFO queue at once; bare: a loop", "ms")
                .kiln(time(&fifo))
                .bare(loops.time),
            Row::new("reported wrongly, or not", "records")
                .kiln(wrong(&ours))
                .bare(wrong(&all_at_once))
                .target(Target::AtMost(0.0)),
            Row::new("of a FIFO queue: the same, or out of order", "records")
                .kiln(wrong(&fifo))
                .target(Target::AtMost(0.0)),
        ],
        notes: vec![
            format!(
                "medians of {} rounds on one thread, the loop once; {GROUPS} groups, of which a failure skips its own",
                plan.runs
            ),
            "`join_all` is the faster for having no limit: what the records call sees 10,000 calls at once"
                .to_owned(),
        ],
    })
}

/// The records: a 250th of them of each group.
fn event() -> SqsEvent {
    let mut event = SqsEvent::default();
    event.records = (0..RECORDS)
        .map(|number| {
            let mut record = SqsMessage::default();
            record.message_id = Some(format!("message-{number}"));
            record.body = Some(format!(r#"{{"number": {number}}}"#));
            let group = group_of(number).to_string();
            record.attributes = HashMap::from([("MessageGroupId".to_owned(), group)]);
            record
        })
        .collect();
    event
}

fn group_of(number: usize) -> usize {
    number % GROUPS
}

fn fails(number: usize) -> bool {
    // Spread over the groups.
    number * 7 % FAILS == 3
}

async fn handle(order: Order) -> Result<(), &'static str> {
    tokio::time::sleep(WAIT).await;
    if fails(order.number) {
        return Err("out of stock");
    }
    Ok(())
}

async fn standard() -> Reading {
    let event = event();
    let began = Instant::now();
    let response = batch::sqs(event, |record: Record<Order>| handle(record.body))
        .concurrency(CONCURRENCY)
        .await;
    let time = milliseconds(began.elapsed());
    let expected = (0..RECORDS).filter(|number| fails(*number));
    Reading {
        time,
        wrong: difference(&response.unwrap_or_default(), expected),
    }
}

async fn groups() -> Reading {
    let event = event();
    let begun = Mutex::new(vec![Vec::new(); GROUPS]);
    let began = Instant::now();
    let response = batch::sqs_fifo(event, |record: Record<Order>| {
        let number = record.body.number;
        let mut begun = begun.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(group) = begun.get_mut(group_of(number)) {
            group.push(number);
        }
        handle(record.body)
    })
    .concurrency(CONCURRENCY)
    .skip_group_on_error()
    .await;
    let time = milliseconds(began.elapsed());
    let mut failed = [false; GROUPS];
    let expected = (0..RECORDS).filter(|number| {
        let Some(group) = failed.get_mut(group_of(*number)) else {
            return false;
        };
        *group |= fails(*number);
        *group
    });
    let wrong = difference(&response.unwrap_or_default(), expected);
    let begun = begun.into_inner().unwrap_or_else(PoisonError::into_inner);
    let unordered = begun.iter().filter(|group| !group.is_sorted()).count();
    Reading {
        time,
        wrong: wrong + count(unordered),
    }
}

/// Written by hand: one after the other.
async fn one_after_the_other() -> Reading {
    let event = event();
    let began = Instant::now();
    let mut response = SqsBatchResponse::default();
    for record in event.records {
        let id = record.message_id.clone().unwrap_or_default();
        if by_hand(record).await.is_err() {
            response.add_failure(id);
        }
    }
    Reading {
        time: milliseconds(began.elapsed()),
        wrong: 0.0,
    }
}

/// Written by hand: all at once.
async fn join_them_all() -> Reading {
    let event = event();
    let began = Instant::now();
    let handled = join_all(event.records.into_iter().map(|record| async move {
        let id = record.message_id.clone().unwrap_or_default();
        by_hand(record).await.err().map(|_error| id)
    }));
    let mut response = SqsBatchResponse::default();
    response.set_failures(handled.await.into_iter().flatten());
    let time = milliseconds(began.elapsed());
    let expected = (0..RECORDS).filter(|number| fails(*number));
    Reading {
        time,
        wrong: difference(&response, expected),
    }
}

async fn by_hand(record: SqsMessage) -> Result<(), &'static str> {
    let record = Record::<Order>::from_record(record).map_err(|_error| "no order")?;
    handle(record.body).await
}

/// How many records are reported and should not be, or the other way round.
fn difference(response: &SqsBatchResponse, expected: impl Iterator<Item = usize>) -> f64 {
    let expected: Vec<String> = expected.map(|number| format!("message-{number}")).collect();
    let reported = response.batch_item_failures.iter();
    let reported: Vec<&String> = reported.map(|failure| &failure.item_identifier).collect();
    let unexpected = reported.iter().filter(|id| !expected.contains(id)).count();
    let missing = expected.iter().filter(|id| !reported.contains(id)).count();
    count(unexpected + missing)
}

fn count(number: usize) -> f64 {
    // Ten thousand at most: exact as a float.
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
