//! What a service holds: processes, descriptors, threads, memory.

use std::fmt;
use std::time::{Duration, Instant};

use crate::procfs;

/// How often a service is looked at that is to come to rest.
const PAUSE: Duration = Duration::from_millis(100);
/// How long it may take: threads that wait for blocking work end after ten seconds without any.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a service held at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Processes below it.
    pub processes: usize,
    /// Those that have ended and that it has not asked about.
    pub zombies: usize,
    /// Its open descriptors.
    pub descriptors: usize,
    /// Its threads.
    pub threads: usize,
    /// Its resident memory, kB.
    pub resident_kb: u64,
}

impl Census {
    /// Looks at a service.
    pub fn of(pid: u32) -> Self {
        Self {
            processes: procfs::descendants(pid).len(),
            zombies: procfs::zombies(pid),
            descriptors: procfs::descriptors(pid),
            threads: procfs::threads(pid),
            resident_kb: procfs::resident_kb(pid).unwrap_or_default(),
        }
    }

    /// Looks at a service until it is as wanted, or for as long as we are patient.
    pub fn wait(pid: u32, wanted: impl Fn(&Self) -> bool) -> Self {
        let began = Instant::now();
        loop {
            let census = Self::of(pid);
            if wanted(&census) || began.elapsed() > PATIENCE {
                return census;
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// What each of two has that it should not have, going by what some environments took before.
    pub fn leaks(&self, some: &Self, more: &Self) -> Vec<String> {
        let mut leaks = Vec::new();
        if self.zombies > 0 {
            leaks.push(format!(
                "{} ended processes nobody asked about",
                self.zombies
            ));
        }
        let allowed = allowed(self.processes, some, more);
        if self.descriptors > allowed {
            leaks.push(format!(
                "{} descriptors where {allowed} would do for {} processes",
                self.descriptors, self.processes
            ));
        }
        if self.threads > more.threads {
            leaks.push(format!(
                "{} threads instead of {}",
                self.threads, more.threads
            ));
        }
        leaks
    }
}

/// The descriptors that so many processes may take: as many each as between two earlier moments.
fn allowed(processes: usize, some: &Census, more: &Census) -> usize {
    let added = more.processes.saturating_sub(some.processes).max(1);
    let taken = more.descriptors.saturating_sub(some.descriptors);
    let beyond = processes.saturating_sub(more.processes);
    more.descriptors + (taken * beyond).div_ceil(added)
}

impl fmt::Display for Census {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} processes, {} descriptors, {} threads",
            self.processes, self.descriptors, self.threads
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leak_is_what_the_processes_do_not_explain() {
        let census = |processes, descriptors, threads| Census {
            processes,
            descriptors,
            threads,
            ..Census::default()
        };
        let (some, more) = (census(4, 40, 3), census(8, 60, 3));
        for (after, leaks) in [
            (census(8, 60, 3), 0),
            (census(6, 50, 2), 0),
            // More callers left than there were at once before.
            (census(10, 70, 3), 0),
            (census(10, 71, 3), 1),
            (census(8, 61, 4), 2),
        ] {
            assert_eq!(after.leaks(&some, &more).len(), leaks, "{after}");
        }
    }
}
