//! Linking for another processor, or for an older glibc than this machine's.
//!
//! Needs the Rust targets of both processors, and zig where a test asks for it; `cargo xtask test`
//! sets them up.

use std::path::Path;

use kiln_testing::Output;

use crate::machine::{OTHER, OWN};
use crate::project::Project;

#[track_caller]
fn linked(answer: &Output, linker: &str, target: &str) {
    let summary = answer.json();
    let program = &summary["programs"][0];
    assert_eq!(program["linker"], linker, "{summary}");
    assert_eq!(program["target"], target, "{summary}");
    let says = answer.stderr.lines().any(|line| {
        line.trim_start().starts_with("Linking") && line.contains(&format!("`{target}`"))
    });
    assert!(says, "the way is told in one line:\n{}", answer.stderr);
}

#[test]
fn pure_rust_crosses_without_zig() {
    let project = Project::new("build-workspace");
    let answer = project
        .build(&[OTHER.flag, "--bin", "place", "-o", "json"])
        .exits(0);
    linked(&answer, "musl", &OTHER.target("musl"));
    let program = &answer.json()["programs"][0];
    assert_eq!(program["architecture"], OTHER.lambda);
    assert!(
        program["glibc"].is_null() && program["needed"] == serde_json::json!([]),
        "{program}"
    );
}

#[test]
fn a_function_on_the_real_runtime_crosses_without_zig() {
    let project = Project::new("build-runtime");
    let answer = project
        .build(&[OTHER.flag, "-o", "json", "--locked"])
        // Built once for all test runs: only the function itself is new.
        .env(
            "CARGO_TARGET_DIR",
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("build-runtime"),
        )
        .exits(0);
    linked(&answer, "musl", &OTHER.target("musl"));
    let program = &answer.json()["programs"][0];
    assert_eq!(program["name"], "echo");
    assert_eq!(program["architecture"], OTHER.lambda);
}

#[test]
fn a_static_executable_runs() {
    let project = Project::new("build-workspace");
    let target = OWN.target("musl");
    let answer = project
        .build(&["--target", &target, "--bin", "place", "-o", "json"])
        .exits(0);
    linked(&answer, "musl", &target);
    assert_eq!(project.run("target/lambda/place/bootstrap"), "place\n");
}

#[test]
fn c_code_without_zig_is_refused_with_the_package_and_one_command() {
    let project = Project::new("build-native");
    let answer = project.build(&[OTHER.flag]).exits(2);
    assert_eq!(
        answer.complaint(),
        format!(
            "error: nothing on this machine links for `{}`: zig was not found, and `native 0.1.0` \
             builds C code (with `cc`), which needs a C compiler\n\
             hint: run `pip install ziglang`",
            OTHER.target("gnu")
        )
    );
    assert_eq!(project.listing("target"), [""; 0]);
}

#[test]
fn c_code_crosses_with_zig() {
    let project = Project::new("build-native");
    let answer = project
        .build(&[OTHER.flag, "-o", "json"])
        .with_zig()
        .exits(0);
    linked(&answer, "zig", &OTHER.target("gnu"));
    let program = &answer.json()["programs"][0];
    assert_eq!(program["architecture"], OTHER.lambda);
    assert_eq!(project.listing("target/lambda"), ["native"]);
}

#[test]
fn a_named_glibc_target_is_not_exchanged_for_musl() {
    let project = Project::new("build-workspace");
    let answer = project
        .build(&["--target", &OTHER.target("gnu"), "--bin", "place"])
        .exits(2);
    assert!(
        answer
            .complaint()
            .ends_with("hint: run `pip install ziglang`"),
        "{}",
        answer.stderr
    );
}

#[test]
fn an_executable_that_needs_too_new_a_glibc_is_an_error_without_zig() {
    let project = Project::new("build-workspace");
    let target = format!("{}.2.17", OWN.target("gnu"));
    let answer = project
        .build(&["--target", &target, "--bin", "place"])
        .exits(2);
    assert!(
        answer
            .complaint()
            .starts_with("error: `place` needs glibc 2.")
            && answer
                .complaint()
                .contains("and the function will find 2.17")
            && answer
                .complaint()
                .ends_with("hint: run `pip install ziglang` and build again"),
        "{}",
        answer.stderr
    );
    // It does not say that it will do what it cannot.
    assert!(
        !answer.stderr.contains("building again"),
        "{}",
        answer.stderr
    );
    assert_eq!(project.listing("target/lambda"), [""; 0]);
}

#[test]
fn an_executable_that_needs_too_new_a_glibc_is_built_again_with_zig() {
    let project = Project::new("build-workspace");
    let target = format!("{}.2.17", OWN.target("gnu"));
    let args = ["--target", &target, "--bin", "place", "-o", "json"];
    let answer = project.build(&args).with_zig().exits(0);
    linked(&answer, "zig", &target);
    assert!(
        answer
            .stderr
            .contains("and the function will find 2.17; building again")
    );
    let glibc = answer.json()["programs"][0]["glibc"]
        .as_str()
        .unwrap()
        .to_owned();
    let minor: u32 = glibc.strip_prefix("2.").unwrap().parse().unwrap();
    assert!(minor <= 17, "{glibc}");
    assert_eq!(project.run("target/lambda/place/bootstrap"), "place\n");
}

/// What happens on a distribution that keeps its loader in a place of its own.
#[test]
fn an_executable_that_lambda_could_not_load_is_an_error() {
    let project = Project::new("build-workspace");
    let loader = "/nix/store/glibc/lib/ld-linux.so.2";
    let asks_for = |loader: &str| format!("-Clink-arg=-Wl,--dynamic-linker={loader}");
    let answer = project
        .build(&["--bin", "place"])
        .env("RUSTFLAGS", asks_for(loader))
        .exits(2);
    assert_eq!(
        answer.complaint(),
        format!(
            "error: `place` asks for the program loader `{loader}`, which AWS Lambda does not have\n\
             hint: use `--compiler zig`, or `--compiler musl` for a static executable"
        )
    );
    assert_eq!(project.listing("target/lambda"), [""; 0]);
    // One that a layer brings along.
    project
        .build(&["--bin", "place"])
        .env("RUSTFLAGS", asks_for("/opt/lib/ld-linux.so.2"))
        .exits(0);
}

#[test]
fn the_compiler_can_be_named_by_flag_and_environment() {
    let project = Project::new("build-workspace");
    let args = ["--bin", "place", "-o", "json"];
    let musl = OWN.target("musl");
    let answer = project.build(&args).env("KILN_COMPILER", "musl").exits(0);
    linked(&answer, "musl", &musl);
    let args = [&args[..], &["--compiler", "cargo"]].concat();
    let answer = project.build(&args).env("KILN_COMPILER", "musl").exits(0);
    linked(&answer, "host", &OWN.target("gnu"));
    // cargo-lambda's name for zig.
    let answer = project.build(&["--compiler", "cargo-zigbuild"]).exits(2);
    assert!(
        answer
            .complaint()
            .ends_with("hint: run `pip install ziglang`"),
        "{}",
        answer.stderr
    );
}

#[test]
fn a_configured_linker_is_respected() {
    let project = Project::new("build-workspace");
    let variable = format!(
        "CARGO_TARGET_{}_LINKER",
        OTHER.target("musl").replace('-', "_").to_uppercase()
    );
    let answer = project
        .build(&[
            "--target",
            &OTHER.target("musl"),
            "--bin",
            "place",
            "-o",
            "json",
        ])
        .env(&variable, "rust-lld")
        .exits(0);
    linked(&answer, "configured", &OTHER.target("musl"));
}

#[cfg(unix)]
#[test]
fn a_missing_rust_target_is_told_before_cargo_starts() {
    use std::os::unix::fs::PermissionsExt as _;

    let project = Project::new("build-workspace");
    // A compiler whose toolchain has the host's target only.
    let libraries = format!(
        "sysroot/lib/rustlib/{}/lib/libstd-0.rlib",
        OWN.target("gnu")
    );
    project.write(&libraries, "");
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *host-tuple*) echo {}; echo {} ;; *) exec rustc \"$@\" ;; esac\n",
        OWN.target("gnu"),
        project.path("sysroot").display()
    );
    project.write("rustc", &script);
    let rustc = project.path("rustc");
    std::fs::set_permissions(&rustc, std::fs::Permissions::from_mode(0o755)).unwrap();
    let answer = project
        .build(&["--target", &OTHER.target("gnu")])
        .env("RUSTC", &rustc)
        .with_zig()
        .exits(2);
    assert_eq!(
        answer.complaint(),
        format!(
            "error: the Rust target `{0}` is not installed\nhint: run `rustup target add {0}`",
            OTHER.target("gnu")
        )
    );
    assert!(!answer.stderr.contains("Compiling"));
}
