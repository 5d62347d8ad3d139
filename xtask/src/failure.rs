//! Why a chore did not get done.

use std::fmt;
use std::process::ExitCode;

/// What went wrong, and the way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    kind: Kind,
    message: String,
    hint: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The code under test is at fault.
    Check,
    /// This machine, or the way it was asked.
    Environment,
}

impl Failure {
    /// A check that did not pass: the code is to be mended.
    pub fn check(message: impl Into<String>) -> Self {
        Self {
            kind: Kind::Check,
            message: message.into(),
            hint: None,
        }
    }

    /// Something this machine lacks.
    pub fn environment(message: impl Into<String>) -> Self {
        Self {
            kind: Kind::Environment,
            message: message.into(),
            hint: None,
        }
    }

    /// The same failure, as one of the machine: what did not work was setting something up.
    pub fn in_setup(mut self) -> Self {
        self.kind = Kind::Environment;
        self
    }

    /// Adds the way out: a command to run, or one sentence.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The way out, where one is known.
    pub fn way_out(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// 1 when a check failed, 2 when it could not be made.
    pub fn exit_code(&self) -> ExitCode {
        match self.kind {
            Kind::Check => ExitCode::from(1),
            Kind::Environment => ExitCode::from(2),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
