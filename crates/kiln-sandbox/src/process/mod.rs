//! A process and all it starts, treated as one family.
//!
//! A family has a process group of its own, so that a Ctrl-C at the terminal reaches Kiln alone and
//! Kiln decides what happens to functions and compilers; and it dies with Kiln, however Kiln dies.
//! Platform code lives in the module for the platform, with equal functions in each.

use std::io;
use std::process::Command;

#[cfg(unix)]
mod unix;
#[cfg(unix)]
use unix as platform;

pub(crate) use platform::exit_cause;
pub use platform::raise_descriptor_limit;

/// A running process family.
#[derive(Debug)]
pub struct Family {
    leader: platform::Leader,
}

/// What every process of a family keeps to, where the platform has it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manners {
    /// Most open descriptors (`RLIMIT_NOFILE`).
    pub descriptor_limit: Option<u64>,
    /// Woken by us, it lets us go on until we wait (`SCHED_BATCH`): when all processors are busy, a
    /// switch to the function and back for each message would cost as much as the message.
    pub lets_us_finish: bool,
}

/// The family's first process, to wait for.
pub type Child = tokio::process::Child;

impl Family {
    /// Starts `command` as the leader of a new family.
    ///
    /// Call it on a thread that lives as long as the process: on Linux the family is tied to the
    /// thread that started it. Tokio's worker threads qualify, `spawn_blocking`'s do not.
    ///
    /// # Errors
    /// What the operating system says of the executable.
    pub fn spawn(command: Command, manners: Manners) -> io::Result<(Self, Child)> {
        let (leader, child) = platform::spawn(command, manners)?;
        Ok((Self { leader }, child))
    }

    /// Ends every process of the family at once. Without effect when all have ended.
    pub fn kill(&self) {
        platform::kill(&self.leader);
    }

    /// Peak resident memory of the leader, in bytes; `None` where the platform does not tell.
    pub fn peak_memory(&self) -> Option<u64> {
        platform::peak_memory(&self.leader)
    }

    /// Whether a debugger holds the leader.
    pub fn is_traced(&self) -> bool {
        platform::is_traced(&self.leader)
    }
}
