//! `kiln new` and `kiln init` through the front door: what they refuse, and what they leave behind.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: a panic there is the report"
)]

use std::fs;
use std::path::Path;
use std::process::Command;

use kiln_testing::{Kiln, Output};
use tempfile::TempDir;

fn kiln(directory: &Path, args: &[&str]) -> Output {
    Kiln::new(env!("CARGO_BIN_EXE_kiln"))
        .in_dir(directory)
        .args(args)
        .output()
}

/// Runs a command that must work; what it said on stderr.
#[track_caller]
fn done(directory: &Path, args: &[&str]) -> String {
    let output = kiln(directory, args).expect_code(0);
    assert_eq!(output.stdout, "", "{args:?} wrote data");
    output.stderr
}

/// Runs a command that must be refused without a trace; what it said on stderr.
#[track_caller]
fn refused(directory: &Path, args: &[&str]) -> String {
    let before = listing(directory);
    let output = kiln(directory, args).expect_code(2);
    assert_eq!(listing(directory), before, "{args:?} left something behind");
    output.stderr
}

/// All paths below a directory, sorted, with the sizes of files.
fn listing(directory: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let entry = entry.unwrap();
            let metadata = entry.metadata().unwrap();
            if metadata.is_dir() {
                open.push(entry.path());
                lines.push(entry.path().display().to_string());
            } else {
                lines.push(format!("{} {}", entry.path().display(), metadata.len()));
            }
        }
    }
    lines.sort();
    lines
}

fn read(directory: &TempDir, path: &str) -> String {
    fs::read_to_string(directory.path().join(path)).unwrap()
}

#[test]
fn says_what_was_made_and_what_comes_next() {
    let root = tempfile::tempdir().unwrap();
    let said = done(root.path(), &["new", "orders", "--kind", "sqs"]);
    assert_eq!(
        said,
        "done: made function `orders` (sqs, io) in `orders`\n\
         next:\n  cd orders\n  kiln watch\n  kiln invoke --event sqs\n"
    );
    assert!(read(&root, "orders/events/sqs.json").contains("aws:sqs"));
}

#[test]
fn the_defaults_are_json_and_io() {
    let root = tempfile::tempdir().unwrap();
    let said = done(root.path(), &["new", "orders"]);
    assert!(said.contains("(json, io)"), "{said}");
}

#[test]
fn flags_of_cargo_lambda() {
    let cases: [(&[&str], &str); 8] = [
        (&["--http"], "(http, io)"),
        (&["--http", "-y"], "(http, io)"),
        (&["--event-type", "s3::S3Event"], "(s3, io)"),
        (&["--extension"], "extension `orders` (events)"),
        (&["--extension", "--events"], "(events)"),
        (&["--extension", "--logs"], "(logs)"),
        (&["--extension", "--telemetry"], "(telemetry)"),
        (
            &["--no-interactive", "--function-name", "api"],
            "(json, io)",
        ),
    ];
    for (flags, expected) in cases {
        let root = tempfile::tempdir().unwrap();
        let said = done(root.path(), &[&["new", "orders"], flags].concat());
        assert!(said.contains(expected), "{flags:?}: {said}");
    }
}

#[test]
fn names_that_cargo_or_lambda_would_refuse() {
    let root = tempfile::tempdir().unwrap();
    let cases = [
        ("match", "it is a keyword of Rust", "`match-function`"),
        ("test", "comes with Rust", "`test-function`"),
        ("1st", "it starts with a digit", "`fn-1st`"),
        ("a b", "it has the character ` `", "`a-b`"),
        ("nul", "the name of a device on Windows", "`nul-function`"),
        ("deps", "directory that cargo keeps", "`deps-function`"),
        (
            "tokio",
            "name of one of its dependencies",
            "`tokio-function`",
        ),
        (
            "handler",
            "name of one of its modules",
            "`handler-function`",
        ),
    ];
    for (name, message, suggestion) in cases {
        let said = refused(root.path(), &["new", name]);
        assert!(said.contains(message), "{name}: {said}");
        assert!(said.contains(suggestion), "{name}: {said}");
    }
    let said = refused(root.path(), &["new", "/"]);
    assert!(said.contains("kiln init"), "{said}");
    // The way out is that of the word that is wrong.
    let other_name = "`--name` gives the project";
    let said = refused(root.path(), &["new", "type"]);
    assert!(said.contains(other_name), "{said}");
    for flag in ["--name", "--bin-name"] {
        let said = refused(root.path(), &["new", "orders", flag, "type"]);
        assert!(said.contains("`type-function`"), "{flag}: {said}");
        assert!(!said.contains(other_name), "{flag}: {said}");
    }
}

#[test]
fn a_name_of_one_letter_is_a_name() {
    let root = tempfile::tempdir().unwrap();
    done(root.path(), &["new", "a"]);
    assert!(read(&root, "a/Cargo.toml").contains("name = \"a\""));
}

#[test]
fn the_name_may_differ_from_the_directory() {
    let root = tempfile::tempdir().unwrap();
    let flags = ["--name", "orders", "--bin-name", "api"];
    done(root.path(), &[&["new", "deep/match"], &flags[..]].concat());
    let manifest = read(&root, "deep/match/Cargo.toml");
    assert!(manifest.contains("name = \"orders\""), "{manifest}");
    assert!(manifest.contains("[[bin]]\nname = \"api\""), "{manifest}");
}

#[test]
fn what_exists_is_left_alone() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("full")).unwrap();
    fs::write(root.path().join("full/notes"), "mine").unwrap();
    fs::write(root.path().join("file"), "mine").unwrap();
    fs::create_dir(root.path().join("empty")).unwrap();
    for name in ["full", "file"] {
        let said = refused(root.path(), &["new", name]);
        assert!(said.contains("already exists"), "{said}");
        assert!(said.contains("hint: "), "{said}");
    }
    let said = refused(root.path(), &["new", "file/orders"]);
    assert!(said.contains("failed to write"), "{said}");
    done(root.path(), &["new", "empty"]);
    assert!(read(&root, "empty/Cargo.toml").contains("name = \"empty\""));
    // The directory where the user stands is not replaced by another one of its name.
    let here = root.path().join("here");
    fs::create_dir(&here).unwrap();
    done(&here, &["new", "../here"]);
    assert!(read(&root, "here/Cargo.toml").contains("name = \"here\""));
}

#[test]
fn what_comes_next_can_be_pasted() {
    let root = tempfile::tempdir().unwrap();
    let said = done(root.path(), &["new", "my functions/orders"]);
    assert!(said.contains("\n  cd 'my functions/orders'\n"), "{said}");
}

#[test]
fn choices_that_do_not_go_together() {
    let root = tempfile::tempdir().unwrap();
    let cases: [(&[&str], &str); 7] = [
        (&["--kind", "sqqs"], "'sqs'"),
        (
            &["--kind", "extension", "--workload", "io"],
            "`--workload` is for functions",
        ),
        (&["--extension-api", "logs"], "add `--kind extension`"),
        (&["--kind", "sqs", "--http"], "cannot be used with"),
        (&["--template", ".", "--kind", "sqs"], "cannot be used with"),
        (&["--render-var", "a=b"], "--template"),
        (&["--template", ".", "--render-var", "a"], "NAME=VALUE"),
    ];
    for (flags, message) in cases {
        let said = refused(root.path(), &[&["new", "orders"], flags].concat());
        assert!(said.contains(message), "{flags:?}: {said}");
    }
}

#[cfg(unix)]
#[test]
fn a_directory_that_may_not_be_written_to() {
    use std::os::unix::fs::PermissionsExt as _;

    let root = tempfile::tempdir().unwrap();
    let locked = root.path().join("locked");
    fs::create_dir(&locked).unwrap();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o555)).unwrap();
    // Whoever may write anywhere cannot be refused.
    if fs::write(locked.join("probe"), "").is_ok() {
        return;
    }
    for command in [["new", "locked/orders"], ["init", "locked"]] {
        let said = refused(root.path(), &command);
        assert!(said.contains("hint: choose a directory"), "{said}");
    }
}

#[test]
fn init_fills_the_current_directory() {
    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join("orders");
    fs::create_dir_all(directory.join(".git")).unwrap();
    fs::write(directory.join("README.md"), "mine").unwrap();
    let said = done(&directory, &["init", "--kind", "sns"]);
    assert!(said.contains("function `orders` (sns, io)"), "{said}");
    assert!(said.contains("kept as it was: `README.md`"), "{said}");
    assert_eq!(read(&root, "orders/README.md"), "mine");
    assert!(read(&root, "orders/Cargo.toml").contains("name = \"orders\""));
}

#[test]
fn init_lists_what_is_in_the_way() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("src")).unwrap();
    fs::write(root.path().join("src/main.rs"), "mine").unwrap();
    fs::write(root.path().join("Cargo.toml"), "[workspace]\n").unwrap();
    let said = refused(root.path(), &["init", "--name", "orders"]);
    let files = "already has `Cargo.toml` and `src/main.rs`";
    assert!(said.contains(files), "{said}");
    let said = refused(root.path(), &["init", "nowhere"]);
    assert!(said.contains("no directory `nowhere`"), "{said}");
    let said = refused(root.path(), &["init", "Cargo.toml"]);
    assert!(said.contains("`Cargo.toml` is not a directory"), "{said}");
}

#[test]
fn a_template_of_ones_own() {
    let root = tempfile::tempdir().unwrap();
    let template = root.path().join("template");
    let manifest = "[package]\nname = \"{{ project_name }}\"\n";
    let main = "// {{ team }}\nfn main() {}\n";
    fs::create_dir_all(template.join("src")).unwrap();
    fs::write(template.join("Cargo.toml.j2"), manifest).unwrap();
    fs::write(template.join("src/main.rs"), main).unwrap();
    let new = ["new", "orders", "--template", "template"];

    let said = refused(root.path(), &new);
    assert!(said.contains("failed to render `src/main.rs`"), "{said}");
    assert!(said.contains("with `--render-var NAME=VALUE`"), "{said}");

    let variable = ["--render-var", "team=checkout"];
    done(root.path(), &[&new[..], &variable].concat());
    let manifest = "[package]\nname = \"orders\"\n";
    assert_eq!(read(&root, "orders/Cargo.toml"), manifest);
    let main = "// checkout\nfn main() {}\n";
    assert_eq!(read(&root, "orders/src/main.rs"), main);

    for (path, message) in [
        ("nowhere", "there is no template at `nowhere`"),
        ("https://example.com/template", "kiln works offline"),
        ("template/src/main.rs", "as a ZIP archive"),
    ] {
        let said = refused(root.path(), &["new", "other", "--template", path]);
        assert!(said.contains(message), "{said}");
    }
}

/// What cargo makes of the project: the manifest of its workspace.
fn workspace_of(directory: &Path) -> String {
    let output = Command::new(env!("CARGO"))
        .args(["locate-project", "--workspace", "--message-format", "plain"])
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout)
        .unwrap()
        .trim_end()
        .to_owned()
}

#[test]
fn below_a_workspace() {
    let root = tempfile::tempdir().unwrap();
    let real = root.path().canonicalize().unwrap();
    let manifest = "[workspace]\nresolver = \"3\"\nmembers = [\"functions/*\"]\n";
    fs::create_dir(root.path().join("functions")).unwrap();
    fs::write(root.path().join("Cargo.toml"), manifest).unwrap();

    let said = done(root.path(), &["new", "functions/member"]);
    assert!(said.contains("it is a member of the workspace"), "{said}");
    let above = real.join("Cargo.toml").display().to_string();
    assert_eq!(workspace_of(&real.join("functions/member")), above);

    let said = done(root.path(), &["new", "beside"]);
    assert!(said.contains("it is not a member"), "{said}");
    assert!(said.contains("add `\"beside\"` to `members`"), "{said}");
    let own = real.join("beside/Cargo.toml").display().to_string();
    assert_eq!(workspace_of(&real.join("beside")), own);
    // The workspace itself is as it was, and still whole.
    assert_eq!(read(&root, "Cargo.toml"), manifest);
    assert_eq!(workspace_of(&real), above);

    fs::write(root.path().join("Cargo.toml"), "[workspace").unwrap();
    let said = refused(root.path(), &["new", "third"]);
    assert!(said.contains("above the new project"), "{said}");
}
