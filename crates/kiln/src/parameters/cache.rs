//! Values that were fetched, and fetches that others wait for.
//!
//! Two things shape it. An execution environment is frozen between invocations, with whatever is
//! under way: a value is therefore as old as the *beginning* of its fetch, since hours may lie
//! between that and its end, and a fetch that began a while ago is no longer waited for. And a
//! caller may be dropped at its deadline, or has waited as long as it can: a fetch belongs to all who
//! wait for it, and ends with the last of them.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared, WeakShared, join_all};
use tokio::runtime::Handle;

use super::{ParameterError, Query, Transform};
use crate::clock::Clock;
use crate::deadline::{Deadline, Then};

/// How long a fetch is joined by others. What takes longer has been frozen half-way, or hangs.
const JOINED_FOR: Duration = Duration::from_secs(10);

/// How long a store that did not answer is left alone while a stale value stands in: every
/// invocation would wait for its timeouts and retries.
const RETRIED_AFTER: Duration = Duration::from_secs(5);

/// How long a fetch beside the invocations goes on before it is given up: it hangs, and one would be
/// added every ten seconds.
const REFRESHED_WITHIN: Duration = Duration::from_secs(30);

/// What a value is kept by: as in Powertools what is asked for, and what is made of it.
pub(super) type Key = (Query, Transform);

/// How old a value may be for the one who asks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Policy {
    pub(super) max_age: Duration,
    pub(super) stale_while_revalidate: Duration,
    pub(super) stale_if_error: Duration,
    pub(super) force: bool,
    /// Whether who asks has something to do without it, and needs time for that.
    pub(super) goes_on: bool,
}

pub(super) type Fetched<V> = Result<Arc<V>, ParameterError>;
type Fetch<V> = BoxFuture<'static, Fetched<V>>;

/// A fetch of several: an answer for each key.
type FetchAll<V> = BoxFuture<'static, HashMap<Key, Fetched<V>>>;
type All<V> = BoxFuture<'static, Arc<HashMap<Key, Fetched<V>>>>;

/// Values by key.
#[derive(Debug)]
pub(super) struct Cache<V> {
    clock: Arc<dyn Clock>,
    slots: Mutex<Slots<V>>,
}

#[derive(Debug)]
struct Slots<V> {
    by_key: HashMap<Key, Slot<V>>,
    /// The number of fetches begun: an older one must not overwrite what a newer one brought.
    begun: u64,
}

#[derive(Debug)]
struct Slot<V> {
    entry: Option<Entry<V>>,
    flight: Option<Flight<V>>,
}

#[derive(Debug)]
struct Entry<V> {
    value: Arc<V>,
    begun: SystemTime,
    number: u64,
    /// When the store did not answer for a newer one.
    failed: Option<SystemTime>,
}

/// A fetch under way, for as long as somebody waits for it.
#[derive(Debug)]
struct Flight<V> {
    fetch: WeakShared<Fetch<V>>,
    begun: SystemTime,
    number: u64,
}

/// What is to be done for a caller.
enum Step<V> {
    /// Here it is.
    Hit(Arc<V>),
    /// Here it is, but fetch a newer one.
    Refresh(Arc<V>, Shared<Fetch<V>>),
    /// Wait for it.
    Wait(Shared<Fetch<V>>),
}

impl<V: Send + Sync + 'static> Cache<V> {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            slots: Mutex::new(Slots {
                by_key: HashMap::new(),
                begun: 0,
            }),
        }
    }

    /// The value, from memory if it is young enough.
    pub(super) async fn get(
        self: &Arc<Self>,
        key: Key,
        policy: Policy,
        fetch: impl FnOnce(&Key) -> Fetch<V>,
    ) -> Fetched<V> {
        let step = match policy.max_age.is_zero() {
            true => Step::Wait(fetch(&key).shared()),
            false => self.step(&key, policy, fetch),
        };
        self.take(&key, policy, step).await
    }

    /// Several values, in their order: those that are neither there nor under way in one fetch.
    pub(super) async fn get_many(
        self: &Arc<Self>,
        wanted: &[(Key, Policy)],
        fetch: impl FnOnce(Vec<Key>) -> FetchAll<V>,
    ) -> Vec<Fetched<V>> {
        let steps = self.steps(wanted, fetch);
        let taken = wanted.iter().zip(steps);
        join_all(taken.map(|((key, policy), step)| self.take(key, *policy, step))).await
    }

    /// What there is, or what comes in time.
    async fn take(self: &Arc<Self>, key: &Key, policy: Policy, step: Step<V>) -> Fetched<V> {
        match step {
            Step::Hit(value) => Ok(value),
            Step::Refresh(value, fetch) => {
                self.refresh(key, fetch);
                Ok(value)
            }
            Step::Wait(fetch) => self.wait(key, policy, fetch).await,
        }
    }

    /// Waits as long as this caller can: the fetch goes on for the others.
    async fn wait(&self, key: &Key, policy: Policy, fetch: Shared<Fetch<V>>) -> Fetched<V> {
        let is_kept = !policy.max_age.is_zero();
        let stands_in = is_kept && !policy.force && self.old(key, policy).is_some();
        let (then, at_most) = match stands_in || policy.goes_on {
            true => (Then::GoOn, JOINED_FOR),
            false => (Then::Fail, Duration::MAX),
        };
        let answer = Deadline::current().patiently(then, at_most, fetch);
        let fetched = answer.await.unwrap_or_else(|unanswered| {
            if is_kept {
                self.failed(key);
            }
            Err(ParameterError::unavailable(
                &key.0.name,
                unanswered.to_string(),
            ))
        });
        match fetched {
            Err(error) if error.is_unavailable() && stands_in => self.stale(key, policy, error),
            fetched => fetched,
        }
    }

    /// The value that may stand in for a store that does not answer, and its age.
    fn old(&self, key: &Key, policy: Policy) -> Option<(Arc<V>, Duration)> {
        let now = self.clock.now();
        let slots = self.slots();
        let entry = slots.by_key.get(key)?.entry.as_ref()?;
        let age = entry.age(now)?;
        let limit = policy.max_age.saturating_add(policy.stale_if_error);
        (age < limit).then(|| (entry.value.clone(), age))
    }

    /// Has an old value stand in, if there is one that may.
    fn stale(&self, key: &Key, policy: Policy, error: ParameterError) -> Fetched<V> {
        let Some((value, age)) = self.old(key, policy) else {
            return Err(error);
        };
        tracing::warn!(
            parameter = error.name(),
            age_seconds = age.as_secs(),
            %error,
            "an old value of a parameter stands in"
        );
        Ok(value)
    }

    /// The store has not answered: it is left alone for a while, where a value may stand in.
    fn failed(&self, key: &Key) {
        let now = self.clock.now();
        let mut slots = self.slots();
        let slot = slots.by_key.get_mut(key);
        if let Some(entry) = slot.and_then(|slot| slot.entry.as_mut()) {
            entry.failed = Some(now);
        }
    }

    /// Keeps what a fetch has brought; `begun` is its number, and when it began.
    fn keep(&self, key: &Key, begun: (u64, SystemTime), fetched: &Fetched<V>) {
        let mut slots = self.slots();
        let slot = slots.by_key.entry(key.clone()).or_insert(Slot {
            entry: None,
            flight: None,
        });
        let (number, begun) = begun;
        if slot
            .flight
            .as_ref()
            .is_some_and(|flight| flight.number == number)
        {
            slot.flight = None;
        }
        let is_newest = slot
            .entry
            .as_ref()
            .is_none_or(|entry| entry.number < number);
        match fetched {
            Ok(value) if is_newest => {
                slot.entry = Some(Entry {
                    value: value.clone(),
                    begun,
                    number,
                    failed: None,
                });
            }
            Err(error) if error.is_unavailable() => {
                if let Some(entry) = &mut slot.entry {
                    entry.failed = Some(self.clock.now());
                }
            }
            // What does not exist any more, or may no longer be read, is not served any more.
            Err(_) if is_newest => slot.entry = None,
            Ok(_) | Err(_) => {}
        }
        if slot.entry.is_none() && slot.flight.is_none() {
            slots.by_key.remove(key);
        }
    }

    #[cfg(feature = "flags")]
    pub(super) fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    pub(super) fn clear(&self) {
        self.slots().by_key.clear();
    }

    fn step(
        self: &Arc<Self>,
        key: &Key,
        policy: Policy,
        fetch: impl FnOnce(&Key) -> Fetch<V>,
    ) -> Step<V> {
        let now = self.clock.now();
        let mut slots = self.slots();
        match slots.look(key, policy, now) {
            Look::Hit(value) => Step::Hit(value),
            Look::Join(fetch) => Step::Wait(fetch),
            Look::Fetch(stale) => {
                slots.begun += 1;
                let begun = (slots.begun, now);
                let fetch = self.fly(key, begun, fetch(key));
                slots.add(key, begun, &fetch);
                Step::fetch(stale, fetch)
            }
        }
    }

    /// In one look: what two callers want at the same time is fetched by one of them.
    fn steps(
        self: &Arc<Self>,
        wanted: &[(Key, Policy)],
        fetch: impl FnOnce(Vec<Key>) -> FetchAll<V>,
    ) -> Vec<Step<V>> {
        let now = self.clock.now();
        let mut slots = self.slots();
        let looks = wanted.iter().map(|(key, policy)| match policy.max_age {
            Duration::ZERO => Look::Fetch(None),
            _ => slots.look(key, *policy, now),
        });
        let looks: Vec<Look<V>> = looks.collect();
        let (mut missing, mut seen) = (Vec::new(), HashSet::new());
        for ((key, _), look) in wanted.iter().zip(&looks) {
            if matches!(look, Look::Fetch(_)) && seen.insert(key) {
                missing.push(key.clone());
            }
        }
        slots.begun += 1;
        let begun = (slots.begun, now);
        let all = fetch(missing).map(Arc::new).boxed().shared();
        let mut flights: HashMap<&Key, Shared<Fetch<V>>> = HashMap::new();
        let steps = wanted
            .iter()
            .zip(looks)
            .map(|((key, policy), look)| match look {
                Look::Hit(value) => Step::Hit(value),
                Look::Join(fetch) => Step::Wait(fetch),
                Look::Fetch(_) if policy.max_age.is_zero() => {
                    Step::Wait(one_of(&all, key).shared())
                }
                Look::Fetch(stale) => {
                    let flight = flights.entry(key).or_insert_with(|| {
                        let fetch = self.fly(key, begun, one_of(&all, key));
                        slots.add(key, begun, &fetch);
                        fetch
                    });
                    Step::fetch(stale, flight.clone())
                }
            });
        steps.collect()
    }

    /// A fetch that keeps what it brings, whoever polls it.
    fn fly(
        self: &Arc<Self>,
        key: &Key,
        begun: (u64, SystemTime),
        fetch: Fetch<V>,
    ) -> Shared<Fetch<V>> {
        let cache = self.clone();
        let key = key.clone();
        async move {
            let fetched = fetch.await;
            cache.keep(&key, begun, &fetched);
            fetched
        }
        .boxed()
        .shared()
    }

    /// Fetches beside the invocation, whatever time that has left. The environment may be frozen before
    /// it ends: then it goes on during a later invocation, or fails there, and no caller has waited
    /// for it.
    fn refresh(self: &Arc<Self>, key: &Key, fetch: Shared<Fetch<V>>) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let (cache, key) = (self.clone(), key.clone());
        runtime.spawn(async move {
            let fetched = tokio::time::timeout(REFRESHED_WITHIN, fetch).await;
            let fetched = fetched.unwrap_or_else(|_elapsed| {
                cache.failed(&key);
                let reason = format!("no answer within {REFRESHED_WITHIN:?}");
                Err(ParameterError::unavailable(&key.0.name, reason))
            });
            if let Err(error) = fetched {
                tracing::warn!(parameter = key.0.name, %error, "a parameter was not refreshed");
            }
        });
    }

    fn slots(&self) -> MutexGuard<'_, Slots<V>> {
        // Every change is one assignment: whole whoever panicked meanwhile.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One answer of several.
fn one_of<V: Send + Sync + 'static>(all: &Shared<All<V>>, key: &Key) -> Fetch<V> {
    let (all, key) = (all.clone(), key.clone());
    async move {
        let answered = all.await.get(&key).cloned();
        // A provider has to answer for each; one of somebody's own might not.
        answered.unwrap_or_else(|| {
            let reason = "the provider has not answered for it";
            Err(ParameterError::refused(&key.0.name, reason))
        })
    }
    .boxed()
}

/// What there is for a caller.
enum Look<V> {
    Hit(Arc<V>),
    /// Somebody fetches it.
    Join(Shared<Fetch<V>>),
    /// Nobody does; the value is old, and may be served meanwhile.
    Fetch(Option<Arc<V>>),
}

impl<V> Step<V> {
    /// Of a fetch that begins.
    fn fetch(stale: Option<Arc<V>>, fetch: Shared<Fetch<V>>) -> Self {
        match stale {
            Some(value) => Self::Refresh(value, fetch),
            None => Self::Wait(fetch),
        }
    }
}

impl<V: Send + Sync + 'static> Slots<V> {
    fn look(&self, key: &Key, policy: Policy, now: SystemTime) -> Look<V> {
        let slot = self.by_key.get(key);
        let stale = match slot.and_then(|slot| slot.entry.as_ref()) {
            Some(entry) if !policy.force => match entry.usable(now, policy) {
                Usable::Young => return Look::Hit(entry.value.clone()),
                Usable::Stale => Some(entry.value.clone()),
                Usable::No => None,
            },
            _ => None,
        };
        let flight = slot.and_then(|slot| slot.flight.as_ref());
        let joined = flight
            .filter(|flight| !policy.force && flight.is_young(now, policy))
            .and_then(|flight| flight.fetch.upgrade());
        match (stale, joined) {
            // Somebody waits for it already.
            (Some(value), Some(_)) => Look::Hit(value),
            (None, Some(fetch)) => Look::Join(fetch),
            (stale, None) => Look::Fetch(stale),
        }
    }

    /// Adds a fetch that begins, for others to join.
    fn add(&mut self, key: &Key, (number, begun): (u64, SystemTime), fetch: &Shared<Fetch<V>>) {
        // There: the future has not been polled to its end.
        let Some(fetch) = fetch.downgrade() else {
            return;
        };
        let slot = self.by_key.entry(key.clone()).or_insert(Slot {
            entry: None,
            flight: None,
        });
        slot.flight = Some(Flight {
            fetch,
            begun,
            number,
        });
    }
}

/// Whether a value that is there answers a caller.
enum Usable {
    Young,
    /// It does, and a newer one is to be fetched.
    Stale,
    No,
}

impl<V> Entry<V> {
    fn usable(&self, now: SystemTime, policy: Policy) -> Usable {
        let Some(age) = self.age(now) else {
            return Usable::No;
        };
        let left_alone = self
            .failed
            .and_then(|failed| now.duration_since(failed).ok())
            .is_some_and(|since| since < RETRIED_AFTER);
        let up_to = |stale: Duration| policy.max_age.saturating_add(stale);
        if age < policy.max_age {
            Usable::Young
        } else if age < up_to(policy.stale_while_revalidate) {
            // Without a runtime there is nobody to refresh it.
            match (left_alone, Handle::try_current()) {
                (true, _) => Usable::Young,
                (false, Ok(_)) => Usable::Stale,
                (false, Err(_)) => Usable::No,
            }
        } else if left_alone && age < up_to(policy.stale_if_error) {
            Usable::Young
        } else {
            Usable::No
        }
    }

    /// None when the clock has been set back: how old it is cannot be told.
    fn age(&self, now: SystemTime) -> Option<Duration> {
        now.duration_since(self.begun).ok()
    }
}

impl<V> Flight<V> {
    fn is_young(&self, now: SystemTime, policy: Policy) -> bool {
        let age = now.duration_since(self.begun);
        age.is_ok_and(|age| age < JOINED_FOR.min(policy.max_age))
    }
}
