//! Where the event comes from.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use kiln_protocol::samples::Assignment;

use crate::commands::event;
use crate::failure::Failure;
use crate::output;

/// The event to send; `{}` when nothing says otherwise.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct PayloadArgs {
    /// `-` reads the event from stdin, which happens by itself when stdin is a pipe or a file.
    #[arg(
        value_name = "-",
        value_parser = stdin,
        conflicts_with_all = ["data_ascii", "data_file", "event"]
    )]
    stdin: Option<String>,

    /// The event as JSON.
    #[arg(short = 'd', long, value_name = "JSON", conflicts_with_all = ["data_file", "event"])]
    data_ascii: Option<String>,

    /// File with the event; `-` is stdin.
    #[arg(short = 'F', long, value_name = "FILE", conflicts_with = "event")]
    data_file: Option<PathBuf>,

    /// A sample event: `sqs`, `http`, `s3`, … (`kiln event` lists them).
    #[arg(short = 'E', long, visible_alias = "data-example", value_name = "KIND")]
    event: Option<String>,

    /// Change a part of the sample event, as in `kiln event`; may be given several times.
    #[arg(
        short = 's',
        long = "set",
        value_name = "PATH=VALUE",
        requires = "event"
    )]
    assignments: Vec<Assignment>,
}

/// Takes `-` alone: an event is easily written where it would be a second name.
fn stdin(text: &str) -> Result<String, String> {
    match text {
        "-" => Ok(text.to_owned()),
        _ => Err(format!(
            "only `-`, for stdin, follows the function; an event is given by `-d '{text}'`, a file by `-F`"
        )),
    }
}

impl PayloadArgs {
    /// As if `-` had been given.
    pub fn read_stdin(&mut self) {
        self.stdin = Some("-".to_owned());
    }

    /// The event, checked to be JSON.
    pub fn read(&self) -> Result<Vec<u8>, Failure> {
        let (source, bytes) = if let Some(text) = &self.data_ascii {
            ("`--data-ascii`".to_owned(), text.clone().into_bytes())
        } else if let Some(kind) = &self.event {
            return self.sample(kind);
        } else {
            match self.data_file.as_deref() {
                Some(path) if path != Path::new("-") => {
                    let bytes = fs::read(path).map_err(|error| {
                        Failure::usage(format!("cannot read `{}`: {error}", path.display()))
                    })?;
                    (format!("`{}`", path.display()), bytes)
                }
                explicit => {
                    let wanted = explicit.is_some() || self.stdin.is_some();
                    if !wanted && !stdin_carries_data() {
                        return Ok(b"{}".to_vec());
                    }
                    let bytes = read_stdin()
                        .map_err(|error| Failure::usage(format!("cannot read stdin: {error}")))?;
                    if bytes.is_empty() && !wanted {
                        return Ok(b"{}".to_vec());
                    }
                    ("stdin".to_owned(), bytes)
                }
            }
        };
        check(&source, &bytes)?;
        Ok(bytes)
    }

    fn sample(&self, kind: &str) -> Result<Vec<u8>, Failure> {
        let event = event::sample(kind, &self.assignments)?;
        serde_json::to_vec(&event).map_err(Failure::bug)
    }
}

/// Reads stdin to its end. What started us may hold a pipe open that nothing comes through: when
/// it takes long, that is said.
fn read_stdin() -> io::Result<Vec<u8>> {
    const LONG: Duration = Duration::from_secs(1);
    let (read, waiting) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        if waiting.recv_timeout(LONG) == Err(RecvTimeoutError::Timeout) {
            output::say("waiting for the event on stdin; `--data-ascii '{}'` sends one at once");
        }
    });
    let mut bytes = Vec::new();
    io::stdin().read_to_end(&mut bytes)?;
    drop(read);
    Ok(bytes)
}

/// Refuses what is not JSON before it is sent: the service's own words say less.
pub fn check(source: &str, bytes: &[u8]) -> Result<(), Failure> {
    serde_json::from_slice::<serde_json::Value>(bytes)
        .map(drop)
        .map_err(|error| {
            Failure::usage(format!("{source} is not JSON: {error}"))
                .hint("a text needs its quotes: '\"hello\"'")
        })
}

/// A pipe or a file, not a terminal and not `/dev/null`.
fn stdin_carries_data() -> bool {
    use rustix::fs::{FileType, fstat};

    fstat(io::stdin()).is_ok_and(|stat| {
        matches!(
            FileType::from_raw_mode(stat.st_mode),
            FileType::Fifo | FileType::RegularFile
        )
    })
}
