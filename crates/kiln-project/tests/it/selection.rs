//! Selection flags.

use kiln_project::{ProjectError, Selection};

use crate::workspace::Workspace;

/// Two functions, a tool beside one of them, an example, and a function behind a feature.
fn workspace() -> Workspace {
    let workspace = Workspace::pair(
        "",
        "[features]\nextra = []\n[[bin]]\nname = \"orders-extra\"\npath = \"src/extra.rs\"\n\
         required-features = [\"extra\"]\n",
        "",
    );
    workspace
        .file("orders/src/extra.rs", "fn main() {}")
        .file("orders/examples/demo.rs", "fn main() {}")
        .file(
            "Cargo.toml",
            "[workspace]\nresolver = \"2\"\nmembers = [\"orders\", \"thumbnails\", \"tool\"]\n",
        )
        .file("tool/Cargo.toml", &crate::workspace::manifest("tool", ""))
        .file("tool/src/main.rs", "fn main() {}");
    workspace
}

/// A selection in few words.
fn selection(packages: &[&str], exclude: &[&str], bins: &[&str], examples: &[&str]) -> Selection {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Selection {
        packages: owned(packages),
        exclude: owned(exclude),
        bins: owned(bins),
        examples: owned(examples),
        ..Selection::default()
    }
}

#[test]
fn selections() {
    let workspace = workspace();
    let project = workspace.load();
    let cases: [(Selection, &[&str]); 16] = [
        (selection(&[], &[], &[], &[]), &["orders", "thumbnails"]),
        (selection(&["orders"], &[], &[], &[]), &["orders"]),
        (selection(&["orders@0.1.0"], &[], &[], &[]), &["orders"]),
        (selection(&["orders@0.1"], &[], &[], &[]), &["orders"]),
        (selection(&["orders:0"], &[], &[], &[]), &["orders"]),
        (selection(&["t*"], &[], &[], &[]), &["thumbnails"]),
        (selection(&[], &["orders"], &[], &[]), &["thumbnails"]),
        (selection(&[], &[], &["thumbnails"], &[]), &["thumbnails"]),
        (selection(&[], &[], &["*s"], &[]), &["orders", "thumbnails"]),
        // Named ones count though they do not look like functions, or would not be built.
        (selection(&["tool"], &[], &[], &[]), &["tool"]),
        (
            selection(&["tool", "orders"], &[], &[], &[]),
            &["orders", "tool"],
        ),
        (selection(&[], &[], &["tool"], &[]), &["tool"]),
        (
            selection(&[], &[], &["orders-extra"], &[]),
            &["orders-extra"],
        ),
        (selection(&[], &[], &[], &["demo"]), &["demo"]),
        (
            Selection {
                all_bins: true,
                ..Selection::default()
            },
            &["orders", "thumbnails", "tool"],
        ),
        (
            Selection {
                all_examples: true,
                ..Selection::default()
            },
            &["demo"],
        ),
    ];
    for (selection, expected) in cases {
        let selected = project.select(&selection).unwrap();
        let names: Vec<&str> = selected
            .iter()
            .map(|function| function.name.as_str())
            .collect();
        assert_eq!(names, expected, "{selection:?}");
    }
}

#[test]
fn a_member_directory_means_its_functions() {
    let workspace = workspace();
    let names = |directory: &str, selection: &Selection| -> Vec<String> {
        let project = workspace.load_in(directory);
        let selected = project.select(selection).unwrap();
        selected
            .iter()
            .map(|function| function.name.clone())
            .collect()
    };
    let default = Selection::default();
    let whole = Selection {
        workspace: true,
        ..Selection::default()
    };
    assert_eq!(names("orders/src", &default), ["orders"]);
    assert_eq!(names("orders", &whole), ["orders", "thumbnails"]);
    // A member without functions does not hide those of the others.
    assert_eq!(names("tool", &default), ["orders", "thumbnails"]);
    // A name is looked for everywhere.
    let bin = selection(&[], &[], &["thumbnails"], &[]);
    assert_eq!(names("orders", &bin), ["thumbnails"]);
}

#[test]
fn features_decide_what_is_built_without_naming_it() {
    let workspace = workspace();
    let mut options = workspace.options();
    options.features = vec!["orders/extra".into()];
    let project = kiln_project::Project::load(&options).unwrap();
    let selected = project.select(&Selection::default()).unwrap();
    assert_eq!(selected.len(), 3);
    assert_eq!(selected[1].name, "orders-extra");
}

#[test]
fn configured_features_count_with_those_they_imply() {
    let workspace = workspace();
    let manifest = std::fs::read_to_string(workspace.path("orders/Cargo.toml")).unwrap();
    for (configured, expected) in [("full", true), ("other", false)] {
        workspace.file(
            "orders/Cargo.toml",
            &manifest.replace(
                "extra = []",
                &format!(
                    "extra = []\nother = []\nfull = [\"extra\"]\n\
                     [package.metadata.kiln.build]\nfeatures = [{configured:?}]"
                ),
            ),
        );
        let project = workspace.load();
        let selected = project.select(&Selection::default()).unwrap();
        let found = selected
            .iter()
            .any(|function| function.name == "orders-extra");
        assert_eq!(found, expected, "{configured}");
    }
}

#[test]
fn unknown_names_list_those_there_are() {
    let workspace = workspace();
    let project = workspace.load();
    let cases = [
        (
            selection(&["order"], &[], &[], &[]),
            "no package is named `order`: there are orders, thumbnails, tool",
            Some("did you mean `orders`?"),
        ),
        (
            selection(&[], &["zzz"], &[], &[]),
            "no package is named `zzz`: there are orders, thumbnails, tool",
            None,
        ),
        (
            selection(&["thumbnails"], &[], &["thumbnial"], &[]),
            "no binary is named `thumbnial`: there are thumbnails",
            Some("did you mean `thumbnails`?"),
        ),
        (
            selection(&["thumbnails"], &[], &[], &["demo"]),
            "no example is named `demo`: there is none",
            Some("package `orders` has it: add `-p orders`"),
        ),
    ];
    for (selection, message, hint) in cases {
        let error = project.select(&selection).unwrap_err();
        assert_eq!(error.to_string(), message);
        assert_eq!(error.hint().as_deref(), hint);
    }
    let error = project.function("oders").unwrap_err();
    assert_eq!(
        error.to_string(),
        "no function is named `oders`: there are orders, orders-extra, thumbnails"
    );
    assert_eq!(error.hint().as_deref(), Some("did you mean `orders`?"));
}

#[test]
fn excluding_everything_is_an_error() {
    let workspace = workspace();
    let project = workspace.load();
    let error = project
        .select(&selection(&[], &["*"], &[], &[]))
        .unwrap_err();
    assert!(
        matches!(error, ProjectError::NothingSelected { .. }),
        "{error}"
    );
    assert_eq!(
        error.hint().as_deref(),
        Some("the functions are: orders, orders-extra, thumbnails")
    );
}

#[test]
fn default_members_and_packages_by_identifier() {
    let workspace = workspace();
    let manifest = workspace.path("Cargo.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let names = |default: &str, selection: &Selection| -> Vec<String> {
        std::fs::write(&manifest, format!("{text}default-members = [{default}]\n")).unwrap();
        let project = workspace.load();
        let selected = project.select(selection).unwrap();
        selected.iter().map(|it| it.name.clone()).collect()
    };
    let default = Selection::default();
    assert_eq!(names("\"thumbnails\", \"tool\"", &default), ["thumbnails"]);
    // None of them is a function.
    assert_eq!(names("\"tool\"", &default), ["orders", "thumbnails"]);
    let url = format!("path+file://{}", workspace.path("orders").display());
    let identifier = format!("{url}#0.1.0");
    let by_identifier = selection(&[&identifier], &[], &[], &[]);
    assert_eq!(names("\"tool\"", &by_identifier), ["orders"]);
}

#[test]
fn two_functions_of_one_name_are_told_apart_by_their_packages() {
    let workspace = workspace();
    workspace.file("thumbnails/src/bin/orders.rs", "fn main() {}");
    let project = workspace.load();
    let error = project.select(&Selection::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "two functions are named `orders`, in the packages `orders` and `thumbnails`"
    );
    let selected = project
        .select(&selection(&["orders"], &[], &[], &[]))
        .unwrap();
    assert_eq!(selected[0].package, "orders");
}
