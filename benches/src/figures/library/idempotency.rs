//! What an idempotent call costs in memory, and how often duplicates run.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use kiln::idempotency::{Idempotency, MemoryStore};
use serde::{Deserialize, Serialize};

use super::both::Both;
use super::on_one_thread;
use crate::error::BenchError;
use crate::figures::{Plan, round};
use crate::report::{Section, Target};
use crate::statistics::microseconds;

/// How many calls a time is taken over.
const CALLS: u32 = 100_000;
/// How many calls with one key come at once.
const DUPLICATES: usize = 1_000;
/// The same key again and again: out of its cache, which holds 256 of them.
const REPLAYED_KEYS: u32 = 100;

/// The answer of a small handler.
#[derive(Debug, Serialize, Deserialize)]
struct Receipt {
    order: u32,
    cents: u32,
    payment: String,
}

fn receipt(order: u32) -> Receipt {
    Receipt {
        order,
        cents: 4_490,
        payment: "pay-0f7ab2c4".to_owned(),
    }
}

/// Written by hand: an answer per key, as JSON, in a map behind a lock.
#[derive(Debug, Default)]
struct ByHand(Mutex<HashMap<String, String>>);

impl ByHand {
    async fn run<F: Future<Output = Receipt>>(
        &self,
        key: String,
        work: impl FnOnce() -> F,
    ) -> Option<Receipt> {
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = known().get(&key).cloned();
        if let Some(answer) = answer {
            return serde_json::from_str(&answer).ok();
        }
        // The lock cannot be held meanwhile: others with the same key come through.
        let receipt = work().await;
        known().insert(key, serde_json::to_string(&receipt).ok()?);
        Some(receipt)
    }
}

/// One round's numbers: µs per call, and executions.
#[derive(Debug, Default)]
struct Reading {
    first: f64,
    replayed: f64,
    executions: f64,
}

pub(in crate::figures) fn measure(plan: &Plan) -> Result<Section, BenchError> {
    let mut both = Both::new();
    for number in 0..plan.runs {
        round("idempotency", number, plan.runs);
        both.push(
            on_one_thread(measure_ours())?,
            on_one_thread(measure_by_hand())?,
        );
    }
    Ok(Section {
        figure: String::new(),
        title: "idempotent calls in memory (bare: a Mutex<HashMap>, by hand)",
        rows: vec![
            both.row("a call with a new key", "µs", |reading| reading.first).target(Target::AtMost(5.0)),
            both.row("a call that is replayed", "µs", |reading| reading.replayed)
                .target(Target::AtMost(5.0)),
            both.row("executions of 1,000 duplicates at once", "times", |reading| {
                reading.executions
            })
            .target(Target::AtMost(1.0)),
        ],
        notes: vec![
            format!("medians of {} rounds of {CALLS} calls, on one thread", plan.runs),
            "kiln hashes the key, marks the execution and keeps its expiry; by hand there is the map alone"
                .to_owned(),
        ],
    })
}

async fn measure_ours() -> Reading {
    let new = || {
        Idempotency::builder(MemoryStore::new())
            .disabled(false)
            .build()
    };
    let Ok(idempotency) = new() else {
        return Reading::default();
    };
    let call = |number: u32| {
        let key = key(number);
        let idempotency = &idempotency;
        async move {
            let work = || async { Ok::<_, String>(receipt(number)) };
            std::hint::black_box(idempotency.run(key, work).await.ok())
        }
    };
    let first = time_per_call(call).await;
    let replayed = time_per_call(|number| call(number % REPLAYED_KEYS)).await;

    let executions = AtomicU32::new(0);
    let duplicates = (0..DUPLICATES).map(|_| {
        idempotency.run("one order", || async {
            executions.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(1)).await;
            Ok::<_, String>(receipt(0))
        })
    });
    join_all(duplicates).await;
    Reading {
        first,
        replayed,
        executions: f64::from(executions.into_inner()),
    }
}

async fn measure_by_hand() -> Reading {
    let by_hand = ByHand::default();
    let call = |number: u32| {
        let key = key(number);
        let by_hand = &by_hand;
        async move {
            let work = || async { receipt(number) };
            std::hint::black_box(by_hand.run(key, work).await)
        }
    };
    let first = time_per_call(call).await;
    let replayed = time_per_call(|number| call(number % REPLAYED_KEYS)).await;

    let executions = AtomicU32::new(0);
    let duplicates = (0..DUPLICATES).map(|_| {
        by_hand.run("one order".to_owned(), || async {
            executions.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(1)).await;
            receipt(0)
        })
    });
    join_all(duplicates).await;
    Reading {
        first,
        replayed,
        executions: f64::from(executions.into_inner()),
    }
}

fn key(number: u32) -> String {
    format!("order-{number}")
}

/// µs per call.
async fn time_per_call<F: Future>(call: impl Fn(u32) -> F) -> f64 {
    let began = Instant::now();
    for number in 0..CALLS {
        call(number).await;
    }
    microseconds(began.elapsed()) / f64::from(CALLS)
}
