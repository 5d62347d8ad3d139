//! Functions written with the library, on the local Lambda.

mod entry;
mod http;
mod logging;
mod metrics;
mod together;
