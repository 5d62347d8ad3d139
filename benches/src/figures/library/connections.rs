//! What the size of the Tokio runtime does to the loop over the Runtime API.

use std::path::Path;
use std::time::Duration;

use super::super::{Plan, round};
use super::functions::Written;
use crate::error::BenchError;
use crate::report::{Row, Section, Target};
use crate::runtime_api::feed_with_memory;
use crate::statistics::{median, microseconds, milliseconds};

const EVENTS: usize = 20_000;
/// One vCPU: the library takes one thread.
const ONE_VCPU_MB: u32 = 1_769;
/// Two: it takes two workers, where the machine has them.
const TWO_VCPUS_MB: u32 = 3_538;

/// What one series of events has shown.
struct Series {
    connections: f64,
    total_ms: f64,
    median_us: f64,
    cpu_ms: f64,
}

pub fn measure(plan: &Plan) -> Result<Section, BenchError> {
    let kiln = Written::Kiln.build(plan)?;
    let plain = Written::Plain.build(plan)?;
    let (mut one, mut two, mut by_hand) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..plan.runs {
        round("connections", number, plan.runs);
        one.push(series(&kiln, ONE_VCPU_MB)?);
        two.push(series(&kiln, TWO_VCPUS_MB)?);
        // It does not look at its memory.
        by_hand.push(series(&plain, ONE_VCPU_MB)?);
    }
    let of = |pick: fn(&Series) -> f64, all: &[Series]| median(all.iter().map(pick));
    let row = |name, unit, pick: fn(&Series) -> f64, kiln: &[Series]| {
        Row::new(name, unit)
            .kiln(of(pick, kiln))
            .bare(of(pick, &by_hand))
    };
    Ok(Section {
        figure: String::new(),
        title: "20,000 events for a function that does nothing, and its connections to the Runtime API",
        rows: vec![
            row("connections, 1,769 MB", "", |it| it.connections, &one)
                .target(Target::AtMost(of(|it| it.connections, &by_hand))),
            row("all events, 1,769 MB", "ms", |it| it.total_ms, &one)
                .target(Target::AtMost(of(|it| it.total_ms, &by_hand))),
            row("event to event, median, 1,769 MB", "µs", |it| it.median_us, &one),
            row("CPU time, 1,769 MB", "ms", |it| it.cpu_ms, &one),
            row("connections, 3,538 MB", "", |it| it.connections, &two),
            row("all events, 3,538 MB", "ms", |it| it.total_ms, &two),
            row("CPU time, 3,538 MB", "ms", |it| it.cpu_ms, &two),
        ],
        notes: vec![
            format!("medians of {} runs, in turn; no CPU share is enforced", plan.runs),
            "bare: the same function on `lambda_runtime` with `#[tokio::main]`: a worker per processor of the machine"
                .to_owned(),
        ],
    })
}

fn series(function: &Path, memory_mb: u32) -> Result<Series, BenchError> {
    let fed = feed_with_memory(function, memory_mb, EVENTS)?;
    let middle = fed.cycles.get(fed.cycles.len() / 2);
    Ok(Series {
        connections: f64::from(u32::try_from(fed.connections).unwrap_or(u32::MAX)),
        total_ms: milliseconds(fed.cycles.iter().sum()),
        median_us: microseconds(middle.copied().unwrap_or(Duration::ZERO)),
        cpu_ms: milliseconds(fed.cpu),
    })
}
