//! Reloading: an edit reaches the next call, and nothing is lost on the way.

use std::thread;

use kiln_testing::{Kiln, Project, Watch, eventually, fixture};
use serde_json::json;

const KILN: &str = env!("CARGO_BIN_EXE_kiln");

#[test]
fn an_edit_reaches_the_next_call_and_its_cause_is_printed() {
    let project = Project::function("reload-edit", r#"Ok(json!("one"))"#);
    let watch = Watch::start(KILN, project.path(), &[]).ready();
    let client = watch.client();
    assert_eq!(client.invoke("reload-edit", "{}").json(), "one");
    project.write_handler(r#"Ok(json!("two"))"#);
    // The save is noticed within milliseconds; from then on calls wait for the build.
    eventually("the new code to answer", || {
        (client.invoke("reload-edit", "{}").json() == "two").then_some(())
    });
    watch.wait_for("src/main.rs → build ");
    assert!(watch.printed().contains(" ms → swap "));
}

#[test]
fn what_is_built_already_is_served_without_a_build() {
    let project = Project::function("reload-built", r#"Ok(json!("built"))"#);
    // Not the directory of all tests: an earlier run may have built it there.
    let arguments = [
        "--no-build",
        "--bin=reload-built",
        "--target-dir=never-built",
    ];
    Kiln::new(KILN)
        .in_dir(project.path())
        .args(["watch", "--port=0"])
        .args(arguments)
        .exits(2)
        .expect_stderr("`reload-built` is not built: there is no `");

    let built = Watch::start(KILN, project.path(), &[]).ready();
    drop(built);
    project.write_handler("this does not compile");
    let watch = Watch::start(KILN, project.path(), &["--no-build"]).ready();
    assert_eq!(watch.client().invoke("reload-built", "{}").json(), "built");
}

#[test]
fn fault_2_a_running_invocation_finishes_on_the_code_it_began_with() {
    let slow = r#"println!("begun: {}", event.payload["ms"]); tokio::time::sleep(std::time::Duration::from_millis(event.payload["ms"].as_u64().unwrap_or(0))).await; Ok(json!("VERSION"))"#;
    let project = Project::function("reload-running", &slow.replace("VERSION", "old"));
    let watch = Watch::start(KILN, project.path(), &[]).ready();
    let client = watch.client();
    assert_eq!(client.invoke("reload-running", "{}").json(), "old");
    let long = {
        let client = client.clone();
        thread::spawn(move || client.invoke("reload-running", r#"{"ms": 20000}"#))
    };
    watch.wait_for("begun: 20000");
    project.write_handler(&slow.replace("VERSION", "new"));
    eventually("the new code to answer", || {
        (client.invoke("reload-running", "{}").json() == "new").then_some(())
    });
    assert!(!long.is_finished(), "the old invocation still runs");
    let answer = long.join().unwrap();
    assert_eq!((answer.status, answer.json()), (200, json!("old")));
    // Its environment ends with it.
    eventually("the old process to end", || {
        (watch.children().len() == 1).then_some(())
    });
}

#[test]
fn fault_2_while_the_code_does_not_compile_the_last_good_build_answers() {
    let project = Project::function("reload-broken", r#"Ok(json!("good"))"#);
    let watch = Watch::start(KILN, project.path(), &[]).ready();
    let client = watch.client();
    assert_eq!(
        client.invoke("reload-broken", "{}").header("kiln-stale"),
        None
    );
    project.write_handler("not_rust(");
    watch.wait_for("the last good build goes on answering");
    let stale = client.invoke("reload-broken", "{}");
    assert_eq!((stale.status, stale.json()), (200, json!("good")));
    assert_eq!(stale.header("kiln-stale"), Some("true"));
    // The compiler's own message is there to read.
    assert!(
        watch.printed().contains("src/main.rs:"),
        "{}",
        watch.printed()
    );
    project.write_handler(r#"Ok(json!("mended"))"#);
    eventually("the mended code to answer", || {
        let answer = client.invoke("reload-broken", "{}");
        (answer.json() == "mended").then(|| assert_eq!(answer.header("kiln-stale"), None))
    });
}

#[test]
fn a_file_that_the_build_missed_is_noticed_when_it_appears() {
    let project = Project::function("reload-missing", r#"Ok(json!("first"))"#);
    let watch = Watch::start(KILN, project.path(), &[]).ready();
    let main = project
        .read("src/main.rs")
        .replace(r#"json!("first")"#, "json!(late::WORD)");
    project.write("src/main.rs", &format!("mod late;\n{main}"));
    watch.wait_for("the last good build goes on answering");
    project.write("src/late.rs", "pub const WORD: &str = \"late\";\n");
    eventually("the new module to answer", || {
        (watch.client().invoke("reload-missing", "{}").json() == "late").then_some(())
    });
}

#[test]
fn fault_18_everything_is_built_before_any_call() {
    let project = Project::function("reload-eager", r#"Ok(json!("built"))"#);
    let watch = Watch::start(KILN, project.path(), &[]).ready();
    // Nobody has called: no process runs, and what one would run is there.
    assert_eq!(watch.children(), [] as [i32; 0]);
    let served = Project::target_directory().join(format!("kiln/watch-{}", watch.port()));
    let built = std::fs::read_dir(served).unwrap().flatten();
    let built: Vec<_> = built
        .map(|entry| entry.path().join("reload-eager"))
        .collect();
    assert!(built.iter().all(|executable| executable.is_file()) && !built.is_empty());
    assert_eq!(watch.client().invoke("reload-eager", "{}").json(), "built");
    assert_eq!(watch.printed().matches("→ build ").count(), 1);
}

#[test]
fn before_the_first_good_build_calls_wait_or_are_told() {
    let project = Project::function("reload-never", "broken(");
    let watch = Watch::start(KILN, project.path(), &[]);
    // The call arrives while the first build runs, and is answered when it has failed.
    let refused = watch.client().invoke("reload-never", "{}");
    assert_eq!(refused.status, 409);
    assert_eq!(
        refused.header("x-amzn-errortype"),
        Some("ResourceConflictException")
    );
    project.write_handler(r#"Ok(json!("at last"))"#);
    eventually("the code to answer", || {
        let answer = watch.client().invoke("reload-never", "{}");
        (answer.status == 200).then(|| assert_eq!(answer.json(), "at last"))
    });
}

#[test]
fn configuration_is_read_again_when_it_changes() {
    let project = Project::function(
        "reload-config",
        r#"Ok(json!([std::env::var("FROM_FILE").ok(), std::env::var("FROM_MANIFEST").ok(), event.context.env_config.memory]))"#,
    );
    project.write("local.env", "FROM_FILE=one\n");
    let watch = Watch::start(KILN, project.path(), &["--env-file", "local.env"]).ready();
    let answer = || watch.client().invoke("reload-config", "{}").json();
    assert_eq!(answer(), json!(["one", null, 128]));
    project.write("local.env", "FROM_FILE=two\n");
    eventually("the env file to be read again", || {
        (answer() == json!(["two", null, 128])).then_some(())
    });
    let manifest = project.read("Cargo.toml");
    project.write(
        "Cargo.toml",
        &format!("{manifest}\n[package.metadata.kiln.env]\nFROM_MANIFEST = \"yes\"\n\n[package.metadata.lambda.deploy]\nmemory = 512\n"),
    );
    eventually("the manifest to be read again", || {
        (answer() == json!(["two", "yes", 512])).then_some(())
    });
    // What is wrong is said, and what was right stays in force.
    project.write(
        "Cargo.toml",
        &format!("{manifest}\n[package.metadata.kiln.deploy]\nmemory = \"much\"\n"),
    );
    watch.wait_for("the configuration from before stays in force");
    assert_eq!(answer(), json!(["two", "yes", 512]));
}

#[test]
fn features_of_the_configuration_are_built() {
    let project = Project::function(
        "reload-features",
        r#"Ok(json!(if cfg!(feature = "extra") { "extra" } else { "plain" }))"#,
    );
    let manifest = project.read("Cargo.toml");
    project.write(
        "Cargo.toml",
        &format!("{manifest}\n[features]\nextra = []\n\n[package.metadata.kiln.build]\nfeatures = [\"extra\"]\n"),
    );
    let watch = Watch::start(KILN, project.path(), &[]).ready();
    assert_eq!(
        watch.client().invoke("reload-features", "{}").json(),
        "extra"
    );
}

#[test]
fn what_the_build_does_not_depend_on_rebuilds_nothing() {
    let project = Project::function("reload-quiet", r#"Ok(json!("one"))"#);
    project.write("README.md", "# read me\n");
    project.write(".kilnignore", "src/ignored.rs\n");
    project.write("src/ignored.rs", "");
    let watch = Watch::start(KILN, project.path(), &[]).ready();
    project.write("README.md", "# read me again\n");
    project.write("src/ignored.rs", "// changed\n");
    project.write("src/unused.rs", "// no module of the crate\n");
    // Once this edit is through, the others would have been seen as well.
    project.write_handler(r#"Ok(json!("two"))"#);
    eventually("the edit to answer", || {
        (watch.client().invoke("reload-quiet", "{}").json() == "two").then_some(())
    });
    let printed = watch.printed();
    assert_eq!(printed.matches("→ build").count(), 2, "{printed}");
    assert!(!printed.contains("and 1 more"), "{printed}");
}

#[test]
fn one_build_serves_every_function_of_a_workspace_and_one_edit_leaves_the_others_warm() {
    let workspace = Project::empty();
    let member = |name: &str, answer: &str| {
        let function = Project::function(
            name,
            &format!("Ok(json!([\"{answer}\", std::process::id()]))"),
        );
        for file in ["Cargo.toml", "src/main.rs"] {
            let text = function.read(file).replace("[workspace]", "");
            workspace.write(&format!("{name}/{file}"), &text);
        }
        workspace.write("Cargo.lock", &function.read("Cargo.lock"));
    };
    member("reload-left", "left");
    member("reload-right", "right");
    workspace.write(
        "Cargo.toml",
        "[workspace]\nresolver = \"3\"\nmembers = [\"reload-*\"]\n",
    );
    let watch = Watch::start(KILN, workspace.path(), &[]).ready();
    let client = watch.client();
    let left = client.invoke("reload-left", "{}").json();
    let right = client.invoke("reload-right", "{}").json();
    assert_eq!((&left[0], &right[0]), (&json!("left"), &json!("right")));
    assert_eq!(
        watch.printed().matches("Finished").count(),
        1,
        "{}",
        watch.printed()
    );
    // Saved while the build of the first edit may still run: the last state counts.
    member("reload-left", "interim");
    member("reload-left", "edited");
    eventually("the edit to answer", || {
        (client.invoke("reload-left", "{}").json()[0] == "edited").then_some(())
    });
    assert_eq!(
        client.invoke("reload-right", "{}").json(),
        right,
        "the same warm process"
    );
}

#[test]
fn a_build_script_that_writes_into_its_package_causes_no_endless_builds() {
    let project = Project::function("reload-generated", r#"Ok(json!([WORD, "one"]))"#);
    let with_word = |project: &Project| {
        let main = project.read("src/main.rs");
        project.write("src/main.rs", &format!("include!(\"word.rs\");\n{main}"));
    };
    with_word(&project);
    // Without `rerun-if-changed` it runs again for each change in the package, its own included.
    project.write(
        "build.rs",
        r#"fn main() { std::fs::write("src/word.rs", "const WORD: &str = \"word\";\n").unwrap(); }"#,
    );
    let watch = Watch::start(KILN, project.path(), &[]).ready();
    let answer = || watch.client().invoke("reload-generated", "{}").json();
    assert_eq!(answer(), json!(["word", "one"]));
    let handler = project.read("src/main.rs").replace("one", "two");
    project.write("src/main.rs", &handler);
    eventually("the edit to answer", || {
        (answer() == json!(["word", "two"])).then_some(())
    });
    let printed = watch.printed();
    assert!(!printed.contains("changes with every build"), "{printed}");
}

#[test]
fn a_directory_that_is_made_again_is_watched_again() {
    let project = Project::function(
        "reload-again",
        r#"Ok(json!(include_str!("part/word.txt")))"#,
    );
    project.write("src/part/word.txt", "one");
    let watch = Watch::start(KILN, project.path(), &[]).ready();
    let becomes = |word: &str| {
        eventually(&format!("`{word}` to answer"), || {
            (watch.client().invoke("reload-again", "{}").json() == word).then_some(())
        });
    };
    becomes("one");
    // As when a branch without it is checked out, and then one with it.
    std::fs::remove_dir_all(project.path().join("src/part")).unwrap();
    watch.wait_for("the last good build goes on answering");
    project.write("src/part/word.txt", "two");
    becomes("two");
    project.write("src/part/word.txt", "three");
    becomes("three");
}

#[test]
fn calls_to_a_new_function_wait_for_its_first_build() {
    let project = Project::function("reload-grows", r#"Ok(json!("old"))"#);
    let watch = Watch::start(KILN, project.path(), &[]).ready();
    let client = watch.client();
    let main = project.read("src/main.rs").replace("old", "new");
    project.write("src/bin/reload-grown.rs", &main);
    let manifest = project.read("Cargo.toml");
    project.write("Cargo.toml", &format!("{manifest}\n# saved\n"));
    // From 404 there is one way only: to an answer.
    eventually("the new function to answer", || {
        let answer = client.invoke("reload-grown", "{}");
        (answer.status != 404)
            .then(|| assert_eq!((answer.status, answer.json()), (200, json!("new"))))
    });
}

#[test]
fn ctrl_c_during_a_build_ends_cargo_and_its_compilers() {
    let project = Project::function("reload-interrupted", "Ok(json!(null))");
    project.write(
        "build.rs",
        "fn main() { std::thread::sleep(std::time::Duration::from_secs(600)); }\n",
    );
    let watch = Watch::start(KILN, project.path(), &[]);
    let building = eventually("the build script to run", || {
        let family = watch.descendants();
        let script = |pid: &i32| {
            let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            name.starts_with("build-script")
        };
        family.iter().any(script).then_some(family)
    });
    assert_eq!(watch.stop(), Some(0));
    eventually("cargo and the build script to end", || {
        let alive = |pid: &i32| std::path::Path::new(&format!("/proc/{pid}/exe")).exists();
        (!building.iter().any(alive)).then_some(())
    });
}

#[test]
fn an_edit_of_an_extension_reaches_its_functions() {
    let project = Project::empty();
    let stand_ins = fixture("build-workspace/stand-ins");
    let packages = [
        ("reload-beside", "lambda_runtime"),
        ("reload-extension", "lambda-extension"),
    ];
    for (name, dependency) in packages {
        let path = stand_ins.join(dependency);
        project.write(
            &format!("{name}/Cargo.toml"),
            &format!(
                "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
                 [dependencies]\n{dependency} = {{ path = {path:?} }}\n"
            ),
        );
        project.write(&format!("{name}/src/main.rs"), "fn main() {}\n");
    }
    let members = "members = [\"reload-beside\", \"reload-extension\"]";
    project.write(
        "Cargo.toml",
        &format!("[workspace]\nresolver = \"3\"\n{members}\n"),
    );
    let watch = Watch::start(KILN, project.path(), &[]).ready();
    watch.wait_for("reload-beside 128 MB, timeout 30 s, with reload-extension");
    watch.wait_for("(reload-extension, reload-beside)");
    project.write(
        "reload-extension/src/main.rs",
        "fn main() { println!(\"other\"); }\n",
    );
    watch.wait_for("reload-extension/src/main.rs → build ");
    watch.wait_for(" (reload-extension)");
}
