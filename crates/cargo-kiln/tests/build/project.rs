//! A copy of a fixture to build in, and what `kiln` answered there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

/// A program that is not there, to hide one that may be.
const NOWHERE: &str = "kiln-test-no-such-program";

/// A fixture, copied to a place of its own.
pub struct Project {
    directory: TempDir,
}

impl Project {
    /// Copies `fixtures/<name>`.
    pub fn new(name: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../fixtures")
            .join(name);
        copy(&fixture, &directory.path().join("project"));
        Self { directory }
    }

    /// A path in the project.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.directory.path().join("project").join(relative)
    }

    /// A call of `kiln build` in the project's root, with zig hidden.
    pub fn build(&self, args: &[&str]) -> Call {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kiln"));
        command.arg("build").args(args).current_dir(self.path(""));
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            // What cargo sets for us, and what a developer may have set for another build.
            let foreign = text.starts_with("CARGO_") && text != "CARGO_HOME"
                || text.starts_with("KILN_")
                || text.contains("RUSTFLAGS")
                || text == "NO_COLOR";
            if foreign {
                command.env_remove(&name);
            }
        }
        // Wrapper scripts are written while others may run them: each test has its own.
        command.env(
            "CARGO_ZIGBUILD_CACHE_DIR",
            self.directory.path().join("zigbuild"),
        );
        let call = Call { command };
        call.env("CARGO_ZIGBUILD_PYTHON_PATH", NOWHERE)
            .env("CARGO_ZIGBUILD_ZIG_PATH", NOWHERE)
    }

    /// The names in a directory of the project, sorted; of none if it does not exist.
    pub fn listing(&self, relative: &str) -> Vec<String> {
        listing(&self.path(relative))
    }

    pub fn write(&self, relative: &str, content: &str) {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub fn read(&self, relative: &str) -> Vec<u8> {
        fs::read(self.path(relative)).unwrap()
    }
}

/// The names in a directory, sorted; none if it does not exist.
pub fn listing(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            // What was built in the fixture itself is no part of it.
            if entry.file_name() != "target" {
                copy(&entry.path(), &to.join(entry.file_name()));
            }
        } else {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// A call that has not been made yet.
pub struct Call {
    command: Command,
}

impl Call {
    pub fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn directory(mut self, directory: &Path) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// Lets zig be found: the one of `KILN_TEST_PYTHON`, or whatever `PATH` has.
    pub fn with_zig(mut self) -> Self {
        self.command.env_remove("CARGO_ZIGBUILD_ZIG_PATH");
        match std::env::var_os("KILN_TEST_PYTHON") {
            Some(python) => self.command.env("CARGO_ZIGBUILD_PYTHON_PATH", python),
            None => self.command.env_remove("CARGO_ZIGBUILD_PYTHON_PATH"),
        };
        let python = std::env::var_os("KILN_TEST_PYTHON").unwrap_or_else(|| "python3".into());
        let answers = |program: &std::ffi::OsStr, args: &[&str]| {
            let output = Command::new(program).args(args).output();
            output.is_ok_and(|output| output.status.success())
        };
        assert!(
            answers(&python, &["-m", "ziglang", "version"])
                || answers("zig".as_ref(), &["version"]),
            "this test needs zig: `cargo xtask test` sets it up, or set `KILN_TEST_PYTHON` to a \
             Python that has `ziglang`"
        );
        self
    }

    /// Makes the call and checks its exit code.
    #[track_caller]
    pub fn exits(mut self, code: i32) -> Answer {
        let output = self.command.output().unwrap();
        let answer = Answer {
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        };
        assert_eq!(
            output.status.code(),
            Some(code),
            "stdout:\n{}\nstderr:\n{}",
            answer.stdout,
            answer.stderr
        );
        answer
    }
}

/// What a call answered.
#[derive(Debug)]
pub struct Answer {
    pub stdout: String,
    pub stderr: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error} in\n{}\nstderr:\n{}", self.stdout, self.stderr))
    }

    /// The error and its hints: the end of stderr, from the error's line on.
    pub fn complaint(&self) -> &str {
        let start = self.stderr.rfind("error: ").unwrap_or(0);
        self.stderr[start..].trim_end()
    }

    /// The command line of rustc for a crate, as `cargo -v` shows it.
    pub fn rustc_line(&self, name: &str) -> &str {
        let marker = format!("--crate-name {name} ");
        self.stderr
            .lines()
            .find(|line| line.contains("Running") && line.contains(&marker))
            .unwrap_or_else(|| panic!("no rustc for {name} in\n{}", self.stderr))
    }
}
