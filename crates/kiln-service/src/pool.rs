//! The books of a function's pool: which environments there are and how they stand, who waits for one,
//! and who is let in at all.
//!
//! No process, no lock and no clock is in here: whoever keeps the books is told what happened and when,
//! so that they are tested without any. An invocation is *in flight*, and counts as concurrency, while it
//! waits for an environment and while one runs it, until it is answered. What a function does after
//! its answer counts again when its environment does not come back soon.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use kiln_protocol::error::ThrottleReason;

use crate::account::Account;
use crate::rate::{Bucket, Refill};

/// How long an environment that has just answered is counted on, at least; twice as long at most. The
/// runtime usually comes back within 0.1 ms: a caller that calls again at once would otherwise start a
/// second process. On a busy machine it takes as long as others have the processors. A function
/// that works on after its answer is not waited for.
pub(crate) const GRACE: Duration = Duration::from_millis(25);

/// Something that waits for an environment.
pub(crate) trait Waiting {
    /// Nobody waits for its answer any more.
    fn is_abandoned(&self) -> bool;
}

/// Why an invocation is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) reason: ThrottleReason,
    /// When it is worth trying again, where only time is missing.
    pub(crate) retry_after: Option<Duration>,
}

/// What asks to be let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A caller waits for the answer.
    Synchronous,
    /// An event. The request rate does not bound it.
    Event,
}

/// What becomes of an environment that is available.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next<I> {
    /// It runs this one.
    Run(I),
    /// It is idle now.
    Rest,
    /// It is no longer wanted, and is to be closed.
    End,
}

/// How an environment stands to the next invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// It has not been available yet.
    Starting,
    /// It waits for an invocation.
    Idle,
    /// It has one.
    Busy,
    /// Its invocation was answered at this moment; its runtime has not come back yet.
    Soon(Duration),
    /// It answered a while ago, and works on.
    Late,
    /// It has been told to end.
    Ending,
}

#[derive(Debug)]
struct Member<E> {
    environment: E,
    standing: Standing,
    /// It runs an older release, and ends when it has answered what it took.
    outdated: bool,
}

/// How many environments stand how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    starting: usize,
    idle: usize,
    busy: usize,
    soon: usize,
    late: usize,
    ending: usize,
}

impl Counts {
    fn of(&mut self, standing: Standing) -> &mut usize {
        match standing {
            Standing::Starting => &mut self.starting,
            Standing::Idle => &mut self.idle,
            Standing::Busy => &mut self.busy,
            Standing::Soon(_) => &mut self.soon,
            Standing::Late => &mut self.late,
            Standing::Ending => &mut self.ending,
        }
    }
}

/// The pool of environments `E` for invocations `I`.
#[derive(Debug)]
pub(crate) struct Pool<E, I> {
    /// Every environment that has not ended, oldest first.
    members: BTreeMap<u64, Member<E>>,
    counts: Counts,
    /// Idle environments, the one that was busy last at the end.
    idle: Vec<u64>,
    /// In flight, without an environment.
    waiting: VecDeque<I>,
    /// Not let in yet: events, which are never refused for want of concurrency.
    events: VecDeque<I>,
    account: Arc<Account>,
    reserved: Option<u32>,
    /// How many invocations of this function the account counts.
    counted: usize,
    requests: Bucket,
    starts: Bucket,
}

impl<E: Clone, I: Waiting> Pool<E, I> {
    pub(crate) fn new(account: Arc<Account>) -> Self {
        Self {
            members: BTreeMap::new(),
            counts: Counts::default(),
            idle: Vec::new(),
            waiting: VecDeque::new(),
            events: VecDeque::new(),
            account,
            reserved: None,
            counted: 0,
            requests: Bucket::default(),
            starts: Bucket::default(),
        }
    }

    /// Tells the account how many invocations are in flight now. To be called when a change is complete.
    pub(crate) fn settle(&mut self) {
        let counts = match self.reserved {
            // They have their own.
            Some(_) => 0,
            None => self.in_flight(),
        };
        if counts > self.counted {
            self.account.begin(counts - self.counted);
        } else if counts < self.counted {
            self.account.end(self.counted - counts);
        }
        self.counted = counts;
    }

    /// Changes the reserved concurrency. Returns the events that will never be let in: with none, the
    /// service does not keep them.
    pub(crate) fn reserve(&mut self, reserved: Option<u32>) -> Vec<I> {
        self.reserved = reserved;
        match reserved {
            Some(0) => self.events.drain(..).collect(),
            _ => Vec::new(),
        }
    }

    fn in_flight(&self) -> usize {
        self.waiting.len() + self.counts.busy
    }

    /// How many environments are on their way to being available.
    fn coming(&self) -> usize {
        self.counts.starting + self.counts.soon
    }

    /// Lets an invocation in, which is then to [get an environment](Self::take_idle) or to
    /// [wait](Self::wait) for one. `starts` says whether environments are started for it.
    ///
    /// # Errors
    /// What there is too much of. Nothing has changed then.
    pub(crate) fn admit(&mut self, kind: Kind, starts: bool, now: Duration) -> Result<(), Refusal> {
        let rate = |reason| {
            move |wait| Refusal {
                reason,
                retry_after: Some(wait),
            }
        };
        let needs_another = self.idle.is_empty() && self.coming() <= self.waiting.len();
        if starts && needs_another && !self.is_full() {
            self.starts
                .look(Refill::NEW_ENVIRONMENTS, now)
                .map_err(rate(ThrottleReason::FunctionInvocationRateLimitExceeded))?;
        }
        self.claim(now)?;
        if kind == Kind::Event {
            return Ok(());
        }
        match self.reserved {
            Some(reserved) => self
                .requests
                .take(Refill::requests(reserved.into()), now)
                .map_err(rate(
                    ThrottleReason::ReservedFunctionInvocationRateLimitExceeded,
                )),
            None => self
                .account
                .take_request(now)
                .map_err(rate(ThrottleReason::FunctionInvocationRateLimitExceeded)),
        }
        .inspect_err(|_| self.settle())
    }

    /// Claims a unit of concurrency.
    fn claim(&mut self, now: Duration) -> Result<(), Refusal> {
        if self.try_claim(now) {
            return Ok(());
        }
        // Whoever has hung up while waiting takes no place.
        self.forget_abandoned();
        self.settle();
        if self.try_claim(now) {
            return Ok(());
        }
        Err(Refusal {
            reason: match self.reserved {
                Some(_) => ThrottleReason::ReservedFunctionConcurrentInvocationLimitExceeded,
                None => ThrottleReason::ConcurrentInvocationLimitExceeded,
            },
            retry_after: None,
        })
    }

    fn try_claim(&mut self, now: Duration) -> bool {
        let Some(reserved) = self.reserved else {
            let begun = self.account.try_begin();
            self.counted += usize::from(begun);
            return begun;
        };
        let reserved = reserved as usize;
        if self.in_flight() + self.counts.late + self.counts.soon >= reserved {
            // Nearly full: who exactly has come back matters.
            self.expect_no_longer(now);
        }
        self.in_flight() + self.counts.late < reserved
    }

    /// Whether the function may have no other environment beside those that are not idle.
    fn is_full(&self) -> bool {
        let Counts {
            starting,
            busy,
            soon,
            late,
            ..
        } = self.counts;
        let active = starting + busy + soon + late;
        self.reserved
            .is_some_and(|reserved| active >= reserved as usize)
    }

    /// Gives the environment that was busy last to an invocation that was let in.
    pub(crate) fn take_idle(&mut self) -> Option<(u64, E)> {
        let id = *self.idle.last()?;
        let environment = self.members.get(&id)?.environment.clone();
        self.set(id, Standing::Busy);
        Some((id, environment))
    }

    /// An environment that was given an invocation had ended in this moment.
    pub(crate) fn took_nothing(&mut self, id: u64) {
        self.set(id, Standing::Ending);
    }

    /// An invocation that was let in waits for an environment.
    pub(crate) fn wait(&mut self, invocation: I) {
        self.waiting.push_back(invocation);
    }

    /// One that was let in long ago waits again.
    pub(crate) fn wait_first(&mut self, invocation: I) {
        self.waiting.push_front(invocation);
    }

    /// An event waits to be let in.
    pub(crate) fn wait_outside(&mut self, event: I) {
        self.events.push_back(event);
    }

    /// Whether events that come are not kept: none would ever be let in.
    pub(crate) fn keeps_no_events(&self) -> bool {
        self.reserved == Some(0)
    }

    /// Whether events wait to be let in.
    pub(crate) fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// The next event, when it may come in.
    pub(crate) fn next_event(&mut self, starts: bool, now: Duration) -> Option<I> {
        if self.events.is_empty() || self.admit(Kind::Event, starts, now).is_err() {
            return None;
        }
        self.events.pop_front()
    }

    /// Forgets who has hung up while waiting.
    pub(crate) fn forget_abandoned(&mut self) {
        self.waiting.retain(|invocation| !invocation.is_abandoned());
    }

    /// How many environments to start for those who wait, by what the function may have and by how
    /// fast it may grow.
    pub(crate) fn wants(&self, now: Duration) -> usize {
        let missing = self.waiting.len().saturating_sub(self.coming());
        if missing == 0
            || self.is_full()
            || self.starts.look(Refill::NEW_ENVIRONMENTS, now).is_err()
        {
            0
        } else {
            missing
        }
    }

    /// An environment was started.
    pub(crate) fn started(&mut self, id: u64, environment: E, now: Duration) {
        // The books are right even where nobody had asked.
        let _ = self.starts.take(Refill::NEW_ENVIRONMENTS, now);
        let member = Member {
            environment,
            standing: Standing::Starting,
            outdated: false,
        };
        self.members.insert(id, member);
        self.counts.starting += 1;
    }

    /// The invocation of an environment is about to be answered.
    pub(crate) fn answered(&mut self, id: u64, now: Duration) {
        let Some(member) = self.members.get(&id) else {
            return;
        };
        if member.standing == Standing::Busy {
            let late = member.outdated;
            self.set(
                id,
                if late {
                    Standing::Late
                } else {
                    Standing::Soon(now)
                },
            );
        }
    }

    /// An environment is available: what now?
    pub(crate) fn available(&mut self, id: u64, now: Duration) -> Next<I> {
        let wanted = self
            .members
            .get(&id)
            .is_some_and(|member| !member.outdated && member.standing != Standing::Ending);
        if !wanted {
            self.set(id, Standing::Ending);
            return Next::End;
        }
        while let Some(invocation) = self.waiting.pop_front() {
            // Whoever hung up while waiting does not cost an invocation.
            if !invocation.is_abandoned() {
                self.set(id, Standing::Busy);
                return Next::Run(invocation);
            }
        }
        // It no longer counts itself, should the last unit be what an event waits for.
        self.set(id, Standing::Idle);
        self.settle();
        match self.next_event(false, now) {
            Some(event) => {
                self.set(id, Standing::Busy);
                Next::Run(event)
            }
            None => Next::Rest,
        }
    }

    /// An environment has ended.
    pub(crate) fn closed(&mut self, id: u64) {
        self.set(id, Standing::Ending);
        if self.members.remove(&id).is_some() {
            self.counts.ending -= 1;
        }
    }

    /// Counts no longer on environments that answered a while ago and have not come back.
    pub(crate) fn expect_no_longer(&mut self, now: Duration) {
        if self.counts.soon == 0 {
            return;
        }
        for member in self.members.values_mut() {
            if let Standing::Soon(since) = member.standing
                && now.saturating_sub(since) >= GRACE
            {
                member.standing = Standing::Late;
                self.counts.soon -= 1;
                self.counts.late += 1;
            }
        }
    }

    /// Every environment is of an older release now. Returns those to close at once: they have no
    /// invocation.
    pub(crate) fn outdate(&mut self) -> Vec<E> {
        let mut ended = Vec::new();
        let ids: Vec<u64> = self.members.keys().copied().collect();
        for id in ids {
            let Some(member) = self.members.get_mut(&id) else {
                continue;
            };
            member.outdated = true;
            match member.standing {
                Standing::Starting | Standing::Idle => {
                    ended.push(member.environment.clone());
                    self.set(id, Standing::Ending);
                }
                Standing::Soon(_) => self.set(id, Standing::Late),
                Standing::Busy | Standing::Late | Standing::Ending => {}
            }
        }
        ended
    }

    /// Every environment, and whatever waits: the function ends.
    pub(crate) fn end(&mut self) -> (Vec<E>, Vec<I>) {
        self.outdate();
        let members = self.members.values();
        let environments = members.map(|member| member.environment.clone()).collect();
        let waiting = self.waiting.drain(..).chain(self.events.drain(..));
        (environments, waiting.collect())
    }

    /// Gives up all who wait: there is no environment, and none can be started.
    pub(crate) fn give_up_waiting(&mut self) -> Vec<I> {
        self.waiting.drain(..).collect()
    }

    /// Takes the environment that has been idle longest, to be closed.
    pub(crate) fn take_oldest_idle(&mut self) -> Option<E> {
        let id = *self.idle.first()?;
        let environment = self.members.get(&id)?.environment.clone();
        self.set(id, Standing::Ending);
        Some(environment)
    }

    /// How many are idle, and how many have been told to end and have not yet.
    pub(crate) fn idle_and_ending(&self) -> (usize, usize) {
        (self.counts.idle, self.counts.ending)
    }

    /// The environment that was started first.
    pub(crate) fn oldest(&self) -> Option<&E> {
        let (_, member) = self.members.first_key_value()?;
        Some(&member.environment)
    }

    /// Whether there is no environment.
    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether there is an environment that an invocation of now could run in.
    pub(crate) fn has_current(&self) -> bool {
        self.members.values().any(|member| !member.outdated)
    }

    /// Whether somebody waits for what only time brings.
    pub(crate) fn waits_for_time(&self) -> bool {
        let waiting = self.waiting.len();
        waiting > 0 && (self.counts.soon > 0 || waiting > self.coming())
    }

    fn set(&mut self, id: u64, standing: Standing) {
        let Some(member) = self.members.get_mut(&id) else {
            return;
        };
        let before = std::mem::replace(&mut member.standing, standing);
        *self.counts.of(before) -= 1;
        *self.counts.of(standing) += 1;
        if before == Standing::Idle
            && let Some(place) = self.idle.iter().rposition(|idle| *idle == id)
        {
            self.idle.remove(place);
        }
        if standing == Standing::Idle {
            self.idle.push(id);
        }
    }
}

#[cfg(test)]
mod tests;
