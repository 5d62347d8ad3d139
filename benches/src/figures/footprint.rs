//! Start-up of the command, memory of the idle service.

use std::process::Stdio;
use std::time::{Duration, Instant};

use super::{Plan, finish, round};
use crate::error::BenchError;
use crate::procfs::resident_kb;
use crate::report::{Row, Section, Target};
use crate::server::Server;
use crate::statistics::{median, milliseconds};
use crate::tool::Tool;

/// How often the command is started.
const STARTS: u32 = 20;
/// A service is idle when its memory has not changed for this long.
const CALM: Duration = Duration::from_millis(500);
const KB_PER_MB: f64 = 1_024.0;

pub(super) fn measure(plan: &Plan) -> Result<Section, BenchError> {
    let (mut kiln, mut other) = (Vec::new(), Vec::new());
    for number in 0..STARTS {
        round("footprint, start-up", number, STARTS);
        kiln.push(version_time(plan, Tool::Kiln)?);
        other.push(version_time(plan, Tool::CargoLambda)?);
    }
    let [kiln_memory, other_memory] = Tool::BOTH.map(|tool| idle_memory(plan, tool));
    let (kiln_memory, other_memory) = (kiln_memory?, other_memory?);
    let of =
        |pick: fn(&(f64, f64)) -> f64, readings: &[(f64, f64)]| median(readings.iter().map(pick));
    Ok(Section {
        figure: String::new(),
        title: "start-up of the command, memory of the idle service",
        rows: vec![
            Row::new("`--version`", "ms")
                .tools(median(kiln), median(other))
                .target(Target::AtMost(15.0)),
            Row::new("resident, nothing called yet", "MB")
                .tools(
                    of(|reading| reading.0, &kiln_memory),
                    of(|reading| reading.0, &other_memory),
                )
                .target(Target::AtMost(25.0)),
            Row::new("resident, after the first call", "MB").tools(
                of(|reading| reading.1, &kiln_memory),
                of(|reading| reading.1, &other_memory),
            ),
        ],
        notes: vec![
            format!("medians of {STARTS} starts, and of {} services", plan.runs),
            "Kiln has built the functions before the first call, cargo-lambda has not".to_owned(),
        ],
    })
}

fn version_time(plan: &Plan, tool: Tool) -> Result<f64, BenchError> {
    let mut command = plan.tools.command(tool, &["--version"]);
    command.stdout(Stdio::null());
    let began = Instant::now();
    finish(&mut command)?;
    Ok(milliseconds(began.elapsed()))
}

/// Resident memory before and after the first call, MB, per run.
fn idle_memory(plan: &Plan, tool: Tool) -> Result<Vec<(f64, f64)>, BenchError> {
    let mut readings = Vec::new();
    for number in 0..plan.runs {
        round(
            &format!("footprint, memory of {}", tool.name()),
            number,
            plan.runs,
        );
        let server = Server::start(&plan.tools, tool, &plan.functions, &["--release"])?;
        let before = calm_memory(&server)?;
        server.warm("noop")?;
        readings.push((before, calm_memory(&server)?));
    }
    Ok(readings)
}

fn calm_memory(server: &Server) -> Result<f64, BenchError> {
    let read = || resident_kb(server.pid()).ok_or_else(|| server.problem("has ended"));
    let mut last = read()?;
    loop {
        std::thread::sleep(CALM);
        let now = read()?;
        if now == last {
            // Gigabytes at most: exact as a float.
            return Ok(f64::from(u32::try_from(now).unwrap_or(u32::MAX)) / KB_PER_MB);
        }
        last = now;
    }
}
