//! Values that were fetched, and fetches that others wait for.
//!
//! Two things shape it. An execution environment is frozen between invocations, with whatever is
//! under way: a value is therefore as old as the *beginning* of its fetch, since hours may lie
//! between that and its end, and a fetch that began a while ago is no longer waited for. And a
//! caller may be dropped at its deadline: a fetch belongs to all who wait for it, and ends with the
//! last of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use tokio::runtime::Handle;

use super::{ParameterError, Query, Transform};
use crate::clock::Clock;

/// How long a fetch is joined by others. What takes longer has been frozen half-way, or hangs.
const JOINED_FOR: Duration = Duration::from_secs(10);

/// How long a store that did not answer is left alone while a stale value stands in: every
/// invocation would wait for its timeouts and retries.
const RETRIED_AFTER: Duration = Duration::from_secs(5);

/// What a value is kept by: as in Powertools what is asked for, and what is made of it.
pub(super) type Key = (Query, Transform);

/// How old a value may be for the one who asks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Policy {
    pub(super) max_age: Duration,
    pub(super) stale_while_revalidate: Duration,
    pub(super) stale_if_error: Duration,
    pub(super) force: bool,
}

pub(super) type Fetched<V> = Result<Arc<V>, ParameterError>;
type Fetch<V> = BoxFuture<'static, Fetched<V>>;

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
        if policy.max_age.is_zero() {
            return fetch(&key).await;
        }
        match self.step(&key, policy, fetch) {
            Step::Hit(value) => Ok(value),
            Step::Refresh(value, fetch) => {
                refresh(&key, fetch);
                Ok(value)
            }
            Step::Wait(fetch) => match fetch.await {
                Err(error) if error.is_unavailable() && !policy.force => {
                    self.stale(&key, policy, error)
                }
                fetched => fetched,
            },
        }
    }

    /// What is there and young enough, or stands in for a store that is left alone, without fetching.
    pub(super) fn peek(&self, key: &Key, policy: Policy) -> Option<Arc<V>> {
        let now = self.clock.now();
        let slots = self.slots();
        let entry = slots.by_key.get(key)?.entry.as_ref()?;
        match entry.usable(now, policy) {
            Usable::Young if !policy.force => Some(entry.value.clone()),
            Usable::Young | Usable::Stale | Usable::No => None,
        }
    }

    /// The age up to which a value may stand in for a store that does not answer.
    pub(super) fn stale(&self, key: &Key, policy: Policy, error: ParameterError) -> Fetched<V> {
        let now = self.clock.now();
        let slots = self.slots();
        let entry = slots.by_key.get(key).and_then(|slot| slot.entry.as_ref());
        let age = entry.and_then(|entry| entry.age(now));
        match (entry, age) {
            (Some(entry), Some(age))
                if age < policy.max_age.saturating_add(policy.stale_if_error) =>
            {
                tracing::warn!(
                    parameter = error.name(),
                    age_seconds = age.as_secs(),
                    %error,
                    "an old value of a parameter stands in"
                );
                Ok(entry.value.clone())
            }
            _ => Err(error),
        }
    }

    /// Keeps what was fetched outside of [`get`](Self::get); `begun` is from [`begin`](Self::begin).
    pub(super) fn keep(&self, key: &Key, begun: (u64, SystemTime), fetched: &Fetched<V>) {
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

    /// The number and the time of a fetch that begins now.
    pub(super) fn begin(&self) -> (u64, SystemTime) {
        let mut slots = self.slots();
        slots.begun += 1;
        (slots.begun, self.clock.now())
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
        let slot = slots.by_key.get(key);
        let stale = match slot.and_then(|slot| slot.entry.as_ref()) {
            Some(entry) if !policy.force => match entry.usable(now, policy) {
                Usable::Young => return Step::Hit(entry.value.clone()),
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
            (Some(value), Some(_)) => Step::Hit(value),
            (None, Some(fetch)) => Step::Wait(fetch),
            (stale, None) => {
                slots.begun += 1;
                let fetch = self.fly(key, (slots.begun, now), fetch(key));
                let flight = Flight {
                    // There: the future has not been polled to its end.
                    fetch: match fetch.downgrade() {
                        Some(weak) => weak,
                        None => return Step::Wait(fetch),
                    },
                    begun: now,
                    number: slots.begun,
                };
                slots
                    .by_key
                    .entry(key.clone())
                    .or_insert(Slot {
                        entry: None,
                        flight: None,
                    })
                    .flight = Some(flight);
                match stale {
                    Some(value) => Step::Refresh(value, fetch),
                    None => Step::Wait(fetch),
                }
            }
        }
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

    fn slots(&self) -> MutexGuard<'_, Slots<V>> {
        // Every change is one assignment: whole whoever panicked meanwhile.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
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

/// Fetches beside the invocation. The environment may be frozen before it ends: then it goes on
/// during a later invocation, or fails there, and no caller has waited for it.
fn refresh<V: Send + Sync + 'static>(key: &Key, fetch: Shared<Fetch<V>>) {
    let Ok(runtime) = Handle::try_current() else {
        return;
    };
    let name = key.0.name.clone();
    runtime.spawn(async move {
        if let Err(error) = fetch.await {
            tracing::warn!(parameter = name, %error, "a parameter was not refreshed");
        }
    });
}
