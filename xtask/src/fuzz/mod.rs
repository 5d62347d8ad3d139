//! `cargo xtask fuzz`: attack what parses and what races, for a bounded time.

mod driver;
mod log;
mod target;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::console::{self, BAD, DIM, GOOD, STRONG, say, styled};
use crate::failure::Failure;
use crate::repository::Repository;
use driver::{Drivers, Run};
use target::Target;

/// Attack what parses and what races, for a bounded time
///
/// Builds the fuzz targets with the installed stable Rust and libFuzzer, which follows the branches
/// that an input takes and makes new inputs of those that reach new code. It begins with the
/// corpora committed in `crates/CRATE/fuzz/TARGET`; what it finds on the way is kept in
/// `target/fuzz/corpus` for the next time. An input that breaks a target is kept in
/// `target/fuzz/findings` and told with the command that replays it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Targets to run; all of them when none is named.
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,

    /// Seconds for each target. All of them take about ten minutes on two processors, with the build.
    #[arg(long, value_name = "SECONDS", default_value_t = 45, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    time: u64,

    /// Targets that run at a time; one for each processor when it is not said.
    #[arg(short, long, value_name = "N")]
    jobs: Option<NonZeroUsize>,

    /// List the targets, and run none.
    #[arg(long, conflicts_with = "replay")]
    list: bool,

    /// Run one target with this input alone.
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
}

/// Runs the chore.
///
/// # Errors
/// When a target is broken by an input, is unknown, or cannot be built.
pub fn run(args: &Args) -> Result<(), Failure> {
    let repository = Repository::current()?;
    let known = target::all(&repository)?;
    if args.list {
        for Target { name, package } in &known {
            say(format!("{name:<22} {}", styled(DIM, package)));
        }
        return Ok(());
    }
    let targets = target::select(known, &args.targets)?;
    if let Some(input) = &args.replay {
        let [target] = targets.as_slice() else {
            return Err(Failure::environment("`--replay` takes one target")
                .hint("run `cargo xtask fuzz TARGET --replay FILE`"));
        };
        return Drivers::build(&repository, &targets)?.replay(target, input);
    }
    let jobs = args
        .jobs
        .or_else(|| thread::available_parallelism().ok())
        .map_or(1, NonZeroUsize::get);
    let drivers = Drivers::build(&repository, &targets)?;
    let time = Duration::from_secs(args.time);
    let rounds = u32::try_from(targets.len().div_ceil(jobs)).unwrap_or(u32::MAX);
    say(format!(
        "{} targets, {} each, {jobs} at a time: about {}",
        targets.len(),
        console::duration(time),
        console::duration(time.saturating_mul(rounds))
    ));
    report(run_all(&drivers, &targets, time, jobs))
}

/// Runs the targets, so many at a time; each is told when it is done.
fn run_all(
    drivers: &Drivers<'_>,
    targets: &[Target],
    time: Duration,
    jobs: usize,
) -> Vec<Result<Run, Failure>> {
    let waiting = Mutex::new(targets.iter());
    let next = || {
        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.next()
    };
    let work = || {
        let mut done = Vec::new();
        while let Some(target) = next() {
            let run = drivers.run(target, time);
            if let Ok(run) = &run {
                tell(run);
            }
            done.push(run);
        }
        done
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        let done = workers.into_iter().filter_map(|worker| worker.join().ok());
        done.flatten().collect()
    })
}

fn tell(run: &Run) {
    let mark = match run.finding {
        None => styled(GOOD, "holds "),
        Some(_) => styled(BAD, "BROKEN"),
    };
    say(format!(
        "{:<20} {mark} {:>12} executions in {:>9}, {:>5} new inputs",
        run.target,
        run.executions
            .map_or_else(|| "?".to_owned(), |executions| executions.to_string()),
        console::duration(run.duration),
        run.new_inputs,
    ));
}

/// Tells every finding with the way to see it again; the outcome of the chore.
fn report(runs: Vec<Result<Run, Failure>>) -> Result<(), Failure> {
    let (mut executions, mut broken) = (0, Vec::new());
    for run in runs {
        let run = run?;
        executions += run.executions.unwrap_or_default();
        if let Some(finding) = run.finding {
            say("");
            say(styled(STRONG, format!("{}: {}", run.target, finding.what)));
            if let Some(input) = &finding.input {
                say(format!("the input is `{input}`, to see it again:"));
                say(format!(
                    "  cargo xtask fuzz {} --replay {input}",
                    run.target
                ));
            }
            say(styled(DIM, format!("all of its output: {}", run.log)));
            broken.push(run.target);
        }
    }
    say("");
    if broken.is_empty() {
        say(format!("{executions} executions, no finding"));
        return Ok(());
    }
    Err(Failure::check(format!(
        "inputs were found that break `{}`",
        broken.join("`, `")
    ))
    .hint("mend it, and commit the input to the target's corpus `crates/CRATE/fuzz/TARGET`"))
}

/// When a run began, for how long it took.
fn stopwatch() -> impl Fn() -> Duration {
    let began = Instant::now();
    move || began.elapsed()
}
