//! From a plain `main` to the first event.

use std::num::NonZeroUsize;
#[cfg(all(unix, feature = "graceful-shutdown"))]
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::{env, fmt};

#[cfg(all(unix, feature = "graceful-shutdown"))]
use futures_util::FutureExt as _;
use lambda_runtime::{Diagnostic, Error, SnapStartResource};
use tokio::runtime::{Builder, Handle, Runtime, RuntimeFlavor};

use super::builder::{BoxFuture, Init, ShutdownHook};
#[cfg(all(unix, feature = "graceful-shutdown"))]
use super::panics::Panic;
use crate::environment;

/// What a function asks for beside handler and layers.
#[derive(Debug, Default)]
pub(super) struct Options {
    pub(super) threads: Option<NonZeroUsize>,
    pub(super) snapstart: Resources,
}

#[derive(Default)]
pub(super) struct Resources(pub(super) Vec<Arc<dyn SnapStartResource>>);

impl fmt::Debug for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} resources", self.0.len())
    }
}

/// Checks, builds the state, and serves.
pub(super) fn run<S: Send + Sync + 'static>(
    options: Options,
    init: Init<S>,
    serve: impl FnOnce(Options, &'static S) -> BoxFuture<Result<(), Error>>,
) -> Result<(), Error> {
    check(|name| env::var(name).ok())?;
    #[cfg(feature = "logging")]
    crate::logging::begin();
    let runtime = runtime(options.threads)?;
    super::panics::remember();
    runtime.block_on(async {
        let state = (init.hook)().await?;
        // For as long as the process, which is what the handler is told.
        let state: &'static S = Box::leak(Box::new(state));
        announce_shutdown(init.shutdown, state).await;
        on_a_worker(serve(options, state)).await
    })
}

/// Has a runtime with workers await the future on one of them.
///
/// The client's connections live there. From the thread that has built the runtime, every call would
/// be handed over to a worker and its answer back, and the next call often finds the connection still
/// with the worker and opens another one.
async fn on_a_worker(events: BoxFuture<Result<(), Error>>) -> Result<(), Error> {
    if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
        return events.await;
    }
    match tokio::spawn(events).await {
        Ok(ended) => ended,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(error) => Err(error.into()),
    }
}

/// Has the hooks run when Lambda says that it ends the environment.
#[cfg(all(unix, feature = "graceful-shutdown"))]
async fn announce_shutdown<S: Send + Sync + 'static>(
    hooks: Vec<ShutdownHook<S>>,
    state: &'static S,
) {
    if hooks.is_empty() {
        return;
    }
    lambda_runtime::spawn_graceful_shutdown_handler(move || run_hooks(hooks, state)).await;
}

/// One after the other. One that panics keeps neither the next ones nor the end of the process.
#[cfg(all(unix, feature = "graceful-shutdown"))]
async fn run_hooks<S>(hooks: Vec<ShutdownHook<S>>, state: &'static S) {
    for hook in hooks {
        // In a block, so that a hook that panics before it returns its future is caught as well.
        let outcome = AssertUnwindSafe(async { hook(state).await }).catch_unwind();
        if let Err(payload) = outcome.await {
            let panic = Panic::caught(&*payload);
            ::tracing::error!(
                error_message = panic.message,
                panicked_at = panic.location.as_deref(),
                backtrace = panic.backtrace.as_deref(),
                "a shutdown hook panicked"
            );
        }
    }
}

#[cfg(not(all(unix, feature = "graceful-shutdown")))]
async fn announce_shutdown<S>(_none: Vec<ShutdownHook<S>>, _state: &'static S) {}

/// Why a function did not start.
///
/// Its `Debug` form is its message: `main` prints that.
///
/// # Example
///
/// ```
/// use kiln::run::StartError;
/// use kiln::{Error, LambdaEvent};
///
/// async fn echo(event: LambdaEvent<String>) -> Result<String, Error> {
///     Ok(event.payload)
/// }
/// // Here, as on a developer's machine, there is no Lambda.
/// let error = kiln::run(echo).unwrap_err();
/// assert!(matches!(error.downcast_ref(), Some(StartError::OutsideOfLambda { .. })));
/// assert!(error.to_string().contains("`kiln watch`"));
/// ```
#[non_exhaustive]
pub enum StartError {
    /// A variable that Lambda sets is missing: this is not an execution environment.
    OutsideOfLambda {
        /// The variable.
        variable: &'static str,
    },
    /// A variable that Lambda sets has a value that Lambda does not give it.
    InvalidVariable {
        /// The variable.
        variable: &'static str,
        /// Its value.
        value: String,
    },
    /// There is a Tokio runtime already, usually that of `#[tokio::main]`.
    InsideOfRuntime,
    /// The Tokio runtime could not be built.
    Runtime(std::io::Error),
    /// The init hook failed: what Lambda was told.
    Init(Diagnostic),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutsideOfLambda { variable } => write!(
                f,
                "this program is a Lambda function and needs an execution environment: `{variable}` \
                 is not set; run it on the local Lambda with `kiln watch`"
            ),
            Self::InvalidVariable { variable, value } => {
                write!(f, "`{variable}` is not what Lambda sets it to: `{value}`")
            }
            Self::InsideOfRuntime => f.write_str(
                "there is a Tokio runtime already: `kiln` builds its own, so make `main` a plain \
                 function, without `async` and `#[tokio::main]`",
            ),
            Self::Runtime(_) => f.write_str("cannot build the Tokio runtime"),
            Self::Init(Diagnostic {
                error_type,
                error_message,
            }) => write!(f, "the init failed: {error_type}: {error_message}"),
        }
    }
}

impl fmt::Debug for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)?;
        if let Self::Runtime(error) = self {
            write!(f, ": {error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Runtime(error) => Some(error),
            _ => None,
        }
    }
}

/// Whether `lambda_runtime` will find what it needs, for which it would panic.
pub(super) fn check(get: impl Fn(&str) -> Option<String>) -> Result<(), StartError> {
    let required =
        |variable: &'static str| get(variable).ok_or(StartError::OutsideOfLambda { variable });
    let is_endpoint = |value: &str| {
        let uri: Option<http::Uri> = value.parse().ok();
        uri.is_some_and(|uri| uri.authority().is_some())
    };
    let endpoint = required("AWS_LAMBDA_RUNTIME_API")?;
    if !is_endpoint(&endpoint) {
        return Err(StartError::InvalidVariable {
            variable: "AWS_LAMBDA_RUNTIME_API",
            value: endpoint,
        });
    }
    required("AWS_LAMBDA_FUNCTION_NAME")?;
    required("AWS_LAMBDA_FUNCTION_VERSION")?;
    let memory = required("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")?;
    if memory.parse::<i32>().is_err() {
        return Err(StartError::InvalidVariable {
            variable: "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
            value: memory,
        });
    }
    Ok(())
}

/// A Tokio runtime of the environment's size, or with this many threads.
pub(super) fn runtime(threads: Option<NonZeroUsize>) -> Result<Runtime, StartError> {
    if Handle::try_current().is_ok() {
        return Err(StartError::InsideOfRuntime);
    }
    let threads = threads.unwrap_or_else(|| environment::current().threads());
    let mut builder = if threads == NonZeroUsize::MIN {
        Builder::new_current_thread()
    } else {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(threads.get());
        builder
    };
    builder.enable_all().build().map_err(StartError::Runtime)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAMBDA: [(&str, &str); 4] = [
        ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"),
        ("AWS_LAMBDA_FUNCTION_NAME", "orders"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
    ];

    fn check_with(changed: &str, value: Option<&str>) -> Result<(), StartError> {
        check(|name| {
            let (_, usual) = LAMBDA.iter().find(|(known, _)| *known == name)?;
            let value = if name == changed { value } else { Some(*usual) };
            value.map(ToOwned::to_owned)
        })
    }

    #[test]
    fn an_environment_of_lambda_is_one() {
        check_with("", None).unwrap();
    }

    #[test]
    fn what_is_missing_is_named_with_the_way_out() {
        for (variable, _) in LAMBDA {
            let error = check_with(variable, None).unwrap_err();
            let message = error.to_string();
            assert!(message.contains(&format!("`{variable}`")), "{message}");
            assert!(message.contains("`kiln watch`"), "{message}");
            // `main` prints the form for debugging.
            assert_eq!(format!("{error:?}"), message);
        }
    }

    #[test]
    fn what_lambda_would_not_set_is_refused_with_its_value() {
        for (variable, value) in [
            ("AWS_LAMBDA_RUNTIME_API", "/only/a/path"),
            ("AWS_LAMBDA_RUNTIME_API", ""),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "much"),
        ] {
            let error = check_with(variable, Some(value)).unwrap_err();
            let expected = format!("`{variable}` is not what Lambda sets it to: `{value}`");
            assert_eq!(error.to_string(), expected);
        }
    }

    #[tokio::test]
    async fn a_runtime_in_a_runtime_is_refused_with_the_way_out() {
        let error = runtime(None).unwrap_err();
        assert!(error.to_string().contains("`#[tokio::main]`"), "{error}");
    }

    #[cfg(all(unix, feature = "graceful-shutdown"))]
    #[tokio::test]
    async fn a_hook_that_panics_does_not_keep_the_next_one() {
        use std::sync::atomic::{AtomicU32, Ordering};

        static RUN: AtomicU32 = AtomicU32::new(0);
        let hooks: Vec<ShutdownHook<AtomicU32>> = vec![
            Box::new(|_| panic!("at once")),
            Box::new(|_| Box::pin(async { panic!("later") })),
            Box::new(|run| {
                Box::pin(async {
                    run.fetch_add(1, Ordering::Relaxed);
                })
            }),
        ];
        run_hooks(hooks, &RUN).await;
        assert_eq!(RUN.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn threads_choose_the_kind_of_runtime() {
        use tokio::runtime::RuntimeFlavor::{CurrentThread, MultiThread};

        for (threads, flavor, workers) in [(1, CurrentThread, 1), (2, MultiThread, 2)] {
            let runtime = runtime(NonZeroUsize::new(threads)).unwrap();
            assert_eq!(runtime.handle().runtime_flavor(), flavor);
            assert_eq!(runtime.metrics().num_workers(), workers);
        }
    }
}
