//! The Runtime Interface Emulator, which AWS publishes as a file of a Python package.

use std::fs;
use std::path::PathBuf;

use super::python::Environment;
use crate::command::run;
use crate::console::{DIM, say, styled};
use crate::failure::Failure;
use crate::repository::Repository;

/// Made last, so that what was left half done is done again.
const STAMP: &str = "requirements.installed";

/// The emulator for this machine's processor, unpacked unless it is there.
///
/// # Errors
/// An installation that fails, or a package without the emulator.
pub fn ensure(repository: &Repository, environment: &Environment) -> Result<PathBuf, Failure> {
    let requirements = repository.path("benches/requirements-emulator.txt");
    let directory = repository.path("target/bench/aws-sam-cli");
    let wanted = fs::read_to_string(&requirements).map_err(|error| {
        Failure::environment(format!("cannot read `{}`: {error}", requirements.display()))
    })?;
    let stamp = directory.join(STAMP);
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        say(styled(
            DIM,
            format!("{} is up to date", directory.display()),
        ));
    } else {
        let mut pip = environment.pip_install(&requirements);
        pip.args(["--no-deps", "--no-compile", "--upgrade", "--target"])
            .arg(&directory);
        run(&mut pip).map_err(Failure::in_setup)?;
        fs::write(&stamp, wanted).map_err(|error| {
            Failure::environment(format!("cannot write `{}`: {error}", stamp.display()))
        })?;
    }
    let name = emulator_for(std::env::consts::ARCH);
    let emulator = directory.join("samcli/local/rapid").join(name);
    if emulator.is_file() {
        return Ok(emulator);
    }
    let emulator = emulator.display();
    Err(Failure::environment(format!("`{emulator}` is not there"))
        .hint("see where the package has it now, and change `xtask/src/setup/emulator.rs`"))
}

/// Its name in the package, for a processor as Rust calls it.
fn emulator_for(processor: &str) -> &'static str {
    match processor {
        "aarch64" => "aws-lambda-rie-arm64",
        _ => "aws-lambda-rie-x86_64",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_processor_has_an_emulator_of_its_own() {
        assert_eq!(emulator_for("x86_64"), "aws-lambda-rie-x86_64");
        assert_eq!(emulator_for("aarch64"), "aws-lambda-rie-arm64");
    }
}
