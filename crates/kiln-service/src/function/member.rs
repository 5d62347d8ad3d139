//! A function's side of one environment: how it is started, and what it tells.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use kiln_sandbox::{Environment, Host, Invocation, InvocationReport, LogSource};

use super::release::Release;
use super::{Function, State};
use crate::config::{Code, Mode};
use crate::pool::{Next, Pool};

/// The pool's side of one environment.
#[derive(Debug)]
struct Member {
    id: u64,
    function: Arc<Function>,
    /// It was started ahead.
    provisioned: bool,
}

/// How long an environment has to offer the places it may have. A runtime that has fewer workers than
/// it was allowed is known by then.
const PLACES_GRACE: Duration = Duration::from_secs(1);

impl Function {
    /// Starts an environment, for which there is room.
    pub(super) fn add_environment(
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
        let config = release.environment(&self.shared, provisioned);
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

    /// Nothing is provisioned any more: the function's init fails.
    fn say_provisioning_failed(&self) {
        let line = "provisioned concurrency failed: FUNCTION_ERROR_INIT_FAILURE; invocations run in environments on demand until the next deployment";
        self.shared
            .observer
            .log(&self.name, LogSource::Notice, line);
    }
}

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
