//! A function in direct contact with its events: what no service can be faster than.

use super::{Plan, round};
use crate::error::BenchError;
use crate::report::{Row, Section};
use crate::runtime_api::feed;
use crate::statistics::{median, microseconds, percentile};

const FUNCTION: &str = "noop";
/// Events per run: so many that the first ones, which warm the function up, do not count.
const EVENTS: usize = 20_000;

pub(super) fn measure(plan: &Plan) -> Result<Section, BenchError> {
    let (mut handling, mut cycles, mut rates, mut cpu) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let events = f64::from(u32::try_from(EVENTS).unwrap_or(u32::MAX));
    for number in 0..plan.runs {
        round("floor", number, plan.runs);
        let fed = feed(&plan.function(FUNCTION), EVENTS)?;
        handling.push(microseconds(percentile(&fed.handling, 50)));
        cycles.push(microseconds(percentile(&fed.cycles, 50)));
        let total: std::time::Duration = fed.cycles.iter().sum();
        rates.push(events / total.as_secs_f64());
        cpu.push(microseconds(fed.cpu) / events);
    }
    Ok(Section {
        figure: String::new(),
        title: "a function in direct contact with its events: what no service can be faster than",
        rows: vec![
            Row::new("event → posted answer, p50", "µs").bare(median(handling)),
            Row::new("event → next event, p50", "µs").bare(median(cycles)),
            Row::new("events", "/s").bare(median(rates)),
            Row::new("CPU of the function per event", "µs").bare(median(cpu)),
        ],
        notes: vec![
            format!("medians of {} runs of {EVENTS} events over one connection", plan.runs),
            "a call through a service takes this, the caller's own connection, and what the service adds"
                .to_owned(),
        ],
    })
}
