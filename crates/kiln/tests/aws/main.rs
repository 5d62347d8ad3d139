//! The stores that speak to AWS, through the official SDK against a stranger's AWS.
#![expect(clippy::unwrap_used, reason = "a panic is a test's report")]

mod dynamodb;
mod idempotency;
