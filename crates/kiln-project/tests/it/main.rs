//! Projects on disk, read through the front door of the crate.

#![expect(
    clippy::unwrap_used,
    reason = "a panic in a helper of tests is a report too"
)]

mod errors;
mod functions;
mod layers;
mod manual;
mod selection;
mod together;
mod unread_keys;
mod variables;
mod workspace;
