//! Creating, filling and removing control groups, on a thread that may take its time.
//!
//! Moving a process to another group makes the kernel wait for all processors, 10 to 25 ms as
//! measured, and nobody's cold start is to wait for that. So a family starts outside, in its init
//! phase, which is not throttled anyway; should an invocation begin before it has moved, the loop of
//! the fallback holds it back for the moment.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::cgroup::{Base, Group};
use super::controlled::{Controlled, Inner};
use crate::process::{self, Mark, facts};

/// How long killed processes may take to be gone.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug)]
enum Job {
    /// Puts a family into a group of this name.
    Adopt(Weak<Inner>, String),
    /// Ends what is left of a family, and removes its group.
    Clear {
        group: Option<Group>,
        /// The family's mark, and when it ended: the next family of the environment has the same mark.
        mark: Option<(Mark, u64)>,
    },
}

#[derive(Debug)]
pub(super) struct Keeper {
    bases: Arc<[Base]>,
    thread: Mutex<Option<(Sender<Job>, JoinHandle<()>)>>,
}

impl Keeper {
    pub(super) fn new(bases: Arc<[Base]>) -> Self {
        Self {
            bases,
            thread: Mutex::default(),
        }
    }

    pub(super) fn adopt(&self, family: &Controlled, name: String) {
        self.send(Job::Adopt(family.downgrade(), name));
    }

    pub(super) fn clear(&self, group: Option<Group>, mark: Option<(Mark, u64)>) {
        if group.is_some() || mark.is_some() {
            self.send(Job::Clear { group, mark });
        }
    }

    fn send(&self, job: Job) {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.is_none() {
            let (sender, jobs) = channel();
            let bases = Arc::clone(&self.bases);
            let named = std::thread::Builder::new().name("kiln-keeper".to_owned());
            // Without a thread families stay outside: the fallback holds them.
            *thread = named
                .spawn(move || run(&jobs, &bases))
                .ok()
                .map(|handle| (sender, handle));
        }
        if let Some((sender, _)) = &*thread {
            let _ = sender.send(job);
        }
    }

    /// Waits for all jobs, then removes our groups.
    pub(super) fn close(&self) {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((sender, handle)) = thread.take() {
            drop(sender);
            // The last of a service may be dropped by this very thread.
            if handle.thread().id() != std::thread::current().id() {
                let _ = handle.join();
            }
        }
        drop(thread);
        for base in self.bases.iter() {
            base.remove();
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.close();
    }
}

fn run(jobs: &Receiver<Job>, bases: &[Base]) {
    // Groups whose processes are still ending.
    let mut leaving: Vec<(Group, Instant)> = Vec::new();
    loop {
        let job = if leaving.is_empty() {
            let Ok(job) = jobs.recv() else { return };
            Some(job)
        } else {
            match jobs.recv_timeout(Duration::from_millis(5)) {
                Ok(job) => Some(job),
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => None,
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => {
                    std::thread::sleep(Duration::from_millis(1));
                    None
                }
            }
        };
        // Marks are looked for together: the look at all processes is what takes time.
        let mut marks = Vec::new();
        for job in job.into_iter().chain(jobs.try_iter()) {
            match job {
                Job::Adopt(family, name) => adopt(&family, bases, &name),
                Job::Clear { group, mark } => {
                    marks.extend(mark);
                    leaving.extend(group.map(|group| (group, Instant::now() + PATIENCE)));
                }
            }
        }
        if !marks.is_empty() {
            for pid in facts::marked(&marks) {
                process::signal(pid, rustix::process::Signal::KILL);
            }
        }
        leaving.retain(|(group, until)| {
            group.kill();
            // What cannot be removed is swept by the next service.
            group.remove().is_err() && Instant::now() < *until
        });
    }
}

fn adopt(family: &Weak<Inner>, bases: &[Base], name: &str) {
    let Some(family) = family.upgrade() else {
        return;
    };
    let Ok(group) = Group::create(bases, name, family.memory_mb()) else {
        family.stay_outside();
        return;
    };
    // Whoever was started by a process before it moved has to be moved as well.
    let mut moved = Vec::new();
    loop {
        let here = family.processes();
        let left: Vec<_> = here.iter().filter(|pid| !moved.contains(*pid)).collect();
        if left.is_empty() {
            break;
        }
        for pid in left {
            group.adopt(*pid);
            moved.push(*pid);
        }
    }
    if let Err(group) = family.give_group(group) {
        // It has ended meanwhile.
        let until = Instant::now() + PATIENCE;
        while group.remove().is_err() && Instant::now() < until {
            group.kill();
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
