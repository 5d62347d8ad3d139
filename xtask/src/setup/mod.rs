//! Setting up what a fresh machine lacks.

pub mod cpp;
mod debian;
pub mod python;
pub mod rust;
