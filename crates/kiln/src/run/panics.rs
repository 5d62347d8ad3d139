//! What is known of a panic: its message, where it was, and how it came there.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::RefCell;
use std::panic::{self, PanicHookInfo};
use std::sync::Once;

/// The `errorType` of an invocation whose handler panicked.
///
/// The type that `lambda_runtime` gives it is the name of a `Box`, on which no alarm can match.
///
/// # Example
///
/// ```
/// use kiln::{Error, LambdaEvent, run, testing};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let handler = async |event: LambdaEvent<Vec<u32>>| Ok::<_, Error>(event.payload[0]);
/// let error = testing::invoke(handler, testing::event(vec![])).await.unwrap_err();
/// assert_eq!(error.error_type, run::PANICKED);
/// # });
/// ```
pub const PANICKED: &str = "HandlerPanicked";

/// The `errorType` of an environment whose init hook panicked.
pub(super) const INIT_PANICKED: &str = "InitPanicked";

thread_local! {
    /// The last panic of this thread.
    static LAST: RefCell<Option<Panic>> = const { RefCell::new(None) };
}

#[derive(Clone, Debug)]
pub(super) struct Panic {
    pub(super) message: String,
    /// File, line and column. None for one that was carried over from a thread without our knowledge.
    pub(super) location: Option<String>,
    /// With `RUST_BACKTRACE=1`.
    pub(super) backtrace: Option<String>,
}

impl Panic {
    /// Of what `catch_unwind` has returned, on the thread that it has panicked on.
    pub(super) fn caught(payload: &(dyn Any + Send)) -> Self {
        let message = message(payload);
        LAST.take()
            // Another one, if it was carried here from another thread.
            .filter(|last| last.message == message)
            .unwrap_or_else(|| Self {
                message: message.to_owned(),
                location: None,
                backtrace: None,
            })
    }
}

/// Has panics remembered from now on: a caught one does not say where it was.
///
/// Hooks that are there stay, such as those of error trackers, and the one that prints.
pub(super) fn remember() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            // While a thread ends there is nothing to keep it in, and nobody who asks.
            let _ = LAST.try_with(|last| last.replace(Some(of_hook(info))));
            previous(info);
        }));
    });
}

fn of_hook(info: &PanicHookInfo<'_>) -> Panic {
    let backtrace = Backtrace::capture();
    Panic {
        message: message(info.payload()).to_owned(),
        location: info.location().map(ToString::to_string),
        backtrace: (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string()),
    }
}

/// What a panic said, of its payload.
pub(crate) fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("a value that is not text")
}
