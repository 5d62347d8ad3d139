//! What a function takes on with this crate, beside `lambda_runtime`.
#![expect(clippy::unwrap_used, reason = "a panic is a test's report")]

use std::collections::BTreeSet;
use std::process::Command;

/// The crates that a function links for this one, with these features, and not for `lambda_runtime`.
fn added(features: &str) -> BTreeSet<String> {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--edges=normal", "--prefix=depth"])
        .args(["--no-dedupe", "--format= {lib}"])
        .args(["--target=x86_64-unknown-linux-gnu", "--package=kiln"])
        .args(["--no-default-features", "--features", features])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(tree.status.success(), "{tree:?}");
    let tree = String::from_utf8(tree.stdout).unwrap();
    let (mut all, mut of_the_runtime) = (BTreeSet::new(), BTreeSet::new());
    // How deep the runtime stands, while what is read is below it.
    let mut runtime = None;
    for line in tree.lines() {
        let (depth, name) = line.split_once(' ').unwrap();
        let depth: usize = depth.parse().unwrap();
        runtime = runtime.filter(|runtime| depth > *runtime);
        if name == "lambda_runtime" {
            runtime = Some(depth);
        }
        if runtime.is_some() {
            of_the_runtime.insert(name.to_owned());
        }
        all.insert(name.to_owned());
    }
    assert!(of_the_runtime.len() > 40, "{of_the_runtime:?}");
    all.difference(&of_the_runtime).cloned().collect()
}

#[test]
fn without_features_there_is_lambda_runtime_and_nothing_else() {
    assert_eq!(added(""), BTreeSet::from(["kiln".to_owned()]));
}

#[test]
fn small_parts_add_little() {
    for (part, expected) in [
        ("metrics", &["kiln"][..]),
        ("graceful-shutdown", &["kiln"]),
        ("derive", &["kiln", "kiln_macros"]),
        ("io", &["fastrand", "kiln"]),
    ] {
        let expected = expected.iter().copied().map(str::to_owned).collect();
        assert_eq!(added(part), expected, "{part}");
    }
}
