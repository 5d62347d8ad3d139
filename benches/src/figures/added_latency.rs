//! What the service adds to a function that is in direct contact with its events.
//!
//! An invocation cannot be faster than the function's own loop over its Runtime API and a round trip
//! between caller and service: these two and the invocation itself are measured in turn.

use std::time::Duration;

use super::warm::OURS;
use super::{Plan, round};
use crate::error::BenchError;
use crate::report::{Row, Section, Target};
use crate::runtime_api::feed;
use crate::server::Server;
use crate::statistics::{median, microseconds, percentile};
use crate::tool::Tool;
use crate::traffic::{Call, Traffic, sustain};

const FUNCTION: &str = "noop";
/// How long each measurement over a connection lasts.
const TIME: Duration = Duration::from_secs(1);
/// Events of the bare loop in a round: so many that the first ones, which warm it up, do not count.
const EVENTS: usize = 10_000;
/// A path that the service answers without looking further.
const NOTHING_THERE: (&str, u16) = ("/kiln-bench/nothing-there", 404);

/// A value per round, µs.
#[derive(Debug, Default)]
struct Samples {
    invocation: Vec<f64>,
    invocation_p99: Vec<f64>,
    /// From event to posted answer.
    handling: Vec<f64>,
    /// From event to event.
    cycle: Vec<f64>,
    function_cpu: Vec<f64>,
    empty: Vec<f64>,
}

pub(super) fn measure(plan: &Plan) -> Result<Section, BenchError> {
    let server = Server::start(&plan.tools, Tool::Kiln, &plan.functions, &OURS)?;
    server.warm(FUNCTION)?;
    let invocation = server.invocation(FUNCTION, "{}");
    let empty = Call::get(NOTHING_THERE.0, NOTHING_THERE.1);
    let over_one = |call: &Call| -> Result<Traffic, BenchError> {
        let traffic = sustain(server.address, call, 1, TIME);
        match traffic.failed() {
            Some(failed) => Err(server.problem(&format!("fails calls: {failed}"))),
            None => Ok(traffic),
        }
    };
    over_one(&invocation)?;
    let events = f64::from(u32::try_from(EVENTS).unwrap_or(u32::MAX));
    let mut samples = Samples::default();
    for number in 0..plan.runs {
        round("added-latency", number, plan.runs);
        let traffic = over_one(&invocation)?;
        samples
            .invocation
            .push(microseconds(traffic.percentile(50)));
        samples
            .invocation_p99
            .push(microseconds(traffic.percentile(99)));
        let bare = feed(&plan.function(FUNCTION), EVENTS)?;
        samples
            .handling
            .push(microseconds(percentile(&bare.handling, 50)));
        samples
            .cycle
            .push(microseconds(percentile(&bare.cycles, 50)));
        samples.function_cpu.push(microseconds(bare.cpu) / events);
        samples
            .empty
            .push(microseconds(over_one(&empty)?.percentile(50)));
    }
    Ok(section(plan, samples))
}

fn section(plan: &Plan, samples: Samples) -> Section {
    let [invocation, p99] = [samples.invocation, samples.invocation_p99].map(median);
    let [handling, cycle, empty] = [samples.handling, samples.cycle, samples.empty].map(median);
    let bare = cycle + empty;
    Section {
        figure: String::new(),
        title: "a warm invocation, beside what no service can be faster than",
        rows: vec![
            Row::new("invocation, p50", "µs").kiln(invocation),
            Row::new("bare loop, event → next event, p50", "µs").bare(cycle),
            Row::new("bare loop, event → posted answer, p50", "µs").bare(handling),
            Row::new("empty round trip, p50", "µs").kiln(empty),
            Row::new("invocation ÷ (event → next event + empty)", "×")
                .kiln(invocation / bare)
                .target(Target::AtMost(1.25)),
            Row::new("invocation ÷ (event → posted answer + empty)", "×")
                .kiln(invocation / (handling + empty)),
            Row::new("invocation, p99", "µs")
                .kiln(p99)
                .target(Target::AtMost(3.0 * invocation)),
            Row::new("… in relation to its p50", "×").kiln(p99 / invocation),
            Row::new("CPU of the function per event", "µs").bare(median(samples.function_cpu)),
        ],
        notes: vec![
            format!(
                "medians of {} rounds; in each, in turn and over one connection: invocations for {} s, \
                 {EVENTS} events of the bare loop, empty round trips for {} s",
                plan.runs,
                TIME.as_secs(),
                TIME.as_secs()
            ),
            "bare loop: the same function, its Runtime API played by this benchmark".to_owned(),
            format!(
                "empty round trip: `GET {}` on the service's own listener, answered {}",
                NOTHING_THERE.0, NOTHING_THERE.1
            ),
        ],
    }
}
