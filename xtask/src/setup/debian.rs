//! Debian packages, where we may install them.

use std::path::Path;
use std::process::Command;

use crate::command::{output_of, run, works};
use crate::failure::Failure;

/// Installs a package as root on Debian and its relatives; elsewhere says what is missing.
///
/// `lacking` completes "this machine …".
///
/// # Errors
/// Where we may not install it, or it cannot be installed.
pub fn install(package: &str, lacking: &str) -> Result<(), Failure> {
    let debian = Path::new("/etc/debian_version").exists() && works(apt().arg("--version"));
    let root = output_of(Command::new("id").arg("-u")).is_some_and(|id| id == "0");
    if let Some(refusal) = refusal(package, lacking, debian, root) {
        return Err(refusal);
    }
    run(apt().arg("update")).map_err(Failure::in_setup)?;
    run(apt().args(["install", "--yes", "--no-install-recommends", package]))
        .map_err(Failure::in_setup)
}

fn apt() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// Why we do not install it ourselves, if so.
fn refusal(package: &str, lacking: &str, debian: bool, root: bool) -> Option<Failure> {
    let failure = Failure::environment(format!("this machine {lacking}"));
    match (debian, root) {
        (true, true) => None,
        (true, false) => Some(failure.hint(format!("run `sudo apt-get install {package}`"))),
        (false, _) => Some(failure.hint(format!(
            "install what this system has in place of Debian's `{package}`"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_root_on_debian_installs() {
        let refusal = |debian, root| refusal("python3-venv", "has no venv", debian, root);
        assert_eq!(refusal(true, true), None);
        let asked = refusal(true, false).unwrap();
        assert_eq!(asked.to_string(), "this machine has no venv");
        assert_eq!(
            asked.way_out(),
            Some("run `sudo apt-get install python3-venv`")
        );
        assert!(refusal(false, true).is_some());
    }
}
