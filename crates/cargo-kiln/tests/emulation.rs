//! Functions that are built for Lambda's other processor, through the front door: linked as by `kiln
//! build`, run by QEMU, or a clear word on what is missing.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use std::path::PathBuf;
use std::process::Command;

use kiln_testing::{Kiln, Project, Watch, fixture};
use serde_json::{Value, json};

const KILN: &str = env!("CARGO_BIN_EXE_kiln");
const ARGUMENTS: [&str; 4] = ["--target", "aarch64-unknown-linux-musl", "--bin", "behave"];

fn behave(watch: &Watch, event: &Value) -> Value {
    let answer = watch.client().invoke("behave", event.to_string());
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

#[test]
fn a_function_for_the_other_processor_is_linked_and_runs_under_an_emulator() {
    let emulator = ["qemu-aarch64", "qemu-aarch64-static"].map(|name| {
        let asked = Command::new(name).arg("--version").output();
        asked.is_ok_and(|asked| asked.status.success())
    });
    assert!(
        emulator.contains(&true),
        "this test needs `qemu-aarch64`: `cargo xtask test` sets it up, or install QEMU's user mode \
         emulation (Debian: `qemu-user-static`)"
    );
    let watch = Watch::start(KILN, fixture("functions"), &ARGUMENTS).ready();
    let places = behave(&watch, &json!({"do": "where"}));
    assert!(
        watch
            .printed()
            .contains("is built for arm64: it runs under `")
    );
    if watch.printed().contains("files: as on AWS") {
        assert_eq!(places["executable"], "/var/task/bootstrap");
        assert_eq!(places["directory"], "/var/task");
    }
    // What differs between processors and emulators: signals, threads, exits, memory.
    assert_eq!(
        behave(&watch, &json!({"do": "spin", "ms": 1, "threads": 3})),
        json!(true)
    );
    assert_eq!(
        behave(&watch, &json!({"do": "allocate", "mb": 16})),
        json!(16 << 20)
    );
    let panicked = behave(&watch, &json!({"do": "panic"}));
    assert_eq!(panicked["errorMessage"], "Lambda panicked: out of cheese");
    let exited = behave(&watch, &json!({"do": "exit", "code": 3}));
    let message = exited["errorMessage"].as_str().unwrap();
    assert!(message.ends_with("exit status 3"), "{message}");
    let aborted = behave(&watch, &json!({"do": "abort"}));
    let message = aborted["errorMessage"].as_str().unwrap();
    assert!(message.ends_with("signal: aborted"), "{message}");
    assert_eq!(behave(&watch, &json!({"do": "count"}))["calls"], 1);
    assert_eq!(watch.stop(), Some(0));
}

#[test]
fn without_an_emulator_the_callers_learn_as_on_aws_and_the_user_learns_what_to_install() {
    let handler = std::fs::read_to_string("/proc/sys/fs/binfmt_misc/qemu-aarch64");
    if handler.is_ok_and(|text| text.starts_with("enabled")) {
        // The kernel of this machine has an emulator that no path can hide.
        return;
    }
    let asked = Command::new("rustc")
        .args(["--print", "sysroot"])
        .output()
        .unwrap();
    let sysroot = PathBuf::from(String::from_utf8(asked.stdout).unwrap().trim());
    let command = Kiln::new(KILN)
        .in_dir(fixture("functions"))
        .args(["watch", "--port", "0", "--target-dir"])
        .arg(Project::target_directory())
        .args(ARGUMENTS)
        // Nothing but Rust, which links for this target by itself.
        .env("PATH", sysroot.join("bin"))
        .into_command();
    let watch = Watch::spawn(command).ready();
    let answer = behave(&watch, &json!({"do": "echo"}));
    assert_eq!(answer["errorType"], "Runtime.InvalidEntrypoint");
    let message = answer["errorMessage"].as_str().unwrap();
    assert!(message.ends_with(": exec format error"), "{message}");
    watch.wait_for("this machine has no `qemu-aarch64` to run it: install the package `qemu-user`");
}

#[test]
fn a_target_that_nothing_here_links_is_refused_at_the_start() {
    let arguments = [
        "watch",
        "--port",
        "0",
        "--target",
        "aarch64-unknown-linux-gnu",
        "--bin",
        "behave",
    ];
    let refused = Kiln::new(KILN)
        .in_dir(fixture("functions"))
        .args(arguments)
        .without_zig()
        .exits(2);
    let expected =
        "nothing on this machine links for `aarch64-unknown-linux-gnu`: zig was not found";
    assert!(refused.stderr.contains(expected), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("hint: run `pip install ziglang`"),
        "{}",
        refused.stderr
    );
}
