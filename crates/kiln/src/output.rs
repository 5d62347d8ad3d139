//! Whole lines on stdout, where Lambda reads a function's log.

use std::io::{self, Write as _};

/// Writes a line, its line break included, at once.
///
/// Under the lock of stdout, so that no line of this process gets into another, and in one system
/// call. A stdout that is closed is no reason to fail an invocation: the line is lost, as it is for
/// whoever has closed it.
pub(crate) fn line(line: &str) {
    let _closed = io::stdout().lock().write_all(line.as_bytes());
}
