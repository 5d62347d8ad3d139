//! What the processes of an environment write: one pipe for stdout and stderr, cut into lines.
//!
//! One pipe keeps the order in which a process wrote to the two. It is drained when an invocation
//! ends, so that a line written before the answer always stands before that invocation's END.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use kiln_protocol::invoke::LOG_TAIL_BYTES;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Longest line handed on in one piece (CloudWatch's limit for one log event).
const MAX_LINE_BYTES: usize = 256 * 1024;

/// The reading end of the environment's log pipe, and the lines being collected.
#[derive(Debug)]
pub(crate) struct LogPipe {
    reader: AsyncFd<OwnedFd>,
    writer: OwnedFd,
    lines: Mutex<Lines>,
}

/// The state of collection: what is read and not yet a line, and the tail a caller asked for.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    partial: Vec<u8>,
    tail: Option<Tail>,
}

/// A pipe that a process started meanwhile does not inherit.
#[cfg(target_os = "linux")]
fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?)
}

/// A pipe that a process inherits only when it is started between these two calls.
#[cfg(not(target_os = "linux"))]
fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = rustix::pipe::pipe()?;
    for end in [&reader, &writer] {
        rustix::io::fcntl_setfd(end, rustix::io::FdFlags::CLOEXEC)?;
    }
    Ok((reader, writer))
}

impl LogPipe {
    pub(crate) fn new() -> io::Result<Self> {
        let (reader, writer) = pipe()?;
        // Only our end: a function's writes must block, not fail, when we are slow.
        rustix::fs::fcntl_setfl(&reader, rustix::fs::OFlags::NONBLOCK)?;
        // SAFETY: the descriptor must stay the registered one until it is deregistered. It is owned
        // by the `AsyncFd`, which deregisters it before closing it, and nobody takes or swaps it.
        let reader = unsafe { AsyncFd::register_with_interest(reader, Interest::READABLE)? };
        Ok(Self {
            reader,
            writer,
            lines: Mutex::default(),
        })
    }

    /// A writing end for a process.
    pub(crate) fn writer(&self) -> io::Result<OwnedFd> {
        self.writer.try_clone()
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is something to read.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        self.reader.readable().await?.clear_ready();
        Ok(())
    }

    /// Reads what the pipe holds now, without waiting; hands each whole line to `emit`.
    ///
    /// Returns whether the pipe was emptied: a process that writes without end must not keep the
    /// caller here.
    pub(crate) fn drain(&self, lines: &mut Lines, emit: &mut dyn FnMut(&str)) -> bool {
        let mut buffer = [0; 16 * 1024];
        // A pipe holds 64 KB by default: eight rounds empty what was there when we began.
        for _ in 0..8 {
            match rustix::io::read(self.reader.as_fd(), &mut buffer) {
                Ok(0) => return true,
                Ok(read) => lines.push(buffer.get(..read).unwrap_or_default(), emit),
                Err(rustix::io::Errno::INTR) => {}
                // Empty (`AGAIN`), or an error that reading again will not mend.
                Err(_) => return true,
            }
        }
        false
    }
}

impl Lines {
    /// Begins to keep a tail.
    pub(crate) fn keep_tail(&mut self) {
        self.tail = Some(Tail::default());
    }

    /// The tail kept since [`keep_tail`](Self::keep_tail).
    pub(crate) fn take_tail(&mut self) -> Option<Vec<u8>> {
        self.tail.take().map(|tail| tail.bytes.into())
    }

    /// Adds a line of the platform.
    pub(crate) fn platform(&mut self, line: &str, emit: &mut dyn FnMut(&str)) {
        if let Some(tail) = &mut self.tail {
            tail.push(line.as_bytes());
        }
        emit(line);
    }

    /// Ends a line that has no line break yet, so that it stands before what follows.
    pub(crate) fn flush(&mut self, emit: &mut dyn FnMut(&str)) {
        if !self.partial.is_empty() {
            let line = std::mem::take(&mut self.partial);
            self.line(&line, emit);
        }
    }

    fn push(&mut self, mut bytes: &[u8], emit: &mut dyn FnMut(&str)) {
        while let Some(end) = bytes.iter().position(|&byte| byte == b'\n') {
            let (line, rest) = bytes.split_at(end);
            bytes = rest.get(1..).unwrap_or_default();
            if self.partial.is_empty() {
                self.line(line, emit);
            } else {
                self.partial.extend_from_slice(line);
                self.flush(emit);
            }
        }
        self.partial.extend_from_slice(bytes);
        if self.partial.len() >= MAX_LINE_BYTES {
            self.flush(emit);
        }
    }

    fn line(&mut self, line: &[u8], emit: &mut dyn FnMut(&str)) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if let Some(tail) = &mut self.tail {
            tail.push(line);
        }
        emit(&String::from_utf8_lossy(line));
    }
}

/// The last bytes of a log.
#[derive(Debug, Default)]
struct Tail {
    bytes: VecDeque<u8>,
}

impl Tail {
    fn push(&mut self, line: &[u8]) {
        self.bytes.extend(line);
        self.bytes.push_back(b'\n');
        let excess = self.bytes.len().saturating_sub(LOG_TAIL_BYTES);
        self.bytes.drain(..excess);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(chunks: &[&[u8]]) -> Vec<String> {
        let mut lines = Lines::default();
        let mut seen = Vec::new();
        for chunk in chunks {
            lines.push(chunk, &mut |line| seen.push(line.to_owned()));
        }
        lines.flush(&mut |line| seen.push(line.to_owned()));
        seen
    }

    #[test]
    fn lines_are_cut_wherever_the_chunks_end() {
        assert_eq!(
            cut(&[b"one\ntw", b"o\n", b"three"]),
            ["one", "two", "three"]
        );
        assert_eq!(cut(&[b"a\r\n\nb\n"]), ["a", "", "b"]);
        assert_eq!(cut(&[b"\xff\xfe\n"]), ["\u{fffd}\u{fffd}"]);
    }

    #[test]
    fn a_line_without_end_is_handed_on_in_pieces() {
        let chunk = vec![b'x'; 100 * 1024];
        let seen = cut(&[&chunk, &chunk, &chunk, &chunk]);
        assert_eq!(seen.iter().map(String::len).sum::<usize>(), 400 * 1024);
        assert_eq!(seen.len(), 2);
    }

    #[test]
    fn the_tail_is_the_last_four_kilobytes() {
        let mut lines = Lines::default();
        lines.keep_tail();
        for number in 0..2_000 {
            lines.platform(&format!("line {number}"), &mut |_| {});
        }
        let tail = lines.take_tail().unwrap();
        assert_eq!(tail.len(), LOG_TAIL_BYTES);
        assert!(tail.ends_with(b"line 1998\nline 1999\n"));
        assert_eq!(lines.take_tail(), None);
    }

    proptest! {
        #[test]
        fn no_byte_is_lost_and_no_chunking_matters(text in "[a-z\n]{0,300}", cuts in proptest::collection::vec(1_usize..40, 0..20)) {
            let mut chunks = Vec::new();
            let mut rest = text.as_bytes();
            for cut in cuts {
                let (chunk, tail) = rest.split_at(cut.min(rest.len()));
                chunks.push(chunk);
                rest = tail;
            }
            chunks.push(rest);
            prop_assert_eq!(cut(&chunks), cut(&[text.as_bytes()]));
        }
    }
}
