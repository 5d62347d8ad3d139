//! 200 calls at once of a function that sleeps a second.

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
const CALLS: usize = 200;
/// Calls that have no answer by then have failed: cargo-lambda can wait for ever above 100.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many processes cargo-lambda may run: each is a `cargo run`, and 200 of those would measure
/// the machine's memory.
const CONCURRENCY: &str = "16";

pub(super) fn measure(plan: &Plan) -> Result<Section, BenchError> {
    let (mut cold, mut warm) = (Vec::new(), Vec::new());
    for number in 0..plan.runs {
        round("parallel", number, plan.runs);
        let kiln = Server::start(&plan.tools, Tool::Kiln, &plan.functions, &["--release"])?;
        cold.push(calls(&kiln));
        warm.push(calls(&kiln));
    }
    // One run: each burst takes as long as we are patient.
    round("parallel, cargo-lambda", 0, 1);
    let arguments = ["--release", "--concurrency", CONCURRENCY];
    let other = Server::start(&plan.tools, Tool::CargoLambda, &plan.functions, &arguments)?;
    other.warm(FUNCTION)?;
    let (first, again) = (calls(&other), calls(&other));
    Ok(Section {
        figure: String::new(),
        title: "200 calls at once of a function that sleeps 1 s, until all are answered",
        rows: vec![
            Row::new("none of its processes runs yet", "s")
                .tools(reading(&cold), reading(std::slice::from_ref(&first)))
                .target(Target::AtMost(2.5)),
            Row::new("again at once", "s")
                .tools(reading(&warm), reading(std::slice::from_ref(&again))),
        ],
        notes: vec![
            format!("cargo-lambda ran once, at --concurrency {CONCURRENCY}, one process warm"),
            format!("cargo-lambda, {}; again, {}", words(&first), words(&again)),
            format!(
                "a call without an answer after {} s has failed",
                PATIENCE.as_secs()
            ),
        ],
    })
}

/// The median time of some bursts, or how many calls of the first one that failed did so.
fn reading(bursts: &[Traffic]) -> Reading {
    match bursts.iter().find(|burst| burst.failed().is_some()) {
        Some(failed) => Reading::Words(format!("{} failed", CALLS - failed.latencies.len())),
        None => median(bursts.iter().map(|burst| burst.elapsed.as_secs_f64())).into(),
    }
}

fn words(burst: &Traffic) -> String {
    let (answered, seconds) = (burst.latencies.len(), burst.elapsed.as_secs_f64());
    let failed = burst.failed();
    let failed = failed.map_or_else(String::new, |failed| format!(" ({failed})"));
    format!("{answered} of {CALLS} answered in {seconds:.1} s{failed}")
}

fn calls(server: &Server) -> Traffic {
    burst(server.address, FUNCTION, EVENT, CALLS, PATIENCE)
}
