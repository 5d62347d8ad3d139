//! Compile, package and read the artefacts of Lambda functions.
//!
//! Three steps, each usable alone:
//!
//! 1. [`cargo`] describes one `cargo build` call, runs it and reports exactly the executables that
//!    call produced; [`linker`] decides how a target is linked on this machine, and
//!    [`optimize`] what a release build gets where the project is silent.
//! 2. [`elf`] reads what came out: architecture, highest glibc symbol version, needed libraries.
//! 3. [`package`] puts it where `sam`, the CDK and `kiln deploy` look for it, as a binary or as a
//!    reproducible zip.
//!
//! Nothing here knows AWS beyond the shape of a deployment package, and nothing here prints.

pub mod cargo;
pub mod compile;
pub mod elf;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
pub mod linker;
pub mod optimize;
pub mod package;
pub mod target;
