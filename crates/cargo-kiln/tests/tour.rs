//! `kiln tour` from its beginning to its end.

use kiln_testing::{Kiln, workspace_root};

const KILN: &str = env!("CARGO_BIN_EXE_kiln");

#[test]
fn the_tour_ends_by_itself_with_every_answer_right() {
    let output = Kiln::new(KILN)
        .in_dir(workspace_root())
        .arg("tour")
        .output()
        .expect_code(0);
    assert_eq!(
        output.stderr.matches("right both times: ").count(),
        3,
        "{}",
        output.stderr
    );
    // Each invocation's report, cold and warm, and each step as a command to type.
    assert_eq!(output.stderr.matches("REPORT RequestId: ").count(), 6);
    assert_eq!(output.stderr.matches("Init Duration: ").count(), 3);
    assert_eq!(output.stderr.matches("$ kiln invoke ").count(), 3);
    // The answers are data.
    assert!(
        output.stdout.contains(r#"{"batchItemFailures":[{"#),
        "{}",
        output.stdout
    );
}

#[test]
fn without_the_sample_workspace_the_way_to_it_is_told() {
    let elsewhere = tempfile::tempdir().unwrap();
    Kiln::new(KILN)
        .args(["tour", "--examples"])
        .arg(elsewhere.path())
        .output()
        .expect_code(2)
        .expect_stderr("the sample workspace is not here")
        .expect_stderr("hint: ");
}
