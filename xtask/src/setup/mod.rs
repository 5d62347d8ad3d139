//! Setting up what a fresh machine lacks.

mod debian;
pub mod python;
pub mod rust;
