//! Which environments there are, and which one an invocation gets: real functions behind the service's
//! HTTP edge.

#![expect(clippy::unwrap_used, reason = "a panic in a test is its report")]

mod idle;
mod logs;
mod provisioned;
mod serving;
mod tenants;
