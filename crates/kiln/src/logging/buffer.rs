//! Lines that are only wanted when something goes wrong.

use std::collections::VecDeque;

use tracing::Level;

/// What is kept back until an invocation fails.
///
/// Lines at this level and more talkative ones are not written but kept, whatever the level of the
/// log, for as long as the invocation runs. They are written, oldest first, before the first error
/// is logged, and when the handler fails or panics; otherwise they are forgotten at its end. A line that
/// is longer than the whole buffer is written at once, behind a warning, so that it is not lost.
///
/// # Example
///
/// ```
/// use kiln::logging::{Buffer, Logging};
///
/// let logging = Logging::new().buffer(Buffer::default().max_bytes(64 * 1024));
/// # drop(logging);
/// ```
#[derive(Clone, Debug)]
pub struct Buffer {
    pub(super) level: Level,
    pub(super) max_bytes: usize,
    pub(super) flush_on_error: bool,
}

impl Default for Buffer {
    /// DEBUG, 20,480 bytes, written on an error: as Powertools has it.
    fn default() -> Self {
        Self {
            level: Level::DEBUG,
            max_bytes: 20_480,
            flush_on_error: true,
        }
    }
}

impl Buffer {
    /// The least talkative level that is kept back. Errors never are.
    ///
    /// **At INFO or WARN, no line of that level is written by an invocation that succeeds**, however few
    /// they are, and nothing says that there were any: they are gone. Where such lines are counted or
    /// searched for, leave it at DEBUG.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::logging::{Buffer, Level};
    ///
    /// // INFO too is only written when the invocation fails.
    /// let buffer = Buffer::default().level(Level::INFO);
    /// # drop(buffer);
    /// ```
    pub fn level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// How much is kept per invocation, in bytes; beyond, the oldest lines are dropped, and a warning
    /// is written with the rest. A line that is longer by itself drops none: it is written at once, behind
    /// a warning of its own.
    ///
    /// # Example
    ///
    /// ```
    /// let buffer = kiln::logging::Buffer::default().max_bytes(1024);
    /// # drop(buffer);
    /// ```
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Whether an error in the log has what was kept written. It is written in any case when the
    /// handler fails.
    ///
    /// # Example
    ///
    /// ```
    /// let buffer = kiln::logging::Buffer::default().flush_on_error(false);
    /// # drop(buffer);
    /// ```
    pub fn flush_on_error(mut self, flush: bool) -> Self {
        self.flush_on_error = flush;
        self
    }
}

/// What is kept of one invocation.
#[derive(Debug, Default)]
pub(super) struct Kept {
    lines: VecDeque<String>,
    bytes: usize,
    dropped: usize,
}

impl Kept {
    /// Keeps a line, and returns whether it does: what is longer than the whole buffer has no room.
    pub(super) fn keep(&mut self, line: &str, max_bytes: usize) -> bool {
        if line.len() > max_bytes {
            return false;
        }
        self.bytes += line.len();
        self.lines.push_back(line.to_owned());
        while self.bytes > max_bytes {
            let Some(oldest) = self.lines.pop_front() else {
                break;
            };
            self.bytes -= oldest.len();
            self.dropped += 1;
        }
        true
    }

    /// All of it, and how many lines were dropped; nothing is kept afterwards.
    pub(super) fn take(&mut self) -> (VecDeque<String>, usize) {
        let Self { lines, dropped, .. } = std::mem::take(self);
        (lines, dropped)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_latest_lines_that_fit_are_kept(lengths in prop::collection::vec(0_usize..40, 0..60), max in 0_usize..200) {
            let mut kept = Kept::default();
            let lines: Vec<String> = lengths
                .iter()
                .enumerate()
                .map(|(number, length)| format!("{number:04}{}", "x".repeat(*length)))
                .collect();
            let fitting: Vec<&String> = lines.iter().filter(|line| kept.keep(line, max)).collect();
            prop_assert!(lines.iter().all(|line| fitting.contains(&line) == (line.len() <= max)));
            let (rest, dropped) = kept.take();
            prop_assert!(rest.iter().map(String::len).sum::<usize>() <= max);
            prop_assert_eq!(rest.len() + dropped, fitting.len());
            // They are those that came last, but for any that are too long by themselves.
            let latest = fitting[fitting.len() - rest.len()..].iter().copied();
            prop_assert!(rest.iter().eq(latest));
        }
    }
}
