//! Calls of a function that runs, over 1, 4 and 16 connections.

use std::time::Duration;

use super::{Plan, round};
use crate::error::BenchError;
use crate::report::{Reading, Row, Section, Target};
use crate::server::Server;
use crate::statistics::{median, microseconds};
use crate::tool::Tool;
use crate::traffic::{Traffic, sustain};

const FUNCTION: &str = "noop";
/// How long each measurement lasts.
const TIME: Duration = Duration::from_secs(2);
/// How long a service is busy before it is measured: until all its processes run.
const WARM_UP: Duration = Duration::from_secs(3);

/// Callers at once, and how many processes cargo-lambda may run; Kiln decides that itself.
const CASES: [(usize, usize); 4] = [(1, 1), (4, 4), (16, 16), (16, 1)];

/// One tool's numbers in one case, a value per round.
#[derive(Debug, Default)]
struct Samples {
    p50: Vec<f64>,
    p99: Vec<f64>,
    per_second: Vec<f64>,
    /// CPU time per call of callers, service and functions, µs.
    cpu: [Vec<f64>; 3],
    failed: Option<String>,
}

pub(super) fn measure(plan: &Plan) -> Result<Section, BenchError> {
    let mut rows = Vec::new();
    let mut notes = vec![format!(
        "medians of {} rounds of {} s each, the tools in turn; a caller calls again as soon as it is answered",
        plan.runs,
        TIME.as_secs()
    )];
    for (connections, processes) in CASES {
        let callers = callers(connections);
        let what = format!("warm, {callers}, --concurrency {processes}");
        let kiln = Server::start(&plan.tools, Tool::Kiln, &plan.functions, &["--release"])?;
        let concurrency = processes.to_string();
        let arguments = ["--release", "--concurrency", &concurrency];
        let other = Server::start(&plan.tools, Tool::CargoLambda, &plan.functions, &arguments)?;
        let mut samples = [Samples::default(), Samples::default()];
        for server in [&kiln, &other] {
            server.warm(FUNCTION)?;
            sustain(server.address, FUNCTION, connections, WARM_UP);
        }
        for number in 0..plan.runs {
            round(&what, number, plan.runs);
            for (server, samples) in [&kiln, &other].into_iter().zip(&mut samples) {
                samples.add(server, connections);
            }
        }
        for (tool, samples) in Tool::BOTH.into_iter().zip(&samples) {
            notes.push(format!(
                "{}, {callers}{}: {}",
                tool.name(),
                processes_note(tool, processes),
                samples.note()
            ));
        }
        add_rows(&mut rows, connections, processes, &samples);
    }
    Ok(Section {
        figure: String::new(),
        title: "calls of a function that runs and answers at once",
        rows,
        notes,
    })
}

fn callers(connections: usize) -> String {
    let plural = if connections == 1 { "" } else { "s" };
    format!("{connections} connection{plural}")
}

fn processes_note(tool: Tool, processes: usize) -> String {
    match tool {
        Tool::Kiln => String::new(),
        Tool::CargoLambda => format!(" at --concurrency {processes}"),
    }
}

fn add_rows(rows: &mut Vec<Row>, connections: usize, processes: usize, samples: &[Samples; 2]) {
    let [kiln, other] = samples;
    if connections == 1 {
        rows.push(
            Row::new("p50, 1 connection", "µs")
                .tools(kiln.reading(&kiln.p50), other.reading(&other.p50))
                .target(Target::RatioAtMost(0.6)),
        );
        rows.push(
            Row::new("p99, 1 connection", "µs")
                .tools(kiln.reading(&kiln.p99), other.reading(&other.p99)),
        );
    }
    let callers = callers(connections);
    let name = if processes < connections {
        format!("calls, {callers}, --concurrency {processes}")
    } else {
        format!("calls, {callers}")
    };
    let row = Row::new(name, "/s").tools(
        kiln.reading(&kiln.per_second),
        other.reading(&other.per_second),
    );
    rows.push(match connections {
        16 => row.target(Target::RatioAtLeast(3.0)),
        _ => row,
    });
}

impl Samples {
    fn add(&mut self, server: &Server, connections: usize) {
        let (service, functions) = server.cpu_times();
        let traffic = sustain(server.address, FUNCTION, connections, TIME);
        let (service_after, functions_after) = server.cpu_times();
        self.p50.push(microseconds(traffic.percentile(50)));
        self.p99.push(microseconds(traffic.percentile(99)));
        self.per_second.push(traffic.per_second());
        let used = [
            traffic.own_cpu,
            service_after.saturating_sub(service),
            functions_after.saturating_sub(functions),
        ];
        for (samples, used) in self.cpu.iter_mut().zip(used) {
            samples.push(per_call(used, &traffic));
        }
        self.failed = self.failed.take().or_else(|| traffic.failed());
    }

    fn reading(&self, samples: &[f64]) -> Reading {
        match &self.failed {
            // A number of the calls that did not fail would flatter.
            Some(failed) => Reading::Words(failed.clone()),
            None => median(samples.iter().copied()).into(),
        }
    }

    /// Where the time goes.
    fn note(&self) -> String {
        let [callers, service, functions] =
            [0, 1, 2].map(|part: usize| median(self.cpu.get(part).into_iter().flatten().copied()));
        format!(
            "CPU per call: {callers:.0} µs callers, {service:.0} µs service, {functions:.0} µs function"
        )
    }
}

fn per_call(used: Duration, traffic: &Traffic) -> f64 {
    let calls = u32::try_from(traffic.latencies.len()).unwrap_or(u32::MAX);
    microseconds(used) / f64::from(calls.max(1))
}
