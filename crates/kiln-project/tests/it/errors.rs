//! What can be wrong with a project: each error with its words and its way out.

use std::sync::Mutex;
use std::time::Duration;

use kiln_project::{Environment, LoadOptions, Overrides, Project, ProjectError, Selection};

use crate::workspace::{Workspace, manifest};

#[test]
fn not_a_project() {
    let directory = tempfile::tempdir().unwrap();
    let error = Project::load(&LoadOptions::new(directory.path())).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "no `Cargo.toml` in `{}` or any directory above it",
            directory.path().display()
        )
    );
    let hint = error.hint().unwrap();
    assert!(hint.contains("`kiln new NAME`"), "{hint}");
    assert!(hint.contains("`--manifest-path PATH`"), "{hint}");
}

#[test]
fn a_manifest_that_is_not_there() {
    let workspace = Workspace::single("");
    let mut options = workspace.options();
    options.manifest_path = Some("other/Cargo.toml".into());
    let error = Project::load(&options).unwrap_err();
    let path = workspace.path("other/Cargo.toml");
    assert_eq!(
        error.to_string(),
        format!("no manifest at `{}`", path.display())
    );
}

#[test]
fn a_broken_manifest_is_told_in_cargos_words() {
    let workspace = Workspace::single("");
    workspace.file("Cargo.toml", "[package\nname = 1\n");
    let error = workspace.load_error();
    assert!(matches!(error, ProjectError::Cargo { .. }));
    let cargo = std::process::Command::new("cargo")
        .args(["metadata", "--format-version", "1", "--offline"])
        .current_dir(workspace.root())
        .output()
        .unwrap();
    let words = String::from_utf8(cargo.stderr).unwrap();
    assert_eq!(format!("error: {error}"), words.trim());
    assert_eq!(error.hint(), None);
}

#[test]
fn cargo_that_cannot_be_run() {
    let workspace = Workspace::single("");
    let mut options = workspace.options();
    options.environment = Environment::from_pairs([("CARGO", "/no/such/cargo")]);
    let error = Project::load(&options).unwrap_err();
    assert_eq!(error.to_string(), "failed to run `cargo metadata`");
    assert!(error.hint().unwrap().contains("install Rust"));
}

/// Options with a shell script in the place of cargo.
#[cfg(unix)]
fn with_cargo(workspace: &Workspace, script: &str) -> LoadOptions {
    workspace.file("script", &format!("#!/bin/sh\n{script}\n"));
    let path = workspace.path("cargo.sh");
    // Another process writes it: a program that this one has had open for writing may be refused
    // as busy, since children of parallel tests inherit open files until they run.
    let install = std::process::Command::new("install")
        .args(["-m", "755"])
        .args([&workspace.path("script"), &path])
        .status();
    assert!(install.unwrap().success());
    let mut options = workspace.options();
    options.environment = Environment::from_pairs([("CARGO", path.to_str().unwrap())]);
    options
}

#[cfg(unix)]
#[test]
fn cargo_that_hangs_is_killed() {
    let workspace = Workspace::single("");
    let mut options = with_cargo(&workspace, "exec sleep 600");
    options.patience = Some(Duration::from_millis(100));
    let error = Project::load(&options).unwrap_err();
    assert_eq!(error.to_string(), "`cargo metadata` did not answer in time");
    assert!(error.hint().is_some());
}

#[cfg(unix)]
#[test]
fn what_cargo_says_is_handed_on() {
    static SAID: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let workspace = Workspace::single("");
    let script = "echo ' Downloading crates' >&2\necho welcome\nexec cargo \"$@\"";
    let mut options = with_cargo(&workspace, script);
    options.progress = Some(|line| SAID.lock().unwrap().push(line.to_owned()));
    let project = Project::load(&options).unwrap();
    assert_eq!(project.functions.len(), 1);
    assert_eq!(SAID.lock().unwrap()[0], " Downloading crates");

    let options = with_cargo(&workspace, "echo nothing");
    let error = Project::load(&options).unwrap_err();
    assert_eq!(error.to_string(), "failed to run `cargo metadata`");
    let options = with_cargo(&workspace, "echo 'error: no' >&2; exit 101");
    assert_eq!(Project::load(&options).unwrap_err().to_string(), "no");
}

#[test]
fn a_workspace_without_a_binary() {
    let workspace = Workspace::empty();
    workspace
        .file(
            "Cargo.toml",
            &format!("[workspace]\n{}", manifest("lib", "")),
        )
        .file("src/lib.rs", "");
    let project = workspace.load();
    let error = project.select(&Selection::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "no binary in the workspace `{}`",
            workspace.root().display()
        )
    );
    let hint = error.hint().unwrap();
    assert!(
        hint.contains("src/main.rs") && hint.contains("kiln new"),
        "{hint}"
    );
}

#[test]
fn a_value_that_is_not_possible_names_file_key_and_what_is() {
    let deploy = "[package.metadata.lambda.deploy]\n";
    let cases = [
        (
            format!("{deploy}memory = 64"),
            "`64` is not possible for [package.metadata.lambda.deploy] memory in Cargo.toml: \
             expected a whole number of megabytes from 128 to 10240",
        ),
        (
            format!("{deploy}memory = [128]"),
            "`[128]` is not possible for [package.metadata.lambda.deploy] memory in Cargo.toml: \
             expected a whole number of megabytes from 128 to 10240",
        ),
        (
            format!("{deploy}timeout = \"1h\""),
            "`1h` is not possible for [package.metadata.lambda.deploy] timeout in Cargo.toml: \
             expected a time from 1 to 900 seconds, such as 30, \"30s\" or \"2m\"",
        ),
        (
            "[package.metadata.kiln]\ndeploy = 3".to_owned(),
            "`3` is not possible for [package.metadata.kiln] deploy in Cargo.toml: expected a \
             table",
        ),
        (
            "[package.metadata.kiln.env]\nA = [1]".to_owned(),
            "`[1]` is not possible for [package.metadata.kiln.env] A in Cargo.toml: expected a \
             string, a number or a boolean",
        ),
        (
            "[package.metadata.kiln.env]\n\"A-B\" = 1".to_owned(),
            "`A-B=1` from [package.metadata.kiln.env] A-B in Cargo.toml is not `NAME=value`",
        ),
        (
            "[package.metadata.kiln.watch]\nenv = [\"A\"]".to_owned(),
            "`A` from [package.metadata.kiln.watch] env in Cargo.toml is not `NAME=value`",
        ),
    ];
    for (rest, expected) in cases {
        let workspace = Workspace::single(&rest);
        // A table that cannot be one is found while the env files are looked for.
        let error = match Project::load(&workspace.options()) {
            Err(error) => error,
            Ok(project) => project
                .settings(&project.functions[0], &Overrides::default())
                .unwrap_err(),
        };
        assert_eq!(error.to_string(), expected);
        assert!(error.hint().is_some(), "{error}");
    }
}

#[test]
fn a_variable_that_is_not_possible() {
    let workspace = Workspace::single("");
    let project = workspace.load_with(&[("KILN_MEMORY", "lots")]);
    let error = project
        .settings(&project.functions[0], &Overrides::default())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "`lots` is not possible for environment variable KILN_MEMORY: expected a whole number of \
         megabytes from 128 to 10240"
    );
}

#[test]
fn cargo_lambdas_file_that_is_not_toml() {
    let workspace = Workspace::single("");
    workspace.file("CargoLambda.toml", "[deploy\n");
    let error = workspace.load_error();
    let path = workspace.path("CargoLambda.toml");
    assert_eq!(
        error.to_string(),
        format!("`{}` is not valid TOML", path.display())
    );
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("line 1"), "{cause}");
}

#[test]
fn cargo_lambdas_file_that_cannot_be_read() {
    let workspace = Workspace::single("");
    std::fs::create_dir(workspace.path("CargoLambda.toml")).unwrap();
    let error = workspace.load_error();
    let path = workspace.path("CargoLambda.toml");
    assert_eq!(
        error.to_string(),
        format!("could not read `{}`", path.display())
    );
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn env_files_that_cannot_be_read() {
    let workspace = Workspace::single("");
    let project = workspace.load();
    let function = &project.functions[0];
    let overrides = Overrides {
        env_file: Some("missing.env".into()),
        ..Overrides::default()
    };
    let error = project.settings(function, &overrides).unwrap_err();
    let missing = workspace.path("missing.env");
    assert_eq!(
        error.to_string(),
        format!("could not read `{}` (--env-file)", missing.display())
    );
    assert!(error.hint().is_some());

    workspace.file("missing.env", "A=1\n\nnonsense\n");
    let error = project.settings(function, &overrides).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("`{}` line 3 is not `NAME=value`", missing.display())
    );
    assert!(error.hint().is_some());
}

#[test]
fn packages_that_disagree() {
    let port = |port: u16| format!("[package.metadata.lambda.watch]\ninvoke_port = {port}\n");
    let workspace = Workspace::pair("", &port(9001), &port(9002));
    let project = workspace.load();
    let all = project.select(&Selection::default()).unwrap();
    let error = project
        .watch_settings(&all, &Overrides::default())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "`9001` from [package.metadata.lambda.watch] invoke_port in orders/Cargo.toml and `9002` \
         from [package.metadata.lambda.watch] invoke_port in thumbnails/Cargo.toml cannot both \
         hold"
    );
    assert!(error.hint().unwrap().contains("-p"));
    // One of them alone is fine, and so is a flag.
    let one = project.watch_settings(&all[1..], &Overrides::default());
    assert_eq!(one.unwrap().port.value, 9002);
    let mut overrides = Overrides::default();
    overrides.watch.port = Some(0);
    assert_eq!(
        project.watch_settings(&all, &overrides).unwrap().port.value,
        0
    );
}
