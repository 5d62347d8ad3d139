//! A million small items, and how late a timer is beside them.

use std::process::Command;
use std::time::{Duration, Instant};

use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};
use rustix::thread::CpuSet;
use serde::{Deserialize, Serialize};

use super::runtime;
use crate::error::BenchError;
use crate::figures::{Plan, round};
use crate::report::{Row, Section, Target};
use crate::statistics::{median, milliseconds, percentile};

const ITEMS: u32 = 1_000_000;
/// How often each way is measured in a round, in turn.
const TURNS: u32 = 5;
/// How long timers are watched, each way.
const WATCHED: Duration = Duration::from_secs(2);
const TICK: Duration = Duration::from_millis(1);

/// Some work, in small steps.
fn work(item: u32, steps: u32) -> u64 {
    let mut state = u64::from(item);
    for _ in 0..steps {
        state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        state ^= state >> 27;
    }
    state
}

async fn by_kiln(steps: u32) -> Option<Vec<u64>> {
    let items: Vec<u32> = (0..ITEMS).collect();
    let results = kiln::compute::map(items, move |item| work(item, steps));
    results.await.ok()
}

async fn by_hand(steps: u32) -> Option<Vec<u64>> {
    let items: Vec<u32> = (0..ITEMS).collect();
    let compute = move || {
        let results = items.into_par_iter().map(|item| work(item, steps));
        results.collect()
    };
    tokio::task::spawn_blocking(compute).await.ok()
}

async fn item_by_item(steps: u32) -> Option<Vec<u64>> {
    let spawn = |item| tokio::task::spawn_blocking(move || work(item, steps));
    let tasks: Vec<_> = (0..ITEMS).map(spawn).collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.ok()?);
    }
    Some(results)
}

/// What a step takes on one thread, ns.
fn step() -> f64 {
    const STEPS: u32 = 1_000;
    let items = ITEMS / STEPS;
    let began = Instant::now();
    for item in 0..items {
        std::hint::black_box(work(item, STEPS));
    }
    began.elapsed().as_secs_f64() * 1e9 / f64::from(items * STEPS)
}

/// How long one of the ways takes, ms.
fn time(way: impl Future<Output = Option<Vec<u64>>>) -> Result<f64, BenchError> {
    let runtime = runtime()?;
    let began = Instant::now();
    let results = runtime.block_on(way).ok_or(BenchError::Panicked)?;
    let took = began.elapsed();
    match u32::try_from(results.len()) {
        Ok(ITEMS) => Ok(milliseconds(took)),
        _ => Err(BenchError::Panicked),
    }
}

pub fn measure(plan: &Plan) -> Result<Section, BenchError> {
    let (mut rows, mut step_times) = (Vec::new(), Vec::new());
    for steps in [20, 100, 1_000] {
        let (mut kiln, mut hand) = (Vec::new(), Vec::new());
        // Threads are started, and memory is there.
        time(by_kiln(steps))?;
        time(by_hand(steps))?;
        for number in 0..plan.runs {
            round(&format!("compute, {steps} steps"), number, plan.runs);
            step_times.push(step());
            for _ in 0..TURNS {
                kiln.push(time(by_kiln(steps))?);
                hand.push(time(by_hand(steps))?);
            }
        }
        let row = Row::new(format!("1,000,000 items of {steps} steps"), "ms");
        rows.push(
            row.by_hand(median(kiln), median(hand))
                .target(Target::RatioAtMost(1.0)),
        );
    }
    round("compute, a spawn_blocking each", 0, 1);
    let (each, kiln) = (time(item_by_item(20))?, time(by_kiln(20))?);
    let row = Row::new("the same of 20 steps, a spawn_blocking each", "ms");
    rows.push(row.by_hand(kiln, each).target(Target::RatioAtMost(0.1)));

    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    for processors in [processors, 1] {
        let mut seen = Vec::new();
        for number in 0..plan.runs {
            round(&format!("lateness on {processors}"), number, plan.runs);
            seen.push(lateness_on(processors)?);
        }
        let reading = |of: fn(&Lateness) -> f64| median(seen.iter().map(of));
        let plural = if processors == 1 { "" } else { "s" };
        let name = format!("a 1 ms timer's lateness, p99, {processors} processor{plural}");
        rows.push(
            Row::new(name, "ms")
                .by_hand(reading(|it| it.kiln), reading(|it| it.on_the_async_thread))
                .target(Target::AtMost(2.0)),
        );
        rows.push(
            Row::new("  with nothing else to do; beside spawn_blocking", "ms")
                .by_hand(reading(|it| it.idle), reading(|it| it.by_hand)),
        );
    }
    Ok(Section {
        figure: String::new(),
        title: "compute::map; beside it spawn_blocking with par_iter, or what the row says",
        rows,
        notes: vec![
            format!(
                "medians of {} times each way in turn; a step took {:.2} ns on one thread",
                plan.runs * TURNS,
                median(step_times)
            ),
            "spawn_blocking for each item is measured once: it takes seconds".to_owned(),
            "lateness: computing on the async thread itself stands beside; tokio rounds times up \
             to its next millisecond, which is the first of them"
                .to_owned(),
        ],
    })
}

/// How late a timer is, p99, ms.
#[derive(Debug, Deserialize, Serialize)]
struct Lateness {
    idle: f64,
    kiln: f64,
    by_hand: f64,
    on_the_async_thread: f64,
}

/// Measures it in a process of its own: pools are made once, for the processors there are then.
fn lateness_on(processors: usize) -> Result<Lateness, BenchError> {
    let program = std::env::current_exe().map_err(BenchError::Machine)?;
    let mut set = CpuSet::new();
    (0..processors).for_each(|processor| set.set(processor));
    let measuring = std::thread::spawn(move || {
        // Of this thread, and so of the process that it starts.
        rustix::thread::sched_setaffinity(None, &set)?;
        Command::new(program).arg("--lateness").output()
    });
    let output = measuring.join().map_err(|_panic| BenchError::Panicked)?;
    let output = output.map_err(BenchError::Machine)?;
    serde_json::from_slice(&output.stdout).map_err(|error| BenchError::Machine(error.into()))
}

/// What the process of its own does: how late timers are, as JSON.
pub fn lateness() -> String {
    let measure = || -> Result<Lateness, BenchError> {
        let runtime = runtime()?;
        let p99 = |work: std::pin::Pin<Box<dyn Future<Output = ()>>>| {
            let late = runtime.block_on(watch(work));
            milliseconds(percentile(&late, 99))
        };
        Ok(Lateness {
            idle: p99(Box::pin(async { tokio::time::sleep(WATCHED).await })),
            kiln: p99(Box::pin(busy(async || drop(by_kiln(100).await)))),
            by_hand: p99(Box::pin(busy(async || drop(by_hand(100).await)))),
            on_the_async_thread: p99(Box::pin(busy(async || {
                let results: Vec<u64> = (0..ITEMS).map(|item| work(item, 100)).collect();
                std::hint::black_box(results);
                // As an async function does that awaits something in between.
                tokio::task::yield_now().await;
            }))),
        })
    };
    match measure() {
        Ok(lateness) => serde_json::to_string(&lateness).unwrap_or_default(),
        Err(error) => error.to_string(),
    }
}

async fn busy(mut work: impl AsyncFnMut()) {
    let end = Instant::now() + WATCHED;
    while Instant::now() < end {
        work().await;
    }
}

/// How late a timer of a millisecond is while something else is done, ascending.
async fn watch(work: impl Future<Output = ()>) -> Vec<Duration> {
    let mut late = Vec::new();
    let mut work = std::pin::pin!(work);
    loop {
        let due = tokio::time::Instant::now() + TICK;
        tokio::select! {
            () = &mut work => break,
            () = tokio::time::sleep_until(due) => {}
        }
        late.push(due.elapsed());
    }
    late.sort_unstable();
    late
}
