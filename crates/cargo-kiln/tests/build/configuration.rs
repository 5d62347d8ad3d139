//! What manifests and variables say of a build, and what beats what.

use kiln_testing::Output;
use serde_json::Value;

use crate::machine::{OTHER, OWN};
use crate::project::{Project, rustc_line};

/// The workspace, with these tables at the end of the manifests of `orders` and `audit`.
fn configured(orders: &str, audit: &str) -> Project {
    let project = Project::new("build-workspace");
    project.append("orders/Cargo.toml", orders);
    project.append("audit/Cargo.toml", audit);
    project
}

/// A program of a summary.
#[track_caller]
fn program(answer: &Output, name: &str) -> Value {
    let summary = answer.json();
    let mut programs = summary["programs"].as_array().unwrap().iter();
    let found = programs.find(|program| program["name"] == name);
    found
        .unwrap_or_else(|| panic!("no {name} in {summary}"))
        .clone()
}

/// How often cargo ran: it says once how it ended.
fn cargo_runs(answer: &Output) -> usize {
    answer.stderr.matches("Finished `").count()
}

/// Fault Build #2 of the peers: with several `-p`, each package keeps its own configuration.
#[test]
fn packages_built_together_keep_their_own_configuration() {
    let project = configured(
        &format!(
            "[package.metadata.lambda.build]\ntarget = \"{}\"\noutput_format = \"zip\"\n",
            OWN.target("musl")
        ),
        "[package.metadata.kiln.build]\nrelease = true\n",
    );
    let answer = project
        .build(&["-p", "orders", "-p", "audit", "-p", "tool", "-o", "json"])
        .exits(0);
    let place = program(&answer, "place");
    assert_eq!(place["target"], OWN.target("musl"));
    assert_eq!(place["linker"], "musl");
    assert_eq!(place["profile"], "dev");
    let audit = program(&answer, "audit");
    assert_eq!(audit["target"], OWN.target("gnu"));
    assert_eq!(audit["profile"], "release");
    assert_eq!(audit["kind"], "extension");
    let tool = program(&answer, "tool");
    assert_eq!(
        (&tool["linker"], &tool["profile"]),
        (&"host".into(), &"dev".into())
    );
    assert_eq!(project.listing("target/lambda/place"), ["bootstrap.zip"]);
    assert_eq!(project.listing("target/lambda/extensions"), ["audit"]);
    assert_eq!(project.listing("target/lambda/tool"), ["bootstrap"]);
    assert_eq!(cargo_runs(&answer), 3);
}

#[test]
fn what_one_run_of_cargo_can_do_takes_one() {
    // Files, formats and places are no matter to cargo; what is said twice is the same.
    let project = configured(
        "[package.metadata.kiln.build]\noutput_format = \"zip\"\nrelease = true\n",
        "[package.metadata.kiln.build]\nprofile = \"release\"\nlambda_dir = \"out\"\n",
    );
    let answer = project.build(&["-o", "json"]).exits(0);
    assert_eq!(cargo_runs(&answer), 1);
    assert_eq!(project.listing("target/lambda"), ["cancel", "place"]);
    assert_eq!(project.listing("audit/out/extensions"), ["audit"]);
}

#[test]
fn configured_includes_are_of_their_package() {
    let project = configured(
        "[package.metadata.lambda.build]\ninclude = [\"../assets:data\", \"texts/deep\"]\n",
        "",
    );
    project.write("orders/texts/deep/a.txt", "a");
    project.build(&["--output-format", "zip"]).exits(0);
    assert_eq!(
        project.zipped("target/lambda/place/bootstrap.zip"),
        [
            "bootstrap",
            "data/deep/two.txt",
            "data/one.txt",
            "texts/deep/a.txt"
        ]
    );
    assert_eq!(
        project.zipped("target/lambda/extensions/audit.zip"),
        ["extensions/audit"]
    );
    // The flag's files are in place of them, and from the current directory.
    project
        .build(&[
            "-o",
            "zip",
            "-i",
            "one.txt",
            "--manifest-path",
            "../Cargo.toml",
        ])
        .in_dir(project.path("assets"))
        .exits(0);
    assert_eq!(
        project.zipped("target/lambda/place/bootstrap.zip"),
        ["bootstrap", "one.txt"]
    );

    std::fs::remove_dir_all(project.path("orders/texts")).unwrap();
    let answer = project.build(&["-o", "zip"]).exits(2);
    assert_eq!(
        answer.complaint(),
        format!(
            "error: the included path `texts/deep` does not exist ([package.metadata.lambda.build] \
             include in orders/Cargo.toml)\nhint: the path is taken from `{}`",
            project.path("orders").display()
        )
    );
    // Nobody asks for them without a zip.
    project.build(&[]).exits(0);
}

#[test]
fn the_compiler_is_the_flags_the_variables_or_the_manifests() {
    let project = configured("[package.metadata.kiln.build]\ncompiler = \"musl\"\n", "");
    let args = ["--bin", "place", "-o", "json"];
    let linker = |answer: &Output| program(answer, "place")["linker"].clone();
    assert_eq!(linker(&project.build(&args).exits(0)), "musl");
    let by_variable = project.build(&args).env("KILN_COMPILER", "cargo").exits(0);
    assert_eq!(linker(&by_variable), "host");
    let args = [&args[..], &["--compiler", "auto"]].concat();
    let by_flag = project.build(&args).env("KILN_COMPILER", "musl").exits(0);
    assert_eq!(linker(&by_flag), "host");
}

#[test]
fn words_for_another_compiler_are_refused() {
    let project = configured(
        "[package.metadata.lambda.build.compiler]\ntype = \"cargo\"\nsubcommand = [\"other\"]\n",
        "",
    );
    let answer = project.build(&[]).exits(2);
    assert_eq!(
        answer.complaint(),
        "error: `subcommand` and `extra_args` of a compiler mean nothing to kiln \
         ([package.metadata.lambda.build] compiler in orders/Cargo.toml)\n\
         hint: give cargo's flags to `kiln build`, or write them to `.cargo/config.toml`"
    );
}

#[test]
fn the_target_is_the_flags_the_variables_or_the_manifests() {
    let project = configured(
        &format!("[package.metadata.lambda.build]\n{} = true\n", OTHER.lambda),
        "",
    );
    let args = ["--bin", "place", "-o", "json"];
    // An architecture leaves the C library to what links without zig, as the flag does.
    let answer = project.build(&args).exits(0);
    assert_eq!(program(&answer, "place")["architecture"], OTHER.lambda);
    assert_eq!(program(&answer, "place")["target"], OTHER.target("musl"));
    let answer = project
        .build(&args)
        .env("KILN_TARGET", OWN.target("musl"))
        .exits(0);
    assert_eq!(program(&answer, "place")["target"], OWN.target("musl"));
    let flag = OWN.target("gnu");
    let args = [&args[..], &["--target", &flag]].concat();
    let answer = project
        .build(&args)
        .env("KILN_TARGET", OWN.target("musl"))
        .exits(0);
    assert_eq!(program(&answer, "place")["target"], OWN.target("gnu"));
}

#[test]
fn a_configured_target_that_lambda_does_not_run_is_refused_with_its_place() {
    let project = configured(
        "[package.metadata.kiln.build]\ntarget = \"wasm32-wasip2\"\n",
        "",
    );
    let answer = project.build(&[]).exits(2);
    assert!(
        answer.complaint().starts_with(
            "error: target `wasm32-wasip2` does not run on AWS Lambda \
             ([package.metadata.kiln.build] target in orders/Cargo.toml)\nhint: "
        ),
        "{}",
        answer.stderr
    );
    assert_eq!(project.listing("target"), [""; 0]);
}

#[test]
fn configured_features_are_those_of_their_package_alone() {
    let project = configured(
        "[package.metadata.kiln.build]\nfeatures = [\"refunds\"]\n",
        "",
    );
    let answer = project.build(&["-o", "json"]).exits(0);
    assert_eq!(
        project.listing("target/lambda"),
        ["cancel", "extensions", "place", "refund"]
    );
    // Audit has no such feature, which cargo would refuse.
    assert_eq!(program(&answer, "audit")["kind"], "extension");
    assert_eq!(cargo_runs(&answer), 2);
}

#[test]
fn a_feature_that_no_package_has_is_not_a_failure_of_the_code() {
    let project = configured(
        "[package.metadata.kiln.build]\nfeatures = [\"nonsense\"]\n",
        "",
    );
    let answer = project.build(&["-p", "orders"]).exits(2);
    assert!(answer.stderr.contains("nonsense"), "{}", answer.stderr);
    assert_eq!(project.listing("target/lambda"), [""; 0]);
}

#[test]
fn an_extension_and_a_flat_place_can_be_configured() {
    let project = configured(
        "[package.metadata.lambda.bin.cancel.build]\nextension = true\n\
         [package.metadata.lambda.build]\nflatten = \"place\"\nlambda_dir = \"out\"\n",
        "",
    );
    project.build(&["-p", "orders"]).exits(0);
    assert_eq!(project.listing("orders/out"), ["bootstrap", "extensions"]);
    assert_eq!(project.listing("orders/out/extensions"), ["cancel"]);
    let answer = project
        .build(&["-p", "orders", "--lambda-dir", "flat"])
        .exits(0);
    assert_eq!(project.listing("flat"), ["bootstrap", "extensions"]);
    assert!(
        answer.stdout.contains("flat/bootstrap"),
        "{}",
        answer.stdout
    );
}

#[test]
fn switches_of_cargo_lambda_are_read() {
    let project = configured(
        "",
        "[package.metadata.lambda.build]\ninternal = true\nrelease = true\n\
         disable_optimizations = true\noutput_format = \"zip\"\n",
    );
    let answer = project.build(&["-p", "audit", "-v"]).exits(0);
    let path = "target/lambda/extensions/audit.zip";
    assert_eq!(project.zipped(path), ["audit"]);
    let rustc = rustc_line(&answer, "audit");
    assert!(
        rustc.contains("opt-level=3") && !rustc.contains("lto=thin"),
        "{rustc}"
    );
}

#[test]
fn two_functions_cannot_lie_flat_in_one_place() {
    let project = configured(
        "[package.metadata.kiln.bin.place.build]\nflatten = \"place\"\n\
         [package.metadata.kiln.bin.cancel.build]\nflatten = \"cancel\"\n",
        "",
    );
    let answer = project.build(&[]).exits(2);
    assert_eq!(
        answer.complaint(),
        format!(
            "error: `cancel` and `place` would both be written to `{}`\n\
             hint: give one of them another `lambda_dir`, or build them one at a time",
            project.path("target/lambda/bootstrap").display()
        )
    );
    assert_eq!(project.listing("target"), [""; 0]);
}
