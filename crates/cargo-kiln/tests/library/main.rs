//! Functions written with the library, on the local Lambda.

mod entry;
mod errors;
mod logging;
mod metrics;
