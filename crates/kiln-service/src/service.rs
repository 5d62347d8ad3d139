//! The service: its functions by name, and what they share.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

use kiln_protocol::error::{ServiceError, ThrottleReason};
use kiln_protocol::function::FunctionArn;
use kiln_sandbox::filesystem::FileSystemInForce;
use kiln_sandbox::resources::InForce;
use kiln_sandbox::{Controls, FileSystems, InvocationReport, LogSource};
use tokio::sync::watch;

use crate::account::{Account, ConcurrencyShare, ShareChange};
use crate::awake::Awake;
use crate::config::{Code, FunctionConfig, ServiceConfig};
use crate::function::{Function, provisioned};
use crate::pool::Refusal;

/// Who is told what happens. Called in the middle of things: it must not block.
pub trait Observer: Send + Sync + 'static {
    /// A line of a function's log, the platform's lines included; `false` when it cannot be taken
    /// now. How many were not is told in a line later.
    fn log(&self, function: &str, source: LogSource, line: &str) -> bool;
    /// An invocation is over.
    fn finished(&self, function: &str, report: &InvocationReport);
    /// An invocation was refused with 429, or an event discarded, because more asked to run than may.
    fn throttled(&self, function: &str, throttle: &Throttle) {
        let _ = (function, throttle);
    }
}

/// An invocation that was not let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Throttle {
    /// UUID of the invocation.
    pub request_id: String,
    /// Of what there is too much.
    pub reason: ThrottleReason,
    /// When it is worth trying again, where only time is missing.
    pub retry_after: Option<Duration>,
    /// It was an event, answered 202 before; it is gone.
    pub discarded: bool,
}

impl Throttle {
    pub(crate) fn new(request_id: String, refusal: Refusal, discarded: bool) -> Self {
        Self {
            request_id,
            reason: refusal.reason,
            retry_after: refusal.retry_after,
            discarded,
        }
    }
}

impl From<Throttle> for ServiceError {
    fn from(throttle: Throttle) -> Self {
        Self::TooManyRequests {
            reason: throttle.reason,
            // Whole seconds, and not before there is something to be had.
            retry_after_seconds: throttle
                .retry_after
                .map(|wait| wait.as_millis().div_ceil(1_000).max(1))
                .and_then(|seconds| u64::try_from(seconds).ok()),
        }
    }
}

/// A local AWS Lambda.
#[derive(Clone, Debug)]
pub struct Service {
    pub(crate) shared: Arc<Shared>,
    functions: Arc<RwLock<BTreeMap<String, Arc<Function>>>>,
}

/// What every function has access to.
pub(crate) struct Shared {
    pub(crate) config: ServiceConfig,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) awake: Awake,
    pub(crate) controls: Controls,
    pub(crate) files: FileSystems,
    pub(crate) account: Arc<Account>,
    /// The moment that functions count their time from.
    began: Instant,
    /// How many environments have not ended.
    environments: watch::Sender<usize>,
    /// Every function, to make room in.
    pools: Mutex<Vec<Weak<Function>>>,
}

impl Service {
    /// A service without functions. It starts nothing until it is told to.
    pub fn new(config: ServiceConfig, observer: Arc<dyn Observer>) -> Self {
        Self {
            shared: Arc::new(Shared {
                controls: Controls::detect(config.resources),
                files: FileSystems::detect(config.files),
                account: Arc::new(Account::new(config.account_concurrency)),
                config,
                observer,
                awake: Awake::default(),
                began: Instant::now(),
                environments: watch::Sender::new(0),
                pools: Mutex::default(),
            }),
            functions: Arc::default(),
        }
    }

    /// Its configuration.
    pub fn config(&self) -> &ServiceConfig {
        &self.shared.config
    }

    /// Which limits of the machine's resources are in force, and why not the rest.
    pub fn in_force(&self) -> &InForce {
        self.shared.controls.in_force()
    }

    /// Which file system functions see, and why not a better one.
    pub fn files_in_force(&self) -> &FileSystemInForce {
        self.shared.files.in_force()
    }

    /// Announces a function whose code is still to come, so that calls to it can wait.
    pub fn declare(&self, name: &str) -> Arc<Function> {
        let mut functions = self
            .functions
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let entry = functions.entry(name.to_owned());
        let function = entry.or_insert_with(|| {
            let function = Function::new(name.to_owned(), Arc::clone(&self.shared));
            self.shared.add_pool(&function);
            function
        });
        Arc::clone(function)
    }

    /// Creates a function, or gives it new code and configuration. Nothing happens when both are
    /// what they were.
    ///
    /// # Errors
    /// It reserves or provisions more concurrency than there is, or wants what excludes each other;
    /// nothing has changed then.
    pub fn deploy(
        &self,
        config: FunctionConfig,
        code: Code,
    ) -> Result<Arc<Function>, ServiceError> {
        let provisioned = provisioned(&config, &code);
        if config.tenant_isolation && provisioned > 0 {
            // AWS documents that, and no words for it.
            return Err(ServiceError::InvalidParameterValue(
                "Provisioned concurrency is not supported for functions with tenant isolation."
                    .to_owned(),
            ));
        }
        let share = ConcurrencyShare {
            reserved: config.reserved_concurrency,
            provisioned,
        };
        self.shared
            .account
            .change([(config.name.as_str(), share.into())])?;
        let function = self.declare(&config.name);
        function.deploy(config, code);
        Ok(function)
    }

    /// Changes the reserved concurrency of several functions, all of it or nothing: one may get what
    /// another gives up. Functions that are still to be deployed may be among them.
    ///
    /// # Errors
    /// They reserve more than there is, in the words of
    /// [PutFunctionConcurrency](https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionConcurrency.html).
    pub fn reserve<'a>(
        &self,
        concurrency: impl IntoIterator<Item = (&'a str, Option<u32>)>,
    ) -> Result<(), ServiceError> {
        self.change(concurrency.into_iter().map(|(name, reserved)| {
            let change = ShareChange {
                reserved: Some(reserved),
                provisioned: None,
            };
            (name, change)
        }))
    }

    /// Sets aside what several functions are to have for themselves, as [`reserve`](Self::reserve) does,
    /// provisioned environments included. These come with the [deployment](Self::deploy).
    ///
    /// # Errors
    /// They have more together than there is.
    pub fn allocate<'a>(
        &self,
        shares: impl IntoIterator<Item = (&'a str, ConcurrencyShare)>,
    ) -> Result<(), ServiceError> {
        let shares = shares.into_iter();
        self.change(shares.map(|(name, share)| (name, share.into())))
    }

    fn change<'a>(
        &self,
        changes: impl Iterator<Item = (&'a str, ShareChange)>,
    ) -> Result<(), ServiceError> {
        let changes: Vec<_> = changes.collect();
        self.shared.account.change(changes.iter().copied())?;
        let functions = self
            .functions
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        for (name, change) in changes {
            if let (Some(function), Some(reserved)) = (functions.get(name), change.reserved) {
                function.reserve(reserved);
            }
        }
        Ok(())
    }

    /// Removes a function; its environments end, and what it has reserved is everybody's again.
    pub fn remove(&self, name: &str) {
        let removed = self
            .functions
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(name);
        if let Some(function) = removed {
            function.close();
            // Giving back is never refused.
            let nothing = ConcurrencyShare::default().into();
            let _ = self.shared.account.change([(name, nothing)]);
        }
    }

    /// The functions, by name.
    pub fn functions(&self) -> Vec<Arc<Function>> {
        self.functions
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .cloned()
            .collect()
    }

    /// Finds a function. `_` means the only one there is.
    ///
    /// # Errors
    /// `ResourceNotFoundException`, with the names of the functions there are.
    pub fn function(&self, arn: &FunctionArn) -> Result<Arc<Function>, ServiceError> {
        let functions = self
            .functions
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let found = match functions.get(&arn.name) {
            None if arn.name == crate::edge::ONLY_FUNCTION && functions.len() == 1 => {
                functions.values().next()
            }
            found => found,
        };
        found.cloned().ok_or_else(|| {
            ServiceError::function_not_found(arn, functions.keys().cloned().collect())
        })
    }

    /// Kills every process at once, also what [`close`](Self::close) gives the time of the shutdown phase.
    pub fn kill(&self) {
        for function in self.shared.every_function() {
            function.kill();
        }
    }

    /// Ends every environment and waits until no process is left. Callers still waiting are told.
    /// Extensions have the two seconds of the shutdown phase.
    pub async fn close(&self) {
        for function in self.functions() {
            function.close();
        }
        let mut environments = self.shared.environments.subscribe();
        // The sender lives as long as we do: waiting cannot fail.
        let _ = environments.wait_for(|count| *count == 0).await;
        let controls = self.shared.controls.clone();
        // What the system needs to forget the last process.
        let _ = tokio::task::spawn_blocking(move || controls.close()).await;
    }
}

impl Shared {
    /// The time, as functions count it.
    pub(crate) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Whether no other environment may be started.
    pub(crate) fn is_full(&self) -> bool {
        *self.environments.borrow() >= self.config.max_environments
    }

    /// Tells when environments come and go.
    pub(crate) fn room(&self) -> watch::Receiver<usize> {
        self.environments.subscribe()
    }

    /// Counts an environment that is about to be started, if there is room for it.
    pub(crate) fn add_environment(&self) -> bool {
        self.environments.send_if_modified(|count| {
            let room = *count < self.config.max_environments;
            *count += usize::from(room);
            room
        })
    }

    /// Counts an environment that takes no room: its process is somebody else's.
    pub(crate) fn add_environment_anyway(&self) {
        self.environments.send_modify(|count| *count += 1);
    }

    /// Ends idle environments, of whatever function, so that this many others can be started: those
    /// of the function that has most idle, the one that rested longest first. To be called without any
    /// function's lock.
    pub(crate) fn make_room(&self, wanted: usize) {
        let functions = self.every_function();
        let of_each = functions.iter().map(|function| function.idle_and_ending());
        let (mut idle, ending): (Vec<usize>, Vec<usize>) = of_each.unzip();
        for _ in ending.into_iter().sum()..wanted {
            let most = idle
                .iter_mut()
                .zip(&functions)
                .max_by_key(|(idle, _)| **idle);
            match most {
                Some((idle, function)) if *idle > 0 => {
                    *idle -= 1;
                    // It may have become busy in between: then the next look finds another.
                    function.end_oldest_idle();
                }
                _ => return,
            }
        }
    }

    /// Every function that has environments, removed ones included.
    fn every_function(&self) -> Vec<Arc<Function>> {
        let pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        pools.iter().filter_map(Weak::upgrade).collect()
    }

    fn add_pool(&self, function: &Arc<Function>) {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        pools.retain(|pool| pool.strong_count() > 0);
        pools.push(Arc::downgrade(function));
    }

    pub(crate) fn environment_removed(&self) {
        self.environments
            .send_modify(|count| *count = count.saturating_sub(1));
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
