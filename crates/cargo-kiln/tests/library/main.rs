//! Functions written with the library, on the local Lambda.

mod entry;
mod logging;
mod metrics;
