//! What is wanted of the platform, and what of it is in force.

use std::fmt;

/// How to bring about one limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// By control group where we may use one, by other means elsewhere.
    #[default]
    Auto,
    /// Without control groups.
    Fallback,
    /// Not at all.
    Off,
}

/// Which limits of an execution environment are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResourceSettings {
    /// The share of CPU that comes with the memory.
    pub cpu: Choice,
    /// No process runs between invocations.
    pub freeze: Choice,
    /// The configured memory is all there is.
    pub memory: Choice,
    /// Limits of processes (`getrlimit`) as on AWS; otherwise that of descriptors alone.
    pub process_limits: bool,
}

impl Default for ResourceSettings {
    fn default() -> Self {
        Self {
            cpu: Choice::Auto,
            freeze: Choice::Auto,
            memory: Choice::Auto,
            process_limits: true,
        }
    }
}

impl ResourceSettings {
    /// Freezing between invocations, by the means that costs a start nothing, and no limits.
    pub fn freezing() -> Self {
        Self {
            freeze: Choice::Fallback,
            ..Self::off()
        }
    }

    /// Nothing but the limit of descriptors.
    pub fn off() -> Self {
        Self {
            cpu: Choice::Off,
            freeze: Choice::Off,
            memory: Choice::Off,
            process_limits: false,
        }
    }
}

/// How a limit is brought about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// By a control group of version 1 or 2.
    ControlGroup(u8),
    /// By stopping and continuing the processes.
    Signals,
    /// By looking at the processes' memory while they run.
    Watching,
    /// By the limits of processes.
    ProcessLimits,
    /// It is not.
    Nothing,
}

impl fmt::Display for Means {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ControlGroup(version) => write!(f, "cgroup v{version}"),
            Self::Signals => f.write_str("signals"),
            Self::Watching => f.write_str("watching"),
            Self::ProcessLimits => f.write_str("rlimits"),
            Self::Nothing => f.write_str("off"),
        }
    }
}

/// One limit, as it is on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measure {
    /// How it is brought about.
    pub means: Means,
    /// Why not better; `None` when it is as good as it gets.
    pub why: Option<String>,
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.means.fmt(f)?;
        match &self.why {
            Some(why) => write!(f, " ({why})"),
            None => Ok(()),
        }
    }
}

/// What is in force on this machine, and why not the rest. Its text fits one line:
/// `cpu: cgroup v1, freeze: cgroup v2, memory: watching (…), limits: rlimits`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InForce {
    /// The share of CPU.
    pub cpu: Measure,
    /// No process runs between invocations.
    pub freeze: Measure,
    /// The configured memory.
    pub memory: Measure,
    /// Limits of processes.
    pub process_limits: Measure,
}

impl fmt::Display for InForce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cpu: {}, freeze: {}, memory: {}, limits: {}",
            self.cpu, self.freeze, self.memory, self.process_limits
        )
    }
}
