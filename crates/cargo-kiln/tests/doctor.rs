//! `kiln doctor` through the front door.

#![expect(
    clippy::unwrap_used,
    reason = "a panic in a helper of tests is a report too"
)]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use kiln_testing::{Watch, fixture};
use serde_json::Value;

/// A directory to run in, with a home and a search path of its own.
struct Machine {
    directory: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        let machine = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        for name in ["home", "project", "bin", "toolchain"] {
            std::fs::create_dir(machine.path(name)).unwrap();
        }
        // Links, since the directory they are in may have everything else too.
        #[cfg(unix)]
        for name in ["cargo", "rustc"] {
            let real = Path::new(env!("CARGO")).with_file_name(name);
            std::os::unix::fs::symlink(real, machine.path("toolchain").join(name)).unwrap();
        }
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file of the project.
    fn file(&self, name: &str, text: &str) -> &Self {
        let path = self.path("project").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    /// Puts a shell script on the search path.
    #[cfg(unix)]
    fn tool(&self, name: &str, script: &str) -> &Self {
        let source = self.path("script");
        std::fs::write(&source, format!("#!/bin/sh\n{script}\n")).unwrap();
        // Another process writes it: a program that this one has had open for writing may be
        // refused as busy, since children of parallel tests inherit open files until they run.
        let install = Command::new("install")
            .args(["-m", "755"])
            .args([&source, &self.path("bin").join(name)])
            .status();
        assert!(install.unwrap().success());
        self
    }

    /// `kiln doctor` with a port that is free, and no variables but those of the toolchain.
    /// The search path has the toolchain that runs this test, and what the test put there.
    fn doctor(&self, arguments: &[&str]) -> Command {
        let mut path = vec![self.path("bin"), self.path("toolchain")];
        if cfg!(windows) {
            path.push(Path::new(env!("CARGO")).parent().unwrap().to_owned());
        }
        let path = std::env::join_paths(path).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_kiln"));
        command
            .arg("doctor")
            .args(arguments)
            .current_dir(self.path("project"))
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.path("home"))
            .env("KILN_PORT", "0");
        for kept in ["CARGO_HOME", "RUSTUP_HOME", "SystemRoot"] {
            if let Some(value) = std::env::var_os(kept) {
                command.env(kept, value);
            }
        }
        command
    }
}

/// Status, standard output, standard error.
fn outcome(mut command: Command) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

/// The check of that name in a report.
fn check<'a>(report: &'a Value, name: &str) -> &'a Value {
    let checks = report["checks"].as_array().unwrap();
    checks.iter().find(|check| check["name"] == name).unwrap()
}

/// The report as JSON, with the exit code it came with.
fn report(command: Command) -> (i32, Value) {
    let (code, stdout, stderr) = outcome(command);
    let report = serde_json::from_str(&stdout);
    (
        code,
        report.unwrap_or_else(|error| panic!("{error}: {stdout}{stderr}")),
    )
}

#[cfg(unix)]
#[test]
fn a_machine_where_all_is_well() {
    let machine = Machine::new();
    machine
        .tool("cc", "echo cc 12.2")
        .tool("zig", "echo 0.15.1")
        .tool("rustup", "exit 1");
    let (code, stdout, stderr) = outcome(machine.doctor(&[]));
    assert_eq!(code, 0, "{stdout}{stderr}");
    let starts = |name: &str| {
        let line = stdout
            .lines()
            .find(|line| line.split_whitespace().nth(1) == Some(name));
        line.unwrap().to_owned()
    };
    assert!(starts("rust").starts_with("ok "), "{stdout}");
    assert!(starts("rust").contains("cargo 1."), "{stdout}");
    assert!(starts("linker").ends_with("cc: cc 12.2"), "{stdout}");
    assert!(starts("zig").ends_with("zig 0.15.1"), "{stdout}");
    assert!(
        starts("port").contains("any free port on 127.0.0.1"),
        "{stdout}"
    );
    assert!(starts("aws").starts_with("note "), "{stdout}");
    assert!(stdout.contains("cure: aws configure"), "{stdout}");
    assert!(stdout.contains("cure: kiln new NAME"), "{stdout}");
    // Not a terminal: no colours.
    assert!(!stdout.contains('\u{1b}'), "{stdout:?}");
}

#[test]
fn a_port_in_use_is_a_problem() {
    let machine = Machine::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut command = machine.doctor(&["-o", "json"]);
    command.env("KILN_PORT", port.to_string());
    let (code, report) = report(command);
    assert_eq!(code, 1);
    assert_eq!(report["healthy"], false);
    let check = check(&report, "port");
    assert_eq!(check["status"], "problem");
    assert_eq!(check["found"], format!("{port} is in use on 127.0.0.1"));
    assert_eq!(check["cure"], "kiln watch --port 0");
}

#[test]
fn a_port_that_kiln_serves_already_is_well() {
    let machine = Machine::new();
    let arguments = ["--only-lambda-apis", "--bin", "noop"];
    let watch = Watch::start(env!("CARGO_BIN_EXE_kiln"), fixture("functions"), &arguments);
    let mut command = machine.doctor(&["-o", "json"]);
    command.env("KILN_PORT", watch.port().to_string());
    let (_, report) = report(command);
    let check = check(&report, "port");
    assert_eq!(check["status"], "ok");
    let port = watch.port();
    assert_eq!(
        check["found"],
        format!("{port} on 127.0.0.1 is served by Kiln already")
    );
}

#[cfg(unix)]
#[test]
fn a_search_path_without_tools_names_each_cure() {
    let machine = Machine::new();
    let (code, report) = report(machine.doctor(&["--format", "json"]));
    assert_eq!(code, 1, "there is no linker: {report}");
    assert_eq!(check(&report, "zig")["status"], "warning");
    assert_eq!(check(&report, "zig")["cure"], "pip install ziglang");
    assert_eq!(check(&report, "linker")["status"], "problem");
    assert!(check(&report, "linker")["cure"].is_string());
    assert_eq!(check(&report, "rust")["status"], "ok");
    // Without rustup its commands are no cure.
    for name in ["targets", "rust-lld"] {
        let cure = check(&report, name)["cure"].as_str().unwrap_or_default();
        assert!(!cure.contains("rustup target"), "{report}");
    }
}

#[cfg(unix)]
#[test]
fn a_toolchain_that_is_too_old_or_broken_is_a_problem() {
    let machine = Machine::new();
    machine
        .tool("cc", "echo cc 12.2")
        .tool("rustc", "echo 'rustc 1.70.0 (90c541806 2023-05-31)'");
    let (code, old) = report(machine.doctor(&["-o", "json"]));
    assert_eq!(code, 1);
    assert_eq!(check(&old, "rust")["cure"], "rustup update stable");

    machine.tool("rustc", "echo 'error: no default toolchain' >&2; exit 1");
    let (code, broken) = report(machine.doctor(&["-o", "json"]));
    assert_eq!(code, 1);
    assert_eq!(
        check(&broken, "rust")["found"],
        "`rustc` failed: error: no default toolchain"
    );
}

/// A workspace of one function, without dependencies, whose settings come from several layers.
fn layered(machine: &Machine) {
    machine
        .file(
            "Cargo.toml",
            "[workspace]\nmembers = [\"orders\"]\nresolver = \"2\"\n\
             [workspace.metadata.lambda.deploy]\nmemory = 256\ntimeout = 20\n\
             [workspace.metadata.kiln.watch]\nport = 9123\nenv_file = \".env\"\n",
        )
        .file(".env", "TOKEN=secret\n")
        .file(
            "orders/Cargo.toml",
            "[package]\nname = \"orders\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\
             [package.metadata.kiln.deploy]\nmemory = 512\n\
             [package.metadata.lambda.deploy]\ntimeot = 3\niam_role = \"x\"\n\
             [package.metadata.lambda.env]\nLEVEL = 7\n",
        )
        .file("orders/src/main.rs", "fn main() {}\n");
}

#[test]
fn settings_say_where_they_come_from() {
    let machine = Machine::new();
    layered(&machine);
    let mut command = machine.doctor(&["--config", "-o", "json"]);
    command.env_remove("KILN_PORT").env("KILN_RELEASE", "true");
    let (code, report) = report(command);
    assert_eq!(code, 0);

    let function = &report["functions"][0];
    assert_eq!(function["name"], "orders");
    assert_eq!(function["kind"], "function");
    let rows = [&function["settings"], &report["service"]];
    let found: Vec<[&str; 3]> = rows
        .into_iter()
        .flat_map(|rows| rows.as_array().unwrap())
        .map(|row| ["key", "value", "origin"].map(|name| row[name].as_str().unwrap_or("-")))
        .collect();
    let expected = [
        [
            "deploy.memory",
            "512 MB",
            "[package.metadata.kiln.deploy] memory in orders/Cargo.toml",
        ],
        [
            "deploy.timeout",
            "20s",
            "[workspace.metadata.lambda.deploy] timeout in Cargo.toml",
        ],
        ["deploy.runtime", "provided.al2023", "default"],
        [
            "env.LEVEL",
            "7",
            "[package.metadata.lambda.env] LEVEL in orders/Cargo.toml",
        ],
        ["env.TOKEN", "(hidden)", ".env"],
        [
            "build.profile",
            "release",
            "environment variable KILN_RELEASE",
        ],
        ["build.target", "-", "not set"],
        [
            "watch.port",
            "9123",
            "[workspace.metadata.kiln.watch] port in Cargo.toml",
        ],
        ["watch.address", "127.0.0.1, ::1", "default"],
    ];
    for row in expected {
        assert!(found.contains(&row), "{row:?} is not in {found:#?}");
    }
    assert_eq!(report["unread_keys"][0]["key"], "timeot");
    assert_eq!(report["unread_keys"][0]["suggestion"], "timeout");
}

#[test]
fn settings_read_well() {
    let machine = Machine::new();
    layered(&machine);
    let (code, stdout, stderr) = outcome(machine.doctor(&["--config"]));
    assert_eq!(code, 0, "{stderr}");
    assert!(
        stdout.starts_with("function orders of package orders\n"),
        "{stdout}"
    );
    assert!(stdout.contains("\n\nlocal service\n"), "{stdout}");
    let memory = stdout.lines().nth(1).unwrap();
    let words: Vec<&str> = memory.split("  ").filter(|word| !word.is_empty()).collect();
    assert_eq!(
        words.iter().map(|word| word.trim()).collect::<Vec<_>>(),
        [
            "deploy.memory",
            "512 MB",
            "[package.metadata.kiln.deploy] memory in orders/Cargo.toml"
        ]
    );
    assert!(!stdout.contains("secret"), "{stdout}");
    assert_eq!(
        stderr,
        "warning: unknown key `timeot` of [package.metadata.lambda.deploy] in \
         orders/Cargo.toml; did you mean `timeout`?\n"
    );
}

#[test]
fn the_project_is_a_check_of_its_own() {
    let machine = Machine::new();
    layered(&machine);
    let (_, good) = report(machine.doctor(&["-o", "json"]));
    assert_eq!(check(&good, "project")["found"], "1 function: orders");
    assert_eq!(
        check(&good, "settings")["found"],
        "unknown key `timeot` of [package.metadata.lambda.deploy] in orders/Cargo.toml is not read"
    );
    assert_eq!(check(&good, "settings")["cure"], "did you mean `timeout`?");
    let note = "cargo-lambda's keys that do nothing here: iam_role";
    let checks = good["checks"].as_array().unwrap();
    assert!(checks.iter().any(|check| check["found"] == note), "{good}");

    machine.file("CargoLambda.toml", "[watch]\ninvoke_port = \"many\"\n");
    machine.file(
        "Cargo.toml",
        "[workspace]\nmembers = [\"orders\"]\nresolver = \"2\"\n",
    );
    let mut command = machine.doctor(&["-o", "json"]);
    command.env_remove("KILN_PORT");
    let (code, bad) = report(command);
    assert_eq!(code, 1);
    assert_eq!(
        check(&bad, "port")["found"],
        "`many` is not possible for [watch] invoke_port in CargoLambda.toml: expected a port \
         number from 0 to 65535"
    );

    machine.file("Cargo.toml", "[workspace\n");
    let (code, broken) = report(machine.doctor(&["-o", "json"]));
    assert_eq!(code, 1);
    let found = check(&broken, "project")["found"].as_str().unwrap();
    assert!(found.contains("Cargo.toml"), "{found}");
}

#[test]
fn settings_of_no_project_are_wrong_usage() {
    let machine = Machine::new();
    let (code, stdout, stderr) = outcome(machine.doctor(&["--config"]));
    assert_eq!((code, stdout.as_str()), (2, ""));
    assert!(stderr.starts_with("error: no `Cargo.toml` in "), "{stderr}");
    assert!(stderr.contains("hint: "), "{stderr}");

    let arguments = ["--manifest-path", "nowhere/Cargo.toml"];
    let (code, stdout, stderr) = outcome(machine.doctor(&arguments));
    assert_eq!((code, stdout.as_str()), (2, ""));
    assert!(stderr.starts_with("error: no manifest at "), "{stderr}");
}
