//! Calls of a function that runs, over 1, 4 and 16 connections.

use std::time::Duration;

use super::{Plan, round};
use crate::error::BenchError;
use crate::report::{Reading, Row, Section, Target};
use crate::server::Server;
use crate::statistics::{median, microseconds};
use crate::tool::Tool;
use crate::traffic::{Traffic, sustain};

/// How long each measurement lasts.
const TIME: Duration = Duration::from_secs(2);
/// How long a service is busy before it is measured: until all its processes run.
const WARM_UP: Duration = Duration::from_secs(3);

/// A no-op is faster than an account of the usual size may be called: ten times 1,000 a second.
const OURS: [&str; 3] = ["--release", "--account-concurrency", "10000"];

/// What is called, by how many at once.
#[derive(Clone, Copy, Debug)]
struct Case {
    function: &'static str,
    event: &'static str,
    connections: usize,
    /// How many processes cargo-lambda may run; Kiln decides that itself.
    processes: usize,
}

/// A function that answers at once: what remains is the service's own time.
const fn busy(connections: usize, processes: usize) -> Case {
    Case {
        function: "noop",
        event: "{}",
        connections,
        processes,
    }
}

/// A function that waits for something else, as most do: what counts is how many run side by side.
const fn waiting(connections: usize, processes: usize) -> Case {
    Case {
        function: "behave",
        event: r#"{"do": "sleep", "ms": 10}"#,
        connections,
        processes,
    }
}

const CASES: [Case; 6] = [
    busy(1, 1),
    busy(4, 4),
    busy(16, 16),
    busy(16, 1),
    waiting(16, 16),
    waiting(16, 1),
];

impl Case {
    /// The case in words, such as `4 connections`.
    fn words(self) -> String {
        let plural = if self.connections == 1 { "" } else { "s" };
        let waits = if self.event == "{}" {
            ""
        } else {
            ", waits 10 ms"
        };
        let processes = if self.processes < self.connections {
            ", --concurrency 1"
        } else {
            ""
        };
        format!("{} connection{plural}{waits}{processes}", self.connections)
    }

    fn sustain(self, server: &Server, time: Duration) -> Traffic {
        sustain(
            server.address,
            self.function,
            self.event,
            self.connections,
            time,
        )
    }
}

/// One tool's numbers in one case, a value per round.
#[derive(Debug, Default)]
struct Samples {
    p50: Vec<f64>,
    p99: Vec<f64>,
    per_second: Vec<f64>,
    /// CPU time per call of callers, service and functions, µs.
    cpu: [Vec<f64>; 3],
    /// Processes of the function at the end of the last round.
    processes: usize,
    failed: Option<String>,
}

pub(super) fn measure(plan: &Plan) -> Result<Section, BenchError> {
    let mut rows = Vec::new();
    let mut notes = vec![format!(
        "medians of {} rounds of {} s each, the tools in turn; a caller calls again as soon as it is answered",
        plan.runs,
        TIME.as_secs()
    )];
    for case in CASES {
        let samples = measure_case(plan, case)?;
        for (tool, samples) in Tool::BOTH.into_iter().zip(&samples) {
            notes.push(format!(
                "{}, {}: {}",
                case.words(),
                tool.name(),
                samples.note()
            ));
        }
        rows.extend(table_rows(case, &samples));
    }
    notes.push(
        "cargo-lambda may run as many processes as there are connections, or as --concurrency says"
            .to_owned(),
    );
    Ok(Section {
        figure: String::new(),
        title: "calls of a function that runs, and answers at once unless said otherwise",
        rows,
        notes,
    })
}

fn measure_case(plan: &Plan, case: Case) -> Result<[Samples; 2], BenchError> {
    let concurrency = case.processes.to_string();
    let arguments = ["--release", "--concurrency", &concurrency];
    let servers = [
        Server::start(&plan.tools, Tool::Kiln, &plan.functions, &OURS)?,
        Server::start(&plan.tools, Tool::CargoLambda, &plan.functions, &arguments)?,
    ];
    for server in &servers {
        server.warm(case.function)?;
        case.sustain(server, WARM_UP);
    }
    let mut samples = [Samples::default(), Samples::default()];
    for number in 0..plan.runs {
        round(&format!("warm, {}", case.words()), number, plan.runs);
        for (server, samples) in servers.iter().zip(&mut samples) {
            samples.add(server, case);
        }
    }
    Ok(samples)
}

fn table_rows(case: Case, samples: &[Samples; 2]) -> Vec<Row> {
    let [kiln, other] = samples;
    let row = |what: &str, unit, pick: fn(&Samples) -> &Vec<f64>| {
        Row::new(format!("{what}, {}", case.words()), unit)
            .tools(kiln.reading(pick(kiln)), other.reading(pick(other)))
    };
    let calls = row("calls", "/s", |samples| &samples.per_second);
    if case.connections == 1 {
        let p50 = row("p50", "µs", |samples| &samples.p50).target(Target::RatioAtMost(0.6));
        return vec![p50, row("p99", "µs", |samples| &samples.p99), calls];
    }
    vec![match case.connections {
        16 => calls.target(Target::RatioAtLeast(3.0)),
        _ => calls,
    }]
}

impl Samples {
    fn add(&mut self, server: &Server, case: Case) {
        let (service, functions) = server.cpu_times();
        let traffic = case.sustain(server, TIME);
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
        self.processes = server.processes_of(case.function);
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
            "CPU per call: {callers:.0} µs callers, {service:.0} µs service, {functions:.0} µs function; \
             {} of its processes",
            self.processes
        )
    }
}

fn per_call(used: Duration, traffic: &Traffic) -> f64 {
    let calls = u32::try_from(traffic.latencies.len()).unwrap_or(u32::MAX);
    microseconds(used) / f64::from(calls.max(1))
}
