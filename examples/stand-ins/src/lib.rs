//! What functions call, for their tests: an AWS and an HTTP service, each on a port of its own.
#![expect(clippy::unwrap_used, reason = "a panic is a test's report")]

mod http;
mod moto;

pub use http::{Request, serve};
pub use moto::Moto;
