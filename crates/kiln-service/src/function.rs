//! A function and its pool of execution environments.
//!
//! The pool reuses the environment that was busy last, grows by one for each invocation that finds
//! none idle, and never makes a caller wait for an environment that is not coming. A new release
//! (code or configuration) takes over at once: environments of the old one finish what they run
//! and end.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kiln_protocol::error::{ServiceError, ThrottleReason};
use kiln_protocol::function::LATEST;
use kiln_sandbox::{
    Environment, EnvironmentConfig, Host, Invocation, InvocationReport, Launch, LogSource,
};
use tokio::sync::watch;

use crate::config::{Code, FunctionConfig};
use crate::service::Shared;
use crate::variables::runtime_variables;

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
    pool: Mutex<Pool>,
    build: watch::Sender<BuildState>,
    next_id: AtomicU64,
}

#[derive(Debug, Default)]
struct Pool {
    release: Option<Arc<Release>>,
    /// Environments of the current release that can take an invocation, last used at the end.
    idle: Vec<Arc<Environment>>,
    waiting: VecDeque<Box<Invocation>>,
    /// Every environment that has not ended, of whatever release, oldest first.
    environments: BTreeMap<u64, Entry>,
    /// How many of them are on their way to being available.
    coming: usize,
    /// A task looks after those that are late.
    gives_up_late: bool,
}

/// An environment that has not ended.
#[derive(Debug)]
struct Entry {
    environment: Arc<Environment>,
    coming: Coming,
    /// It runs an older release, and ends when it has answered what it took.
    outdated: bool,
}

/// Whether an environment is on its way to being available.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coming {
    /// It is idle or runs an invocation, or will not be available because it is outdated.
    Not,
    /// It has not been available yet.
    Starting,
    /// Its invocation was answered at this moment; its runtime has not come back yet.
    Soon(Instant),
}

/// Code and configuration, as one thing that is replaced as a whole.
#[derive(Debug)]
struct Release {
    config: FunctionConfig,
    code: Code,
}

/// The pool's side of one environment.
#[derive(Debug)]
struct Member {
    id: u64,
    function: Arc<Function>,
}

/// How long an environment that has just answered is counted on, at least; twice as long at most. The
/// runtime usually comes back within 0.1 ms: a caller that calls again at once would otherwise start a
/// second process. On a busy machine it takes as long as others have the processors. A function
/// that works on after its answer is not waited for.
const GRACE: Duration = Duration::from_millis(25);

impl Function {
    pub(crate) fn new(name: String, shared: Arc<Shared>) -> Arc<Self> {
        Arc::new(Self {
            name,
            shared,
            pool: Mutex::default(),
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
        let mut pool = self.lock();
        let unchanged = pool
            .release
            .as_ref()
            .is_some_and(|release| release.config == config && release.code == code);
        if unchanged {
            return;
        }
        pool.release = Some(Arc::new(Release { config, code }));
        // What has no invocation goes at once; what has one ends when it is available again.
        let mut outdated = std::mem::take(&mut pool.idle);
        for entry in pool.environments.values_mut() {
            entry.outdated = true;
            if entry.coming == Coming::Starting {
                outdated.push(Arc::clone(&entry.environment));
            }
        }
        pool.expect_no_more(|_| true);
        self.grow(&mut pool);
        drop(pool);
        for environment in outdated {
            environment.close();
        }
    }

    /// Ends every idle environment, so that the next invocation is a cold start.
    pub fn recycle(&self) -> usize {
        let idle = std::mem::take(&mut self.lock().idle);
        for environment in &idle {
            environment.close();
        }
        idle.len()
    }

    /// Ends every environment, busy or not.
    pub(crate) fn close(&self) {
        let (environments, waiting) = {
            let mut pool = self.lock();
            pool.release = None;
            pool.idle.clear();
            pool.expect_no_more(|_| true);
            let mut environments = Vec::new();
            for entry in pool.environments.values_mut() {
                entry.outdated = true;
                environments.push(Arc::clone(&entry.environment));
            }
            (environments, std::mem::take(&mut pool.waiting))
        };
        // Their callers learn it from the dropped sender.
        drop(waiting);
        for environment in environments {
            environment.close();
        }
    }

    /// Hands an invocation to an environment, now or as soon as there is one.
    ///
    /// # Errors
    /// When there is no code to run, or no room for another environment.
    pub(crate) fn submit(
        self: &Arc<Self>,
        mut invocation: Box<Invocation>,
    ) -> Result<(), ServiceError> {
        loop {
            let mut pool = self.lock();
            let Some(environment) = pool.idle.pop() else {
                return self.enqueue(pool, invocation);
            };
            drop(pool);
            match environment.invoke(invocation) {
                Ok(()) => return Ok(()),
                // It ended in this moment: try the next.
                Err(returned) => invocation = returned,
            }
        }
    }

    fn enqueue(
        self: &Arc<Self>,
        mut pool: MutexGuard<'_, Pool>,
        invocation: Box<Invocation>,
    ) -> Result<(), ServiceError> {
        let Some(release) = &pool.release else {
            return Err(ServiceError::ResourceConflict(
                "The operation cannot be performed at this time. The function is currently in the following state: Failed".to_owned(),
            ));
        };
        let grows = release.code != Code::External && pool.coming <= pool.waiting.len();
        if grows && !self.shared.has_room() {
            return Err(ServiceError::TooManyRequests(
                ThrottleReason::ConcurrentInvocationLimitExceeded,
            ));
        }
        pool.waiting.push_back(invocation);
        self.grow(&mut pool);
        if !pool.gives_up_late && pool.counts_on_one_soon() {
            pool.gives_up_late = true;
            drop(pool);
            tokio::spawn(Arc::clone(self).give_up_late());
        }
        Ok(())
    }

    /// Counts no longer on environments that do not come back, as long as invocations wait for any.
    /// One task for all of them: under load almost every invocation waits for a moment.
    async fn give_up_late(self: Arc<Self>) {
        loop {
            tokio::time::sleep(GRACE).await;
            let mut pool = self.lock();
            pool.expect_no_more(
                |coming| matches!(coming, Coming::Soon(since) if since.elapsed() >= GRACE),
            );
            self.grow(&mut pool);
            if pool.waiting.is_empty() || !pool.counts_on_one_soon() {
                pool.gives_up_late = false;
                return;
            }
        }
    }

    /// Starts environments until each waiting invocation has one coming.
    fn grow(self: &Arc<Self>, pool: &mut Pool) {
        let Some(release) = pool.release.clone() else {
            return;
        };
        if release.code == Code::External {
            // One debugger, one process, one environment.
            if pool.environments.values().all(|entry| entry.outdated) {
                self.add_environment(pool, &release);
            }
            return;
        }
        pool.waiting.retain(|invocation| !invocation.is_abandoned());
        while pool.coming < pool.waiting.len() && self.shared.has_room() {
            if !self.add_environment(pool, &release) {
                // No descriptors, no ports: only an environment of before could still take them.
                if pool.environments.is_empty() {
                    pool.waiting.clear();
                }
                return;
            }
        }
    }

    fn add_environment(self: &Arc<Self>, pool: &mut Pool, release: &Arc<Release>) -> bool {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let member = Arc::new(Member {
            id,
            function: Arc::clone(self),
        });
        let config = self.environment_config(release);
        let environment = match &release.code {
            Code::External => Ok(Environment::external(config, member)),
            Code::Executable { .. } => Environment::start(config, member),
        };
        match environment {
            Ok(environment) => {
                self.shared.environment_added();
                pool.coming += 1;
                let entry = Entry {
                    environment,
                    coming: Coming::Starting,
                    outdated: false,
                };
                pool.environments.insert(id, entry);
                true
            }
            Err(error) => {
                let line = format!("cannot start an execution environment: {error}");
                self.shared
                    .observer
                    .log(&self.name, LogSource::Platform, &line);
                false
            }
        }
    }

    fn environment_config(&self, release: &Release) -> EnvironmentConfig {
        let FunctionConfig {
            memory_mb, timeout, ..
        } = release.config;
        let launch = match &release.code {
            Code::External => None,
            Code::Executable {
                path,
                working_directory,
            } => {
                let stream = uuid::Uuid::new_v4().simple().to_string();
                let variables = runtime_variables(
                    &self.shared.config,
                    &release.config,
                    working_directory,
                    &stream,
                );
                Some(Launch {
                    bootstrap: path.clone(),
                    working_directory: working_directory.clone(),
                    variables: variables.into_iter().collect(),
                })
            }
        };
        EnvironmentConfig {
            version: LATEST.to_owned(),
            memory_mb,
            timeout,
            init_limit: self.shared.config.init_limit,
            stream_limits: self.shared.config.stream_limits,
            controls: self.shared.controls.clone(),
            launch,
        }
    }

    /// The environment of a runtime started elsewhere; `None` when the function runs its own.
    pub(crate) fn external_environment(self: &Arc<Self>) -> Option<Arc<Environment>> {
        let pool = self.lock();
        let release = pool.release.as_ref()?;
        if release.code != Code::External {
            return None;
        }
        // The oldest: one of an older release answers what it took before a new one gets a call.
        let entry = pool.environments.values().next()?;
        Some(Arc::clone(&entry.environment))
    }

    fn lock(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pool {
    /// Notes how an environment stands to being available.
    fn set_coming(&mut self, id: u64, coming: Coming) {
        let Some(entry) = self.environments.get_mut(&id) else {
            return;
        };
        let counted = |coming| usize::from(coming != Coming::Not);
        self.coming = self.coming + counted(coming) - counted(entry.coming);
        entry.coming = coming;
    }

    /// Counts no longer on environments that are coming in one of these ways.
    fn expect_no_more(&mut self, given_up: impl Fn(Coming) -> bool) {
        for entry in self.environments.values_mut() {
            if entry.coming != Coming::Not && given_up(entry.coming) {
                entry.coming = Coming::Not;
                self.coming -= 1;
            }
        }
    }

    /// Whether an invocation that waits may be waiting for an environment that has just answered.
    fn counts_on_one_soon(&self) -> bool {
        let mut entries = self.environments.values();
        self.coming > 0 && entries.any(|entry| matches!(entry.coming, Coming::Soon(_)))
    }
}

impl Member {
    fn is_current(&self, pool: &Pool) -> bool {
        let entry = pool.environments.get(&self.id);
        entry.is_some_and(|entry| !entry.outdated)
    }
}

impl Host for Member {
    fn available(&self, environment: &Arc<Environment>) {
        let mut pool = self.function.lock();
        let current = self.is_current(&pool);
        if !current {
            drop(pool);
            environment.close();
            return;
        }
        pool.set_coming(self.id, Coming::Not);
        loop {
            let Some(invocation) = pool.waiting.pop_front() else {
                pool.idle.push(Arc::clone(environment));
                return;
            };
            // Whoever hung up while waiting does not cost an invocation.
            if invocation.is_abandoned() {
                continue;
            }
            drop(pool);
            if let Err(returned) = environment.invoke(invocation) {
                // It ended in this moment: the invocation is first in line for another.
                pool = self.function.lock();
                pool.waiting.push_front(returned);
                self.function.grow(&mut pool);
            }
            return;
        }
    }

    fn available_soon(&self, _environment: &Arc<Environment>) {
        let mut pool = self.function.lock();
        if self.is_current(&pool) {
            pool.set_coming(self.id, Coming::Soon(Instant::now()));
        }
    }

    fn closed(&self, environment: &Arc<Environment>) {
        let mut pool = self.function.lock();
        pool.set_coming(self.id, Coming::Not);
        pool.environments.remove(&self.id);
        pool.idle.retain(|idle| !Arc::ptr_eq(idle, environment));
        self.function.shared.environment_removed();
        self.function.grow(&mut pool);
    }

    fn log(&self, _environment: &Environment, source: LogSource, line: &str) {
        let function = &self.function;
        function.shared.observer.log(&function.name, source, line);
    }

    fn finished(&self, _environment: &Environment, report: InvocationReport) {
        let function = &self.function;
        function.shared.observer.finished(&function.name, &report);
    }
}
