//! What a chore says. All of it is conversation and goes to stderr; colour only on a terminal.

use std::io::{IsTerminal as _, Write as _};
use std::sync::LazyLock;
use std::time::Duration;

use crate::failure::Failure;

/// Style of headings.
pub const STRONG: &str = "1";
/// Style of what went well.
pub const GOOD: &str = "1;32";
/// Style of what did not.
pub const BAD: &str = "1;31";
/// Style of secondary facts.
pub const DIM: &str = "2";
/// Style of commands to type.
const HINT: &str = "1;36";

static COLOUR: LazyLock<bool> =
    LazyLock::new(|| std::env::var_os("NO_COLOR").is_none() && std::io::stderr().is_terminal());

/// Writes a line.
pub fn say(line: impl AsRef<str>) {
    // A closed stderr is nothing to fail for.
    let _ = writeln!(std::io::stderr(), "{}", line.as_ref());
}

/// Text in a style, where it shows.
pub fn styled(style: &str, text: impl AsRef<str>) -> String {
    let text = text.as_ref();
    if *COLOUR {
        format!("\x1b[{style}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

/// Says why a chore did not get done, and the way out.
pub fn failure(failure: &Failure) {
    say(format!("{} {failure}", styled(BAD, "error:")));
    if let Some(hint) = failure.way_out() {
        say(format!("{} {hint}", styled(HINT, "hint:")));
    }
}

/// A duration as people read it: `4.2 s`, `3 min 05 s`.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    // Rounded as it is shown, so that there is no `60.0 s`.
    if seconds < 59.95 {
        return format!("{seconds:.1} s");
    }
    let seconds = duration.as_secs() + u64::from(duration.subsec_millis() >= 500);
    format!("{} min {:02} s", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        for (milliseconds, text) in [
            (0, "0.0 s"),
            (1_250, "1.2 s"),
            (59_949, "59.9 s"),
            (59_950, "1 min 00 s"),
            (185_400, "3 min 05 s"),
            (119_700, "2 min 00 s"),
        ] {
            assert_eq!(duration(Duration::from_millis(milliseconds)), text);
        }
    }
}
