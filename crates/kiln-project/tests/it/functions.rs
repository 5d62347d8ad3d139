//! Which binaries are functions, and what is known about them.

use kiln_project::{FunctionKind, Project, TargetKind};

use crate::workspace::{Workspace, manifest, on};

/// A workspace of packages `(name, dependencies)`, each with a `main.rs`.
fn packages(list: &[(&str, String)]) -> Workspace {
    let workspace = Workspace::empty();
    let members: Vec<String> = list.iter().map(|(name, _)| format!("{name:?}")).collect();
    workspace.file(
        "Cargo.toml",
        &format!(
            "[workspace]\nresolver = \"2\"\nmembers = [{}]\n",
            members.join(", ")
        ),
    );
    for (name, dependencies) in list {
        workspace
            .file(
                &format!("{name}/Cargo.toml"),
                &format!("{}{dependencies}", manifest(name, "")),
            )
            .file(&format!("{name}/src/main.rs"), "fn main() {}");
    }
    workspace
}

/// A table of dependencies on stand-ins.
fn dependencies(table: &str, names: &[&str]) -> String {
    let lines: String = names
        .iter()
        .map(|name| on(&format!("../../stand-ins/{name}")))
        .collect();
    format!("[{table}]\n{lines}")
}

fn names(project: &Project) -> Vec<&str> {
    project
        .functions
        .iter()
        .map(|function| function.name.as_str())
        .collect()
}

#[test]
fn functions_reach_a_lambda_crate_through_normal_dependencies() {
    let workspace = packages(&[
        ("runtime", dependencies("dependencies", &["lambda_runtime"])),
        ("http", dependencies("dependencies", &["lambda_http"])),
        (
            "extension",
            dependencies("dependencies", &["lambda-extension"]),
        ),
        (
            "both",
            dependencies("dependencies", &["lambda-extension", "lambda_runtime"]),
        ),
        ("wrapped", format!("[dependencies]\n{}", on("../wrapper"))),
        (
            "tested",
            dependencies("dev-dependencies", &["lambda_runtime"]),
        ),
        (
            "built",
            dependencies("build-dependencies", &["lambda_runtime"]),
        ),
        ("tool", String::new()),
    ]);
    workspace
        .file(
            "wrapper/Cargo.toml",
            &format!(
                "{}{}",
                manifest("wrapper", ""),
                dependencies("dependencies", &["lambda_runtime"])
            ),
        )
        .file("wrapper/src/lib.rs", "")
        .file("built/build.rs", "fn main() {}");

    let project = workspace.load();

    assert_eq!(
        names(&project),
        ["both", "extension", "http", "runtime", "wrapped"]
    );
    for function in &project.functions {
        let expected = match function.name.as_str() {
            "extension" => FunctionKind::Extension,
            _ => FunctionKind::Function,
        };
        assert_eq!(function.kind, expected, "{}", function.name);
    }
}

#[test]
fn configuration_can_say_what_is_an_extension() {
    let workspace = Workspace::pair(
        "",
        "[package.metadata.lambda.build]\nextension = true\n",
        "",
    );
    let project = workspace.load();
    let kinds = project.functions.iter().map(|function| function.kind);
    assert_eq!(
        kinds.collect::<Vec<_>>(),
        [FunctionKind::Extension, FunctionKind::Function]
    );
}

#[test]
fn all_binaries_count_where_none_reaches_a_lambda_crate() {
    let workspace = packages(&[("one", String::new()), ("two", String::new())]);
    assert_eq!(names(&workspace.load()), ["one", "two"]);
}

#[test]
fn dependencies_of_other_platforms_do_not_count() {
    let windows = "target.'cfg(windows)'.dependencies";
    let workspace = packages(&[
        ("linux", dependencies("dependencies", &["lambda_runtime"])),
        ("windows", dependencies(windows, &["lambda_runtime"])),
    ]);
    let mut options = workspace.options();
    options.target = Some("aarch64-unknown-linux-gnu.2.34".parse().unwrap());
    assert_eq!(names(&Project::load(&options).unwrap()), ["linux"]);
}

#[test]
fn a_feature_can_make_a_function() {
    let workspace = packages(&[
        ("other", dependencies("dependencies", &["lambda_runtime"])),
        (
            "optional",
            "[dependencies.lambda_runtime]\npath = \"../../stand-ins/lambda_runtime\"\n\
             optional = true\n[features]\naws = [\"lambda_runtime\"]\n"
                .into(),
        ),
    ]);
    assert_eq!(names(&workspace.load()), ["other"]);
    let mut options = workspace.options();
    options.features = vec!["optional/aws".into()];
    assert_eq!(
        names(&Project::load(&options).unwrap()),
        ["optional", "other"]
    );
}

#[test]
fn a_function_knows_its_package_and_sources() {
    let workspace = packages(&[(
        "api",
        format!(
            "{}{}\n[build-dependencies]\n{}\n[dev-dependencies]\n{}",
            dependencies("dependencies", &["lambda_runtime"]),
            on("../shared"),
            on("../generator"),
            on("../testkit"),
        ),
    )]);
    for library in ["shared", "generator", "testkit"] {
        workspace
            .file(&format!("{library}/Cargo.toml"), &manifest(library, ""))
            .file(&format!("{library}/src/lib.rs"), "");
    }
    workspace
        .file("api/build.rs", "fn main() {}")
        .file("api/examples/demo.rs", "fn main() {}");

    let project = workspace.load();
    let function = project.function("api").unwrap();

    assert_eq!(function.package, "api");
    assert_eq!(function.package_root, workspace.path("api"));
    assert_eq!(function.manifest_path, workspace.path("api/Cargo.toml"));
    assert_eq!(function.src_path, workspace.path("api/src/main.rs"));
    assert_eq!(function.target, TargetKind::Bin);
    assert!(function.has_build_script);
    let names = |function: &kiln_project::Function| -> Vec<String> {
        let roots = function.source_roots.iter();
        let names = roots.map(|root| root.file_name().unwrap().to_str().unwrap().to_owned());
        names.collect()
    };
    assert_eq!(
        names(function),
        ["api", "generator", "shared", "lambda_runtime"]
    );
    let selection = kiln_project::Selection {
        examples: vec!["demo".into()],
        ..Default::default()
    };
    let example = project.select(&selection).unwrap();
    assert_eq!(
        names(example[0]),
        ["api", "generator", "shared", "testkit", "lambda_runtime"]
    );
}

#[test]
fn a_project_names_the_files_it_was_read_from() {
    let workspace = Workspace::pair(
        "[workspace.metadata.kiln.watch]\nenv_file = \".env\"\n",
        "",
        "[package.metadata.kiln.watch]\nenv_file = \"local.env\"\n",
    );
    // What is not there yet can be written, which is a change too.
    let project = workspace.load();
    let expected: Vec<_> = [
        ".env",
        "Cargo.toml",
        "CargoLambda.toml",
        "orders/Cargo.toml",
        "thumbnails/Cargo.toml",
        "thumbnails/local.env",
    ]
    .map(|path| workspace.path(path))
    .into();
    assert_eq!(project.configuration_files, expected);
    assert_eq!(project.workspace_root, workspace.root());
}

#[test]
fn the_target_directory_is_cargos_unless_told() {
    let workspace = Workspace::single("");
    workspace.file(".cargo/config.toml", "[build]\ntarget-dir = \"out\"\n");
    // Whoever runs the tests may have set the variable that beats the file.
    let expected = std::env::var_os("CARGO_TARGET_DIR").map(std::path::PathBuf::from);
    let expected = expected.unwrap_or_else(|| workspace.path("out"));
    assert_eq!(workspace.load().target_directory, expected);
    let mut options = workspace.options();
    options.target_dir = Some("elsewhere".into());
    let project = Project::load(&options).unwrap();
    assert_eq!(project.target_directory, workspace.path("elsewhere"));
}
