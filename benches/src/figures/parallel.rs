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
    let (mut cold, mut warm, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..plan.runs {
        round("parallel", number, plan.runs);
        let kiln = Server::start(&plan.tools, Tool::Kiln, &plan.functions, &["--release"])?;
        for times in [&mut cold, &mut warm] {
            let traffic = calls(&kiln);
            times.push(traffic.elapsed.as_secs_f64());
            failed.extend(traffic.failed());
        }
    }
    let reading = |times: Vec<f64>| match failed.first() {
        Some(failed) => Reading::Words(failed.clone()),
        None => median(times).into(),
    };
    // Once: it takes as long as we are patient.
    round("parallel, cargo-lambda", 0, 1);
    let arguments = ["--release", "--concurrency", CONCURRENCY];
    let other = Server::start(&plan.tools, Tool::CargoLambda, &plan.functions, &arguments)?;
    other.warm(FUNCTION)?;
    let traffic = calls(&other);
    let answered = format!(
        "cargo-lambda answered {} of {CALLS} in {:.1} s{}",
        traffic.latencies.len(),
        traffic.elapsed.as_secs_f64(),
        traffic
            .failed()
            .map_or_else(String::new, |failed| format!("; {failed}"))
    );
    let other = match traffic.failed() {
        None => Reading::Number(traffic.elapsed.as_secs_f64()),
        Some(_) => Reading::Words(format!("{} failed", CALLS - traffic.latencies.len())),
    };
    Ok(Section {
        figure: String::new(),
        title: "200 calls at once of a function that sleeps 1 s, until all are answered",
        rows: vec![
            Row::new("none of its processes runs yet", "s")
                .tools(reading(cold), other.clone())
                .target(Target::AtMost(2.5)),
            Row::new("again at once", "s").tools(reading(warm), other),
        ],
        notes: vec![
            format!("{answered}; it ran at --concurrency {CONCURRENCY}, one process warm, once"),
            format!(
                "a call without an answer after {} s has failed",
                PATIENCE.as_secs()
            ),
        ],
    })
}

fn calls(server: &Server) -> Traffic {
    burst(server.address, FUNCTION, EVENT, CALLS, PATIENCE)
}
