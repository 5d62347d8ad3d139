//! Cargo metadata and layered configuration resolved to one model of a user's project.

pub mod scaffold;
