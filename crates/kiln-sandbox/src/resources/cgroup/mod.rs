//! Control groups of Linux, versions 1 and 2: one group per environment below a group of ours.
//!
//! A group holds processes that a walk by descent misses (a daemon's), its limits hold without
//! anybody watching, and freezing it shows in no signal. It is used where somebody gave it to us;
//! see [`find`].

mod find;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::share::{CpuShare, PERIOD};
use crate::process::Pid;

pub(super) use find::find;

/// The two interfaces of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    V1,
    V2,
}

/// What a group can be asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Control {
    Cpu,
    Freeze,
    Memory,
    /// The number of processes: where it comes for free, with version 2.
    Processes,
}

/// A group of ours in one hierarchy, below which environments get theirs.
#[derive(Debug)]
pub(super) struct Base {
    pub(super) directory: PathBuf,
    pub(super) version: Version,
    pub(super) controls: BTreeSet<Control>,
    /// Where we came from, when we had to leave it to let it have groups with controllers.
    pub(super) left: Option<PathBuf>,
}

impl Base {
    /// Gives all environments together a weight against other programs.
    ///
    /// A group weighs as much as one process, however many are in it: beside a compiler a whole
    /// pool of functions would get what is left of one share. Their quotas bound them anyway.
    fn weigh(&self) {
        if !self.controls.contains(&Control::Cpu) {
            return;
        }
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let (file, one, most) = match self.version {
            Version::V1 => ("cpu.shares", 1_024, 262_144),
            Version::V2 => ("cpu.weight", 100, 10_000),
        };
        let weight = (4 * processors * one).min(most);
        let _ = write(&self.directory, file, &weight.to_string());
    }

    /// Removes it. Groups below it are gone.
    pub(super) fn remove(&self) {
        if let Some(left) = &self.left {
            for control in ["-cpu", "-memory", "-pids"] {
                let _ = write(&self.directory, "cgroup.subtree_control", control);
                let _ = write(left, "cgroup.subtree_control", control);
            }
            let _ = write(left, "cgroup.procs", "0");
            let _ = fs::remove_dir(self.directory.join(find::SERVICE));
        }
        let _ = fs::remove_dir(&self.directory);
    }
}

/// The groups of one environment, one per hierarchy in use.
#[derive(Debug)]
pub(super) struct Group {
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    directory: PathBuf,
    version: Version,
    controls: BTreeSet<Control>,
}

/// Most processes and threads of an environment
/// ([Lambda quotas](https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)).
const PROCESSES: &str = "1024";

impl Group {
    /// Creates an environment's groups, with its memory limit.
    pub(super) fn create(bases: &[Base], name: &str, memory_mb: u32) -> io::Result<Self> {
        let mut group = Self { parts: Vec::new() };
        for base in bases {
            let part = Part {
                directory: base.directory.join(name),
                version: base.version,
                controls: base.controls.clone(),
            };
            if let Err(error) = part.create(memory_mb) {
                let _ = fs::remove_dir(&part.directory);
                let _ = group.remove();
                return Err(error);
            }
            group.parts.push(part);
        }
        Ok(group)
    }

    /// Takes a process in; those it starts from then on are in it as well.
    ///
    /// The kernel waits for all processors before it moves anybody, 10 ms and more: not for a
    /// thread that answers calls.
    pub(super) fn adopt(&self, pid: Pid) {
        for part in &self.parts {
            // It may have ended.
            let _ = write(
                &part.directory,
                "cgroup.procs",
                &pid.as_raw_nonzero().to_string(),
            );
        }
    }

    /// The processes in it.
    pub(super) fn processes(&self) -> Vec<Pid> {
        let Some(part) = self.parts.first() else {
            return Vec::new();
        };
        let text = fs::read_to_string(part.directory.join("cgroup.procs")).unwrap_or_default();
        let pids = text.lines().filter_map(|line| line.parse().ok());
        pids.filter_map(Pid::from_raw).collect()
    }

    pub(super) fn has(&self, control: Control) -> bool {
        self.part(control).is_some()
    }

    fn part(&self, control: Control) -> Option<&Part> {
        self.parts
            .iter()
            .find(|part| part.controls.contains(&control))
    }

    /// Grants a share of CPU, or as much as there is.
    pub(super) fn set_cpu(&self, share: Option<CpuShare>) {
        let Some(part) = self.part(Control::Cpu) else {
            return;
        };
        let (file, quota) = match part.version {
            Version::V1 => (
                "cpu.cfs_quota_us",
                share.map_or_else(|| "-1".to_owned(), |share| microseconds(share).to_string()),
            ),
            Version::V2 => (
                "cpu.max",
                share.map_or_else(
                    || "max".to_owned(),
                    |share| format!("{} {}", microseconds(share), PERIOD.as_micros()),
                ),
            ),
        };
        let _ = write(&part.directory, file, &quota);
        // Since Linux 5.14: what others took of one period may be made up for in the next.
        let burst = share.map_or(0, microseconds).to_string();
        let file = match part.version {
            Version::V1 => "cpu.cfs_burst_us",
            Version::V2 => "cpu.max.burst",
        };
        let _ = write(&part.directory, file, &burst);
    }

    /// Freezes the group or lets it go on. A frozen process can be killed.
    pub(super) fn freeze(&self, frozen: bool) {
        if let Some(part) = self.part(Control::Freeze) {
            let _ = write(
                &part.directory,
                "cgroup.freeze",
                if frozen { "1" } else { "0" },
            );
        }
    }

    /// How often the kernel has killed a process of the group because it had no memory left.
    pub(super) fn out_of_memory_kills(&self) -> u64 {
        let Some(part) = self.part(Control::Memory) else {
            return 0;
        };
        let file = match part.version {
            Version::V1 => "memory.oom_control",
            Version::V2 => "memory.events",
        };
        let text = fs::read_to_string(part.directory.join(file)).unwrap_or_default();
        let mut fields = text.lines().filter_map(|line| line.split_once(' '));
        fields
            .find(|(name, _)| *name == "oom_kill")
            .and_then(|(_, count)| count.trim().parse().ok())
            .unwrap_or_default()
    }

    /// Ends every process in it, also one that has left the family by all other signs.
    pub(super) fn kill(&self) {
        for part in &self.parts {
            // Since Linux 5.14, with version 2; elsewhere one by one, and again by the caller.
            if write(&part.directory, "cgroup.kill", "1").is_ok() {
                return;
            }
        }
        for pid in self.processes() {
            crate::process::signal(pid, rustix::process::Signal::KILL);
        }
    }

    /// Removes it; an error while a process of it is still ending.
    pub(super) fn remove(&self) -> io::Result<()> {
        for part in &self.parts {
            match fs::remove_dir(&part.directory) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

impl Part {
    fn create(&self, memory_mb: u32) -> io::Result<()> {
        fs::create_dir(&self.directory)?;
        let bytes = u64::from(memory_mb) * 1_024 * 1_024;
        let has = |control| self.controls.contains(&control);
        match self.version {
            Version::V1 => {
                if has(Control::Cpu) {
                    let period = PERIOD.as_micros().to_string();
                    write(&self.directory, "cpu.cfs_period_us", &period)?;
                }
                if has(Control::Memory) {
                    write(&self.directory, "memory.limit_in_bytes", &bytes.to_string())?;
                    // A function that swaps is slow where on AWS it is killed. Not every kernel
                    // counts swap.
                    let _ = write(
                        &self.directory,
                        "memory.memsw.limit_in_bytes",
                        &bytes.to_string(),
                    );
                }
            }
            Version::V2 => {
                if has(Control::Memory) {
                    write(&self.directory, "memory.max", &bytes.to_string())?;
                    let _ = write(&self.directory, "memory.swap.max", "0");
                    // All or nobody: a runtime that lost a worker would answer nonsense.
                    let _ = write(&self.directory, "memory.oom.group", "1");
                }
                if has(Control::Processes) {
                    write(&self.directory, "pids.max", PROCESSES)?;
                }
            }
        }
        Ok(())
    }
}

/// The share of a period; the kernel grants no less than a millisecond.
fn microseconds(share: CpuShare) -> u128 {
    let least = Duration::from_millis(1);
    share.granted_in(PERIOD).max(least).as_micros()
}

/// Files of groups are written whole, in one call.
fn write(directory: &Path, file: &str, text: &str) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).open(directory.join(file))?;
    io::Write::write_all(&mut file, text.as_bytes())
}
