//! Bad input: a clear error, exit code 2, nothing left half made.

use std::fs;

use crate::project::Project;

#[track_caller]
fn refused(project: &Project, args: &[&str], complaint: &str) {
    let answer = project.build(args).exits(2);
    assert_eq!(answer.complaint(), complaint);
    assert_eq!(answer.stdout, "");
    assert_eq!(project.listing("target/lambda"), [""; 0]);
}

#[test]
fn wrong_names_and_flags_are_refused_with_a_way_out() {
    let project = Project::new("build-workspace");
    let cases: [(&[&str], &str); 10] = [
        (
            &["--bin", "nope"],
            "error: no binary is named `nope`: there are audit, cancel, place, refund, tool",
        ),
        (
            &["--bin", "place", "-p", "tool"],
            "error: no binary is named `place`: there are tool\n\
             hint: package `orders` has it: add `-p orders`",
        ),
        (
            &["-p", "nope"],
            "error: no package is named `nope`: there are audit, lambda-extension, \
             lambda_runtime, orders, tool",
        ),
        (
            &["-p", "lambda_runtime"],
            "error: no function is selected\n\
             hint: the functions are: audit, cancel, place, refund",
        ),
        (
            &["--flatten", "nope", "--bin", "place"],
            "error: `--flatten nope` names no program of this build\nhint: choose from `place`",
        ),
        (
            &["--target", "wasm32-wasip2"],
            "error: target `wasm32-wasip2` does not run on AWS Lambda\n\
             hint: use `--arm64`, `--x86-64`, or `--target` with \
             `{x86_64,aarch64}-unknown-linux-{gnu,musl}`",
        ),
        (
            &["--include", "assets"],
            "error: `--include` has nowhere to put files without a zip\n\
             hint: add `--output-format zip`",
        ),
        (
            &["--message-format", "json"],
            "error: `--message-format json` would hide from kiln what cargo builds\n\
             hint: use `--format json` for a summary, or `cargo build` for cargo's messages",
        ),
        (
            &["--unit-graph"],
            "error: `--unit-graph` builds nothing\nhint: use `cargo build --unit-graph`",
        ),
        (
            &[
                "--target",
                "x86_64-unknown-linux-gnu",
                "--target",
                "aarch64-unknown-linux-gnu",
            ],
            "error: a build is for one target, because its artefacts would overwrite each other\n\
             hint: run `kiln build` once for each, with `--lambda-dir DIR` to keep them apart",
        ),
    ];
    for (args, complaint) in cases {
        refused(&project, args, complaint);
    }
    // Nothing of it was even begun.
    assert_eq!(project.listing("target"), [""; 0]);
}

/// Cargo lists what there is; a build of everything would be no answer to that.
#[test]
fn a_selection_without_a_name_selects_nothing() {
    let project = Project::new("build-workspace");
    for flag in ["--bin", "--example", "-p", "--target"] {
        let answer = project.build(&[flag]).exits(2);
        assert!(
            answer.stderr.contains("a value is required for") && answer.stderr.contains(flag),
            "{}",
            answer.stderr
        );
    }
    assert_eq!(project.listing("target"), [""; 0]);
}

#[test]
fn the_compiler_cross_is_refused_wherever_it_is_named() {
    let project = Project::new("build-workspace");
    let complaint = |place: &str| {
        format!(
            "error: the compiler `cross` builds inside a container of its own and is not supported \
             ({place})\n\
             hint: use `--compiler zig`, which does the same without a container"
        )
    };
    let flag = project.build(&["--compiler", "cross"]).exits(2);
    assert_eq!(flag.complaint(), complaint("--compiler"));
    for variable in ["KILN_COMPILER", "CARGO_LAMBDA_COMPILER"] {
        let answer = project.build(&[]).env(variable, "cross").exits(2);
        let place = format!("environment variable {variable}");
        assert_eq!(answer.complaint(), complaint(&place));
    }
    project.append(
        "orders/Cargo.toml",
        "[package.metadata.lambda.build]\ncompiler.type = \"cross\"\n",
    );
    let answer = project.build(&[]).exits(2);
    let place = "[package.metadata.lambda.build] compiler in orders/Cargo.toml";
    assert_eq!(answer.complaint(), complaint(place));
    assert_eq!(project.listing("target"), [""; 0]);
}

#[test]
fn a_broken_manifest_is_told_in_cargos_words() {
    let project = Project::new("build-workspace");
    project.write("tool/Cargo.toml", "[package]\nname = \n");
    let answer = project.build(&[]).exits(2);
    assert!(answer.stderr.starts_with("error: "), "{}", answer.stderr);
    assert!(
        answer.stderr.contains("tool/Cargo.toml:2:8"),
        "{}",
        answer.stderr
    );
}

#[test]
fn outside_of_a_project_the_way_in_is_shown() {
    let project = Project::new("build-workspace");
    let empty = tempfile::tempdir().unwrap();
    let answer = project.build(&[]).in_dir(empty.path()).exits(2);
    assert!(
        answer
            .complaint()
            .starts_with("error: no `Cargo.toml` in `")
    );
    assert!(
        answer
            .complaint()
            .contains("hint: create a project with `kiln new NAME`")
    );
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let project = Project::new("build-workspace");
    // A file where the directory should be: permissions would not stop a test run by root.
    project.write("occupied", "");
    let answer = project
        .build(&["--bin", "place", "--lambda-dir", "occupied"])
        .exits(2);
    let directory = project.path("occupied/place").display().to_string();
    assert!(
        answer
            .complaint()
            .starts_with(&format!("error: cannot write `{directory}`")),
        "{}",
        answer.stderr
    );
    assert_eq!(fs::read(project.path("occupied")).unwrap(), b"");
}
