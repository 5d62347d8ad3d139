//! Where the time of a warm invocation goes: `perf` looks at all processors while calls are made.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::warm::OURS;
use super::{Plan, finish, round};
use crate::error::BenchError;
use crate::perf::{Part, Sample, samples};
use crate::procfs;
use crate::report::{Row, Section};
use crate::server::Server;
use crate::tool::Tool;
use crate::traffic::{Traffic, sustain};

const FUNCTION: &str = "noop";
const CONNECTIONS: [usize; 2] = [1, 16];
/// How long calls are made before `perf` looks, how long it looks, and how long calls are made in all:
/// it takes a moment to start.
const WARM_UP: Duration = Duration::from_secs(2);
const LOOKING: &str = "5";
const CALLING: Duration = Duration::from_secs(7);
/// How many symbols are told.
const SYMBOLS: usize = 12;
/// Looks per second and processor: a prime number, so as not to keep step with anything.
const FREQUENCY: &str = "1999";

/// Samples by whose time it was and where.
#[derive(Debug, Default)]
struct Tally {
    total: u32,
    idle: u32,
    callers: u32,
    function: u32,
    others: u32,
    service: BTreeMap<Part, u32>,
    /// What of the service was seen how often.
    symbols: BTreeMap<String, u32>,
}

pub(super) fn measure(plan: &Plan) -> Result<Section, BenchError> {
    let mut rows = Vec::new();
    let mut notes = vec![format!(
        "`perf record -e cpu-clock -F {FREQUENCY} -a -g` for {LOOKING} s; shares of the processor time of \
         callers, function and service; symbols of the release build"
    )];
    for (number, connections) in (0..).zip(CONNECTIONS) {
        round("profile", number, 2);
        let server = Server::start(&plan.tools, Tool::Kiln, &plan.functions, &OURS)?;
        server.warm(FUNCTION)?;
        let call = server.invocation(FUNCTION, "{}");
        sustain(server.address, &call, connections, WARM_UP);
        let data = plan.tools.scratch.join(format!("perf-{connections}.data"));
        let (traffic, looked) = std::thread::scope(|scope| {
            let calls = scope.spawn(|| sustain(server.address, &call, connections, CALLING));
            let looked = look(&data);
            (calls.join().unwrap_or_default(), looked)
        });
        looked?;
        let text = script(&data)?;
        let tally = Tally::of(&samples(&text), &server);
        rows.extend(tally.rows(connections));
        notes.extend(tally.notes(connections, &traffic));
    }
    Ok(Section {
        figure: String::new(),
        title: "where the processor time of a warm invocation goes",
        rows,
        notes,
    })
}

fn look(data: &Path) -> Result<(), BenchError> {
    let mut record = Command::new("perf");
    record
        .args([
            "record",
            "-e",
            "cpu-clock",
            "-F",
            FREQUENCY,
            "-a",
            "-g",
            "-o",
        ])
        .arg(data)
        .args(["--", "sleep", LOOKING])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    finish(&mut record)
}

fn script(data: &Path) -> Result<String, BenchError> {
    let mut script = Command::new("perf");
    script
        .args(["script", "--no-inline", "-F", "comm,pid,ip,sym,dso", "-i"])
        .arg(data)
        .stderr(Stdio::null());
    let output = script.output().map_err(BenchError::Machine)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

impl Tally {
    fn of(samples: &[Sample<'_>], server: &Server) -> Self {
        let functions = procfs::descendants(server.pid());
        let mut tally = Self::default();
        for sample in samples {
            tally.total += 1;
            match sample.pid {
                0 => tally.idle += 1,
                pid if pid == server.pid() => {
                    *tally.service.entry(sample.part()).or_default() += 1;
                    let symbol = sample.symbol().to_owned();
                    *tally.symbols.entry(symbol).or_default() += 1;
                }
                pid if pid == std::process::id() => tally.callers += 1,
                pid if functions.iter().any(|function| function.pid == pid) => tally.function += 1,
                _ => tally.others += 1,
            }
        }
        tally
    }

    fn rows(&self, connections: usize) -> Vec<Row> {
        let used = self.used();
        let share = |samples: u32| f64::from(samples) * 100.0 / f64::from(used.max(1));
        let plural = if connections == 1 { "" } else { "s" };
        let row = |name: &str, samples| {
            Row::new(format!("{connections} connection{plural}, {name}"), "%").bare(share(samples))
        };
        let mut rows = vec![
            row("callers", self.callers),
            row("function", self.function),
            row("service", self.service.values().sum()),
        ];
        for (part, samples) in &self.service {
            rows.push(row(&format!("service: {}", part.name()), *samples));
        }
        rows
    }

    /// By those who take part.
    fn used(&self) -> u32 {
        self.callers + self.function + self.service.values().sum::<u32>()
    }

    fn notes(&self, connections: usize, traffic: &Traffic) -> [String; 2] {
        let share = |samples: u32, of: u32| f64::from(samples) * 100.0 / f64::from(of.max(1));
        let service: u32 = self.service.values().sum();
        let mut symbols: Vec<(&String, &u32)> = self.symbols.iter().collect();
        symbols.sort_by_key(|(_, samples)| std::cmp::Reverse(**samples));
        let symbols = symbols.into_iter().take(SYMBOLS);
        let symbols: Vec<String> = symbols
            .map(|(symbol, samples)| {
                let symbol: String = symbol.chars().take(60).collect();
                format!("{symbol} {:.1} %", share(*samples, service))
            })
            .collect();
        [
            format!(
                "{connections}: {} samples, {:.0} % of all of them idle and {:.0} % of other programs, which \
                 do not count; {:.0} calls per second under observation",
                self.total,
                share(self.idle, self.total),
                share(self.others, self.total),
                traffic.per_second(),
            ),
            format!(
                "{connections}: most seen in the service: {}",
                symbols.join(", ")
            ),
        ]
    }
}
