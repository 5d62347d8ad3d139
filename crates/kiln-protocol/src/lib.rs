//! Wire types and rules of AWS Lambda as pure functions.

pub mod samples;
