//! Whole lines on stdout, where Lambda reads a function's log.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

/// Where lines go.
pub(crate) enum Output {
    Stdout,
    Writer(Mutex<Box<dyn Write + Send>>),
}

impl Output {
    pub(crate) fn to(writer: impl Write + Send + 'static) -> Self {
        Self::Writer(Mutex::new(Box::new(writer)))
    }

    /// Writes a line, its line break included, at once.
    ///
    /// On stdout under its lock, so that no line of this process gets into another, and in one system
    /// call. An output that is closed is no reason to fail an invocation: the line is lost, as it is
    /// for whoever has closed it.
    pub(crate) fn write(&self, line: &str) {
        let line = line.as_bytes();
        let _closed = match self {
            Self::Stdout => io::stdout().lock().write_all(line),
            Self::Writer(writer) => {
                let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
                writer.write_all(line)
            }
        };
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stdout => "Stdout",
            Self::Writer(_) => "Writer",
        })
    }
}
