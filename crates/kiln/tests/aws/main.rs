//! The stores that speak to AWS, through the official SDK against a stranger's AWS.

mod dynamodb;
mod idempotency;
