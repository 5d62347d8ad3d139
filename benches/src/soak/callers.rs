//! Those who call: each with connections of its own, one call after the other.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::kind::{Kind, Of, Stay};
use super::memory::{Memory, Sample};
use super::{Filled, Soak};
use crate::procfs;
use crate::wire::{Answer, Wire, invocation, streaming_invocation};

/// Who has no answer by then has lost it.
const PATIENCE: Duration = Duration::from_secs(60);
/// How many problems are told.
const TOLD: usize = 20;
/// Memory is looked at after so many invocations, or a hundred times in all.
const SAMPLE_EVERY: u64 = 10_000;

/// What came of the invocations.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) right: BTreeMap<Kind, u64>,
    pub(super) wrong: u64,
    pub(super) problems: Vec<String>,
    pub(super) memory: [Memory; 2],
}

/// Makes all invocations of a soak.
pub(super) fn invoke_all(soak: &Soak, progress: &(dyn Fn(&str) + Sync)) -> Done {
    let next = AtomicU64::new(0);
    let done = Mutex::new(Done::default());
    std::thread::scope(|scope| {
        for _ in 0..soak.callers {
            scope.spawn(|| {
                let mut caller = Caller::new(soak);
                let mut right: BTreeMap<Kind, u64> = BTreeMap::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= soak.invocations {
                        break;
                    }
                    note_progress(soak, number, &done, progress);
                    let kind = Kind::of(number);
                    match caller.invoke(kind, number) {
                        Ok(()) => *right.entry(kind).or_default() += 1,
                        Err(problem) => lock(&done).wrong(kind, number, &problem),
                    }
                }
                let mut done = lock(&done);
                for (kind, count) in right {
                    *done.right.entry(kind).or_default() += count;
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    for memory in &mut done.memory {
        memory.samples.sort_by_key(|sample| sample.invocations);
    }
    done
}

/// Makes one invocation.
pub(super) fn invoke_once(soak: &Soak, kind: Kind) -> Result<(), String> {
    Caller::new(soak).invoke(kind, 0)
}

fn note_progress(soak: &Soak, number: u64, done: &Mutex<Done>, progress: &(dyn Fn(&str) + Sync)) {
    let hundredth = (soak.invocations / 100).max(1);
    if number.is_multiple_of(hundredth.min(SAMPLE_EVERY)) {
        let resident = [soak.functions, soak.streaming]
            .map(|service| procfs::resident_kb(service.pid).unwrap_or_default());
        let mut done = lock(done);
        for (memory, resident_kb) in done.memory.iter_mut().zip(resident) {
            memory.samples.push(Sample {
                invocations: number,
                resident_kb,
            });
        }
        let wrong = done.wrong;
        drop(done);
        if number.is_multiple_of(hundredth) {
            let [functions, streaming] = resident.map(|kb| kb / 1_024);
            progress(&format!(
                "soak: {number} of {}, {wrong} wrong, {functions} and {streaming} MB resident",
                soak.invocations
            ));
        }
    }
}

impl Done {
    fn wrong(&mut self, kind: Kind, number: u64, problem: &str) {
        self.wrong += 1;
        if self.problems.len() < TOLD {
            let kind = kind.name();
            self.problems
                .push(format!("invocation {number} ({kind}): {problem}"));
        }
    }
}

fn lock(done: &Mutex<Done>) -> std::sync::MutexGuard<'_, Done> {
    done.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Caller<'s> {
    soak: &'s Soak,
    functions: Option<Wire>,
    streaming: Option<Wire>,
}

impl<'s> Caller<'s> {
    fn new(soak: &'s Soak) -> Self {
        Self {
            soak,
            functions: None,
            streaming: None,
        }
    }

    /// Invokes; an answer that is wrong or missing is a problem.
    fn invoke(&mut self, kind: Kind, number: u64) -> Result<(), String> {
        let request = kind.request(number);
        if kind.stay() == Stay::ToTheEnd {
            let answer = self.ask(kind.service(), &request);
            let answer = answer.map_err(|error| format!("no answer: {error}"))?;
            return match kind.fault(number, &answer) {
                None => Ok(()),
                Some(fault) => Err(fault),
            };
        }
        let address = self.soak.service(kind.service()).address;
        let left = Wire::connect(address, PATIENCE).and_then(|mut wire| {
            wire.send(&request)?;
            match kind.stay() {
                Stay::FirstBytes => wire.glimpse(),
                Stay::ToTheEnd | Stay::None => Ok(()),
            }
        });
        left.map_err(|error| format!("cannot call: {error}"))
    }

    /// Sends a request over the connection there is, and waits for its one answer.
    fn ask(&mut self, of: Of, request: &[u8]) -> io::Result<Answer> {
        let address = self.soak.service(of).address;
        let kept = match of {
            Of::Functions => &mut self.functions,
            Of::Streaming => &mut self.streaming,
        };
        let mut wire = match kept.take() {
            Some(wire) => wire,
            None => Wire::connect(address, PATIENCE)?,
        };
        wire.send(request)?;
        let answer = wire.answer()?;
        // A second answer that comes later is taken for that of the next request, and is wrong there.
        if !wire.is_drained() {
            return Err(io::Error::other("more than one answer"));
        }
        *kept = Some(wire);
        Ok(answer)
    }
}

/// Makes some invocations of a function that wait for each other, so that as many of its
/// environments run at once.
pub(super) fn hold(
    soak: &Soak,
    function: &Filled,
    environments: usize,
    running: &dyn Fn() -> usize,
) -> Result<(), String> {
    let directory = tempfile::tempdir_in(&soak.scratch).map_err(|error| error.to_string())?;
    let all_run = directory.path().join("0");
    let request = match function.function {
        "stream" => streaming_invocation(
            "stream",
            &format!(
                r#"{{"chunks":["a","b"],"directory":{:?}}}"#,
                directory.path()
            ),
        ),
        // It may take a second, and cannot wait for the others.
        "quick" => invocation("quick", r#"{"do":"sleep","ms":700}"#),
        name => invocation(name, &format!(r#"{{"do":"wait for","path":{all_run:?}}}"#)),
    };
    let address = function.service.address;
    let call = || -> io::Result<u16> {
        let mut wire = Wire::connect(address, PATIENCE)?;
        wire.send(&request)?;
        Ok(wire.answer()?.status)
    };
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..environments).map(|_| scope.spawn(call)).collect();
        let began = Instant::now();
        // Less than the functions' own timeout.
        while running() < environments && began.elapsed() < Duration::from_secs(15) {
            std::thread::sleep(Duration::from_millis(10));
        }
        File::create(&all_run).map_err(|error| error.to_string())?;
        for caller in callers {
            match caller.join() {
                Ok(Ok(200)) => {}
                other => {
                    return Err(format!(
                        "`{}` is not answered: {other:?}",
                        function.function
                    ));
                }
            }
        }
        Ok(())
    })
}
