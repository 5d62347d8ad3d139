//! The one thread that looks after all families of a service.
//!
//! A family says when it is to be looked at next; between invocations it says nothing, and when
//! all are silent the thread sleeps without a timer. A family that is looked at while it rests after
//! many short invocations puts off its own next look, so that those invocations wake nobody.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::Instant;

use super::controlled::Inner;

#[derive(Debug, Default)]
pub(super) struct Governor {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    earlier: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    due: BinaryHeap<Reverse<Entry>>,
    running: bool,
    closed: bool,
}

#[derive(Debug)]
struct Entry {
    at: Instant,
    family: Weak<Inner>,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}

impl Governor {
    /// Looks at a family at this moment. It knows itself for when it is already listed.
    pub(super) fn look_at(&self, family: Weak<Inner>, at: Instant) {
        let mut queue = self.shared.lock();
        let first = queue.due.peek().is_none_or(|Reverse(first)| at < first.at);
        queue.due.push(Reverse(Entry { at, family }));
        if !queue.running {
            queue.running = true;
            let shared = Arc::clone(&self.shared);
            let thread = std::thread::Builder::new().name("kiln-governor".to_owned());
            // Without a thread nobody is throttled or frozen; every invocation works all the same.
            queue.running = thread.spawn(move || shared.run()).is_ok();
        } else if first {
            drop(queue);
            self.shared.earlier.notify_one();
        }
    }
}

impl Drop for Governor {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.earlier.notify_one();
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        crate::process::be_punctual();
        let mut queue = self.lock();
        while !queue.closed {
            let now = Instant::now();
            let wait = match queue.due.peek() {
                None => None,
                Some(Reverse(first)) if first.at > now => Some(first.at - now),
                Some(_) => {
                    let due = queue.due.pop();
                    drop(queue);
                    if let Some(Reverse(entry)) = due
                        && let Some(family) = entry.family.upgrade()
                    {
                        family.look(entry.at);
                    }
                    queue = self.lock();
                    continue;
                }
            };
            queue = match wait {
                None => self
                    .earlier
                    .wait(queue)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(wait) => {
                    let waited = self.earlier.wait_timeout(queue, wait);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}
