//! Very many invocations of functions that answer, fail, crash and hang, for callers some of whom
//! leave: nothing may be lost, and nothing may be left.
//!
//! The services are those of the fixtures `functions` and `streaming`.

mod callers;
mod census;
mod kind;
mod memory;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::procfs;
use callers::{hold, invoke_all, invoke_once};
pub use census::Census;
pub use kind::Kind;
use kind::Of;
pub use memory::{Memory, Sample};

/// A running service.
#[derive(Clone, Copy, Debug)]
pub struct Service {
    /// Where it serves.
    pub address: SocketAddr,
    /// Its process.
    pub pid: u32,
}

/// A soak.
#[derive(Clone, Debug)]
pub struct Soak {
    /// Serves the fixture functions.
    pub functions: Service,
    /// Serves those that stream.
    pub streaming: Service,
    /// How many invocations.
    pub invocations: u64,
    /// How many callers at once.
    pub callers: usize,
    /// A directory for files that functions wait for.
    pub scratch: PathBuf,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Invocations that ended as they should, by kind.
    pub right: BTreeMap<Kind, u64>,
    /// How many did not.
    pub wrong: u64,
    /// What was wrong, the first few of everything.
    pub problems: Vec<String>,
    /// What the services held, with all environments running, before and after.
    pub held: [(Census, Census); 2],
    /// Resident memory of both, as it went.
    pub memory: [Memory; 2],
    /// How long it took.
    pub elapsed: Duration,
}

/// A function whose environments are all made to run at once.
struct Filled {
    service: Service,
    function: &'static str,
    /// How many run at once with so many callers; who leaves makes some more.
    environments: usize,
}

impl Soak {
    /// Runs it. `progress` hears of every hundredth.
    pub fn run(&self, progress: &(dyn Fn(&str) + Sync)) -> Outcome {
        let services = [self.functions, self.streaming];
        let filled = self.filled();
        let mut outcome = Outcome::default();
        // What a service makes with its first crash, such as a thread that clears up, is no leak.
        if let Err(problem) = invoke_once(self, Kind::Exit) {
            outcome.problems.push(problem);
        }
        let mut fill = |share: usize| {
            for function in &filled {
                let problem = self.fill(function, function.environments / share);
                outcome.problems.extend(problem);
            }
            services.map(|service| settled(service.pid))
        };
        // Twice: the difference tells what an environment takes.
        let (some, more) = (fill(2), fill(1));
        let began = Instant::now();
        let done = invoke_all(self, progress);
        outcome.elapsed = began.elapsed();
        outcome.right = done.right;
        outcome.wrong = done.wrong;
        outcome.problems.extend(done.problems);
        outcome.memory = done.memory;
        for function in &filled {
            // Idle by now, or leaked: what is idle takes the next invocation, what has leaked does not.
            let running = procfs::of_function(function.service.pid, function.function);
            let problem = self.fill(function, running.max(function.environments));
            outcome.problems.extend(problem);
        }
        let both = services.into_iter().zip(some).zip(more);
        for (((service, some), more), held) in both.zip(&mut outcome.held) {
            let clean = |census: &Census| census.leaks(&some, &more).is_empty();
            let after = Census::wait(service.pid, clean);
            *held = (more, after);
            outcome.problems.extend(after.leaks(&some, &more));
        }
        outcome
    }

    fn service(&self, of: Of) -> Service {
        match of {
            Of::Functions => self.functions,
            Of::Streaming => self.streaming,
        }
    }

    fn filled(&self) -> [Filled; 3] {
        let filled = |service, function, environments| Filled {
            service,
            function,
            environments,
        };
        [
            filled(self.functions, "behave", 2 * self.callers),
            filled(self.functions, "quick", 2),
            filled(self.streaming, "stream", 2 * self.callers),
        ]
    }

    /// Has exactly so many environments of a function run; what is wrong when others do.
    fn fill(&self, function: &Filled, environments: usize) -> Option<String> {
        let count = || procfs::of_function(function.service.pid, function.function);
        let mut problem = None;
        // Again where callers came too late to meet: `quick` cannot wait for them.
        for _ in 0..5 {
            problem = hold(self, function, environments, &count).err();
            if problem.is_none() && count() == environments {
                return None;
            }
        }
        let (running, name) = (count(), function.function);
        problem.or_else(|| {
            Some(format!(
                "{running} processes of `{name}` run for {environments} invocations"
            ))
        })
    }
}

/// A service that has closed the connections of those who have left.
fn settled(pid: u32) -> Census {
    let last = std::cell::Cell::new((Census::default(), 0));
    Census::wait(pid, |now| {
        let (before, calm) = last.get();
        let same = (now.processes, now.descriptors, now.threads)
            == (before.processes, before.descriptors, before.threads);
        last.set((*now, if same { calm + 1 } else { 0 }));
        calm >= 10
    })
}
