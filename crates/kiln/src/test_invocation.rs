//! Invocations for tests.
//!
//! Outside of any, the only one in flight in the process counts, which may be that of a test beside.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lambda_runtime::Context;

use crate::invocation::Invocation;

/// As long as an invocation may take.
pub(crate) const LONG: Duration = Duration::from_secs(900);

/// That of each.
pub(crate) const REQUEST_ID: &str = "8476a536-e9f4-11e8-9739-2dfe598c3fcd";

/// An invocation that ends so long from now.
pub(crate) fn invocation(left: Duration) -> Arc<Invocation> {
    let mut context = Context::default();
    context.request_id = REQUEST_ID.to_owned();
    let deadline = (SystemTime::now() + left).duration_since(UNIX_EPOCH);
    context.deadline = u64::try_from(deadline.unwrap().as_millis()).unwrap();
    Invocation::with_cold_start(context, false)
}

/// Runs within an invocation that is in no hurry.
pub(crate) fn in_time<F: Future>(test: F) -> impl Future<Output = F::Output> {
    invocation(LONG).scope(test)
}
