//! `kiln new` and `kiln init` ask on a terminal, and nowhere else.

use std::fs;
use std::path::Path;

use kiln_testing::Kiln;

const KILN: &str = env!("CARGO_BIN_EXE_kiln");

/// What every question of the commands begins with.
const QUESTION: &str = "What does it ";

fn kiln(directory: &Path, arguments: &[&str]) -> Kiln {
    Kiln::new(KILN).in_dir(directory).args(arguments)
}

#[test]
fn answers_on_a_terminal_are_used() {
    let root = tempfile::tempdir().unwrap();
    // The cursor is on `json` and on `io`.
    let answers = r#"
until("What does it answer?")
press(b"j\r")
until("What does it spend its time on?")
press(b"jj\r")
assert ended() == 0
"#;
    let shown = kiln(root.path(), &["new", "orders"]).on_terminal(answers);
    let done = "made function `orders` (sqs, mixed) in `orders`";
    assert!(shown.contains(done), "{shown}");
    assert!(root.path().join("orders/events/sqs.json").is_file());

    fs::create_dir(root.path().join("audit")).unwrap();
    let answers = r#"
until("What does it answer?")
press(b"kkk\r")
until("What does it listen to?")
press(b"j\r")
assert ended() == 0
"#;
    let shown = kiln(root.path(), &["init", "audit"]).on_terminal(answers);
    let done = "made extension `audit` (logs)";
    assert!(shown.contains(done), "{shown}");

    // Whoever says what the work is has a function in mind, and is not asked again.
    let answers = r#"
until("What does it answer?")
press(b"\r")
assert ended() == 0
"#;
    let arguments = ["--color", "never", "new", "third", "--workload", "compute"];
    let shown = kiln(root.path(), &arguments).on_terminal(answers);
    assert!(
        shown.contains("made function `third` (json, compute)"),
        "{shown}"
    );
    assert!(!shown.contains("extension"), "{shown}");
    assert!(!shown.contains("\u{1b}[3"), "colours in {shown:?}");
}

#[test]
fn a_question_that_is_not_answered_makes_nothing() {
    let root = tempfile::tempdir().unwrap();
    for key in [r"\x1b", r"\x03"] {
        let leave = format!(
            r#"
before = termios.tcgetattr(terminal)
until("What does it answer?")
press(b"{key}")
assert ended() == 2
assert termios.tcgetattr(terminal) == before, "the terminal is as it was"
"#
        );
        let shown = kiln(root.path(), &["new", "orders"]).on_terminal(&leave);
        assert!(shown.contains("nothing was made"), "{key}: {shown}");
        assert!(shown.contains("`--kind`"), "{key}: {shown}");
        let (hidden, visible) = (shown.rfind("\u{1b}[?25l"), shown.rfind("\u{1b}[?25h"));
        assert!(hidden < visible, "{key}: no cursor after {shown:?}");
        assert!(!root.path().join("orders").exists(), "{key}");
    }
}

#[test]
fn nothing_is_asked_where_nothing_is_open() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("template")).unwrap();
    fs::write(root.path().join("template/Cargo.toml"), "").unwrap();
    let cases: [&[&str]; 4] = [
        &["-y"],
        &["--kind", "sns"],
        &["--http"],
        &["--template", "template"],
    ];
    for (index, flags) in cases.into_iter().enumerate() {
        let name = format!("project-{index}");
        let arguments = [&["new", &name], flags].concat();
        let shown = kiln(root.path(), &arguments).on_terminal("assert ended() == 0");
        assert!(shown.contains("done:"), "{flags:?}: {shown}");
        assert!(!shown.contains(QUESTION), "{flags:?}: {shown}");
    }
}

#[test]
fn nothing_is_asked_for_a_project_that_has_no_place() {
    let root = tempfile::tempdir().unwrap();
    let there = root.path().join("there");
    fs::create_dir(&there).unwrap();
    fs::write(there.join("Cargo.toml"), "mine").unwrap();
    for command in ["new", "init"] {
        let shown = kiln(root.path(), &[command, "there"]).on_terminal("assert ended() == 2");
        assert!(shown.contains("already"), "{command}: {shown}");
        assert!(!shown.contains(QUESTION), "{command}: {shown}");
    }
}

#[test]
fn nothing_is_asked_without_a_terminal() {
    let root = tempfile::tempdir().unwrap();
    // What is piped in is no answer.
    let output = kiln(root.path(), &["new", "orders"])
        .stdin("j\rjj\r")
        .output()
        .expect_code(0)
        .expect_stderr("made function `orders` (json, io)");
    assert!(!output.stderr.contains(QUESTION), "{}", output.stderr);

    // Nor is a terminal asked on that only half is one.
    let read = r#"
assert ended() == 0
"#;
    let shell = ["-c", r#"exec "$0" new half </dev/null"#, KILN];
    let shown = Kiln::new("/bin/sh")
        .in_dir(root.path())
        .args(shell)
        .on_terminal(read);
    assert!(shown.contains("(json, io)"), "{shown}");
    assert!(!shown.contains(QUESTION), "{shown}");
}
