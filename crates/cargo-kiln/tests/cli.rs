//! The command line as a whole: names, versions, exit codes, streams.

use kiln_testing::Kiln;

const KILN: &str = env!("CARGO_BIN_EXE_kiln");
const CARGO_KILN: &str = env!("CARGO_BIN_EXE_cargo-kiln");

#[test]
fn both_names_are_the_same_program() {
    let version = Kiln::new(KILN).arg("--version").output().expect_code(0);
    assert_eq!(
        version.stdout,
        format!("kiln {}\n", env!("CARGO_PKG_VERSION"))
    );
    // As cargo calls it for `cargo kiln …`, and as people call it directly.
    for arguments in [&["kiln", "--version"][..], &["--version"]] {
        let output = Kiln::new(CARGO_KILN)
            .args(arguments)
            .output()
            .expect_code(0);
        assert_eq!(output.stdout, version.stdout, "{arguments:?}");
    }
}

#[test]
fn help_is_an_answer_and_wrong_usage_is_exit_code_two() {
    let help = Kiln::new(KILN).arg("--help").output().expect_code(0);
    for command in [
        "new", "init", "watch", "invoke", "event", "build", "doctor", "tour",
    ] {
        assert!(
            help.stdout.contains(&format!("\n  {command} ")),
            "{command}: {}",
            help.stdout
        );
        let own = Kiln::new(KILN)
            .args([command, "--help"])
            .output()
            .expect_code(0);
        assert!(
            own.stdout.contains(&format!("Usage: kiln {command}")),
            "{}",
            own.stdout
        );
        assert_eq!(own.stderr, "");
    }
    for wrong in [
        &["nonsense"][..],
        &["watch", "--port", "many"],
        &["invoke", "a", "b"],
    ] {
        let output = Kiln::new(KILN).args(wrong).output().expect_code(2);
        assert_eq!(output.stdout, "");
        assert!(output.stderr.starts_with("error: "), "{}", output.stderr);
    }
}

#[test]
fn cargo_lambdas_words_are_understood() {
    for (old, new) in [("start", "watch"), ("system", "doctor")] {
        let output = Kiln::new(KILN)
            .args([old, "--help"])
            .output()
            .expect_code(0);
        assert!(
            output.stdout.contains(&format!("Usage: kiln {new}")),
            "{}",
            output.stdout
        );
    }
}
