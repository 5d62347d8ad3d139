//! 200 and 500 calls at once of a function that sleeps a second.

use std::time::Duration;

use super::{Plan, round};
use crate::error::BenchError;
use crate::report::{Reading, Row, Section, Target};
use crate::server::Server;
use crate::statistics::median;
use crate::tool::Tool;
use crate::traffic::{Traffic, burst};

const FUNCTION: &str = "behave";
const EVENT: &str = r#"{"do": "sleep", "ms": 1000}"#;
/// Calls that have no answer by then have failed: cargo-lambda can wait for ever above 100.
const PATIENCE: Duration = Duration::from_secs(20);
/// How many processes cargo-lambda may run: each is a `cargo run`, and 200 of those would measure
/// the machine's memory.
const CONCURRENCY: &str = "16";
/// With how many calls the tools are compared, and how many Kiln takes besides.
const COMPARED: usize = 200;
const MANY: usize = 500;

/// Bursts of calls to services whose processes do not run yet, and the same again.
#[derive(Debug, Default)]
struct Bursts {
    cold: Vec<Traffic>,
    warm: Vec<Traffic>,
}

pub(super) fn measure(plan: &Plan) -> Result<Section, BenchError> {
    let few = bursts(plan, COMPARED)?;
    // One run: each burst takes as long as we are patient.
    round("parallel, cargo-lambda", 0, 1);
    let arguments = ["--release", "--concurrency", CONCURRENCY];
    let other = Server::start(&plan.tools, Tool::CargoLambda, &plan.functions, &arguments)?;
    other.warm(FUNCTION)?;
    let (first, again) = (calls(&other, COMPARED), calls(&other, COMPARED));
    drop(other);
    // One try: it shows how many of them it answers before it is gone.
    round("parallel, emulator", 0, 1);
    let emulator = Server::emulate(&plan.tools, &plan.function(FUNCTION))?;
    emulator.warm(FUNCTION)?;
    let emulated = calls(&emulator, COMPARED);
    drop(emulator);
    let many = bursts(plan, MANY)?;
    let one = |burst: &Traffic, of| reading(std::slice::from_ref(burst), of);
    Ok(Section {
        figure: String::new(),
        title: "200 and 500 calls at once of a function that sleeps 1 s, until all are answered",
        rows: vec![
            Row::new("200 calls, none of its processes runs yet", "s")
                .tools(reading(&few.cold, COMPARED), one(&first, COMPARED))
                .emulator(one(&emulated, COMPARED))
                .target(Target::AtMost(2.5)),
            Row::new("200 calls again at once", "s")
                .tools(reading(&few.warm, COMPARED), one(&again, COMPARED)),
            Row::new("500 calls, none of its processes runs yet", "s")
                .kiln(reading(&many.cold, MANY)),
            Row::new("500 calls again at once", "s").kiln(reading(&many.warm, MANY)),
            Row::new("500 calls, errors in all rounds", "")
                .kiln(many.errors(MANY))
                .target(Target::AtMost(0.0)),
        ],
        notes: vec![
            format!("cargo-lambda ran once, at --concurrency {CONCURRENCY}, one process warm"),
            format!(
                "cargo-lambda, {}; again, {}",
                words(&first, COMPARED),
                words(&again, COMPARED)
            ),
            format!("the emulator, warm, {}", words(&emulated, COMPARED)),
            format!(
                "a call without an answer after {} s has failed",
                PATIENCE.as_secs()
            ),
        ],
    })
}

/// Kiln's, a service for each round.
fn bursts(plan: &Plan, of: usize) -> Result<Bursts, BenchError> {
    let mut bursts = Bursts::default();
    for number in 0..plan.runs {
        round(&format!("parallel, {of} calls"), number, plan.runs);
        let kiln = Server::start(&plan.tools, Tool::Kiln, &plan.functions, &["--release"])?;
        bursts.cold.push(calls(&kiln, of));
        bursts.warm.push(calls(&kiln, of));
    }
    Ok(bursts)
}

impl Bursts {
    /// Calls of all rounds that failed.
    fn errors(&self, of: usize) -> f64 {
        let failed = self.cold.iter().chain(&self.warm);
        let failed: usize = failed.map(|burst| of - burst.latencies.len()).sum();
        f64::from(u32::try_from(failed).unwrap_or(u32::MAX))
    }
}

/// The median time of some bursts, or how many calls of the first one that failed did so.
fn reading(bursts: &[Traffic], of: usize) -> Reading {
    match bursts.iter().find(|burst| burst.failed().is_some()) {
        Some(failed) => Reading::Words(format!("{} failed", of - failed.latencies.len())),
        None => median(bursts.iter().map(|burst| burst.elapsed.as_secs_f64())).into(),
    }
}

fn words(burst: &Traffic, of: usize) -> String {
    let (answered, seconds) = (burst.latencies.len(), burst.elapsed.as_secs_f64());
    let failed = burst.failed();
    let failed = failed.map_or_else(String::new, |failed| format!(" ({failed})"));
    format!("{answered} of {of} answered in {seconds:.1} s{failed}")
}

fn calls(server: &Server, number: usize) -> Traffic {
    let call = server.invocation(FUNCTION, EVENT);
    burst(server.address, &call, number, PATIENCE)
}
