//! Running the real binary.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// A call of `kiln`, in an environment without the user's settings.
#[derive(Debug)]
pub struct Kiln {
    command: Command,
    stdin: Option<Vec<u8>>,
}

/// What a finished call left.
#[derive(Debug)]
pub struct Output {
    /// Exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Data.
    pub stdout: String,
    /// Conversation.
    pub stderr: String,
}

/// A program that is not there, to hide one that may be.
const NOWHERE: &str = "kiln-test-no-such-program";

/// Whether a variable of the environment would make the call depend on who runs the test.
fn is_foreign(name: &str) -> bool {
    const SETTINGS: [&str; 4] = ["KILN_", "CARGO_LAMBDA_", "AWS_", "CLICOLOR"];
    // What cargo sets for a test, and what a developer has set for another build.
    const BUILD: [&str; 8] = [
        "CARGO_PKG_",
        "CARGO_MANIFEST_",
        "CARGO_TARGET_",
        "CARGO_BIN_",
        "CARGO_BUILD_TARGET",
        "CARGO_PROFILE_",
        "CARGO_INCREMENTAL",
        "CARGO_ZIGBUILD_",
    ];
    let mut prefixes = SETTINGS.iter().chain(&BUILD);
    prefixes.any(|prefix| name.starts_with(prefix)) || name.contains("RUSTFLAGS")
}

impl Kiln {
    /// A call of the binary, whose path a test knows as `env!("CARGO_BIN_EXE_kiln")`.
    pub fn new(binary: &str) -> Self {
        let mut command = Command::new(binary);
        for (name, _) in std::env::vars_os() {
            if is_foreign(&name.to_string_lossy()) {
                command.env_remove(name);
            }
        }
        command.env("NO_COLOR", "1").stdin(Stdio::null());
        Self {
            command,
            stdin: None,
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Runs in this directory.
    #[must_use]
    pub fn in_dir(mut self, directory: impl AsRef<Path>) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Hides zig, wherever it may be.
    #[must_use]
    pub fn without_zig(self) -> Self {
        self.env("CARGO_ZIGBUILD_PYTHON_PATH", NOWHERE)
            .env("CARGO_ZIGBUILD_ZIG_PATH", NOWHERE)
    }

    /// Lets zig be found: the one of the Python that `KILN_TEST_PYTHON` names, or that of `PATH`.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn with_zig(mut self) -> Self {
        self.command.env_remove("CARGO_ZIGBUILD_ZIG_PATH");
        let named = std::env::var_os("KILN_TEST_PYTHON");
        match &named {
            Some(python) => self.command.env("CARGO_ZIGBUILD_PYTHON_PATH", python),
            None => self.command.env_remove("CARGO_ZIGBUILD_PYTHON_PATH"),
        };
        let answers = |program: &OsStr, args: &[&str]| {
            let output = Command::new(program).args(args).output();
            output.is_ok_and(|output| output.status.success())
        };
        let python = named.unwrap_or_else(|| "python3".into());
        assert!(
            answers(&python, &["-m", "ziglang", "version"])
                || answers("zig".as_ref(), &["version"]),
            "this test needs zig: `cargo xtask test` sets it up, or set `KILN_TEST_PYTHON` to a \
             Python that has `ziglang`"
        );
        self
    }

    /// Feeds stdin.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// The command itself, for a call that goes on while the test does.
    pub fn into_command(self) -> Command {
        self.command
    }

    /// Runs to the end, which has to have this exit code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Output {
        self.output().expect_code(code)
    }

    /// Runs to the end.
    pub fn output(mut self) -> Output {
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        if self.stdin.is_some() {
            self.command.stdin(Stdio::piped());
        }
        let mut child = self.command.spawn().unwrap();
        if let Some(bytes) = self.stdin {
            // It may have ended without reading: then its answer is what counts.
            let _ = child.stdin.take().unwrap().write_all(&bytes);
        }
        let output = child.wait_with_output().unwrap();
        Output {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: without_waiting(&String::from_utf8_lossy(&output.stderr)),
        }
    }
}

/// Without the lines in which cargo says that it waits for another cargo: whether it has to is up to the
/// tests that run at the same time.
fn without_waiting(stderr: &str) -> String {
    stderr
        .split_inclusive('\n')
        .filter(|line| {
            !line
                .trim_start()
                .starts_with("Blocking waiting for file lock")
        })
        .collect()
}

impl Output {
    /// Asserts the exit code, showing everything when it differs.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "\nstdout:\n{}\nstderr:\n{}",
            self.stdout,
            self.stderr
        );
        self
    }

    /// Asserts that stderr says something.
    #[track_caller]
    pub fn expect_stderr(self, part: &str) -> Self {
        assert!(
            self.stderr.contains(part),
            "`{part}` is not in stderr:\n{}\nstdout:\n{}",
            self.stderr,
            self.stdout
        );
        self
    }

    /// The JSON document on stdout.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error} in\n{}\nstderr:\n{}", self.stdout, self.stderr))
    }

    /// The error and its hints: the end of stderr, from the error's line on.
    pub fn complaint(&self) -> &str {
        let start = self.stderr.rfind("error: ").unwrap_or(0);
        self.stderr.get(start..).unwrap_or_default().trim_end()
    }
}
