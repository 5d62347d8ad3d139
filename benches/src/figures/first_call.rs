//! The first call of a function that is built and does not run.

use std::time::{Duration, Instant};

use super::{Plan, round};
use crate::error::BenchError;
use crate::report::{Row, Section, Target};
use crate::runtime_api::start_time;
use crate::server::Server;
use crate::statistics::{median, milliseconds};
use crate::tool::Tool;
use crate::traffic::Caller;

const FUNCTION: &str = "noop";
/// A sample takes a fraction of a second, and there is chance in every start of a process.
const SAMPLES_PER_RUN: u32 = 3;

pub(super) fn measure(plan: &Plan) -> Result<Section, BenchError> {
    let samples = plan.runs * SAMPLES_PER_RUN;
    let (mut kiln, mut other, mut emulator, mut own) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let function = plan.function(FUNCTION);
    for number in 0..samples {
        round("first-call", number, samples);
        own.push(milliseconds(start_time(&function)?));
        for (tool, times) in [(Tool::Kiln, &mut kiln), (Tool::CargoLambda, &mut other)] {
            let server = Server::start(&plan.tools, tool, &plan.functions, &["--release"])?;
            times.push(milliseconds(first_call(&server)?));
        }
        let server = Server::emulate(&plan.tools, &function)?;
        emulator.push(milliseconds(first_call(&server)?));
    }
    let [kiln, other, emulator, own] = [kiln, other, emulator, own].map(median);
    Ok(Section {
        figure: String::new(),
        title: "the first call of a function that is built and does not run",
        rows: vec![
            Row::new("first call", "ms")
                .tools(kiln, other)
                .emulator(emulator)
                .bare(own),
            Row::new("… beyond the function's own start", "ms")
                .tools(kiln - own, other - own)
                .emulator(emulator - own)
                .target(Target::AtMost(2.0)),
        ],
        notes: vec![
            format!(
                "medians of {samples} calls, each of a service just started, connecting included"
            ),
            "bare: from the spawn of the function, with the variables it has on Lambda, to its first call for an event, without a service"
                .to_owned(),
        ],
    })
}

/// Times the first call of a service.
fn first_call(server: &Server) -> Result<Duration, BenchError> {
    let call = server.invocation(FUNCTION, "{}");
    let mut caller = Caller::new(server.address, &call, Duration::from_secs(60));
    let began = Instant::now();
    let answer = caller.call();
    let took = began.elapsed();
    match answer {
        Ok(answer) if answer.status == 200 => Ok(took),
        Ok(answer) => Err(server.problem(&format!("answers {}", answer.status))),
        Err(error) => Err(server.problem(&format!("does not answer: {error}"))),
    }
}
