//! Calls of a function that runs, over 1, 4, 16 and 64 connections.

use std::time::Duration;

use super::{Plan, round};
use crate::error::BenchError;
use crate::report::{Reading, Row, Section, Target};
use crate::server::Server;
use crate::statistics::{median, microseconds};
use crate::tool::Tool;
use crate::traffic::{Traffic, sustain};

/// How long each measurement lasts.
const TIME: Duration = Duration::from_secs(1);
/// How long a service is busy before it is measured, and how often again until all its processes run:
/// each of cargo-lambda's is a `cargo run`.
const WARM_UP: Duration = Duration::from_secs(2);
const WARM_UPS: usize = 4;

/// A no-op is faster than an account of the usual size may be called: ten times 1,000 a second.
pub(super) const OURS: [&str; 3] = ["--release", "--account-concurrency", "10000"];

/// What is called, by how many at once.
#[derive(Clone, Copy, Debug)]
struct Case {
    function: &'static str,
    event: &'static str,
    connections: usize,
}

/// A function that answers at once: what remains is the service's own time.
const fn busy(connections: usize) -> Case {
    Case {
        function: "noop",
        event: "{}",
        connections,
    }
}

/// A function that waits for something else, as most do: what counts is how many run side by side.
const fn waiting(connections: usize) -> Case {
    Case {
        function: "behave",
        event: r#"{"do": "sleep", "ms": 10}"#,
        connections,
    }
}

const CASES: [Case; 5] = [busy(1), busy(4), busy(16), busy(64), waiting(16)];

/// A server under measurement, and what was measured of it.
struct Subject {
    server: Server,
    /// What is said of it in notes.
    name: String,
    /// How many processes it will have.
    processes: usize,
    samples: Samples,
}

impl Case {
    /// The case in words, such as `4 connections`.
    fn words(self) -> String {
        let plural = if self.connections == 1 { "" } else { "s" };
        let waits = if self.event == "{}" {
            ""
        } else {
            ", waits 10 ms"
        };
        format!("{} connection{plural}{waits}", self.connections)
    }

    fn sustain(self, server: &Server, time: Duration) -> Traffic {
        let call = server.invocation(self.function, self.event);
        sustain(server.address, &call, self.connections, time)
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
        let subjects = measure_case(plan, case)?;
        for subject in &subjects {
            notes.push(format!(
                "{}, {}: {}",
                case.words(),
                subject.name,
                subject.samples.note()
            ));
        }
        rows.extend(table_rows(case, &subjects));
    }
    notes.push(
        "cargo-lambda may run as many processes as there are connections; in the rows `as it comes` one"
            .to_owned(),
    );
    notes
        .push("the emulator takes one invocation at a time: beyond, what came of a try".to_owned());
    Ok(Section {
        figure: String::new(),
        title: "calls of a function that runs, and answers at once unless said otherwise",
        rows,
        notes,
    })
}

/// Kiln, cargo-lambda, the emulator, and where that is something else cargo-lambda as it comes.
fn measure_case(plan: &Plan, case: Case) -> Result<Vec<Subject>, BenchError> {
    let concurrency = case.connections.to_string();
    let given = ["--release", "--concurrency", &concurrency];
    let watch =
        |tool, arguments: &[&str]| Server::start(&plan.tools, tool, &plan.functions, arguments);
    let subject = |name: String, server, processes| Subject {
        server,
        name,
        processes,
        samples: Samples::default(),
    };
    let mut subjects = vec![
        subject(
            "kiln".to_owned(),
            watch(Tool::Kiln, &OURS)?,
            case.connections,
        ),
        subject(
            format!("cargo-lambda --concurrency {concurrency}"),
            watch(Tool::CargoLambda, &given)?,
            case.connections,
        ),
        subject(
            "emulator".to_owned(),
            Server::emulate(&plan.tools, &plan.function(case.function))?,
            1,
        ),
    ];
    if case.connections > 1 {
        let name = "cargo-lambda as it comes".to_owned();
        subjects.push(subject(name, watch(Tool::CargoLambda, &["--release"])?, 1));
    }
    for subject in &subjects {
        subject.server.warm(case.function)?;
        if subject.server.tool == Tool::Emulator {
            continue;
        }
        for _ in 0..WARM_UPS {
            case.sustain(&subject.server, WARM_UP);
            if subject.server.processes_of(case.function) >= subject.processes {
                break;
            }
        }
    }
    for number in 0..plan.runs {
        round(&format!("warm, {}", case.words()), number, plan.runs);
        for subject in &mut subjects {
            // Once is enough to see what it makes of more than one call at a time.
            if subject.samples.failed.is_none() || subject.server.tool != Tool::Emulator {
                subject.measure(case);
            }
        }
    }
    Ok(subjects)
}

fn table_rows(case: Case, subjects: &[Subject]) -> Vec<Row> {
    let [kiln, other, emulator, rest @ ..] = subjects else {
        return Vec::new();
    };
    let row = |name: String, unit, pick: fn(&Samples) -> &Vec<f64>, other: &Subject| {
        let reading = |subject: &Subject| subject.samples.reading(pick(&subject.samples));
        Row::new(name, unit).tools(reading(kiln), reading(other))
    };
    let words = case.words();
    let emulated = |pick: fn(&Samples) -> &Vec<f64>| emulator.reading(case, pick);
    let per_second: fn(&Samples) -> &Vec<f64> = |samples| &samples.per_second;
    let mut rows = Vec::new();
    if case.connections == 1 {
        let p50: fn(&Samples) -> &Vec<f64> = |samples| &samples.p50;
        let p99: fn(&Samples) -> &Vec<f64> = |samples| &samples.p99;
        rows.push(
            row(format!("p50, {words}"), "µs", p50, other)
                .emulator(emulated(p50))
                .target(Target::RatioAtMost(0.6)),
        );
        rows.push(row(format!("p99, {words}"), "µs", p99, other).emulator(emulated(p99)));
    }
    let calls = row(format!("calls, {words}"), "/s", per_second, other);
    let calls = calls.emulator(emulated(per_second));
    rows.push(match (case.event, case.connections) {
        ("{}", 16) => calls.target(Target::RatioAtLeast(3.0)),
        ("{}", _) => calls.target(Target::AheadOfAll),
        _ => calls,
    });
    for default in rest {
        let calls = row(
            format!("calls, {words}, as it comes"),
            "/s",
            per_second,
            default,
        );
        rows.push(match (case.event, case.connections) {
            ("{}", 16) => calls.target(Target::RatioAtLeast(3.0)),
            ("{}", _) => calls.target(Target::AheadOfAll),
            _ => calls,
        });
    }
    rows
}

impl Subject {
    fn measure(&mut self, case: Case) {
        let (service, functions) = self.server.cpu_times();
        let traffic = case.sustain(&self.server, TIME);
        let (service_after, functions_after) = self.server.cpu_times();
        let used = [
            traffic.own_cpu,
            service_after.saturating_sub(service),
            functions_after.saturating_sub(functions),
        ];
        let processes = self.server.processes_of(case.function);
        self.samples.add(&traffic, used, processes);
        if self.server.has_ended() {
            self.samples.failed = Some("it crashed".to_owned());
        }
    }

    /// What the emulator's column says: it takes one invocation at a time.
    fn reading(&self, case: Case, pick: fn(&Samples) -> &Vec<f64>) -> Reading {
        match &self.samples.failed {
            Some(_) if case.connections > 1 => Reading::Words("one at a time".to_owned()),
            _ => self.samples.reading(pick(&self.samples)),
        }
    }
}

impl Samples {
    fn add(&mut self, traffic: &Traffic, used: [Duration; 3], processes: usize) {
        self.p50.push(microseconds(traffic.percentile(50)));
        self.p99.push(microseconds(traffic.percentile(99)));
        self.per_second.push(traffic.per_second());
        for (samples, used) in self.cpu.iter_mut().zip(used) {
            samples.push(per_call(used, traffic));
        }
        self.processes = processes;
        self.failed = self.failed.take().or_else(|| traffic.failed());
    }

    fn reading(&self, samples: &[f64]) -> Reading {
        match &self.failed {
            // A number of the calls that did not fail would flatter.
            Some(failed) => Reading::Words(failed.clone()),
            None => median(samples.iter().copied()).into(),
        }
    }

    /// Where the time goes, or what went wrong.
    fn note(&self) -> String {
        if let Some(failed) = &self.failed {
            return failed.clone();
        }
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
