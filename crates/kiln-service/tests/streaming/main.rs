//! Response streaming with the test as the function's runtime, so that every byte, every border of
//! a chunk and every way to break off is the test's choice.

#![expect(clippy::unwrap_used, reason = "a panic in a test is its report")]

mod broken;
mod lambda;
mod limits;
mod modes;
mod order;

/// What a runtime hears when its response was taken.
const ACCEPTED: (u16, &str) = (202, "{\"status\":\"OK\"}\n");

fn status(answer: &(u16, String)) -> (u16, &str) {
    (answer.0, &answer.1)
}
