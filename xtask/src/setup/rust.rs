//! Components and targets of the Rust toolchain.

use std::path::Path;
use std::process::Command;

use crate::command::{cargo, output_of, run, works};
use crate::console::{DIM, say, styled};
use crate::failure::Failure;
use crate::repository::Repository;

/// What the tests compile for: both of Lambda's processors, with glibc and with musl.
pub const TARGETS: [&str; 4] = [
    "x86_64-unknown-linux-gnu",
    "x86_64-unknown-linux-musl",
    "aarch64-unknown-linux-gnu",
    "aarch64-unknown-linux-musl",
];
/// The other system that Kiln is to run on, which its code is checked for.
pub const MACOS: &str = "aarch64-apple-darwin";

/// Makes sure that a cargo command that comes as a component is there: `fmt`, `clippy`.
///
/// # Errors
/// When it is missing and cannot be installed.
pub fn ensure_command(
    repository: &Repository,
    command: &str,
    component: &str,
) -> Result<(), Failure> {
    if works(cargo(repository).args([command, "--version"])) {
        return Ok(());
    }
    rustup(&["component", "add", component]).map_err(|failure| {
        failure.hint(format!(
            "install the component `{component}` the way this Rust was installed"
        ))
    })
}

/// Makes sure that the standard library of each of these targets is there.
///
/// # Errors
/// When one is missing and cannot be installed.
pub fn ensure_targets(targets: &[&'static str]) -> Result<(), Failure> {
    let sysroot =
        output_of(Command::new("rustc").args(["--print", "sysroot"])).ok_or_else(|| {
            Failure::environment("cannot run `rustc`")
                .hint("install Rust with rustup, or put it on PATH")
        })?;
    let missing = missing(Path::new(&sysroot), targets);
    if missing.is_empty() {
        say(styled(DIM, "all Rust targets are installed"));
        return Ok(());
    }
    let mut arguments = vec!["target", "add"];
    arguments.extend(&missing);
    rustup(&arguments).map_err(|failure| {
        let missing = missing.join("`, `");
        failure.hint(format!(
            "install Rust's standard library for `{missing}` the way this Rust was installed"
        ))
    })
}

/// The targets whose standard library is not in the sysroot, whoever put the others there.
fn missing(sysroot: &Path, targets: &[&'static str]) -> Vec<&'static str> {
    let libraries = sysroot.join("lib/rustlib");
    let is_missing = |target: &&str| !libraries.join(target).join("lib").is_dir();
    targets.iter().copied().filter(is_missing).collect()
}

fn rustup(arguments: &[&str]) -> Result<(), Failure> {
    if !works(Command::new("rustup").arg("--version")) {
        return Err(Failure::environment(format!(
            "rustup is not installed, which would run `rustup {}`",
            arguments.join(" ")
        )));
    }
    run(Command::new("rustup").args(arguments)).map_err(Failure::in_setup)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_there_when_its_library_is() {
        let sysroot = std::env::temp_dir().join(format!("xtask-sysroot-{}", std::process::id()));
        for target in [TARGETS[0], TARGETS[3]] {
            std::fs::create_dir_all(sysroot.join("lib/rustlib").join(target).join("lib")).unwrap();
        }
        // Rustup leaves a target's directory behind when it is removed.
        std::fs::create_dir_all(sysroot.join("lib/rustlib").join(TARGETS[1])).unwrap();
        assert_eq!(missing(&sysroot, &TARGETS), [TARGETS[1], TARGETS[2]]);
        std::fs::remove_dir_all(sysroot).unwrap();
    }
}
