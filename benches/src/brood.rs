//! Every process started here, and whatever those start: none of it outlives us.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, set_child_subreaper};

use crate::error::BenchError;
use crate::procfs;

/// Whether processes may still be started.
static OPEN: Mutex<bool> = Mutex::new(true);

/// How long killed processes may take to be gone.
const PATIENCE: Duration = Duration::from_secs(5);

/// Makes every orphan below us our own child, and ends them all when it is dropped.
#[derive(Debug)]
pub struct Brood(());

impl Brood {
    /// Begins.
    pub fn adopt() -> io::Result<Self> {
        // Any id but none switches it on.
        set_child_subreaper(Some(rustix::process::getpid()))?;
        Ok(Self(()))
    }
}

impl Drop for Brood {
    fn drop(&mut self) {
        // Held from here on: whoever is about to start something waits for our end.
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        *open = false;
        let began = Instant::now();
        // Again and again: what was killed may just have started another.
        while end(&procfs::descendants(std::process::id())) && began.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Starts a program in a process group of its own: Ctrl-C in the terminal is ours to handle.
pub fn spawn(command: &mut Command) -> Result<Child, BenchError> {
    let open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    if !*open {
        return Err(BenchError::Interrupted);
    }
    command.process_group(0);
    command.spawn().map_err(|error| BenchError::Program {
        program: command.get_program().to_string_lossy().into_owned(),
        reason: error.to_string(),
    })
}

/// Kills those of the processes that are still below us; whether there were any.
pub fn end(processes: &[procfs::Process]) -> bool {
    let ours = procfs::descendants(std::process::id());
    let mut any = false;
    for process in processes {
        // Another process may have got the id of one that has ended: it is not below us.
        if ours.iter().any(|our| our.pid == process.pid) {
            any = true;
            signal(process.pid, Signal::KILL);
        }
    }
    any
}

/// Sends a signal to a process, which may have ended.
pub fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}
