//! The event, as the handler takes it.
//!
//! `lambda_runtime` reads it before any service is called, and reports what it cannot read under the name of
//! a type of its own. So it is told that all can be read: an event that is not what the handler takes goes
//! on to our service, and is logged and reported as every other failure, under a name for alarms.

use std::cell::RefCell;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::{Either, Ready, ready};
use lambda_runtime::tower::Service;
use lambda_runtime::{Diagnostic, LambdaEvent};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use crate::unreadable;

/// The `errorType` of an invocation whose event is not what the handler takes.
///
/// # Example
///
/// ```
/// use kiln::Diagnostic;
/// use kiln::run::INVALID_EVENT;
///
/// /// For a layer that counts failures: whether it is who sends events that has to mend something.
/// fn is_the_senders(failure: &Diagnostic) -> bool {
///     failure.error_type == INVALID_EVENT
/// }
/// # let of = |kind: &str| Diagnostic { error_type: kind.to_owned(), error_message: String::new() };
/// assert!(is_the_senders(&of("InvalidEvent")));
/// assert!(!is_the_senders(&of("HandlerPanicked")));
/// ```
pub const INVALID_EVENT: &str = "InvalidEvent";

thread_local! {
    /// What is being read on this thread: to say where something is wrong it is read once more, which
    /// costs nothing while nothing is wrong.
    static BODY: RefCell<Option<Bytes>> = const { RefCell::new(None) };
}

/// Has the events that `read` reads say what is wrong with them.
pub(super) fn reading<R>(body: Bytes, read: impl FnOnce() -> R) -> R {
    BODY.set(Some(body));
    let result = read();
    BODY.take();
    result
}

/// What the handler takes, or why the event is not that.
#[derive(Debug)]
pub(crate) struct Event<A>(pub(crate) Result<A, Diagnostic>);

impl<'de, A: DeserializeOwned> Deserialize<'de> for Event<A> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let event = A::deserialize(deserializer);
        Ok(Self(event.map_err(|_quotes_it| Diagnostic {
            error_type: INVALID_EVENT.to_owned(),
            error_message: format!("the event is not what the handler takes: {}", what::<A>()),
        })))
    }
}

/// What is wrong with the body, and where.
fn what<A: DeserializeOwned>() -> String {
    let body = BODY.take();
    body.map_or_else(
        || unreadable::ANYTHING.to_owned(),
        |body| unreadable::what::<A>(&body),
    )
}

/// A service whose events have been read: it answers for those that could not be.
#[derive(Clone, Debug)]
pub(super) struct Read<S>(pub(super) S);

impl<S, A> Service<LambdaEvent<Event<A>>> for Read<S>
where
    S: Service<LambdaEvent<A>, Error = Diagnostic>,
{
    type Response = S::Response;
    type Error = Diagnostic;
    type Future = Either<S::Future, Ready<Result<S::Response, Diagnostic>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Diagnostic>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, event: LambdaEvent<Event<A>>) -> Self::Future {
        let LambdaEvent { payload, context } = event;
        match payload.0 {
            Ok(payload) => Either::Left(self.0.call(LambdaEvent::new(payload, context))),
            Err(diagnostic) => Either::Right(ready(Err(diagnostic))),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Order {
        #[expect(dead_code, reason = "only read")]
        items: Vec<Item>,
    }

    #[derive(Debug, Deserialize)]
    struct Item {
        #[expect(dead_code, reason = "only read")]
        sku: String,
    }

    fn read<A: DeserializeOwned>(json: &'static str) -> Result<A, Diagnostic> {
        let event: Event<A> = reading(Bytes::from(json), || serde_json::from_str(json)).unwrap();
        event.0
    }

    #[test]
    fn what_can_be_read_is_handed_on() {
        assert_eq!(
            read::<Value>(r#"{"a": 1}"#).unwrap(),
            serde_json::json!({"a": 1})
        );
    }

    #[test]
    fn it_says_what_is_wrong_and_where_and_not_what_stands_there() {
        for (json, message) in [
            (
                r#"{"items": [{"sku": "a"}, {"sku": 4242}]}"#,
                "invalid type: integer, expected a string, at `items[1].sku`",
            ),
            (r#"{"items": [{}]}"#, "missing field `sku`, at `items[0]`"),
            ("{}", "missing field `items`"),
        ] {
            let diagnostic = read::<Order>(json).unwrap_err();
            assert_eq!(diagnostic.error_type, INVALID_EVENT);
            let begin = "the event is not what the handler takes: ";
            assert_eq!(diagnostic.error_message, format!("{begin}{message}"));
        }
    }

    #[test]
    fn outside_of_an_invocation_it_is_still_an_error() {
        let event: Event<u8> = serde_json::from_str("-1").unwrap();
        assert_eq!(event.0.unwrap_err().error_type, INVALID_EVENT);
    }
}
