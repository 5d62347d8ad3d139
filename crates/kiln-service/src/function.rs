//! A function and its pool of execution environments.
//!
//! The pool reuses the environment that was busy last, grows by one for each invocation that finds
//! none idle, and never makes a caller wait for an environment that is not coming. A new release
//! (code or configuration) takes over at once: environments of the old one finish what they run
//! and end. Who is let in, and which environment stands how, is kept in the [`Pool`]'s books.
//! Provisioned environments are started with the release and kept; others end when they have been
//! idle for long.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use kiln_protocol::error::ServiceError;
use kiln_protocol::function::LATEST;
use kiln_protocol::invoke;
use kiln_sandbox::filesystem::{Layout, ReleaseFiles};
use kiln_sandbox::{
    Environment, EnvironmentConfig, Host, Identity, InitializationType, Invocation,
    InvocationReport, Launch, LogSource,
};
use tokio::sync::watch;

use crate::config::{Code, FunctionConfig, Mode, ProvisionedState, ServiceConfig};
use crate::pool::{GRACE, Kind, Next, Pool, Refusal, Waiting};
use crate::service::{Shared, Throttle};
use crate::variables::{
    HANDLER, extension_variables, new_log_stream, runtime_variables, runtime_version,
    snapshot_credentials,
};

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

/// Code and configuration, as one thing that is replaced as a whole.
#[derive(Debug)]
struct Release {
    config: FunctionConfig,
    code: Code,
    /// Its files, where it is started here.
    files: Option<ReleaseFiles>,
}

/// The pool's side of one environment.
#[derive(Debug)]
struct Member {
    id: u64,
    function: Arc<Function>,
    /// It was started ahead.
    provisioned: bool,
}

/// How long nothing is started after a start has failed for want of descriptors or ports.
const PAUSE: Duration = Duration::from_secs(1);

/// How long the init of an environment may take that is started ahead, as on AWS those of provisioned
/// concurrency, SnapStart and managed instances are: as long as an invocation, and not less or more than
/// this.
///
/// Source: [Lambda execution environment lifecycle](https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html),
/// "Init phase".
const INIT_AHEAD: [Duration; 2] = [Duration::from_secs(130), Duration::from_secs(15 * 60)];

fn init_limit_ahead(timeout: Duration) -> Duration {
    let [least, most] = INIT_AHEAD;
    timeout.clamp(least, most)
}

/// Tells a function why its environment was started.
const INITIALIZATION_TYPE: &str = "AWS_LAMBDA_INITIALIZATION_TYPE";

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
        let files = self.files(&config, &code);
        // What has no invocation goes at once; what has one ends when it is available again.
        let outdated = state.pool.outdate();
        // A debugger brings one process, which is everybody's.
        let isolated = config.tenant_isolation && code != Code::External;
        state.pool.isolate_tenants(isolated);
        state.pool.provision(provisioned(&config, &code));
        state.release = Some(Arc::new(Release {
            config,
            code,
            files,
        }));
        self.grow(state);
        for environment in outdated {
            environment.retire();
        }
    }

    fn files(&self, config: &FunctionConfig, code: &Code) -> Option<ReleaseFiles> {
        match code {
            Code::External => None,
            Code::Executable {
                path,
                working_directory,
            } => Some(self.shared.files.release(Layout {
                task_root: working_directory.clone(),
                bootstrap: path.clone(),
                layers: config.layers.clone(),
                tmp_mb: config.ephemeral_storage_mb,
            })),
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

    /// Has a task end what has been idle for long, as long as there are environments. It sleeps until
    /// the first of them may be due, so that invocations cost it nothing.
    fn reap(self: &Arc<Self>, state: &mut State) {
        let Some(timeout) = self.shared.config.idle_timeout else {
            return;
        };
        let managed = |release: &Arc<Release>| matches!(release.config.mode, Mode::Managed { .. });
        if state.release.as_ref().is_some_and(managed) {
            // They stay up between events.
            return;
        }
        if !state.reaped {
            state.reaped = true;
            tokio::spawn(Self::end_idle(Arc::downgrade(self), timeout));
        }
    }

    async fn end_idle(function: Weak<Self>, timeout: Duration) {
        let mut pause = timeout;
        loop {
            tokio::time::sleep(pause).await;
            let Some(function) = function.upgrade() else {
                return;
            };
            let now = function.shared.now();
            let mut state = function.lock();
            let ended = match now.checked_sub(timeout) {
                Some(moment) => state.pool.take_idle_since(moment),
                None => Vec::new(),
            };
            // What comes to rest from now on is due later than that.
            let due = state.pool.idle_since().unwrap_or(now) + timeout;
            // Timers count milliseconds.
            pause = due.saturating_sub(now) + Duration::from_millis(1);
            let done = state.pool.is_empty();
            state.reaped = !done;
            drop(state);
            for environment in ended {
                environment.retire();
            }
            if done {
                return;
            }
        }
    }

    /// Starts an environment, for which there is room.
    fn add_environment(
        self: &Arc<Self>,
        pool: &mut Pool<Arc<Environment>, Box<Invocation>>,
        release: &Arc<Release>,
        provisioned: bool,
        now: Duration,
    ) -> bool {
        let id = self.new_id();
        let member = Arc::new(Member {
            id,
            function: Arc::clone(self),
            provisioned,
        });
        let config = self.environment_config(release, provisioned);
        let environment = match &release.code {
            Code::External => Ok(Environment::external(config, Arc::clone(&member) as _)),
            Code::Executable { .. } => Environment::start(config, Arc::clone(&member) as _),
        };
        match environment {
            Ok(environment) => {
                pool.started(id, Arc::clone(&environment), provisioned, now);
                if let Mode::Managed { max_concurrency } = release.config.mode {
                    pool.add_places(id, (1..max_concurrency).map(|_| self.new_id()));
                }
                true
            }
            Err(error) => {
                self.shared.environment_removed();
                let line = format!("cannot start an execution environment: {error}");
                self.shared
                    .observer
                    .log(&self.name, LogSource::Platform, &line);
                false
            }
        }
    }

    fn new_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Counts no longer on places of an environment that its runtime has no workers for.
    async fn forget_places(self: Arc<Self>, environment: u64) {
        tokio::time::sleep(PLACES_GRACE).await;
        let mut state = self.lock();
        state.pool.forget_places(environment);
        self.grow(state);
    }

    fn environment_config(&self, release: &Release, provisioned: bool) -> EnvironmentConfig {
        let FunctionConfig {
            memory_mb, timeout, ..
        } = release.config;
        let initialization = match release.config.mode {
            _ if provisioned => InitializationType::ProvisionedConcurrency,
            // What is beyond the provisioned environments of a function is on demand.
            Mode::Provisioned { .. } => InitializationType::OnDemand,
            mode => mode.initialization_type(),
        };
        let init_limit = match initialization {
            InitializationType::OnDemand => self.shared.config.init_limit,
            // Nobody waits for their init on AWS.
            _ => init_limit_ahead(timeout),
        };
        let log_stream = new_log_stream(LATEST);
        let launch = release.files.as_ref().map(|files| {
            let mut variables = runtime_variables(
                &self.shared.config,
                &release.config,
                files.task_root(),
                &log_stream,
            );
            variables.insert(
                INITIALIZATION_TYPE.to_owned(),
                initialization.name().to_owned(),
            );
            Launch {
                files: files.environment(),
                extension_variables: extension_variables(&variables).into_iter().collect(),
                variables: variables.into_iter().collect(),
                layers: release.config.layers.clone(),
                credentials: snapshot_credentials(&release.config),
            }
        });
        let ServiceConfig {
            region, account, ..
        } = &self.shared.config;
        let function_name = release.config.name.clone();
        let runtime = runtime_version(&self.shared.config);
        EnvironmentConfig {
            identity: Identity {
                function_arn: format!("arn:aws:lambda:{region}:{account}:function:{function_name}"),
                function_name,
                function_version: LATEST.to_owned(),
                handler: HANDLER.to_owned(),
                account: account.clone(),
                region: region.clone(),
                log_stream,
                runtime_version: runtime.version,
                runtime_version_arn: runtime.arn,
            },
            json_log: match release.config.mode {
                // They log in no other format.
                Mode::Managed { .. } => Some(release.config.json_log.unwrap_or_default()),
                _ => release.config.json_log,
            },
            max_concurrency: match release.config.mode {
                Mode::Managed { max_concurrency } => Some(max_concurrency),
                _ => None,
            },
            memory_mb,
            timeout,
            initialization,
            init_limit,
            stream_limits: self.shared.config.stream_limits,
            controls: self.shared.controls.clone(),
            launch,
        }
    }

    /// Nothing is provisioned any more: the function's init fails.
    fn say_provisioning_failed(&self) {
        let line = "provisioned concurrency failed: FUNCTION_ERROR_INIT_FAILURE; invocations run in environments on demand until the next deployment";
        self.shared
            .observer
            .log(&self.name, LogSource::Notice, line);
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

impl Release {
    fn check_tenant(&self, tenant: Option<&str>) -> Result<(), ServiceError> {
        invoke::tenant_id(tenant, self.config.tenant_isolation).map(drop)
    }
}

/// How many environments a function has started ahead.
pub(crate) fn provisioned(config: &FunctionConfig, code: &Code) -> u32 {
    match code {
        Code::Executable { .. } => config.concurrency_share().provisioned,
        // A debugger starts its one process itself.
        Code::External => 0,
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

/// How long an environment has to offer the places it may have. A runtime that has fewer workers than
/// it was allowed is known by then.
const PLACES_GRACE: Duration = Duration::from_secs(1);

impl Member {
    /// The place in the books that has become available: its only one, or one of several.
    fn available_place(&self, state: &mut State) -> u64 {
        if state.pool.is_untouched(self.id) {
            let function = Arc::clone(&self.function);
            tokio::spawn(function.forget_places(self.id));
        }
        let next = state.pool.available_place(self.id);
        next.unwrap_or_else(|| {
            // More workers than were counted on.
            let id = self.function.new_id();
            state.pool.add_places(self.id, std::iter::once(id));
            id
        })
    }
}

impl Host for Member {
    fn available(&self, environment: &Arc<Environment>) {
        let now = self.function.shared.now();
        // Only then is there a difference: an invocation begins with the init otherwise.
        let failed = self.provisioned && !environment.is_initialised();
        let mut state = self.function.lock();
        if failed && let Some(last) = state.pool.init_failed(self.id, now) {
            drop(state);
            environment.close();
            if last {
                self.function.say_provisioning_failed();
            }
            return;
        }
        let id = self.available_place(&mut state);
        let next = state.pool.available(id, now);
        if matches!(next, Next::Rest) && state.pool.has_waiting() {
            return self.function.grow(state);
        }
        drop(state);
        match next {
            Next::Rest => {}
            Next::End => environment.retire(),
            Next::Run(invocation) => {
                let environment = Arc::clone(environment);
                self.function.hand_over(id, environment, invocation);
            }
        }
    }

    fn available_soon(&self, _environment: &Arc<Environment>) {
        let now = self.function.shared.now();
        let mut state = self.function.lock();
        if let Some(id) = state.pool.busy_place(self.id) {
            state.pool.answered(id, now);
        }
    }

    fn closed(&self, _environment: &Arc<Environment>) {
        let mut state = self.function.lock();
        state.pool.closed(self.id);
        self.function.shared.environment_removed();
        self.function.grow(state);
    }

    fn log(&self, _environment: &Environment, source: LogSource, line: &str) -> bool {
        let function = &self.function;
        function.shared.observer.log(&function.name, source, line)
    }

    fn finished(&self, _environment: &Environment, report: InvocationReport) {
        let function = &self.function;
        function.shared.observer.finished(&function.name, &report);
    }
}
