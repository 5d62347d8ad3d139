//! A function and its pool of execution environments.
//!
//! The pool reuses the environment that was busy last, grows by one for each invocation that finds
//! none idle, and never makes a caller wait for an environment that is not coming. A new release
//! (code or configuration) takes over at once: environments of the old one finish what they run
//! and end. Who is let in, and which environment stands how, is kept in the [`Pool`]'s books.
//! Provisioned environments are started with the release and kept; others end when they have been
//! idle for long.

mod idle;
mod member;
mod release;

use std::ops::{Deref, DerefMut};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kiln_protocol::error::ServiceError;
use kiln_sandbox::{Environment, Invocation};
use tokio::sync::watch;

use crate::config::{Code, FunctionConfig, Mode, ProvisionedState};
use crate::pool::{GRACE, Kind, Pool, Refusal, Waiting};
use crate::service::{Shared, Throttle};
use release::Release;
pub(crate) use release::provisioned;

/// Whether a function's code is that of its sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuildState {
    /// It is, or nobody builds it here.
    Current,
    /// A build runs: invocations wait for it.
    Building,
    /// The last build failed: the code from before it answers, marked as stale.
    Failed,
}

/// A function of the service.
#[derive(Debug)]
pub struct Function {
    name: String,
    shared: Arc<Shared>,
    state: Mutex<State>,
    build: watch::Sender<BuildState>,
    next_id: AtomicU64,
}

#[derive(Debug)]
struct State {
    release: Option<Arc<Release>>,
    pool: Pool<Arc<Environment>, Box<Invocation>>,
    /// A task looks after those who wait.
    attended: bool,
    /// A task looks after those that have been idle for long.
    reaped: bool,
    /// When an environment may be started again after that has failed.
    starts_again: Duration,
}

/// The state, locked. Letting go of it tells the account what has changed.
struct Locked<'a>(MutexGuard<'a, State>);

/// How long nothing is started after a start has failed for want of descriptors or ports.
const PAUSE: Duration = Duration::from_secs(1);

impl Function {
    pub(crate) fn new(name: String, shared: Arc<Shared>) -> Arc<Self> {
        let state = State {
            release: None,
            pool: Pool::new(Arc::clone(&shared.account)),
            attended: false,
            reaped: false,
            starts_again: Duration::ZERO,
        };
        Arc::new(Self {
            name,
            shared,
            state: Mutex::new(state),
            build: watch::Sender::new(BuildState::Current),
            next_id: AtomicU64::new(0),
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Says how its code stands to its sources.
    pub fn set_build_state(&self, state: BuildState) {
        self.build.send_replace(state);
    }

    /// Waits while a build runs. Returns whether the code that will answer is stale.
    pub async fn wait_for_build(&self) -> bool {
        // The usual case takes no subscription.
        let state = *self.build.borrow();
        if state != BuildState::Building {
            return state == BuildState::Failed;
        }
        let mut changes = self.build.subscribe();
        let settled = changes
            .wait_for(|state| *state != BuildState::Building)
            .await;
        settled.is_ok_and(|state| *state == BuildState::Failed)
    }

    /// Whether it has code to run.
    pub fn has_code(&self) -> bool {
        self.lock().release.is_some()
    }

    /// Replaces code and configuration. Invocations in flight finish on the old one.
    pub(crate) fn deploy(self: &Arc<Self>, config: FunctionConfig, code: Code) {
        self.reserve(config.reserved_concurrency);
        let mut state = self.lock();
        let unchanged = state.release.as_ref().is_some_and(|release| {
            // What a function may have is none of its environments' business.
            let mut before = release.config.clone();
            before.reserved_concurrency = config.reserved_concurrency;
            before == config && release.code == code
        });
        if unchanged {
            return;
        }
        // What has no invocation goes at once; what has one ends when it is available again.
        let outdated = state.pool.outdate();
        // A debugger brings one process, which is everybody's.
        let isolated = config.tenant_isolation && code != Code::External;
        state.pool.isolate_tenants(isolated);
        state.pool.provision(provisioned(&config, &code));
        state.release = Some(Arc::new(Release::new(&self.shared, config, code)));
        self.grow(state);
        for environment in outdated {
            environment.retire();
        }
    }

    /// Changes the reserved concurrency, which the account knows already.
    pub(crate) fn reserve(&self, reserved: Option<u32>) {
        let discarded = self.lock().pool.reserve(reserved);
        for event in discarded {
            self.discard(&event);
        }
    }

    /// Ends every idle environment, so that the next invocation is a cold start. Provisioned ones end
    /// too, and are replaced.
    pub fn recycle(&self) -> usize {
        let idle = self.lock().pool.take_all_idle();
        for environment in &idle {
            environment.retire();
        }
        idle.len()
    }

    /// Ends the environment that has been idle longest; `false` when none is idle.
    pub(crate) fn end_oldest_idle(&self) -> bool {
        let oldest = self.lock().pool.take_oldest_idle();
        let found = oldest.is_some();
        if let Some(environment) = oldest {
            environment.retire();
        }
        found
    }

    /// Whether it takes this invocation, as to whom it runs for.
    ///
    /// # Errors
    /// The function keeps tenants apart, and there is none; or it does not, and there is one.
    pub(crate) fn check_tenant(&self, tenant: Option<&str>) -> Result<(), ServiceError> {
        match &self.lock().release {
            Some(release) => release.check_tenant(tenant),
            // Nothing is known of it yet.
            None => Ok(()),
        }
    }

    /// How its provisioned environments stand.
    pub fn provisioned(&self) -> ProvisionedState {
        self.lock().pool.provisioned_state()
    }

    /// How many environments are idle, and how many are about to end.
    pub(crate) fn idle_and_ending(&self) -> (usize, usize) {
        self.lock().pool.idle_and_ending()
    }

    /// Ends every environment, busy or not.
    pub(crate) fn close(&self) {
        let (environments, waiting) = {
            let mut state = self.lock();
            state.release = None;
            state.pool.end()
        };
        // Their callers learn it from the dropped sender.
        drop(waiting);
        for environment in environments {
            environment.close();
        }
    }

    /// Kills the processes of every environment, of those too that are ending.
    pub(crate) fn kill(&self) {
        let environments = self.lock().pool.environments();
        for environment in environments {
            environment.kill();
        }
    }

    /// Hands an invocation to an environment, now or as soon as there is one. An event that finds no
    /// room waits until there is some.
    ///
    /// # Errors
    /// When there is no code to run, or more asks to run than may.
    pub(crate) fn submit(
        self: &Arc<Self>,
        invocation: Box<Invocation>,
    ) -> Result<(), ServiceError> {
        let now = self.shared.now();
        let mut state = self.lock();
        let Some(release) = &state.release else {
            return Err(ServiceError::not_in_this_state("Failed"));
        };
        release.check_tenant(invocation.tenant_id.as_deref())?;
        let starts = release.code != Code::External;
        let kind = match invocation.reply {
            Some(_) => Kind::Synchronous,
            None => Kind::Event,
        };
        if kind == Kind::Event {
            if state.pool.keeps_no_events() {
                drop(state);
                self.discard(&invocation);
                return Ok(());
            }
            // Behind those that wait already.
            state.pool.wait_outside(invocation);
            match state.pool.next_event(starts, now) {
                Some(event) => self.assign(state, event),
                None => self.attend(&mut state),
            }
            return Ok(());
        }
        match state.pool.admit(&invocation, kind, starts, now) {
            Ok(()) => {
                self.assign(state, invocation);
                Ok(())
            }
            Err(refusal) => {
                drop(state);
                let throttle = Throttle::new(invocation.request_id, refusal, false);
                self.shared.observer.throttled(&self.name, &throttle);
                Err(throttle.into())
            }
        }
    }

    /// An event that will never run: the function reserves nothing for itself. The service hands it to
    /// the failure destination; without one, it is gone.
    fn discard(&self, event: &Invocation) {
        let refusal = Refusal {
            reason: kiln_protocol::error::ThrottleReason::ReservedFunctionConcurrentInvocationLimitExceeded,
            retry_after: None,
        };
        let throttle = Throttle::new(event.request_id.clone(), refusal, true);
        self.shared.observer.throttled(&self.name, &throttle);
    }

    /// Gives an invocation that was let in an environment, or lets it wait for one.
    fn assign(self: &Arc<Self>, mut state: Locked<'_>, invocation: Box<Invocation>) {
        match state.pool.take_idle(&invocation) {
            None => {
                state.pool.wait(invocation);
                self.grow(state);
            }
            Some((id, environment)) => {
                drop(state);
                self.hand_over(id, environment, invocation);
            }
        }
    }

    /// Hands an invocation to an environment that the books have given it.
    fn hand_over(
        self: &Arc<Self>,
        mut id: u64,
        mut environment: Arc<Environment>,
        mut invocation: Box<Invocation>,
    ) {
        while let Err(returned) = environment.invoke(invocation) {
            // It ended in this moment: the invocation gets the next, or is first in line for another.
            let mut state = self.lock();
            state.pool.took_nothing(id);
            match state.pool.take_idle(&returned) {
                None => {
                    state.pool.wait_first(returned);
                    return self.grow(state);
                }
                Some(next) => (id, environment) = next,
            }
            invocation = returned;
        }
    }

    /// Starts environments until each waiting invocation has one coming, as far as it may.
    fn grow(self: &Arc<Self>, mut state: Locked<'_>) {
        let wanted = self.start_some(&mut state);
        self.attend(&mut state);
        drop(state);
        if wanted > 0 {
            self.shared.make_room(wanted);
        }
    }

    /// Starts environments; returns how many more there would be if there were room for them.
    fn start_some(self: &Arc<Self>, state: &mut State) -> usize {
        let Some(release) = state.release.clone() else {
            return 0;
        };
        let now = self.shared.now();
        if release.code == Code::External {
            // One debugger, one process, one environment.
            if !state.pool.has_current() {
                self.shared.add_environment_anyway();
                self.add_environment(&mut state.pool, &release, false, now);
            }
            return 0;
        }
        state.pool.forget_abandoned();
        loop {
            // Who waits comes first.
            let on_demand = state.pool.wants(now);
            let provisioned = on_demand == 0;
            let wanted = match on_demand {
                0 => state.pool.wants_provisioned(now),
                wanted => wanted,
            };
            if wanted == 0 || now < state.starts_again {
                return 0;
            }
            if !self.shared.add_environment() {
                return match release.config.mode {
                    // Each takes several of those who wait.
                    Mode::Managed { max_concurrency } => wanted.div_ceil(max_concurrency as usize),
                    _ => wanted,
                };
            }
            if self.add_environment(&mut state.pool, &release, provisioned, now) {
                self.reap(state);
            } else {
                // No descriptors, no ports: only an environment of before could still take them.
                state.starts_again = now + PAUSE;
                if state.pool.is_empty() {
                    drop(state.pool.give_up_waiting());
                }
                return 1;
            }
        }
    }

    /// Has a task look after those who wait for what only time brings: an environment that does not
    /// come back, a token, room that others make. One task for all of them: under load almost every
    /// invocation waits for a moment.
    fn attend(self: &Arc<Self>, state: &mut State) {
        if !state.attended && state.needs_attention() {
            state.attended = true;
            tokio::spawn(Arc::clone(self).look_after());
        }
    }

    async fn look_after(self: Arc<Self>) {
        let mut room = self.shared.room();
        loop {
            // Room that somebody makes is taken at once; all else is looked at now and then.
            let starved = self.shared.is_full();
            let pause = tokio::time::sleep(GRACE);
            tokio::select! {
                () = pause => {}
                _ = room.changed(), if starved => {}
            }
            let now = self.shared.now();
            loop {
                let mut state = self.lock();
                state.pool.expect_no_longer(now);
                let starts = state
                    .release
                    .as_ref()
                    .is_some_and(|release| release.code != Code::External);
                match state.pool.next_event(starts, now) {
                    Some(event) => self.assign(state, event),
                    None => {
                        let wanted = self.start_some(&mut state);
                        let done = !state.needs_attention();
                        state.attended = !done;
                        drop(state);
                        if wanted > 0 {
                            self.shared.make_room(wanted);
                        }
                        if done {
                            return;
                        }
                        break;
                    }
                }
            }
        }
    }

    /// The environment of a runtime started elsewhere; `None` when the function runs its own.
    pub(crate) fn external_environment(self: &Arc<Self>) -> Option<Arc<Environment>> {
        let state = self.lock();
        let release = state.release.as_ref()?;
        if release.code != Code::External {
            return None;
        }
        // The oldest: one of an older release answers what it took before a new one gets a call.
        state.pool.oldest().cloned()
    }

    fn lock(&self) -> Locked<'_> {
        Locked(self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn needs_attention(&self) -> bool {
        let external = |release: &Arc<Release>| release.code == Code::External;
        let starts = self
            .release
            .as_ref()
            .is_some_and(|release| !external(release));
        let waits = || self.pool.waits_for_time() || self.pool.lacks_provisioned();
        self.pool.has_events() || (starts && waits())
    }
}

impl Deref for Locked<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        &self.0
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut State {
        &mut self.0
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.0.pool.settle();
    }
}

impl Waiting for Box<Invocation> {
    fn is_abandoned(&self) -> bool {
        Invocation::is_abandoned(self)
    }

    fn tenant(&self) -> Option<&str> {
        self.tenant_id.as_deref()
    }
}
