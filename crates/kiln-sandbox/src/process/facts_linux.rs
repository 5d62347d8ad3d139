//! What Linux tells of a process: `/proc` and the CPU clocks.

use std::fs;
use std::time::Duration;

use super::{Mark, Pid};

/// Whether CPU time and memory of a process can be found out here.
pub(crate) const AVAILABLE: bool = true;

/// CPU time of all threads of a process, those that have ended included, to the nanosecond.
///
/// The process's CPU clock counts what a running thread has used up to now, where `/proc` counts in
/// ticks of 10 ms and forgets threads that have ended: a share cannot be held with either.
pub(crate) fn cpu_time(pid: Pid) -> Option<Duration> {
    let mut clock: libc::clockid_t = 0;
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: both calls write to the one variable whose valid, exclusive pointer they are given,
    // and keep neither. A process that has ended is an error code.
    let failed = unsafe {
        libc::clock_getcpuclockid(pid.as_raw_nonzero().get(), &raw mut clock) != 0
            || libc::clock_gettime(clock, &raw mut time) != 0
    };
    if failed {
        return None;
    }
    let seconds = u64::try_from(time.tv_sec).ok()?;
    Some(Duration::new(seconds, u32::try_from(time.tv_nsec).ok()?))
}

/// Resident memory of a process, bytes.
pub(crate) fn resident(pid: Pid) -> Option<u64> {
    let statm = read(pid, "statm")?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * u64::try_from(rustix::param::page_size()).ok()?)
}

/// A process's own part of its memory: what it shares is divided among those who share it.
pub(crate) fn proportional(pid: Pid) -> Option<u64> {
    // Since Linux 4.14; costs as much as the process is large.
    kilobytes(&read(pid, "smaps_rollup")?, "Pss:")
}

/// The most memory a process has had resident, bytes.
pub(crate) fn peak(pid: Pid) -> Option<u64> {
    kilobytes(&read(pid, "status")?, "VmHWM:")
}

/// When a process started, in a unit of the kernel's: together with its id, its identity.
pub(crate) fn start_time(pid: Pid) -> Option<u64> {
    stat(pid, 19)?.parse().ok()
}

/// A field of `/proc/<pid>/stat`, counted from the one behind the name.
fn stat(pid: Pid, field: usize) -> Option<String> {
    let stat = read(pid, "stat")?;
    // The name is in parentheses and may contain any of the characters around it.
    let (_, fields) = stat.rsplit_once(") ")?;
    fields.split_whitespace().nth(field).map(str::to_owned)
}

/// Whether a process is ours, or of one of ours, and so on.
fn descends_from_us(pid: Pid) -> bool {
    let us = rustix::process::getpid();
    let parent = |pid: &Pid| stat(*pid, 1).and_then(|parent| Pid::from_raw(parent.parse().ok()?));
    std::iter::successors(Some(pid), parent).any(|ancestor| ancestor == us)
}

/// This moment, as [`start_time`] counts.
pub(crate) fn moment() -> Option<u64> {
    // Seconds and hundredths since the boot.
    let uptime = fs::read_to_string("/proc/uptime").ok()?;
    let (seconds, hundredths) = uptime.split_whitespace().next()?.split_once('.')?;
    let hundredths = seconds.parse::<u64>().ok()? * 100 + hundredths.parse::<u64>().ok()?;
    Some(hundredths * rustix::param::clock_ticks_per_second() / 100)
}

/// The children of a process, of all its threads.
pub(crate) fn children(pid: Pid, found: &mut Vec<Pid>) {
    let tasks = format!("/proc/{}/task", pid.as_raw_nonzero());
    for task in fs::read_dir(tasks).into_iter().flatten().flatten() {
        let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        let children = children.split_whitespace();
        found.extend(children.filter_map(|child| Pid::from_raw(child.parse().ok()?)));
    }
}

/// Processes of this user that had started at a [`moment`] and have the mark of a family; for some
/// pairs of the two.
pub(crate) fn marked(marks: &[(Mark, u64)]) -> Vec<Pid> {
    let by_namespace = marks.iter().any(|(mark, _)| mark.mounts.is_some());
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.parse().ok());
        let Some(pid) = pid.and_then(Pid::from_raw) else {
            continue;
        };
        // Others' are refused, and those of kernel threads are empty.
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        let mounts = by_namespace.then(|| mounts(pid)).flatten();
        let is_marked = marks.iter().any(|(mark, before)| {
            let variable = mark.variable.as_bytes();
            let mut held = environment.split(|byte| *byte == 0);
            let marked = mounts.is_some() && mounts == mark.mounts
                || !variable.is_empty() && held.any(|held| held == variable);
            marked
                && start_time(pid).is_some_and(|time| {
                    // Within one tick of the clock nobody knows which came first. Who has been left
                    // behind is nobody's child any more; who was started since is ours.
                    time < *before || time == *before && !descends_from_us(pid)
                })
        });
        if is_marked {
            found.push(pid);
        }
    }
    found
}

/// The number of the mount namespace a process is in.
fn mounts(pid: Pid) -> Option<u64> {
    use std::os::unix::fs::MetadataExt as _;

    let namespace = fs::metadata(format!("/proc/{}/ns/mnt", pid.as_raw_nonzero()));
    Some(namespace.ok()?.ino())
}

fn read(pid: Pid, file: &str) -> Option<String> {
    fs::read_to_string(format!("/proc/{}/{file}", pid.as_raw_nonzero())).ok()
}

fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1_024)
}
