//! Setting up what a fresh machine lacks.

pub mod cpp;
mod debian;
pub mod emulator;
pub mod node;
pub mod python;
pub mod qemu;
pub mod rust;
