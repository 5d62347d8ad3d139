//! A log that tests can read.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// Lines kept in memory, for tests of what a function logs.
///
/// Clones share the lines.
///
/// # Example
///
/// ```
/// use kiln::logging::{Captured, Logging, info};
/// use tracing_subscriber::prelude::*;
///
/// let lines = Captured::default();
/// let layer = Logging::new().writer(lines.clone()).layer();
/// let subscriber = tracing_subscriber::registry().with(layer);
/// tracing::subscriber::with_default(subscriber, || info!("hello"));
/// assert!(lines.lines()[0].ends_with("hello"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    /// The lines so far, without their line breaks.
    ///
    /// # Example
    ///
    /// ```
    /// assert!(kiln::logging::Captured::default().lines().is_empty());
    /// ```
    pub fn lines(&self) -> Vec<String> {
        let written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&written);
        text.lines().map(str::to_owned).collect()
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        written.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
