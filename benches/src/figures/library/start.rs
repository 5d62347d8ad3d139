//! The start of a function that does nothing.

use std::path::Path;

use super::super::{Plan, round};
use super::functions::Written;
use crate::error::BenchError;
use crate::report::{Row, Section, Target};
use crate::runtime_api::start_time;
use crate::statistics::{median, milliseconds};

/// A start takes milliseconds, and there is chance in every one.
const STARTS_PER_RUN: u32 = 40;
const BYTES_PER_KB: f64 = 1_000.0;

pub fn measure(plan: &Plan) -> Result<Section, BenchError> {
    let kiln = Written::Kiln.build(plan)?;
    let lean = Written::Lean.build(plan)?;
    let plain = Written::Plain.build(plan)?;
    let starts = plan.runs * STARTS_PER_RUN;
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    for number in 0..starts {
        if number % STARTS_PER_RUN == 0 {
            round("start", number / STARTS_PER_RUN, plan.runs);
        }
        // In turn: what else the machine does meets all of them.
        for (function, times) in [&kiln, &lean, &plain].into_iter().zip(&mut times) {
            times.push(milliseconds(start_time(function)?));
        }
    }
    let [kiln_start, lean_start, plain_start] = times.map(median);
    let [kiln_size, lean_size, plain_size] = [&kiln, &lean, &plain].map(|program| size(program));
    let (kiln_size, lean_size, plain_size) = (kiln_size?, lean_size?, plain_size?);
    Ok(Section {
        figure: String::new(),
        title: "the start of a function that does nothing, from spawn to its first call for an event",
        rows: vec![
            Row::new("start, default features", "ms")
                .kiln(kiln_start)
                .bare(plain_start)
                .target(Target::AtMost(plain_start)),
            Row::new("start, no features", "ms")
                .kiln(lean_start)
                .bare(plain_start),
            Row::new("binary, default features", "kB")
                .kiln(kiln_size)
                .bare(plain_size)
                .target(Target::AtMost(plain_size)),
            Row::new("binary, no features", "kB")
                .kiln(lean_size)
                .bare(plain_size),
        ],
        notes: vec![
            format!("medians of {starts} starts each, in turn, at 128 MB; fat LTO, one unit, stripped"),
            "bare: the same function on `lambda_runtime` with `#[tokio::main]` and its default subscriber"
                .to_owned(),
        ],
    })
}

/// Of a file, kB.
fn size(program: &Path) -> Result<f64, BenchError> {
    let metadata = program.metadata().map_err(BenchError::file(program))?;
    // Megabytes at most: exact as a float.
    let bytes = u32::try_from(metadata.len()).unwrap_or(u32::MAX);
    Ok(f64::from(bytes) / BYTES_PER_KB)
}
