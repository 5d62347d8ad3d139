//! `kiln event`: sample events, ready to be changed and invoked with.

use std::fmt::Write as _;

use kiln_protocol::samples::{self, Assignment, Sample, SetError};
use serde::Serialize;
use serde_json::Value;

use crate::failure::{Exit, Failure};
use crate::output::{self, Format};

const EXAMPLES: &str = "\
Examples:
  kiln event                       list the kinds there are
  kiln event sqs                   print an SQS batch
  kiln event sqs --set Records.0.body.customer=grace
                                   change a message: the path goes on into JSON inside of text
  kiln event s3 --set Records.0.s3.object.key=new.json | kiln invoke -
                                   invoke the function with it
  kiln event http --set 'headers.x-api\\.key=secret'
                                   a dot that belongs to a name is written `\\.`";

/// Flags of `kiln event`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// What to print: `sqs`, `http`, `s3`, … Without it, the kinds are listed.
    ///
    /// The names that `cargo lambda invoke --data-example` takes are understood as well.
    #[arg(value_name = "KIND")]
    kind: Option<String>,

    /// Change a part of the event; may be given several times.
    ///
    /// PATH is members and array indices joined by dots, as in `Records.0.body`. It goes on into
    /// texts that are JSON, base64 of JSON (Kinesis, Kafka) or compressed JSON (CloudWatch Logs).
    /// What is missing is created; an index equal to an array's length appends. VALUE is JSON where
    /// it is JSON, and text otherwise; what is a text in the event stays one.
    #[arg(
        short = 's',
        long = "set",
        value_name = "PATH=VALUE",
        requires = "kind"
    )]
    assignments: Vec<Assignment>,

    /// List the kinds there are.
    #[arg(short, long, conflicts_with_all = ["kind", "assignments", "compact"])]
    list: bool,

    /// Print the event on one line.
    #[arg(short, long, requires = "kind")]
    compact: bool,

    /// How to print the list. An event is JSON either way.
    #[arg(short = 'o', long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
}

/// A change that does not fit the event.
#[derive(Debug, thiserror::Error)]
#[error("`--set {path}=…` does not fit the `{kind}` event")]
struct AssignmentError {
    path: String,
    kind: &'static str,
    source: SetError,
}

/// Runs the command.
pub fn run(args: Args) -> Result<Exit, Failure> {
    match &args.kind {
        Some(kind) => {
            let event = sample(kind, &args.assignments)?;
            let text = if args.compact {
                serde_json::to_string(&event)
            } else {
                serde_json::to_string_pretty(&event)
            };
            output::data(text.map_err(Failure::bug)?);
        }
        None => list(args.format)?,
    }
    Ok(Exit::Done)
}

/// The sample event of a kind, with changes.
pub fn sample(kind: &str, assignments: &[Assignment]) -> Result<Value, Failure> {
    let sample = samples::find(kind).map_err(|error| {
        let hint = error.hint();
        Failure::usage(error).maybe_hint(hint)
    })?;
    let mut event = sample.value();
    for Assignment { path, value } in assignments {
        samples::set(&mut event, path, value).map_err(|source| {
            let hint = source.hint();
            Failure::usage(AssignmentError {
                path: path.clone(),
                kind: sample.name,
                source,
            })
            .maybe_hint(hint)
            .hint(format!("`kiln event {}` shows the event", sample.name))
        })?;
    }
    Ok(event)
}

/// A kind in the list, as programs read it.
#[derive(Serialize)]
struct Kind {
    name: &'static str,
    aliases: &'static [&'static str],
    description: &'static str,
    rust_type: &'static str,
}

impl From<&Sample> for Kind {
    fn from(sample: &Sample) -> Self {
        Self {
            name: sample.name,
            aliases: sample.aliases,
            description: sample.description,
            rust_type: sample.rust_type,
        }
    }
}

/// Prints the kinds there are.
fn list(format: Format) -> Result<(), Failure> {
    let samples = samples::all();
    match format {
        Format::Json => {
            let kinds: Vec<Kind> = samples.iter().map(Kind::from).collect();
            output::json(&kinds)
        }
        Format::Text => {
            output::data(table(samples));
            output::say("\n`kiln event KIND` prints one, `--set path=value` changes it");
            Ok(())
        }
    }
}

/// Names and descriptions in two columns.
fn table(samples: &[Sample]) -> String {
    let width = samples
        .iter()
        .map(|sample| sample.name.len())
        .max()
        .unwrap_or_default();
    let mut table = String::new();
    for sample in samples {
        let Sample {
            name, description, ..
        } = sample;
        // Writing to a string does not fail.
        let _ = writeln!(table, "{name:width$}  {description}");
    }
    table.truncate(table.trim_end().len());
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_line_for_each_sample() {
        let table = table(samples::all());
        assert_eq!(table.lines().count(), samples::all().len());
        let line = table.lines().find(|line| line.starts_with("sqs "));
        assert_eq!(
            line,
            Some("sqs                  a batch of two messages from an SQS queue")
        );
    }
}
