//! Process families on Unix: process groups, and on Linux the parent-death signal and `/proc`.

use std::io;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, ExitStatus};

use kiln_protocol::invoke::ExitCause;
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process_group, setrlimit};

use super::{Manners, ProcessLimits};

/// The process group's leader; its id is the group's.
#[derive(Debug)]
pub(super) struct Leader {
    pub(super) pid: Pid,
    #[cfg(target_os = "linux")]
    status: Option<std::fs::File>,
}

pub(super) fn spawn(
    mut command: Command,
    manners: Manners,
) -> io::Result<(Leader, tokio::process::Child)> {
    command.process_group(0);
    #[cfg(target_os = "linux")]
    let parent = rustix::process::getpid();
    let limits = manners.limits.map(ProcessLimits::resolve);
    let before_exec = move || {
        #[cfg(target_os = "linux")]
        {
            rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
            // The parent may have died before the line above took effect.
            if rustix::process::getppid() != Some(parent) {
                return Err(io::ErrorKind::Interrupted.into());
            }
        }
        #[cfg(target_os = "linux")]
        if manners.lets_us_finish {
            be_patient();
        }
        for (resource, limit) in limits.iter().flatten().flatten() {
            setrlimit(*resource, *limit)?;
        }
        Ok(())
    };
    // SAFETY: between fork and exec only async-signal-safe calls are allowed. The closure makes
    // system calls without allocation: prctl, getppid, sched_setscheduler, setrlimit; its errors carry no heap memory.
    unsafe {
        command.pre_exec(before_exec);
    }
    let mut command = tokio::process::Command::from(command);
    // Where Kiln unwinds instead of dying, dropping the handle ends the process as well.
    command.kill_on_drop(true);
    let child = command.spawn()?;
    let pid = child
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .and_then(Pid::from_raw)
        .ok_or_else(|| io::Error::other("the process ended before it had an id"))?;
    Ok((Leader::new(pid), child))
}

impl Leader {
    pub(super) fn new(pid: Pid) -> Self {
        Self {
            pid,
            // Kept open: it is read often.
            #[cfg(target_os = "linux")]
            status: std::fs::File::open(format!("/proc/{}/status", pid.as_raw_nonzero())).ok(),
        }
    }
}

/// Lets others finish what they do when all processors are busy. Makes a system call and nothing else.
#[cfg(target_os = "linux")]
pub(super) fn be_patient() {
    let priority = libc::sched_param { sched_priority: 0 };
    // SAFETY: a system call that reads the structure, which lives until it returns. Refused in
    // some sandboxes: then it is scheduled as everybody else is.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_BATCH, &raw const priority) };
}

pub(super) fn kill(leader: &Leader) {
    // No such group: everybody has ended already, which is what was wanted.
    let _ = kill_process_group(leader.pid, Signal::KILL);
}

pub(super) fn terminate(leader: &Leader) {
    let _ = kill_process_group(leader.pid, Signal::TERM);
}

pub(super) fn stop(leader: &Leader) {
    let _ = kill_process_group(leader.pid, Signal::STOP);
}

pub(super) fn resume(leader: &Leader) {
    let _ = kill_process_group(leader.pid, Signal::CONT);
}

/// Reads one `Name:\tvalue` line of `/proc/<pid>/status`.
#[cfg(target_os = "linux")]
fn status_field(leader: &Leader, name: &str) -> Option<u64> {
    use std::os::unix::fs::FileExt as _;

    let mut buffer = [0; 4096];
    let read = leader.status.as_ref()?.read_at(&mut buffer, 0).ok()?;
    let text = std::str::from_utf8(buffer.get(..read)?).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim_start_matches(':')
        .split_whitespace()
        .next()?
        .parse()
        .ok()
}

#[cfg(target_os = "linux")]
pub(super) fn is_traced(leader: &Leader) -> bool {
    status_field(leader, "TracerPid").is_some_and(|tracer| tracer != 0)
}

// Other systems do not tell without private interfaces.
#[cfg(not(target_os = "linux"))]
pub(super) fn is_traced(_leader: &Leader) -> bool {
    false
}

/// How a process ended, in Lambda's terms.
pub(crate) fn exit_cause(status: ExitStatus) -> ExitCause {
    match (status.code(), status.signal()) {
        (Some(code), _) => ExitCause::Code(code),
        (None, Some(signal)) => ExitCause::Signal(signal),
        (None, None) => ExitCause::Code(-1),
    }
}

/// Raises the limit of open descriptors as far as the system allows.
///
/// An environment needs about six (listener, connection, log pipe, process); the usual soft limit of 1,024 would
/// end a burst at some 170 environments.
pub fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    // Refused in some containers: then the old limit stays, and starting an environment says so.
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    );
}

/// Lets this thread run soon after it is woken, as far as the system allows: what it is to do in a
/// millisecond cannot wait behind the function that it is to hold back.
pub(crate) fn be_punctual() {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: sets a value of the calling thread. On Linux the priority is that of a thread, and 0
        // the calling one. Refused to ordinary users, who are owed a little more CPU then.
        let _ = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, -10) };
        // SAFETY: the timer slack of the calling thread, in nanoseconds; no pointers.
        let _ = unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1_000_usize) };
    }
}
