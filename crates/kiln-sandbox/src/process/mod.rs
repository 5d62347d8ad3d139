//! A process and all it starts, treated as one family.
//!
//! A family has a process group of its own, so that a Ctrl-C at the terminal reaches Kiln alone and
//! Kiln decides what happens to functions and compilers; and it dies with Kiln, however Kiln dies.
//! Platform code lives in the module for the platform, with equal functions in each.

use std::io;
use std::os::fd::OwnedFd;
use std::process::Command;
use std::sync::Arc;

use crate::filesystem::Entry;

#[cfg(target_os = "linux")]
#[path = "child_linux.rs"]
pub(crate) mod child;
pub(crate) mod executable;
pub(crate) mod limits;
pub(crate) mod members;

#[cfg(target_os = "linux")]
#[path = "start_linux.rs"]
mod start;
#[cfg(not(target_os = "linux"))]
#[path = "start_other.rs"]
mod start;
#[cfg(unix)]
mod unix;
#[cfg(unix)]
use unix as platform;

// What the platform tells of a process: the equal functions of each.
#[cfg(target_os = "linux")]
#[path = "facts_linux.rs"]
pub(crate) mod facts;
#[cfg(target_os = "macos")]
#[path = "facts_macos.rs"]
pub(crate) mod facts;
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
#[path = "facts_none.rs"]
pub(crate) mod facts;

pub use limits::ProcessLimits;
pub use platform::raise_descriptor_limit;
pub(crate) use platform::{be_punctual, exit_cause};
pub use start::Started;

/// A running process family.
#[derive(Clone, Debug)]
pub struct Family {
    leader: Arc<platform::Leader>,
}

/// What every process of a family keeps to, where the platform has it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manners {
    /// Limits of each process.
    pub limits: Option<ProcessLimits>,
    /// Woken by us, it lets us go on until we wait (`SCHED_BATCH`): when all processors are busy, a
    /// switch to the function and back for each message would cost as much as the message.
    pub lets_us_finish: bool,
}

/// What only processes of one family have. Those that left it by all other signs are found by it when
/// their environment ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// An environment variable, `NAME=value`.
    pub variable: String,
    /// The number of the mount namespace they are in, which a process cannot forget as it can its
    /// variables; `None` where they share ours.
    pub mounts: Option<u64>,
}

/// The family's first process, to wait for.
pub type Child = tokio::process::Child;

/// The id of a process.
pub(crate) type Pid = rustix::process::Pid;

impl Family {
    /// Starts `command` as the leader of a new family, with these limits or with Kiln's own.
    ///
    /// Call it on a thread that lives as long as the process: on Linux the family is tied to the
    /// thread that started it. Tokio's worker threads qualify, `spawn_blocking`'s do not.
    ///
    /// # Errors
    /// What the operating system says of the executable.
    pub fn spawn(command: Command, manners: Manners) -> io::Result<(Self, Child)> {
        let (leader, child) = platform::spawn(command, manners)?;
        let leader = Arc::new(leader);
        Ok((Self { leader }, child))
    }

    /// Starts `command` as the leader of a new family of an execution environment: with the variables of
    /// the command and no others, nothing to read, and `output` for what it writes. Before it executes
    /// the program, it makes its [`Entry`].
    ///
    /// Call it on a thread that lives as long as the process, as [`spawn`](Self::spawn).
    ///
    /// # Errors
    /// What the operating system says of the executable.
    pub(crate) fn start(
        command: Command,
        output: [OwnedFd; 2],
        entry: &Entry,
        manners: Manners,
    ) -> io::Result<(Self, Started)> {
        let (pid, started) = start::start(command, output, entry, manners)?;
        let leader = Arc::new(platform::Leader::new(pid));
        Ok((Self { leader }, started))
    }

    /// Ends every process of the family's group at once. Without effect when all have ended.
    pub fn kill(&self) {
        platform::kill(&self.leader);
    }

    /// Asks every process of the family's group to end.
    pub fn terminate(&self) {
        platform::terminate(&self.leader);
    }

    /// Keeps every process of the family's group from running until [`resume`](Self::resume).
    pub(crate) fn stop(&self) {
        platform::stop(&self.leader);
    }

    /// Lets the processes of the family's group run.
    pub(crate) fn resume(&self) {
        platform::resume(&self.leader);
    }

    /// The first process.
    pub(crate) fn leader(&self) -> Pid {
        self.leader.pid
    }

    /// Whether a debugger holds the leader.
    pub fn is_traced(&self) -> bool {
        platform::is_traced(&self.leader)
    }
}

/// Sends a signal to one process, which may have ended.
pub(crate) fn signal(pid: Pid, signal: rustix::process::Signal) {
    let _ = rustix::process::kill_process(pid, signal);
}
