//! Running other programs.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::console::{DIM, say, styled};
use crate::failure::Failure;
use crate::repository::Repository;

/// What cargo told this program about itself, which the cargo it starts should not hear.
const OF_THIS_PACKAGE: [&str; 4] = [
    "CARGO_PKG_",
    "CARGO_MANIFEST_",
    "CARGO_BIN_",
    "CARGO_CRATE_",
];

/// A call of the cargo that runs us, in the root of the repository.
pub fn cargo(repository: &Repository) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(repository.path(""));
    for (name, _) in std::env::vars_os() {
        let of_this_package = name.to_str().is_some_and(|name| {
            OF_THIS_PACKAGE
                .iter()
                .any(|prefix| name.starts_with(prefix))
        });
        if of_this_package {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command to its end, its output in ours.
///
/// # Errors
/// When it cannot be started, or does not end well.
pub fn run(command: &mut Command) -> Result<(), Failure> {
    let line = line(command);
    say(styled(DIM, format!("$ {line}")));
    // Nothing here asks questions, and continuous integration has nobody to answer them.
    let status = command.stdin(Stdio::null()).status().map_err(|error| {
        Failure::environment(format!("cannot run `{}`: {error}", program(command)))
    })?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::check(format!("`{line}` failed ({status})")))
    }
}

/// Runs a command for what it prints on stdout; `None` when it does not work.
pub fn output_of(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// Whether a command works; nothing of it is shown.
pub fn works(command: &mut Command) -> bool {
    output_of(command).is_some()
}

/// `PATH` with a directory in front of all others.
///
/// # Errors
/// When the directory's name cannot be part of it.
pub fn path_with(directory: &Path) -> Result<OsString, Failure> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let rest = std::env::split_paths(&path);
    std::env::join_paths(std::iter::once(directory.to_owned()).chain(rest)).map_err(|error| {
        Failure::environment(format!(
            "cannot put `{}` on PATH: {error}",
            directory.display()
        ))
        .hint("move the checkout to a directory without `:` in its name")
    })
}

/// The program's name without its directory: the line is for people.
fn program(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(command.get_program());
    name.to_string_lossy().into_owned()
}

fn line(command: &Command) -> String {
    let mut line = program(command);
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_one_would_type_it() {
        let mut command = Command::new("/usr/lib/somewhere/cargo");
        command.args(["fmt", "--check"]);
        assert_eq!(line(&command), "cargo fmt --check");
    }

    #[test]
    fn the_directory_comes_first_on_the_path() {
        let path = path_with(Path::new("/first")).unwrap();
        let first = std::env::split_paths(&path).next();
        assert_eq!(first.as_deref(), Some(Path::new("/first")));
    }
}
