//! Very many invocations of functions that answer, fail, crash and hang.

use super::warm::OURS;
use super::{Plan, finish};
use crate::error::BenchError;
use crate::report::{Reading, Row, Section, Target};
use crate::say;
use crate::server::Server;
use crate::soak::{Kind, Memory, Outcome, Service, Soak};
use crate::tool::Tool;

/// Callers at once.
const CALLERS: usize = 16;
/// Memory is flat after so many invocations; in a shorter soak, the first tenth is left out.
const SETTLING: u64 = 100_000;
/// Flat: what large payloads that are under way make of a few samples.
const FLAT_MB: f64 = 4.0;

pub(super) fn measure(plan: &Plan) -> Result<Section, BenchError> {
    let mut build = plan
        .tools
        .cargo(&plan.streaming, &["build", "--release", "--locked"]);
    finish(&mut build)?;
    let mut arguments = OURS.to_vec();
    if plan.enforce_limits {
        arguments.push("--enforce-limits");
    }
    let serve = |project| Server::start(&plan.tools, Tool::Kiln, project, &arguments);
    let (functions, streaming) = (serve(&plan.functions)?, serve(&plan.streaming)?);
    let service = |server: &Server| Service {
        address: server.address,
        pid: server.pid(),
    };
    let soak = Soak {
        functions: service(&functions),
        streaming: service(&streaming),
        invocations: plan.invocations,
        callers: CALLERS,
        scratch: plan.functions.join("target"),
    };
    let outcome = soak.run(&say);
    Ok(section(&soak, &outcome))
}

fn section(soak: &Soak, outcome: &Outcome) -> Section {
    let count = |number: u64| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
    let none = |name: &str, number: u64| {
        Row::new(name, "")
            .kiln(count(number))
            .target(Target::AtMost(0.0))
    };
    let leaks = u64::try_from(outcome.problems.len()).unwrap_or(u64::MAX);
    let mut rows = vec![
        Row::new("invocations that ended as they should", "")
            .kiln(count(outcome.right.values().sum())),
        none("invocations that did not", outcome.wrong),
        none("problems, leaks among them", leaks),
        Row::new("invocations", "/s").kiln(count(soak.invocations) / outcome.elapsed.as_secs_f64()),
    ];
    let long = soak.invocations >= 2 * SETTLING;
    let settling = if long {
        SETTLING
    } else {
        soak.invocations / 10
    };
    let mut notes: Vec<String> = Kind::ALL
        .into_iter()
        .map(|kind| {
            let right = outcome.right.get(&kind).copied().unwrap_or_default();
            format!("{}: {right}", kind.name())
        })
        .collect();
    notes = vec![format!(
        "{CALLERS} callers, as they should: {}",
        notes.join(", ")
    )];
    let services = ["functions", "streaming functions"];
    let held = outcome.held.iter().zip(&outcome.memory).zip(services);
    for (((before, after), memory), name) in held {
        let rest = memory.after(settling);
        rows.extend(memory_rows(
            name,
            &rest,
            settling,
            soak.invocations >= 2 * SETTLING,
        ));
        notes.push(format!("{name}, before: {before}; after: {after}"));
        notes.push(format!("{name}, resident, MB: {}", course(memory)));
    }
    notes.extend(outcome.problems.iter().cloned());
    Section {
        figure: String::new(),
        title: "functions that answer, fail, crash, hang and stream, for callers some of whom leave",
        rows,
        notes,
    }
}

/// A shorter soak shows the growth, and is not long enough to judge it.
fn memory_rows(name: &str, memory: &Memory, settling: u64, long: bool) -> [Row; 3] {
    let (first, second) = memory.halves();
    let growth = Row::new(format!("{name}: second half, more by"), "MB").kiln(second - first);
    [
        Row::new(
            format!("{name}: resident after {settling}, first half"),
            "MB",
        )
        .kiln(first),
        if long {
            growth.target(Target::AtMost(FLAT_MB))
        } else {
            growth
        },
        Row::new(format!("{name}: slope per 1,000"), "kB").kiln(Reading::Number(memory.slope())),
    ]
}

/// Memory in twenty steps.
fn course(memory: &Memory) -> String {
    let every = memory.samples.len().div_ceil(20).max(1);
    let samples = memory.samples.iter().step_by(every);
    let samples: Vec<String> = samples
        .map(|sample| (sample.resident_kb / 1_024).to_string())
        .collect();
    samples.join(" ")
}
