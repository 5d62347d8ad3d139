//! One process family under control.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::cgroup::{Control, Group};
use super::share::{Budget, CpuShare, Doing};
use super::watch::{Verdict, interval};
use super::{Controls, Limits, Means};
use crate::process::members::Members;
use crate::process::{Family, Pid, facts, signal};

/// How long a family rests before it is frozen.
///
/// Freezing takes 5 µs and thawing 28 µs by control group, 24 µs each by signals, and waking the
/// thread that does it as much again: too much for a call of 0.1 ms that comes at once. Frozen
/// after a rest only, a family under steady calls pays nothing that could be measured, and one that
/// was at rest is slower by less than a sleeping processor takes to wake. What a function does of its
/// own accord in this time is less than anyone can rely on.
const FREEZE_AFTER: Duration = Duration::from_millis(5);
/// Looking at CPU time more often than this costs more than it saves: what is used too much is owed.
const SOONEST: Duration = Duration::from_micros(500);
/// A credit this near to full is full: no timer is more exact.
const NEARLY: Duration = Duration::from_micros(50);
/// How long what is known of a family's members is good for.
const MEMBERS_INTERVAL: Duration = Duration::from_millis(10);
/// How often to look whether a debugger has come or gone.
const DEBUGGER_INTERVAL: Duration = Duration::from_millis(500);

/// A process family whose use of the machine is controlled.
#[derive(Debug)]
pub struct Controlled {
    inner: Arc<Inner>,
}

/// What became of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// It was killed because it exceeded its memory.
    pub out_of_memory: bool,
    /// The most memory it was seen with, bytes.
    pub peak_memory: Option<u64>,
}

#[derive(Debug)]
pub(super) struct Inner {
    controls: Controls,
    family: Family,
    limits: Limits,
    share: CpuShare,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Init,
    Invoke,
    Idle,
    Ended,
}

#[derive(Debug)]
enum Membership {
    /// The keeper has not been there yet.
    Coming,
    /// There is none.
    None,
    Is(Group),
}

#[derive(Debug)]
struct State {
    phase: Phase,
    members: Members,
    members_known: Instant,
    group: Membership,
    /// The quota of the group is in force.
    quota: bool,
    budget: Budget,
    /// Up to when, and up to what use, the budget is settled.
    settled: (Instant, Duration),
    /// Held back until its share allows more.
    held: bool,
    frozen: bool,
    /// Those that have been sent a stop besides the family's group; `None` while nobody is stopped.
    stopped: Option<Vec<Pid>>,
    look_at_cpu: Instant,
    look_at_memory: Instant,
    freeze_at: Instant,
    /// For when the governor has this family on its list.
    listed: Option<Instant>,
    resident: u64,
    peak: u64,
    verdict: Verdict,
    out_of_memory: bool,
}

impl Controlled {
    pub(super) fn new(controls: Controls, family: Family, limits: Limits) -> Self {
        let now = Instant::now();
        let share = CpuShare::of_memory(limits.memory_mb);
        let grouped = !controls.shared.bases.is_empty();
        let state = State {
            phase: Phase::Init,
            members: Members::new(family.leader()),
            members_known: now,
            group: if grouped {
                Membership::Coming
            } else {
                Membership::None
            },
            quota: false,
            budget: Budget::new(share),
            settled: (now, Duration::ZERO),
            held: false,
            frozen: false,
            stopped: None,
            look_at_cpu: now,
            look_at_memory: now,
            freeze_at: now,
            listed: None,
            resident: 0,
            peak: 0,
            verdict: Verdict::default(),
            out_of_memory: false,
        };
        let inner = Arc::new(Inner {
            controls,
            family,
            limits,
            share,
            state: Mutex::new(state),
        });
        inner.list(&mut inner.lock());
        Self { inner }
    }

    pub(super) fn downgrade(&self) -> Weak<Inner> {
        Arc::downgrade(&self.inner)
    }

    /// An event comes: the family runs, at its share of CPU.
    pub fn begin_invoke(&self) {
        let mut state = self.inner.lock();
        let now = Instant::now();
        self.inner.leave_init(&mut state, now);
        self.inner.unfreeze(&mut state);
        state.phase = Phase::Invoke;
        if !state.held {
            // What was not used in the time before is lost, not saved for what begins now.
            let passed = now.saturating_duration_since(state.settled.0);
            state.budget.settle(passed, Duration::ZERO, Doing::Resting);
            state.settled.0 = now;
            let lasts = state.budget.lasts(self.inner.processors());
            state.look_at_cpu = now + lasts.unwrap_or_default().max(SOONEST);
        }
        state.look_at_memory = now + interval(state.resident, self.inner.limit());
        self.inner.list(&mut state);
    }

    /// There is nothing to do any more: nobody runs after a moment.
    pub fn end_invoke(&self) {
        let mut state = self.inner.lock();
        let now = Instant::now();
        self.inner.leave_init(&mut state, now);
        state.phase = Phase::Idle;
        state.freeze_at = now + FREEZE_AFTER;
        self.inner.list(&mut state);
    }

    /// Lets the family run without an event, to end itself say, until [`end_invoke`](Self::end_invoke).
    pub fn thaw(&self) {
        self.begin_invoke();
    }

    /// The most memory the family has had, bytes; `None` where the platform does not tell.
    ///
    /// The sum over its processes as far as it was looked at, and at least what any of them has had.
    pub fn peak_memory(&self) -> Option<u64> {
        let mut state = self.inner.lock();
        state.refresh(Instant::now());
        let one = state.members.peak();
        let sum = match state.members.others().next() {
            Some(_) => state.members.resident(),
            None => 0,
        };
        state.peak = state.peak.max(sum).max(one.unwrap_or_default());
        (state.peak > 0).then_some(state.peak)
    }

    /// Whether a debugger holds the leader.
    pub fn is_traced(&self) -> bool {
        self.inner.family.is_traced()
    }

    /// Asks every process of the family's group to end.
    pub fn terminate(&self) {
        self.inner.family.terminate();
    }

    /// Ends every process of the family at once. Without effect when all have ended.
    pub fn kill(&self) {
        self.inner.kill(&mut self.inner.lock());
    }

    /// The leader has ended: what it left behind ends with it.
    pub fn end(self) -> Ended {
        let inner = &self.inner;
        let mut state = inner.lock();
        inner.kill(&mut state);
        state.phase = Phase::Ended;
        let group = match std::mem::replace(&mut state.group, Membership::None) {
            Membership::Is(group) => Some(group),
            Membership::Coming | Membership::None => None,
        };
        let killed = group.as_ref().map_or(0, Group::out_of_memory_kills);
        let keeper = &inner.controls.shared.keeper;
        keeper.clear(group, inner.limits.mark.clone().zip(facts::moment()));
        Ended {
            out_of_memory: state.out_of_memory || killed > 0,
            peak_memory: (state.peak > 0).then_some(state.peak),
        }
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn memory_mb(&self) -> u32 {
        self.limits.memory_mb
    }

    fn limit(&self) -> u64 {
        u64::from(self.limits.memory_mb) * 1_024 * 1_024
    }

    fn processors(&self) -> u32 {
        self.controls.shared.processors
    }

    /// Its processes, looked at anew.
    pub(super) fn processes(&self) -> Vec<Pid> {
        let mut state = self.lock();
        if state.phase == Phase::Ended {
            return Vec::new();
        }
        state.members.refresh(&[]);
        state.members.pids().collect()
    }

    /// All processes are in this group now. Gives it back when the family has ended.
    pub(super) fn give_group(self: &Arc<Self>, group: Group) -> Result<(), Group> {
        let mut state = self.lock();
        if state.phase == Phase::Ended {
            return Err(group);
        }
        if group.has(Control::Cpu) {
            state.held = false;
        }
        state.group = Membership::Is(group);
        state.look_at_cpu = Instant::now();
        self.apply(&mut state);
        self.list(&mut state);
        Ok(())
    }

    /// There will be no group.
    pub(super) fn stay_outside(self: &Arc<Self>) {
        let mut state = self.lock();
        if matches!(state.group, Membership::Coming) {
            state.group = Membership::None;
            self.list(&mut state);
        }
    }

    /// Whether the share is kept by looking at the family.
    fn throttles(&self, state: &State) -> bool {
        self.controls.in_force().cpu.means != Means::Nothing
            && !state.group.has(Control::Cpu)
            && self.share.processors() < f64::from(self.processors())
    }

    fn watches_memory(&self, state: &State) -> bool {
        self.controls.in_force().memory.means != Means::Nothing && !state.group.has(Control::Memory)
    }

    fn freezes(&self) -> bool {
        self.controls.in_force().freeze.means != Means::Nothing
    }

    /// The init phase is over: from now on CPU counts.
    fn leave_init(&self, state: &mut State, now: Instant) {
        if state.phase == Phase::Init {
            state.budget = Budget::new(self.share);
            state.settled = (now, state.members.cpu_time());
            state.look_at_cpu = now;
        }
    }

    /// When there is something to do next.
    fn due(&self, state: &State) -> Option<Instant> {
        let runs = matches!(state.phase, Phase::Init | Phase::Invoke);
        let cpu = match state.phase {
            Phase::Ended => return None,
            Phase::Init => false,
            Phase::Invoke => self.throttles(state) || state.group.has(Control::Cpu),
            Phase::Idle => state.held || !state.quota && state.group.has(Control::Cpu),
        };
        [
            cpu.then_some(state.look_at_cpu),
            (runs && self.watches_memory(state)).then_some(state.look_at_memory),
            (state.phase == Phase::Idle && !state.frozen && self.freezes())
                .then_some(state.freeze_at),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Puts the family on the governor's list, unless it is there early enough.
    fn list(self: &Arc<Self>, state: &mut State) {
        if let Some(due) = self.due(state)
            && state.listed.is_none_or(|listed| due < listed)
        {
            state.listed = Some(due);
            let governor = &self.controls.shared.governor;
            governor.look_at(Arc::downgrade(self), due);
        }
    }

    /// The governor looks, as it was told to for this moment.
    pub(super) fn look(self: &Arc<Self>, at: Instant) {
        let mut state = self.lock();
        // An earlier look has taken the place of this one.
        if state.phase == Phase::Ended || state.listed != Some(at) {
            return;
        }
        state.listed = None;
        let now = Instant::now();
        let runs = matches!(state.phase, Phase::Init | Phase::Invoke);
        if runs && state.look_at_memory <= now && self.watches_memory(&state) {
            self.look_at_memory(&mut state, now);
        }
        if state.phase != Phase::Init && state.look_at_cpu <= now {
            if state.group.has(Control::Cpu) {
                self.look_at_quota(&mut state, now);
            } else if self.throttles(&state) {
                self.look_at_cpu(&mut state, now);
            }
        }
        if state.phase == Phase::Idle && !state.frozen && state.freeze_at <= now && self.freezes() {
            self.freeze(&mut state, now);
        }
        self.list(&mut state);
    }

    fn look_at_memory(&self, state: &mut State, now: Instant) {
        state.refresh(now);
        let resident = state.members.resident();
        state.resident = resident;
        state.peak = state.peak.max(resident);
        let State {
            verdict, members, ..
        } = state;
        if verdict.exceeded(resident, self.limit(), || members.proportional()) {
            state.out_of_memory = true;
            self.kill(state);
        }
        state.look_at_memory = now + interval(resident, self.limit());
    }

    /// The kernel keeps the share; a family in a debugger has none.
    fn look_at_quota(&self, state: &mut State, now: Instant) {
        let wanted = !self.family.is_traced();
        if wanted != state.quota
            && let Membership::Is(group) = &state.group
        {
            group.set_cpu(wanted.then_some(self.share));
            state.quota = wanted;
        }
        state.look_at_cpu = now + DEBUGGER_INTERVAL;
    }

    fn look_at_cpu(&self, state: &mut State, now: Instant) {
        state.refresh(now);
        let used = state.members.cpu_time();
        let (since, before) = state.settled;
        let passed = now.saturating_duration_since(since);
        let held = state.held;
        let doing = if held { Doing::Held } else { Doing::Running };
        let used_since = used.saturating_sub(before);
        state.budget.settle(passed, used_since, doing);
        state.settled = (now, used);
        if held {
            let waits = state.budget.waits();
            if waits > NEARLY {
                state.look_at_cpu = now + waits;
                return;
            }
            state.held = false;
            self.apply(state);
        } else if state.budget.is_exhausted() {
            if self.family.is_traced() {
                state.budget = Budget::new(self.share);
                state.look_at_cpu = now + DEBUGGER_INTERVAL;
                return;
            }
            state.held = true;
            self.apply(state);
            state.look_at_cpu = now + state.budget.waits();
            return;
        }
        let lasts = state.budget.lasts(self.processors());
        state.look_at_cpu = now + lasts.unwrap_or_default().max(SOONEST);
    }

    fn freeze(&self, state: &mut State, now: Instant) {
        if self.family.is_traced() {
            state.freeze_at = now + DEBUGGER_INTERVAL;
            return;
        }
        match &state.group {
            Membership::Coming => {
                state.freeze_at = now + FREEZE_AFTER;
                return;
            }
            Membership::Is(group) => group.freeze(true),
            Membership::None => {}
        }
        state.frozen = true;
        // Nobody runs: what is owed is paid by resting, and looked at with the next event.
        state.held = false;
        self.apply(state);
    }

    fn unfreeze(&self, state: &mut State) {
        if !state.frozen {
            return;
        }
        state.frozen = false;
        if let Membership::Is(group) = &state.group {
            group.freeze(false);
        }
        self.apply(state);
    }

    /// Stops the processes or lets them go on, as the state has it.
    fn apply(&self, state: &mut State) {
        let stop = state.held || state.frozen && !state.group.has(Control::Freeze);
        match (&state.stopped, stop) {
            (None, true) => {
                self.family.stop();
                // Whoever is in a group of his own, and cannot start anybody any more after this.
                state.members.refresh(&state.group.processes());
                let others: Vec<Pid> = state.members.others().collect();
                others.iter().for_each(|pid| signal(*pid, Signal::STOP));
                state.stopped = Some(others);
            }
            (Some(others), false) => {
                self.family.resume();
                others.iter().for_each(|pid| signal(*pid, Signal::CONT));
                state.stopped = None;
            }
            _ => {}
        }
    }

    fn kill(&self, state: &mut State) {
        if state.phase == Phase::Ended {
            return;
        }
        state.members.refresh(&state.group.processes());
        self.family.kill();
        let others = state.members.others();
        others.for_each(|pid| signal(pid, Signal::KILL));
        if let Membership::Is(group) = &state.group {
            group.kill();
        }
    }
}

impl State {
    /// Looks who belongs to the family, unless that was done a moment ago.
    fn refresh(&mut self, now: Instant) {
        if now.saturating_duration_since(self.members_known) >= MEMBERS_INTERVAL {
            self.members_known = now;
            self.members.refresh(&self.group.processes());
        }
    }
}

impl Membership {
    fn has(&self, control: Control) -> bool {
        matches!(self, Self::Is(group) if group.has(control))
    }

    fn processes(&self) -> Vec<Pid> {
        match self {
            Self::Is(group) => group.processes(),
            Self::Coming | Self::None => Vec::new(),
        }
    }
}
