//! Words for people.

use std::io;

/// What the operating system says, as Go words it: lower case, without the error number.
pub(crate) fn of_os_error(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    text.to_lowercase()
}
