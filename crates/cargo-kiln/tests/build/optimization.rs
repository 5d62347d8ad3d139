//! What release builds get, and what they keep.
//!
//! Seen in the command lines of rustc, which cargo shows with `-v`.

use crate::project::{Project, rustc_line};

const CPU: &str = if cfg!(target_arch = "aarch64") {
    "-Ctarget-cpu=neoverse-n1"
} else {
    "-Ctarget-cpu=x86-64-v3"
};

/// How rustc was called for `place`.
fn rustc(args: &[&str], prepare: impl FnOnce(&Project)) -> String {
    let project = Project::new("build-workspace");
    prepare(&project);
    let args = [&["-v", "--bin", "place"], args].concat();
    let answer = project.build(&args).exits(0);
    rustc_line(&answer, "place").to_owned()
}

#[track_caller]
fn has(line: &str, flags: &[&str]) {
    for flag in flags {
        assert!(line.contains(flag), "no `{flag}` in {line}");
    }
}

#[track_caller]
fn lacks(line: &str, flags: &[&str]) {
    for flag in flags {
        assert!(!line.contains(flag), "`{flag}` in {line}");
    }
}

#[test]
fn a_release_build_gets_the_defaults_and_unwinds() {
    let line = rustc(&["--release"], |_| {});
    has(
        &line,
        &["-C lto=thin", "-C codegen-units=1", "-C strip=symbols", CPU],
    );
    lacks(&line, &["panic=abort"]);
}

#[test]
fn a_debug_build_gets_nothing() {
    lacks(
        &rustc(&[], |_| {}),
        &["lto", "codegen-units", "strip=symbols", "target-cpu"],
    );
}

#[test]
fn optimizations_can_be_left_out() {
    let line = rustc(&["--release", "--disable-optimizations"], |_| {});
    lacks(
        &line,
        &["lto", "codegen-units", "strip=symbols", "target-cpu"],
    );
}

#[test]
fn a_custom_profile_inheriting_release_gets_the_defaults() {
    let line = rustc(&["--profile", "slim"], |_| {});
    has(
        &line,
        &["-C lto=thin", "-C codegen-units=1", "-C strip=symbols", CPU],
    );
}

#[test]
fn what_a_profile_says_stays() {
    let line = rustc(&["--profile", "own"], |_| {});
    has(&line, &["-C lto=off", "-C codegen-units=3", CPU]);
    lacks(&line, &["strip=symbols"]);
}

#[test]
fn cargos_configuration_counts_as_the_projects_word() {
    let line = rustc(&["--release"], |project| {
        project.write(
            ".cargo/config.toml",
            "[profile.release]\ncodegen-units = 5\n[target.'cfg(unix)']\nrustflags = [\"--cfg\", \"kept\"]\n",
        );
    });
    has(
        &line,
        &["-C lto=thin", "-C codegen-units=5", "--cfg kept", CPU],
    );
}

#[test]
fn a_users_rustflags_and_the_target_cpu_go_together() {
    let project = Project::new("build-workspace");
    project.write(
        ".cargo/config.toml",
        "[build]\nrustflags = [\"--cfg\", \"from_build\"]\n",
    );
    let args = ["-v", "--bin", "place", "--release"];
    let configured = project.build(&args).exits(0);
    has(rustc_line(&configured, "place"), &["--cfg from_build", CPU]);

    // The environment takes the place of the configuration, as in cargo itself.
    let from_environment = project
        .build(&args)
        .env("RUSTFLAGS", "--cfg from_env")
        .exits(0);
    let line = rustc_line(&from_environment, "place");
    has(line, &["--cfg from_env", CPU]);
    lacks(line, &["from_build"]);

    let own = project
        .build(&args)
        .env("RUSTFLAGS", "-C target-cpu=native")
        .exits(0);
    let line = rustc_line(&own, "place");
    has(line, &["-C target-cpu=native"]);
    lacks(line, &[CPU]);
}
