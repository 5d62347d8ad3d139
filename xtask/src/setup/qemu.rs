//! QEMU, under which functions for the other processor of Lambda run.

use std::process::Command;

use super::debian;
use crate::command::works;
use crate::failure::Failure;

/// Makes sure that functions for arm64 run on this machine.
///
/// # Errors
/// When they do not, and the emulator cannot be installed.
pub fn ensure() -> Result<(), Failure> {
    let is_there = |name: &&str| works(Command::new(name).arg("--version"));
    if cfg!(target_arch = "aarch64") || ["qemu-aarch64", "qemu-aarch64-static"].iter().any(is_there)
    {
        return Ok(());
    }
    debian::install(
        "qemu-user-static",
        "has no `qemu-aarch64`, under which tests run functions for arm64",
    )
}
