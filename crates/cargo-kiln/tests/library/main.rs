//! Functions written with the library, on the local Lambda.

mod entry;
mod errors;
mod http;
mod logging;
mod metrics;
mod powertools;
mod streaming;
mod together;
