//! The event of a batch, and the time there is for it.

use lambda_runtime::LambdaEvent;

use crate::deadline::Deadline;

/// The event of a batch: as Lambda hands it over, or its payload alone.
///
/// Within a [`DeadlineLayer`](crate::deadline::DeadlineLayer) both have the time that the layer leaves.
///
/// What the functions of [`batch`](super) take is `impl Into<Incoming<…>>`.
///
/// # Example
///
/// ```
/// use kiln::batch::{Incoming, SqsEvent};
///
/// // Within `kiln::run` a payload alone has the deadline of the invocation all the same.
/// let incoming = Incoming::from(SqsEvent::default());
/// # let _ = incoming;
/// ```
#[derive(Debug)]
pub struct Incoming<P> {
    pub(super) payload: P,
    pub(super) deadline: Deadline,
}

impl<P> From<LambdaEvent<P>> for Incoming<P> {
    fn from(event: LambdaEvent<P>) -> Self {
        Self {
            // A layer around the handler may cut it off earlier than Lambda does.
            deadline: Deadline::of(&event.context).earliest(Deadline::current()),
            payload: event.payload,
        }
    }
}

impl<P> From<P> for Incoming<P> {
    fn from(payload: P) -> Self {
        Self {
            payload,
            deadline: Deadline::current(),
        }
    }
}
