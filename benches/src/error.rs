//! What keeps a figure from being measured.

use std::io;
use std::path::PathBuf;

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// This machine lacks what measuring takes.
    #[error("cannot measure on this machine")]
    Machine(#[source] io::Error),
    /// A file or directory is not as it should be.
    #[error("cannot use `{}`", path.display())]
    File {
        /// The offender.
        path: PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
    /// A program did not start or did not end well.
    #[error("cannot run `{program}`: {reason}")]
    Program {
        /// The offender.
        program: String,
        /// What became of it.
        reason: String,
    },
    /// A server does not do what it is to be measured at.
    #[error("`{server}` {problem}; it printed:\n{log}")]
    Server {
        /// Its command line.
        server: String,
        /// What it did not do.
        problem: String,
        /// The end of what it printed.
        log: String,
    },
    /// A signal has come: nothing more is started.
    #[error("interrupted")]
    Interrupted,
    /// A bug here, which has printed itself.
    #[error("the measurement panicked")]
    Panicked,
}

impl BenchError {
    /// The way out, where one is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Machine(_) => {
                Some("run the benchmarks on Linux, with `/proc` mounted".to_owned())
            }
            Self::Program { program, .. } if program == "perf" => {
                Some("install `perf`, which Debian has in `linux-perf`, and run as root".to_owned())
            }
            Self::File { .. } | Self::Program { .. } => Some(
                "run `cargo xtask bench`, which builds and installs all it measures".to_owned(),
            ),
            Self::Server { .. } => Some("leave it out: name the figures to measure".to_owned()),
            Self::Interrupted | Self::Panicked => None,
        }
    }

    /// An error about a file, for `map_err`.
    pub fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}
