//! Starting a process as the standard library does it.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitStatus, Stdio};

use rustix::process::Pid;

use super::{Manners, platform};
use crate::filesystem::Entry;

/// A process that was started, to wait for. Dropped before it has ended, it is killed.
#[derive(Debug)]
pub struct Started(super::Child);

pub(super) fn start(
    mut command: Command,
    output: [OwnedFd; 2],
    entry: &Entry,
    manners: Manners,
) -> io::Result<(Pid, Started)> {
    let variables: Vec<_> = command
        .get_envs()
        .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
        .collect();
    let [stdout, stderr] = output;
    command
        .env_clear()
        .envs(variables)
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(stderr);
    let entry = entry.clone();
    // SAFETY: between fork and exec only async-signal-safe calls are allowed: an entry makes system
    // calls with what was prepared, and its errors carry no heap memory.
    unsafe {
        command.pre_exec(move || entry.enter().map_err(io::Error::from));
    }
    let (leader, child) = platform::spawn(command, manners)?;
    Ok((leader.pid, Started(child)))
}

impl Started {
    /// Waits for its end.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.0.wait().await
    }
}
