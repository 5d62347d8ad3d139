//! `cargo xtask test`: everything continuous integration checks.

mod features;
mod plan;
mod step;

use std::time::{Duration, Instant};

use clap::ValueEnum as _;

use crate::console::{self, BAD, DIM, GOOD, STRONG, say, styled};
use crate::failure::Failure;
use crate::repository::Repository;
use step::Step;

/// Check everything that continuous integration checks
///
/// Sets up what it needs itself: a Python environment in `.venv`, Rust components and targets, the
/// functions that tests run. Takes the steps in order and stops at the first that fails.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Steps to take, with what they need; all of them when none is named.
    #[arg(value_name = "STEP")]
    steps: Vec<Step>,

    /// Go on with the other steps after one has failed.
    #[arg(long)]
    keep_going: bool,
}

/// What became of a step.
enum Outcome {
    Passed,
    Failed(Failure),
    /// Not taken; the reason.
    Skipped(String),
}

struct Record {
    step: Step,
    outcome: Outcome,
    duration: Duration,
}

/// Runs the chore.
///
/// # Errors
/// The first step's that failed.
pub fn run(args: &Args) -> Result<(), Failure> {
    let repository = Repository::current()?;
    let began = Instant::now();
    let steps = plan::plan(&args.steps);
    let mut records: Vec<Record> = Vec::new();
    for (number, &step) in steps.iter().enumerate() {
        let failed = |step: &Step| {
            let of_step = |record: &&Record| record.step == *step;
            let record = records.iter().find(of_step);
            record.is_some_and(|record| !matches!(record.outcome, Outcome::Passed))
        };
        let any_failed = records
            .iter()
            .any(|record| matches!(record.outcome, Outcome::Failed(_)));
        let reason = match step.needs().iter().find(|need| failed(need)) {
            Some(need) => Some(format!("needs `{}`", need.name())),
            None => (any_failed && !args.keep_going).then(|| "after a failure".to_owned()),
        };
        if let Some(reason) = reason {
            records.push(Record {
                step,
                outcome: Outcome::Skipped(reason),
                duration: Duration::ZERO,
            });
            continue;
        }
        records.push(take(step, number + 1, steps.len(), &repository));
    }
    summarize(&records, began.elapsed());
    let failures = records.into_iter().find_map(|record| match record.outcome {
        Outcome::Failed(failure) => Some(failure),
        Outcome::Passed | Outcome::Skipped(_) => None,
    });
    failures.map_or(Ok(()), Err)
}

fn take(step: Step, number: usize, of: usize, repository: &Repository) -> Record {
    say("");
    let what = step
        .to_possible_value()
        .and_then(|value| value.get_help().map(ToString::to_string))
        .unwrap_or_default();
    say(format!(
        "{} {what}",
        styled(STRONG, format!("[{number}/{of}] {}:", step.name()))
    ));
    let began = Instant::now();
    let result = step.take(repository);
    let duration = began.elapsed();
    let outcome = match result {
        Ok(()) => Outcome::Passed,
        Err(failure) => {
            // Here, beside what it printed, and in the summary at the end.
            console::failure(&failure);
            Outcome::Failed(failure)
        }
    };
    Record {
        step,
        outcome,
        duration,
    }
}

fn summarize(records: &[Record], total: Duration) {
    say("");
    for record in records {
        let (mark, note) = match &record.outcome {
            Outcome::Passed => (styled(GOOD, "passed "), String::new()),
            Outcome::Failed(failure) => (styled(BAD, "FAILED "), failure.to_string()),
            Outcome::Skipped(reason) => (styled(DIM, "skipped"), reason.clone()),
        };
        let duration = match record.outcome {
            Outcome::Skipped(_) => String::new(),
            _ => console::duration(record.duration),
        };
        let line = format!("{:<9} {mark} {duration:>12}  {note}", record.step.name());
        say(line.trim_end());
    }
    say(format!("{:<17} {:>12}", "all", console::duration(total)));
}
