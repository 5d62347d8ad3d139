//! What an extension beside a function costs: `orders-queue` of the examples, alone and with `log-shipper`.

use std::time::{Duration, Instant};

use tokio::runtime::Builder;

use super::stand_in::StandIn;
use crate::error::BenchError;
use crate::figures::{Plan, round};
use crate::report::{Row, Section};
use crate::server::Server;
use crate::statistics::{median, milliseconds};
use crate::tool::Tool;
use crate::traffic::Caller;

const FUNCTION: &str = "orders-queue";
const EXTENSION: &str = "log-shipper";
const EVENT: &str = include_str!("../../../../crates/kiln/src/testing/samples/sqs.json");
/// There is chance in each start.
const STARTS_PER_RUN: u32 = 3;
/// Warm calls after each start.
const CALLS: u32 = 200;

/// What was read of all starts.
#[derive(Debug, Default)]
struct Readings {
    init: Vec<f64>,
    call: Vec<f64>,
    duration: Vec<f64>,
    memory: Vec<f64>,
}

pub(in crate::figures) fn measure(plan: &Plan) -> Result<Section, BenchError> {
    // Beside the processes that are measured, as a collector elsewhere is.
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(BenchError::Machine)?;
    let collector = runtime.block_on(StandIn::serve("", |_| ()));
    let collector = collector.map_err(BenchError::Machine)?;
    let url = format!("LOG_COLLECTOR_URL=http://{}/logs", collector.address);
    let alone = ["--release", "--package", FUNCTION];
    let with = [
        "--release",
        "--package",
        FUNCTION,
        "--package",
        EXTENSION,
        "--extensions",
        EXTENSION,
        "--env-var",
        &url,
    ];
    let (mut without, mut beside) = (Readings::default(), Readings::default());
    for number in 0..plan.runs {
        round("extension", number, plan.runs);
        for _ in 0..STARTS_PER_RUN {
            without.add(plan, &alone)?;
            beside.add(plan, &with)?;
        }
    }
    if collector.requests() == 0 {
        return Err(super::failed("the extension has sent nothing"));
    }
    let row = |name, unit, pick: fn(&Readings) -> &Vec<f64>| {
        let of = |readings| median(pick(readings).iter().copied());
        Row::new(name, unit).kiln(of(&beside)).bare(of(&without))
    };
    Ok(Section {
        figure: String::new(),
        title: "a function with an extension beside it (bare: alone)",
        rows: vec![
            row("init, as it is reported", "ms", |readings| &readings.init),
            row("a warm call, from the caller", "ms", |readings| {
                &readings.call
            }),
            row("its duration, as it is reported", "ms", |readings| {
                &readings.duration
            }),
            row("memory", "MB", |readings| &readings.memory),
        ],
        notes: vec![format!(
            "medians of {} starts of `kiln watch --release`, {CALLS} calls after each; the collector is on \
             localhost",
            plan.runs * STARTS_PER_RUN
        )],
    })
}

impl Readings {
    /// One more start, and calls.
    fn add(&mut self, plan: &Plan, arguments: &[&str]) -> Result<(), BenchError> {
        let fixtures = plan.functions.parent();
        let examples = fixtures.map(|fixtures| fixtures.with_file_name("examples"));
        let examples = examples.unwrap_or_default();
        let server = Server::start(&plan.tools, Tool::Kiln, &examples, arguments)?;
        let call = server.invocation(FUNCTION, EVENT);
        let mut caller = Caller::new(server.address, &call, Duration::from_secs(60));
        server.answers(&mut caller)?;
        let began = Instant::now();
        for _ in 0..CALLS {
            server.answers(&mut caller)?;
        }
        let took = milliseconds(began.elapsed());
        let printed = server.printed();
        let reports = || printed.lines().filter_map(Report::read);
        let warm = || reports().filter(|report| report.init.is_none());
        let missing = || server.problem("has not reported its invocations");
        self.init.push(
            reports()
                .find_map(|report| report.init)
                .ok_or_else(missing)?,
        );
        self.call.push(took / f64::from(CALLS));
        self.duration
            .push(median(warm().map(|report| report.duration)));
        self.memory.push(
            warm()
                .next_back()
                .map(|report| report.memory)
                .ok_or_else(missing)?,
        );
        Ok(())
    }
}

/// What `kiln watch` says of an invocation: `▸ ID orders-queue ok 2.30 ms, billed 9 ms, 7/128 MB, cold,
/// init 6.51 ms`.
#[derive(Debug, PartialEq)]
struct Report {
    /// ms.
    duration: f64,
    /// MB.
    memory: f64,
    /// ms, of a cold start.
    init: Option<f64>,
}

impl Report {
    fn read(line: &str) -> Option<Self> {
        let (_, said) = line.strip_prefix("▸ ")?.split_once(" ok ")?;
        let number = |text: &str| text.split([' ', '/']).next()?.parse().ok();
        let parts: Vec<&str> = said.split(", ").collect();
        let init = parts.iter().find_map(|part| part.strip_prefix("init "));
        Some(Self {
            duration: number(parts.first()?)?,
            memory: number(parts.iter().find(|part| part.ends_with(" MB"))?)?,
            init: init.and_then(number),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read() {
        for (line, expected) in [
            (
                "▸ 250e orders-queue ok 2.30 ms, billed 9 ms, 7/128 MB, cold, init 6.51 ms",
                Some((2.30, 7.0, Some(6.51))),
            ),
            (
                "▸ 250e orders-queue ok 1.02 ms, billed 2 ms, 7/128 MB, warm",
                Some((1.02, 7.0, None)),
            ),
            (
                "▸ 250e orders-queue error Unhandled 1.31 ms, billed 2 ms, 7/128 MB, warm",
                None,
            ),
            ("orders-queue {}", None),
        ] {
            let expected = expected.map(|(duration, memory, init)| Report {
                duration,
                memory,
                init,
            });
            assert_eq!(Report::read(line), expected, "{line}");
        }
    }
}
