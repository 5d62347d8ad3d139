//! The library's figures: each beside what is usually written by hand, in the same run.

pub(super) mod connections;
mod functions;
pub(super) mod start;
