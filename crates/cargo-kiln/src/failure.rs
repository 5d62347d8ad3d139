//! What a command answers when it does not succeed: an exit code, an error with its causes, hints.

use std::error::Error;
use std::fmt;

/// The exit codes of every command (documented in `docs/reference/exit-codes.md`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// What was asked is done.
    Done = 0,
    /// The thing asked about failed: a function error, a build that does not compile, a finding.
    Failed = 1,
    /// Wrong usage, or something this machine lacks.
    Usage = 2,
    /// A defect of Kiln itself.
    Bug = 3,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error on its way to the terminal: it decides the exit code and carries the way out as data,
/// so that every renderer (text, JSON) shows the same hints.
#[derive(Debug)]
pub struct Failure {
    /// The exit code of the process.
    pub exit: Exit,
    /// What went wrong; its `source` chain is printed below it.
    pub error: Box<dyn Error + Send + Sync>,
    /// What to do next, one sentence or command each.
    pub hints: Vec<String>,
}

impl Failure {
    /// The thing the user asked about failed (exit code 1).
    pub fn failed(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Exit::Failed, error)
    }

    /// The request or the machine is not right for this (exit code 2).
    pub fn usage(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Exit::Usage, error)
    }

    /// Something that cannot happen, happened (exit code 3).
    pub fn bug(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Exit::Bug, error)
            .hint("this is a defect of kiln: please report it with the command you ran")
    }

    fn new(exit: Exit, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            exit,
            error: error.into(),
            hints: Vec::new(),
        }
    }

    /// Adds a way out.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds a way out where there is one.
    #[must_use]
    pub fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hints.extend(hint);
        self
    }

    /// The error and its causes, outermost first.
    pub fn chain(&self) -> impl Iterator<Item = String> {
        let mut next: Option<&(dyn Error + 'static)> = Some(&*self.error);
        let mut messages: Vec<String> = Vec::new();
        while let Some(error) = next {
            let message = error.to_string();
            // Transparent wrappers repeat their source's words.
            if messages.last() != Some(&message) {
                messages.push(message);
            }
            next = error.source();
        }
        messages.into_iter()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}
