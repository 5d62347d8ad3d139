//! One event in the log for each failed invocation.

use std::any::Any;
use std::fmt::Debug;

use lambda_runtime::Diagnostic;

use super::panics::{PANICKED, Panic};
use crate::{errors, invocation};

/// What is known of a failure beyond what is answered, kept with the invocation until it is reported.
#[derive(Clone, Debug)]
struct Cause {
    debug: String,
    panic: Option<Panic>,
}

/// What is answered for an error of a handler or a layer.
pub(super) fn of_error<E: Into<Diagnostic> + Debug + 'static>(error: E) -> Diagnostic {
    // A layer's may be the handler's, passed on: what is known of that one says more.
    if !(&error as &dyn Any).is::<Diagnostic>() {
        remember(format!("{error:?}"), None);
    }
    errors::diagnostic(error)
}

/// What is answered for a panic.
pub(super) fn of_panic(payload: &(dyn Any + Send)) -> Diagnostic {
    let panic = Panic::caught(payload);
    let message = format!("the handler panicked: {}", panic.message);
    remember(message.clone(), Some(panic));
    Diagnostic {
        error_type: PANICKED.to_owned(),
        error_message: message,
    }
}

fn remember(debug: String, panic: Option<Panic>) {
    if let Some(invocation) = invocation::current() {
        invocation.parts().insert(Cause { debug, panic });
    }
}

/// Logs the failure of the invocation.
///
/// `lambda_runtime` logs it once more, with less, in the target `lambda_runtime::layers::panic`; the
/// feature `logging` leaves that out.
pub(super) fn failure(diagnostic: &Diagnostic) {
    let cause = invocation::current().and_then(|it| it.parts().remove::<Cause>());
    let panic = cause.as_ref().and_then(|cause| cause.panic.as_ref());
    ::tracing::error!(
        error_type = diagnostic.error_type,
        error_message = diagnostic.error_message,
        error = cause.as_ref().map(|cause| cause.debug.as_str()),
        panicked_at = panic.and_then(|panic| panic.location.as_deref()),
        backtrace = panic.and_then(|panic| panic.backtrace.as_deref()),
        "the invocation failed"
    );
}
