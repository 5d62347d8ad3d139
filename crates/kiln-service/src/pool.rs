//! The books of a function's pool: which environments there are and how they stand, who waits for one,
//! and who is let in at all.
//!
//! No process, no lock and no clock is in here: whoever keeps the books is told what happened and when,
//! so that they are tested without any. An invocation is *in flight*, and counts as concurrency, while it
//! waits for an environment and while one runs it, until it is answered. What a function does after
//! its answer counts again when its environment does not come back soon. What a provisioned environment
//! runs is none of this: that environment was paid for ahead.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use kiln_protocol::error::ThrottleReason;

use crate::account::Account;
use crate::config::ProvisionedState;
use crate::rate::{Bucket, Refill};
use places::Places;
use provisioning::Provisioning;
use tenants::Tenants;

mod places;
mod provisioning;
mod tenants;

/// How long an environment that has just answered is counted on, at least; twice as long at most. The
/// runtime usually comes back within 0.1 ms: a caller that calls again at once would otherwise start a
/// second process. On a busy machine it takes as long as others have the processors. A function
/// that works on after its answer is not waited for.
pub(crate) const GRACE: Duration = Duration::from_millis(25);

/// Something that waits for an environment.
pub(crate) trait Waiting {
    /// Nobody waits for its answer any more.
    fn is_abandoned(&self) -> bool;
    /// For whom it runs, where a function asks for that.
    fn tenant(&self) -> Option<&str>;
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
    /// It waits for an invocation since this moment.
    Idle(Duration),
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
    /// Of several places of an environment: the first, whose id is the environment's.
    place_of: Option<u64>,
    standing: Standing,
    /// It runs an older release, and ends when it has answered what it took.
    outdated: bool,
    /// It was started ahead, and is replaced when it ends.
    provisioned: bool,
    /// Whom it served first, in a function that keeps its tenants apart.
    tenant: Option<Arc<str>>,
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
            Standing::Idle(_) => &mut self.idle,
            Standing::Busy => &mut self.busy,
            Standing::Soon(_) => &mut self.soon,
            Standing::Late => &mut self.late,
            Standing::Ending => &mut self.ending,
        }
    }

    /// All but those that are idle or end.
    fn active(&self) -> usize {
        self.starting + self.busy + self.soon + self.late
    }
}

/// The pool of environments `E` for invocations `I`.
#[derive(Debug)]
pub(crate) struct Pool<E, I> {
    /// Every environment that has not ended, oldest first.
    members: BTreeMap<u64, Member<E>>,
    /// Those that were started for an invocation.
    on_demand: Counts,
    /// Those that were started ahead.
    provisioned: Counts,
    /// Idle environments on demand, the one that was busy last at the end.
    idle: Vec<u64>,
    /// Idle provisioned ones.
    ready: Vec<u64>,
    provisioning: Provisioning,
    /// Of a function that keeps its tenants apart.
    tenants: Option<Tenants>,
    /// Of environments that take several invocations at a time.
    places: HashMap<u64, Places>,
    /// In flight, without an environment.
    waiting: VecDeque<I>,
    /// Not let in yet: events, which are never refused for want of concurrency.
    events: VecDeque<I>,
    account: Arc<Account>,
    reserved: Option<u32>,
    /// How many invocations of this function the account counts.
    counted: usize,
    requests: Bucket,
    provisioned_requests: Bucket,
    starts: Bucket,
}

impl<E: Clone, I: Waiting> Pool<E, I> {
    pub(crate) fn new(account: Arc<Account>) -> Self {
        Self {
            members: BTreeMap::new(),
            on_demand: Counts::default(),
            provisioned: Counts::default(),
            idle: Vec::new(),
            ready: Vec::new(),
            provisioning: Provisioning::default(),
            tenants: None,
            places: HashMap::new(),
            waiting: VecDeque::new(),
            events: VecDeque::new(),
            account,
            reserved: None,
            counted: 0,
            requests: Bucket::default(),
            provisioned_requests: Bucket::default(),
            starts: Bucket::default(),
        }
    }

    /// Tells the account how many invocations are in flight now. To be called when a change is complete.
    pub(crate) fn settle(&mut self) {
        let counts = match self.reserved {
            // They have their own.
            Some(_) => 0,
            None => self.on_demand_in_flight(),
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

    /// Keeps so many environments provisioned, beginning anew. They are part of what is reserved.
    pub(crate) fn provision(&mut self, environments: u32) {
        self.provisioning = Provisioning::new(environments as usize);
    }

    /// Keeps tenants apart, or does so no longer. Environments of before belong to nobody: they are to
    /// be [outdated](Self::outdate).
    pub(crate) fn isolate_tenants(&mut self, isolated: bool) {
        if isolated && self.tenants.is_none() {
            let mut tenants = Tenants::default();
            for invocation in &self.waiting {
                tenants.waits(tenant_of(invocation));
            }
            for (id, member) in &self.members {
                let tenant = member.tenant.as_deref();
                tenants.stands(*id, tenant, Standing::Ending, member.standing);
            }
            self.tenants = Some(tenants);
        } else if !isolated {
            self.tenants = None;
        }
    }

    /// How many invocations are in flight beyond those that have a provisioned environment, or get one
    /// that is there.
    fn on_demand_in_flight(&self) -> usize {
        let Counts { idle, soon, .. } = self.provisioned;
        self.waiting.len().saturating_sub(idle + soon) + self.on_demand.busy
    }

    /// How many environments are on their way to being available. A provisioned one that has not come
    /// up yet is none of them: its init may take minutes.
    fn coming(&self) -> usize {
        self.on_demand.starting + self.on_demand.soon + self.provisioned.soon
    }

    /// How many wait for whom no environment is coming.
    fn missing(&self) -> usize {
        match &self.tenants {
            None => self.waiting.len().saturating_sub(self.coming()),
            Some(tenants) => tenants.uncovered().saturating_sub(self.on_demand.starting),
        }
    }

    /// Whether one more invocation means one more environment.
    fn needs_another(&self, tenant: Option<&str>) -> bool {
        let Some(tenants) = &self.tenants else {
            return self.ready.is_empty()
                && self.idle.is_empty()
                && self.coming() <= self.waiting.len();
        };
        let tenant = tenant.unwrap_or_default();
        tenants.idle_for(tenant).is_none()
            && !tenants.one_comes_back(tenant)
            && self.on_demand.starting <= tenants.uncovered()
    }

    /// Whether the function has as many environments as its tenants may have together, idle ones
    /// included.
    fn is_full_of_tenants(&self) -> bool {
        let concurrency = self
            .reserved
            .map_or_else(|| self.account.unreserved(), |reserved| reserved as usize);
        let environments = self.members.len() - self.on_demand.ending - self.provisioned.ending;
        self.tenants.is_some() && environments >= Tenants::limit(concurrency)
    }

    /// Lets an invocation in, which is then to [get an environment](Self::take_idle) or to
    /// [wait](Self::wait) for one. `starts` says whether environments are started for it.
    ///
    /// # Errors
    /// What there is too much of. Nothing has changed then.
    pub(crate) fn admit(
        &mut self,
        invocation: &I,
        kind: Kind,
        starts: bool,
        now: Duration,
    ) -> Result<(), Refusal> {
        let rate = |reason| {
            move |wait| Refusal {
                reason,
                retry_after: Some(wait),
            }
        };
        if starts && self.needs_another(invocation.tenant()) {
            if self.is_full_of_tenants() {
                // AWS documents status and message, and no reason: it is concurrency that is full.
                return Err(self.no_concurrency());
            }
            if !self.is_full() {
                self.starts
                    .look(Refill::NEW_ENVIRONMENTS, now)
                    .map_err(rate(ThrottleReason::FunctionInvocationRateLimitExceeded))?;
            }
        }
        let provisioned = self.has_provisioned(now);
        if !provisioned {
            self.claim(now)?;
        }
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
                .take_request(provisioned, now)
                .map_err(rate(ThrottleReason::FunctionInvocationRateLimitExceeded)),
        }
        .inspect_err(|_| self.settle())
    }

    /// Whether a provisioned environment is there for one more, now or in a moment.
    fn has_provisioned(&mut self, now: Duration) -> bool {
        let waiting = self.waiting.len();
        let in_flight = waiting + self.on_demand.busy + self.provisioned.busy;
        if self.reserved.is_some_and(|most| in_flight >= most as usize) {
            // It was lowered, or more was provisioned since.
            return false;
        }
        if waiting < self.provisioned.idle {
            return true;
        }
        if self.provisioned.soon == 0 {
            return false;
        }
        self.expect_no_longer(now);
        waiting < self.provisioned.idle + self.provisioned.soon
    }

    /// Takes a token of the request rate of what is not reserved: of that which comes with provisioned
    /// environments, for as long as there is one, and then of that of all others.
    fn take_request(&mut self, provisioned: bool, now: Duration) -> Result<(), Duration> {
        if provisioned {
            let refill = Refill::requests(self.provisioning.target() as u64);
            if self.provisioned_requests.take(refill, now).is_ok() {
                return Ok(());
            }
        }
        self.account.take_request(now)
    }

    /// Claims a unit of concurrency.
    fn claim(&mut self, now: Duration) -> Result<(), Refusal> {
        if self.try_claim(now) {
            return Ok(());
        }
        // Whoever has hung up while waiting takes no place.
        self.forget_abandoned();
        self.settle();
        if self.has_provisioned(now) || self.try_claim(now) {
            return Ok(());
        }
        Err(self.no_concurrency())
    }

    fn no_concurrency(&self) -> Refusal {
        Refusal {
            reason: match self.reserved {
                Some(_) => ThrottleReason::ReservedFunctionConcurrentInvocationLimitExceeded,
                None => ThrottleReason::ConcurrentInvocationLimitExceeded,
            },
            retry_after: None,
        }
    }

    fn try_claim(&mut self, now: Duration) -> bool {
        let Some(most) = self.most_on_demand() else {
            let begun = self.account.try_begin();
            self.counted += usize::from(begun);
            return begun;
        };
        let Counts { late, soon, .. } = self.on_demand;
        if self.on_demand_in_flight() + late + soon >= most {
            // Nearly full: who exactly has come back matters.
            self.expect_no_longer(now);
        }
        self.on_demand_in_flight() + self.on_demand.late < most
    }

    /// How many environments beside the provisioned ones may be active: what is reserved, without them.
    fn most_on_demand(&self) -> Option<usize> {
        let reserved = self.reserved? as usize;
        // Those of an older release that finish what they run may be more than are wanted.
        let provisioned = self.provisioning.target().max(self.provisioned_there());
        Some(reserved.saturating_sub(provisioned))
    }

    /// Whether the function may have no other environment beside those that are not idle.
    fn is_full(&self) -> bool {
        let active = self.on_demand.active();
        self.most_on_demand().is_some_and(|most| active >= most)
    }

    /// Gives an idle environment to an invocation that was let in: a provisioned one if there is one,
    /// the one that was busy last, and none that has served another tenant.
    pub(crate) fn take_idle(&mut self, invocation: &I) -> Option<(u64, E)> {
        let id = match &self.tenants {
            None => *self.ready.last().or(self.idle.last())?,
            Some(tenants) => tenants.idle_for(tenant_of(invocation))?,
        };
        let environment = self.members.get(&id)?.environment.clone();
        self.give(id, invocation);
        Some((id, environment))
    }

    /// An environment has this invocation now, and belongs to its tenant.
    fn give(&mut self, id: u64, invocation: &I) {
        self.set(id, Standing::Busy);
        if self.tenants.is_some()
            && let Some(member) = self.members.get_mut(&id)
        {
            let tenant = tenant_of(invocation);
            member.tenant.get_or_insert_with(|| tenant.into());
        }
    }

    /// An environment that was given an invocation had ended in this moment.
    pub(crate) fn took_nothing(&mut self, id: u64) {
        self.set(id, Standing::Ending);
    }

    /// An invocation that was let in waits for an environment.
    pub(crate) fn wait(&mut self, invocation: I) {
        self.note_waiting(&invocation);
        self.waiting.push_back(invocation);
    }

    /// One that was let in long ago waits again.
    pub(crate) fn wait_first(&mut self, invocation: I) {
        self.note_waiting(&invocation);
        self.waiting.push_front(invocation);
    }

    fn note_waiting(&mut self, invocation: &I) {
        if let Some(tenants) = &mut self.tenants {
            tenants.waits(tenant_of(invocation));
        }
    }

    /// The first that waits for an environment such as this.
    fn next_waiting(&mut self, id: u64) -> Option<I> {
        loop {
            let place = match &self.tenants {
                None => 0,
                Some(tenants) => match self.tenant(id) {
                    Some(tenant) => self
                        .waiting
                        .iter()
                        .position(|invocation| tenant_of(invocation) == tenant)?,
                    // Nobody's: for a tenant that has none coming back, where there is one.
                    None => self
                        .waiting
                        .iter()
                        .position(|invocation| tenants.is_uncovered(tenant_of(invocation)))
                        .unwrap_or(0),
                },
            };
            let invocation = self.waiting.remove(place)?;
            if let Some(tenants) = &mut self.tenants {
                tenants.waits_no_longer(tenant_of(&invocation));
            }
            // Whoever hung up while waiting does not cost an invocation.
            if !invocation.is_abandoned() {
                return Some(invocation);
            }
        }
    }

    fn tenant(&self, id: u64) -> Option<&str> {
        self.members.get(&id)?.tenant.as_deref()
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

    /// The next event, when it may come in. It is then to [get an environment](Self::take_idle) or to
    /// [wait](Self::wait) for one.
    pub(crate) fn next_event(&mut self, starts: bool, now: Duration) -> Option<I> {
        let place = if self.is_full_of_tenants() {
            // Only those for whom there is an environment.
            let mut events = self.events.iter();
            events.position(|event| !self.needs_another(event.tenant()))?
        } else {
            0
        };
        self.let_in(place, starts, now)
    }

    /// Lets the event at this place in, if it may.
    fn let_in(&mut self, place: usize, starts: bool, now: Duration) -> Option<I> {
        let event = self.events.remove(place)?;
        if self.admit(&event, Kind::Event, starts, now).is_ok() {
            return Some(event);
        }
        self.events.insert(place, event);
        None
    }

    /// Forgets who has hung up while waiting.
    pub(crate) fn forget_abandoned(&mut self) {
        let tenants = &mut self.tenants;
        self.waiting.retain(|invocation| {
            let abandoned = invocation.is_abandoned();
            if abandoned && let Some(tenants) = tenants {
                tenants.waits_no_longer(tenant_of(invocation));
            }
            !abandoned
        });
    }

    /// How many environments to start for those who wait, by what the function may have and by how
    /// fast it may grow.
    pub(crate) fn wants(&self, now: Duration) -> usize {
        let missing = self.missing();
        if missing == 0
            || self.is_full()
            || self.starts.look(Refill::NEW_ENVIRONMENTS, now).is_err()
        {
            0
        } else {
            missing
        }
    }

    /// How many provisioned environments to start now.
    pub(crate) fn wants_provisioned(&self, now: Duration) -> usize {
        let Counts { starting, .. } = self.provisioned;
        self.provisioning
            .wants(self.provisioned_there(), starting, now)
    }

    /// Whether provisioned environments are missing that are still to be started.
    pub(crate) fn lacks_provisioned(&self) -> bool {
        self.provisioning.missing(self.provisioned_there()) > 0
    }

    /// How the provisioned environments stand.
    pub(crate) fn provisioned_state(&self) -> ProvisionedState {
        ProvisionedState {
            requested: self.provisioning.target(),
            available: self.provisioned_there() - self.provisioned.starting,
            failed: self.provisioning.is_given_up(),
        }
    }

    /// How many provisioned environments there are. Those of an older release that finish what they run
    /// are among them: the new ones come as they go.
    fn provisioned_there(&self) -> usize {
        self.provisioned.active() + self.provisioned.idle
    }

    /// An environment was started.
    pub(crate) fn started(&mut self, id: u64, environment: E, provisioned: bool, now: Duration) {
        if !provisioned {
            // The books are right even where nobody had asked.
            let _ = self.starts.take(Refill::NEW_ENVIRONMENTS, now);
        }
        self.add(id, environment, provisioned, None);
    }

    /// An environment takes several invocations at a time. Each of these places is one of its own in
    /// the books; the id of the first is that of the environment.
    pub(crate) fn add_places(&mut self, environment: u64, more: impl Iterator<Item = u64>) {
        let Some(member) = self.members.get_mut(&environment) else {
            return;
        };
        member.place_of = Some(environment);
        let (standing, shared) = (member.standing, member.environment.clone());
        self.places
            .entry(environment)
            .or_default()
            .add(environment, standing);
        for id in more {
            self.add(id, shared.clone(), false, Some(environment));
        }
    }

    fn add(&mut self, id: u64, environment: E, provisioned: bool, place_of: Option<u64>) {
        let standing = Standing::Starting;
        if let Some(places) = place_of.and_then(|it| self.places.get_mut(&it)) {
            places.add(id, standing);
        }
        let member = Member {
            environment,
            place_of,
            standing,
            outdated: false,
            provisioned,
            tenant: None,
        };
        self.members.insert(id, member);
        self.counts(provisioned).starting += 1;
    }

    /// The place that is likely to have become available, in this environment; `None` where all of them
    /// were, and there is one more than was counted on.
    pub(crate) fn available_place(&self, environment: u64) -> Option<u64> {
        match self.places.get(&environment) {
            None => Some(environment),
            Some(places) => places.next_available(),
        }
    }

    /// The place of this environment whose invocation is about to be answered.
    pub(crate) fn busy_place(&self, environment: u64) -> Option<u64> {
        match self.places.get(&environment) {
            None => Some(environment),
            Some(places) => places.busy(),
        }
    }

    /// Whether none of several places has been available yet.
    pub(crate) fn is_untouched(&self, environment: u64) -> bool {
        let places = self.places.get(&environment);
        places.is_some_and(Places::is_untouched)
    }

    /// Forgets the places of an environment that have never been available: its runtime has no workers for
    /// them.
    pub(crate) fn forget_places(&mut self, environment: u64) {
        let places = self.places.get(&environment);
        for place in places.map(Places::starting).unwrap_or_default() {
            self.remove(place);
        }
    }

    /// The init of a provisioned environment has failed. `None` when that is nothing new and the
    /// environment is [available](Self::available) all the same: an invocation brings it up. Otherwise
    /// it is to be closed, and `true` says that no other will be tried.
    pub(crate) fn init_failed(&mut self, id: u64, now: Duration) -> Option<bool> {
        let member = self.members.get(&id)?;
        let first = member.standing == Standing::Starting && !member.outdated;
        if !first {
            return None;
        }
        self.set(id, Standing::Ending);
        Some(self.provisioning.failed(now))
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
        if self.came_up(id) {
            self.provisioning.succeeded();
        }
        if let Some(invocation) = self.next_waiting(id) {
            self.give(id, &invocation);
            return Next::Run(invocation);
        }
        // It no longer counts itself, should the last unit be what an event waits for.
        self.set(id, Standing::Idle(now));
        self.settle();
        match self.next_event_for(id, now) {
            Some(event) => {
                self.give(id, &event);
                Next::Run(event)
            }
            None => Next::Rest,
        }
    }

    /// Whether this is a provisioned environment that has not been available before.
    fn came_up(&self, id: u64) -> bool {
        let starting = self.provisioned.starting > 0;
        starting
            && self
                .members
                .get(&id)
                .is_some_and(|member| member.provisioned && member.standing == Standing::Starting)
    }

    /// The next event for an environment that is idle, when it may come in.
    fn next_event_for(&mut self, id: u64, now: Duration) -> Option<I> {
        if self.events.is_empty() {
            return None;
        }
        let place = match self.tenant(id) {
            // A provisioned environment that is idle comes first.
            None => (self.ready.is_empty() || self.ready.last() == Some(&id)).then_some(0)?,
            Some(tenant) => {
                let mut events = self.events.iter();
                events.position(|event| tenant_of(event) == tenant)?
            }
        };
        self.let_in(place, false, now)
    }

    /// An environment has ended.
    pub(crate) fn closed(&mut self, id: u64) {
        for place in self.all_of(id) {
            self.remove(place);
        }
    }

    /// An environment, as all its places.
    fn all_of(&self, id: u64) -> Vec<u64> {
        match self.places.get(&id) {
            None => vec![id],
            Some(places) => places.all(),
        }
    }

    fn remove(&mut self, id: u64) {
        self.set(id, Standing::Ending);
        let Some(member) = self.members.remove(&id) else {
            return;
        };
        self.counts(member.provisioned).ending -= 1;
        if let Some(environment) = member.place_of
            && let Some(places) = self.places.get_mut(&environment)
        {
            places.remove(id);
            if places.is_empty() {
                self.places.remove(&environment);
            }
        }
    }

    /// Counts no longer on environments that answered a while ago and have not come back.
    pub(crate) fn expect_no_longer(&mut self, now: Duration) {
        if self.on_demand.soon + self.provisioned.soon == 0 {
            return;
        }
        for (id, member) in &mut self.members {
            if let Standing::Soon(since) = member.standing
                && now.saturating_sub(since) >= GRACE
            {
                if let Some(tenants) = &mut self.tenants {
                    let tenant = member.tenant.as_deref();
                    tenants.stands(*id, tenant, member.standing, Standing::Late);
                }
                let places = member.place_of.and_then(|it| self.places.get_mut(&it));
                if let Some(places) = places {
                    places.stands(*id, member.standing, Standing::Late);
                }
                member.standing = Standing::Late;
                let counts = match member.provisioned {
                    true => &mut self.provisioned,
                    false => &mut self.on_demand,
                };
                counts.soon -= 1;
                counts.late += 1;
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
                Standing::Starting | Standing::Idle(_) => {
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
        let environments = self.environments();
        let mut waiting = self.give_up_waiting();
        waiting.extend(self.events.drain(..));
        self.provision(0);
        (environments, waiting)
    }

    /// Every environment that has not ended.
    pub(crate) fn environments(&self) -> Vec<E> {
        let members = self.members.values();
        members.map(|member| member.environment.clone()).collect()
    }

    /// Gives up all who wait: there is no environment, and none can be started.
    pub(crate) fn give_up_waiting(&mut self) -> Vec<I> {
        let given_up: Vec<I> = self.waiting.drain(..).collect();
        if let Some(tenants) = &mut self.tenants {
            for invocation in &given_up {
                tenants.waits_no_longer(tenant_of(invocation));
            }
        }
        given_up
    }

    /// Takes every idle environment, provisioned ones included, to be closed.
    pub(crate) fn take_all_idle(&mut self) -> Vec<E> {
        let idle: Vec<u64> = self.at_rest().chain(self.ready.iter().copied()).collect();
        self.end_these(&idle)
    }

    /// The idle environments, provisioned ones aside, the one that was busy last at the end. One that runs
    /// anything beside an idle place is none of them.
    fn at_rest(&self) -> impl Iterator<Item = u64> {
        self.idle.iter().copied().filter(|id| {
            let place_of = self.members.get(id).and_then(|member| member.place_of);
            // Once for all its places, by the first.
            place_of.is_none_or(|environment| {
                let places = self.places.get(&environment);
                environment == *id && places.is_some_and(Places::is_at_rest)
            })
        })
    }

    /// Takes the environments that have been idle since this moment, to be closed. Provisioned ones
    /// stay, and so do those that take several invocations at a time.
    pub(crate) fn take_idle_since(&mut self, moment: Duration) -> Vec<E> {
        // They lie in the order in which they came to rest.
        let long = self.idle.iter().take_while(|id| {
            let member = self.members.get(id);
            member.is_some_and(|member| {
                member.place_of.is_none()
                    && matches!(member.standing, Standing::Idle(since) if since <= moment)
            })
        });
        let long: Vec<u64> = long.copied().collect();
        self.end_these(&long)
    }

    fn end_these(&mut self, ids: &[u64]) -> Vec<E> {
        let ended = ids.iter().filter_map(|id| {
            for place in self.all_of(*id) {
                self.set(place, Standing::Ending);
            }
            Some(self.members.get(id)?.environment.clone())
        });
        ended.collect()
    }

    /// Since when the environment has been idle that has been so longest, of those that end for it.
    pub(crate) fn idle_since(&self) -> Option<Duration> {
        let member = self.members.get(self.idle.first()?)?;
        match member.standing {
            Standing::Idle(since) if member.place_of.is_none() => Some(since),
            _ => None,
        }
    }

    /// Takes the environment that has been idle longest, to be closed. Provisioned ones stay.
    pub(crate) fn take_oldest_idle(&mut self) -> Option<E> {
        let id = self.at_rest().next()?;
        self.end_these(&[id]).pop()
    }

    /// How many are idle, provisioned ones aside, and how many have been told to end and have not yet.
    pub(crate) fn idle_and_ending(&self) -> (usize, usize) {
        // Of several places, the first stands for the environment.
        let ending = self.members.iter().filter(|(id, member)| {
            member.standing == Standing::Ending && member.place_of.is_none_or(|it| it == **id)
        });
        (self.at_rest().count(), ending.count())
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
        let soon = self.on_demand.soon + self.provisioned.soon;
        !self.waiting.is_empty() && (soon > 0 || self.missing() > 0)
    }

    /// Whether somebody waits. An environment that comes to rest nevertheless is another tenant's, and
    /// may have been the last there could be.
    pub(crate) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    fn counts(&mut self, provisioned: bool) -> &mut Counts {
        if provisioned {
            &mut self.provisioned
        } else {
            &mut self.on_demand
        }
    }

    fn set(&mut self, id: u64, standing: Standing) {
        let Some(member) = self.members.get_mut(&id) else {
            return;
        };
        let before = std::mem::replace(&mut member.standing, standing);
        let places = member.place_of.and_then(|it| self.places.get_mut(&it));
        if let Some(places) = places {
            places.stands(id, before, standing);
        }
        let (counts, idle) = if member.provisioned {
            (&mut self.provisioned, &mut self.ready)
        } else {
            (&mut self.on_demand, &mut self.idle)
        };
        *counts.of(before) -= 1;
        *counts.of(standing) += 1;
        if matches!(before, Standing::Idle(_))
            && let Some(place) = idle.iter().rposition(|idle| *idle == id)
        {
            idle.remove(place);
        }
        if matches!(standing, Standing::Idle(_)) {
            idle.push(id);
        }
        if let Some(tenants) = &mut self.tenants {
            tenants.stands(id, member.tenant.as_deref(), before, standing);
        }
    }
}

/// The tenant in whose name it runs. Without one, which a function that keeps tenants apart does not
/// take, it is that of all who have none: no tenant is called that.
fn tenant_of<I: Waiting>(invocation: &I) -> &str {
    invocation.tenant().unwrap_or_default()
}

#[cfg(test)]
mod tests;
