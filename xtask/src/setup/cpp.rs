//! A C++ compiler, for what is not written in Rust.

use std::process::Command;

use super::debian;
use crate::command::works;
use crate::failure::Failure;

/// Makes sure that there is a C++ compiler where the crate `cc` looks for one.
///
/// # Errors
/// When there is none and none can be installed.
pub fn ensure(for_what: &str) -> Result<(), Failure> {
    // `CXX` may have arguments.
    let chosen = std::env::var("CXX").unwrap_or_default();
    let chosen = chosen.split_whitespace().next();
    let compiler = chosen.unwrap_or("c++");
    if works(Command::new(compiler).arg("--version")) {
        return Ok(());
    }
    if chosen.is_some() {
        return Err(Failure::environment(format!(
            "the C++ compiler `{compiler}`, which {for_what} takes, does not work"
        ))
        .hint("set `CXX` to one that does, or leave it out"));
    }
    debian::install(
        "g++",
        &format!("has no C++ compiler `{compiler}`, which {for_what} takes"),
    )
}
