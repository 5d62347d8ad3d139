//! Which programs are built.

use std::fs;

use crate::project::Project;

/// The artefacts after `kiln build` with these arguments.
fn built(args: &[&str]) -> Vec<String> {
    let project = Project::new("build-workspace");
    project.build(args).exits(0);
    let mut names = project.listing("target/lambda");
    if let Some(place) = names.iter().position(|name| name == "extensions") {
        names.remove(place);
        names.extend(project.listing("target/lambda/extensions"));
    }
    names.sort();
    names
}

#[test]
fn functions_and_extensions_are_built_and_other_programs_are_not() {
    assert_eq!(built(&[]), ["audit", "cancel", "place"]);
}

#[test]
fn several_packages_are_each_packed_and_no_others() {
    assert_eq!(
        built(&["-p", "orders", "-p", "tool"]),
        ["cancel", "place", "tool"]
    );
}

#[test]
fn flags_select_as_in_cargo() {
    assert_eq!(
        built(&["--workspace", "--exclude", "audit"]),
        ["cancel", "place"]
    );
    assert_eq!(built(&["--bin", "pl*"]), ["place"]);
    assert_eq!(
        built(&["-p", "orders@0.1", "--features", "refunds"]),
        ["cancel", "place", "refund"]
    );
}

#[test]
fn a_members_directory_means_that_member() {
    let project = Project::new("build-workspace");
    project.build(&[]).in_dir(project.path("audit")).exits(0);
    assert_eq!(project.listing("target/lambda"), ["extensions"]);
}

#[test]
fn a_members_directory_without_a_function_means_the_workspace() {
    let project = Project::new("build-workspace");
    project.build(&[]).in_dir(project.path("tool")).exits(0);
    assert_eq!(
        project.listing("target/lambda"),
        ["cancel", "extensions", "place"]
    );
}

#[test]
fn without_any_function_all_binaries_are_built() {
    let project = Project::new("build-workspace");
    for package in ["orders", "audit"] {
        let manifest = format!("{package}/Cargo.toml");
        let text = String::from_utf8(project.read(&manifest)).unwrap();
        let (head, _) = text.split_once("[dependencies]").unwrap();
        project.write(&manifest, head);
    }
    for source in [
        "orders/src/bin/place",
        "orders/src/bin/cancel",
        "audit/src/main",
    ] {
        project.write(&format!("{source}.rs"), "fn main() {}");
    }
    project.build(&[]).exits(0);
    assert_eq!(
        project.listing("target/lambda"),
        ["audit", "cancel", "place", "tool"]
    );
}

#[test]
fn all_targets_of_a_kind_are_built_when_asked_for() {
    assert_eq!(built(&["--bins"]), ["audit", "cancel", "place", "tool"]);
}

#[test]
fn an_example_is_built_when_asked_for() {
    let project = Project::new("build-workspace");
    project.write("tool/examples/demo.rs", "fn main() {}");
    project.build(&["--example", "demo"]).exits(0);
    assert_eq!(project.listing("target/lambda"), ["demo"]);
}

#[test]
fn two_programs_of_one_name_are_refused() {
    let project = Project::new("build-workspace");
    fs::create_dir_all(project.path("audit/src/bin")).unwrap();
    project.write("audit/src/bin/place.rs", "fn main() {}");
    let answer = project.build(&["--workspace"]).exits(2);
    assert_eq!(
        answer.complaint(),
        "error: two functions are named `place`, in the packages `audit` and `orders`\n\
         hint: select one of them with `-p PACKAGE`, `--bin NAME` or `--example NAME`"
    );
}
