//! The service: its functions by name, and what they share.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use kiln_protocol::error::ServiceError;
use kiln_protocol::function::FunctionArn;
use kiln_sandbox::resources::InForce;
use kiln_sandbox::{Controls, InvocationReport, LogSource};
use tokio::sync::watch;

use crate::config::{Code, FunctionConfig, ServiceConfig};
use crate::function::Function;

/// Who is told what happens. Called in the middle of things: it must not block.
pub trait Observer: Send + Sync + 'static {
    /// A line of a function's log, the platform's lines included.
    fn log(&self, function: &str, source: LogSource, line: &str);
    /// An invocation is over.
    fn finished(&self, function: &str, report: &InvocationReport);
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
    pub(crate) controls: Controls,
    /// How many environments have not ended.
    environments: watch::Sender<usize>,
}

impl Service {
    /// A service without functions. It starts nothing until it is told to.
    pub fn new(config: ServiceConfig, observer: Arc<dyn Observer>) -> Self {
        Self {
            shared: Arc::new(Shared {
                controls: Controls::detect(config.resources),
                config,
                observer,
                environments: watch::Sender::new(0),
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

    /// Announces a function whose code is still to come, so that calls to it can wait.
    pub fn declare(&self, name: &str) -> Arc<Function> {
        let mut functions = self
            .functions
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let entry = functions.entry(name.to_owned());
        let function =
            entry.or_insert_with(|| Function::new(name.to_owned(), Arc::clone(&self.shared)));
        Arc::clone(function)
    }

    /// Creates a function, or gives it new code and configuration. Nothing happens when both are
    /// what they were.
    pub fn deploy(&self, config: FunctionConfig, code: Code) -> Arc<Function> {
        let function = self.declare(&config.name);
        function.deploy(config, code);
        function
    }

    /// Removes a function; its environments end.
    pub fn remove(&self, name: &str) {
        let removed = self
            .functions
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(name);
        if let Some(function) = removed {
            function.close();
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

    /// Ends every environment and waits until no process is left. Callers still waiting are told.
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
    pub(crate) fn has_room(&self) -> bool {
        *self.environments.borrow() < self.config.max_environments
    }

    pub(crate) fn environment_added(&self) {
        self.environments.send_modify(|count| *count += 1);
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
