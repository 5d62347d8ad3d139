//! Where a command's words go: data on stdout, conversation on stderr, colour only where it shows.

use std::io::Write as _;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::failure::Failure;

/// How results are written to stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs: one JSON document.
    Json,
}

/// Makes the value of `--color` the choice of every stream of the process.
pub fn set_color(when: Option<&str>) {
    let choice = match when {
        Some("always") => anstream::ColorChoice::Always,
        Some("never") => anstream::ColorChoice::Never,
        // Auto looks at the stream, `NO_COLOR`, `CLICOLOR` and `TERM` when it is written to.
        _ => anstream::ColorChoice::Auto,
    };
    choice.write_global();
}

/// Style of an error's first word.
pub const ERROR: Style = AnsiColor::Red.on_default().bold();
/// Style of a warning's first word.
pub const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// Style of hints and of commands to type.
pub const HINT: Style = AnsiColor::Cyan.on_default().bold();
/// Style of what went well.
pub const GOOD: Style = AnsiColor::Green.on_default().bold();
/// Style of secondary facts.
pub const DIM: Style = Style::new().dimmed();

/// Writes a line of data to stdout. A closed pipe is the reader's choice, not an error.
pub fn data(text: impl AsRef<str>) {
    let _ = writeln!(anstream::stdout(), "{}", text.as_ref());
}

/// Writes one JSON document to stdout, indented.
pub fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(Failure::bug)?;
    data(text);
    Ok(())
}

/// Writes a line of conversation to stderr.
pub fn say(text: impl AsRef<str>) {
    let _ = writeln!(anstream::stderr(), "{}", text.as_ref());
}

/// Clears the terminal that stderr is. Whoever wants no colour wants that all the same.
pub fn clear() {
    let _ = std::io::stderr().write_all(b"\x1b[2J\x1b[H");
}

/// Writes a warning to stderr.
pub fn warn(text: impl AsRef<str>) {
    say(format!("{WARNING}warning:{WARNING:#} {}", text.as_ref()));
}

/// Renders a failure: the error, its causes, then the hints.
pub fn failure(failure: &Failure) {
    for (depth, message) in failure.chain().enumerate() {
        if depth == 0 {
            say(format!("{ERROR}error:{ERROR:#} {message}"));
        } else {
            say(format!("  caused by: {message}"));
        }
    }
    for hint in &failure.hints {
        say(format!("{HINT}hint:{HINT:#} {hint}"));
    }
}
