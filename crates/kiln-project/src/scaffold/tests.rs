//! Whole projects, from the choice of a template to files on a disk.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use toml::Table;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;

fn scaffold(name: &str, template: Template) -> Scaffold {
    Scaffold {
        name: ProjectName::parse(name).unwrap(),
        binary_name: None,
        template,
        variables: Vec::new(),
        standing: Standing::Alone,
    }
}

fn builtin(kind: Kind, workload: Workload) -> Template {
    Template::Builtin(Builtin::Function { kind, workload })
}

fn text(plan: &Plan, path: &str) -> String {
    let file = plan
        .files()
        .iter()
        .find(|file| file.path() == Path::new(path));
    let file = file.unwrap_or_else(|| panic!("the plan has no `{path}`"));
    String::from_utf8(file.contents().to_vec()).unwrap()
}

fn manifest(plan: &Plan) -> Table {
    text(plan, "Cargo.toml").parse().unwrap()
}

/// Relative paths of all files below a directory.
fn tree(root: &Path) -> BTreeSet<PathBuf> {
    let mut paths = BTreeSet::new();
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                open.push(entry.path());
            } else {
                paths.insert(entry.path().strip_prefix(root).unwrap().to_owned());
            }
        }
    }
    paths
}

fn planned(plan: &Plan) -> BTreeSet<PathBuf> {
    plan.files()
        .iter()
        .map(|file| file.path().to_owned())
        .collect()
}

#[test]
fn every_template_is_complete() {
    for template in Builtin::all() {
        let plan = scaffold("my-orders", Template::Builtin(template))
            .plan()
            .unwrap();
        let paths = planned(&plan);
        assert_eq!(
            paths.len(),
            plan.files().len(),
            "{template:?}: a file comes twice"
        );
        for path in [
            ".gitignore",
            "Cargo.toml",
            "README.md",
            "src/lib.rs",
            "src/main.rs",
        ] {
            assert!(paths.contains(Path::new(path)), "{template:?}: no {path}");
        }
        let sample = format!("events/{}.json", template.sample());
        assert!(
            paths.contains(Path::new(&sample)),
            "{template:?}: no {sample}"
        );
        let manifest = manifest(&plan);
        assert_eq!(manifest["package"]["name"].as_str(), Some("my-orders"));
        assert_eq!(
            manifest["profile"]["release"]["panic"].as_str(),
            Some("unwind")
        );
        for file in plan.files() {
            let text = String::from_utf8_lossy(file.contents());
            let path = file.path().display();
            assert!(
                !text.contains("{%") && !text.contains("j2"),
                "{template:?}: {path}"
            );
            assert!(
                text.ends_with('\n') && !text.ends_with("\n\n"),
                "{template:?}: {path}"
            );
            assert!(!text.contains("\n\n\n"), "{template:?}: {path} has a gap");
        }
    }
}

#[test]
fn modules_are_those_of_the_directory() {
    for template in Builtin::all() {
        let plan = scaffold("my-orders", Template::Builtin(template))
            .plan()
            .unwrap();
        let lib = text(&plan, "src/lib.rs");
        let declared: BTreeSet<&str> = lib
            .lines()
            .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
            .collect();
        let paths = planned(&plan);
        let present: BTreeSet<&str> = paths
            .iter()
            .filter(|path| path.parent() == Some(Path::new("src")))
            .filter_map(|path| path.file_stem()?.to_str())
            .filter(|stem| !["lib", "main"].contains(stem))
            .collect();
        assert_eq!(declared, present, "{template:?}");
        for module in present {
            assert!(
                builtin::MODULES.contains(&module),
                "`{module}` is not listed"
            );
        }
    }
}

#[test]
fn names_that_the_template_needs_itself() {
    let cases = [
        ("tokio", "one of its dependencies"),
        ("aws-lambda-events", "one of its dependencies"),
        ("handler", "one of its modules"),
        ("http-client", "one of its modules"),
    ];
    for (name, by) in cases {
        let template = builtin(Kind::Sqs, Workload::Io);
        let error = scaffold(name, template).plan().unwrap_err();
        assert!(error.to_string().ends_with(by), "{name}: {error}");
        assert!(error.hint().is_some());
    }
}

#[test]
fn an_executable_of_another_name() {
    let mut scaffold = scaffold("orders", builtin(Kind::Json, Workload::Io));
    scaffold.binary_name = Some(ProjectName::parse("api").unwrap());
    let manifest = manifest(&scaffold.plan().unwrap());
    assert_eq!(manifest["bin"][0]["name"].as_str(), Some("api"));
    assert_eq!(manifest["bin"][0]["path"].as_str(), Some("src/main.rs"));
}

#[test]
fn profiles_belong_to_the_root_of_a_workspace() {
    let above = PathBuf::from("/w/Cargo.toml");
    let cases = [
        (Standing::Alone, true, false),
        (
            Standing::Member {
                manifest: above.clone(),
            },
            false,
            false,
        ),
        (
            Standing::Beside {
                manifest: above,
                member: PathBuf::from("orders"),
            },
            true,
            true,
        ),
    ];
    for (standing, has_profile, has_workspace) in cases {
        for template in [
            builtin(Kind::Json, Workload::Io),
            Template::Builtin(Builtin::Extension(ExtensionApi::Logs)),
        ] {
            let mut scaffold = scaffold("orders", template);
            scaffold.standing = standing.clone();
            let manifest = manifest(&scaffold.plan().unwrap());
            assert_eq!(
                manifest.contains_key("profile"),
                has_profile,
                "{standing:?}"
            );
            assert_eq!(
                manifest.contains_key("workspace"),
                has_workspace,
                "{standing:?}"
            );
        }
    }
}

#[test]
fn creates_missing_directories_too() {
    let root = tempfile::tempdir().unwrap();
    let plan = scaffold("orders", builtin(Kind::Json, Workload::Io))
        .plan()
        .unwrap();
    let destination = root.path().join("a/b/orders");
    plan.create(&destination).unwrap();
    assert_eq!(tree(&destination), planned(&plan));
    let left: Vec<_> = fs::read_dir(root.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn an_empty_directory_is_as_good_as_none() {
    let root = tempfile::tempdir().unwrap();
    let plan = scaffold("orders", builtin(Kind::Json, Workload::Io))
        .plan()
        .unwrap();
    let destination = root.path().join("orders");
    fs::create_dir(&destination).unwrap();
    plan.create(&destination).unwrap();
    assert_eq!(tree(&destination), planned(&plan));
}

#[cfg(unix)]
#[test]
fn an_empty_directory_stays_the_same_directory() {
    use std::os::unix::fs::{MetadataExt as _, symlink};

    let root = tempfile::tempdir().unwrap();
    let real = root.path().join("real");
    let link = root.path().join("link");
    fs::create_dir(&real).unwrap();
    symlink(&real, &link).unwrap();
    let before = fs::metadata(&real).unwrap().ino();
    let plan = scaffold("orders", builtin(Kind::Json, Workload::Io))
        .plan()
        .unwrap();
    plan.create(&link).unwrap();
    assert_eq!(tree(&real), planned(&plan));
    assert_eq!(fs::metadata(&real).unwrap().ino(), before);
    assert!(link.is_symlink());
}

#[test]
fn never_replaces_what_is_there() {
    let root = tempfile::tempdir().unwrap();
    let plan = scaffold("orders", builtin(Kind::Json, Workload::Io))
        .plan()
        .unwrap();
    let file = root.path().join("file");
    let directory = root.path().join("directory");
    fs::write(&file, "mine").unwrap();
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("notes"), "mine").unwrap();
    for destination in [&file, &directory] {
        let error = plan.create(destination).unwrap_err();
        assert!(
            matches!(error, ScaffoldError::DestinationExists { .. }),
            "{error:?}"
        );
    }
    let left = [PathBuf::from("directory/notes"), PathBuf::from("file")];
    assert_eq!(tree(root.path()), BTreeSet::from(left));
}

#[test]
fn a_destination_that_cannot_be() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("file"), "mine").unwrap();
    let plan = scaffold("orders", builtin(Kind::Json, Workload::Io))
        .plan()
        .unwrap();
    for path in ["file/orders", "missing/../orders"] {
        let error = plan.create(&root.path().join(path)).unwrap_err();
        assert!(matches!(error, ScaffoldError::Write { .. }), "{error:?}");
        assert_eq!(tree(root.path()), BTreeSet::from(["file".into()]));
        assert!(!root.path().join("missing").exists());
    }
}

#[test]
fn fills_a_directory_and_keeps_what_a_repository_has() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join(".git")).unwrap();
    for name in ["README.md", ".gitignore", "LICENSE", ".git/HEAD"] {
        fs::write(root.path().join(name), "mine").unwrap();
    }
    let plan = scaffold("orders", builtin(Kind::Json, Workload::Io))
        .plan()
        .unwrap();
    let written = plan.write_into(root.path()).unwrap();
    let kept = [PathBuf::from(".gitignore"), PathBuf::from("README.md")];
    assert_eq!(written.kept, kept);
    assert_eq!(written.written.len() + kept.len(), plan.files().len());
    for name in ["README.md", ".gitignore", "LICENSE"] {
        assert_eq!(fs::read_to_string(root.path().join(name)).unwrap(), "mine");
    }
    assert!(root.path().join("src/main.rs").is_file());
}

#[test]
fn lists_every_file_in_the_way_and_writes_none() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("src")).unwrap();
    fs::write(root.path().join("Cargo.toml"), "mine").unwrap();
    fs::write(root.path().join("src/main.rs"), "mine").unwrap();
    let before = tree(root.path());
    let plan = scaffold("orders", builtin(Kind::Json, Workload::Io))
        .plan()
        .unwrap();
    let error = plan.write_into(root.path()).unwrap_err().to_string();
    assert!(
        error.ends_with("already has `Cargo.toml` and `src/main.rs`"),
        "{error}"
    );
    assert_eq!(tree(root.path()), before);
}

#[test]
fn a_failure_half_way_is_undone() {
    let root = tempfile::tempdir().unwrap();
    // A file where a directory has to be: nothing below it can be there yet, so that the trouble
    // shows only when writing has begun.
    fs::write(root.path().join("tests"), "mine").unwrap();
    let before = tree(root.path());
    let plan = scaffold("orders", builtin(Kind::Json, Workload::Io))
        .plan()
        .unwrap();
    let error = plan.write_into(root.path()).unwrap_err();
    assert!(matches!(error, ScaffoldError::Write { .. }), "{error:?}");
    assert_eq!(tree(root.path()), before);
    assert!(!root.path().join("src").exists());
}

/// The files of a template of the user's.
const OWN: &[(&str, &str)] = &[
    ("Cargo.toml", "[package]\nname = \"{{project_name}}\"\n"),
    ("src/main.rs", "// {{ team }}\nfn main() {}\n"),
    ("deep/notes.txt.j2", "{{ crate_name }}\n"),
    ("deep/raw.txt", "{{ as it is }}\n"),
    ("target/debug/x", "{{ broken"),
    (".git/HEAD", "{{ broken"),
    ("CargoLambda.toml", "[template]\n"),
];

fn write_tree(root: &Path, files: &[(&str, &str)]) {
    for (path, contents) in files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }
}

fn write_zip(path: &Path, top: &str, files: &[(&str, &str)]) {
    let mut zip = ZipWriter::new(fs::File::create(path).unwrap());
    for (name, contents) in files {
        zip.start_file(format!("{top}{name}"), SimpleFileOptions::default())
            .unwrap();
        zip.write_all(contents.as_bytes()).unwrap();
    }
    zip.finish().unwrap();
}

#[test]
fn templates_of_the_users() {
    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join("template");
    write_tree(&directory, OWN);
    let flat = root.path().join("flat.zip");
    write_zip(&flat, "", OWN);
    let nested = root.path().join("nested.zip");
    write_zip(&nested, "repository-main/", OWN);
    for template in [directory, flat, nested] {
        let mut scaffold = scaffold("my-orders", Template::External(template.clone()));
        scaffold.variables = vec![("team".to_owned(), "checkout".to_owned())];
        let plan = scaffold.plan().unwrap();
        let expected = [
            "Cargo.toml",
            "deep/notes.txt",
            "deep/raw.txt",
            "src/main.rs",
        ];
        let expected: BTreeSet<PathBuf> = expected.iter().map(PathBuf::from).collect();
        assert_eq!(planned(&plan), expected, "{template:?}");
        assert_eq!(
            text(&plan, "Cargo.toml"),
            "[package]\nname = \"my-orders\"\n"
        );
        assert_eq!(text(&plan, "src/main.rs"), "// checkout\nfn main() {}\n");
        assert_eq!(text(&plan, "deep/notes.txt"), "my_orders\n");
        assert_eq!(text(&plan, "deep/raw.txt"), "{{ as it is }}\n");
    }
}

#[test]
fn what_is_wrong_with_a_template() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str, files: &[(&str, &str)]| {
        let path = root.path().join(name);
        fs::create_dir_all(&path).unwrap();
        write_tree(&path, files);
        path
    };
    let text = root.path().join("text");
    fs::write(&text, "no archive").unwrap();
    let escaping = root.path().join("escaping.zip");
    write_zip(&escaping, "", &[("../outside", "")]);
    let cases = [
        (
            root.path().join("nowhere"),
            "there is no template",
            "a directory or a ZIP file",
        ),
        (
            PathBuf::from("https://example.com/t.zip"),
            "there is no template",
            "offline",
        ),
        (text, "as a ZIP archive", "a directory or a ZIP file"),
        (escaping, "leads out of the project", ""),
        (
            at("empty", &[("README.md", "")]),
            "has no `Cargo.toml`",
            "Cargo.toml.j2",
        ),
        (
            at("twice", &[("Cargo.toml", ""), ("Cargo.toml.j2", "")]),
            "`Cargo.toml.j2`, which becomes the same file as another",
            "",
        ),
        (
            at("variable", &[("Cargo.toml", "{{ nobody }}")]),
            "render `Cargo.toml`",
            "--render-var",
        ),
        (
            at("syntax", &[("Cargo.toml", "{{")]),
            "render `Cargo.toml`",
            "{% raw %}",
        ),
        (
            at("toml", &[("Cargo.toml", "[package")]),
            "not valid TOML",
            "",
        ),
    ];
    for (path, message, hint) in cases {
        let error = scaffold("orders", Template::External(path.clone()))
            .plan()
            .unwrap_err();
        assert!(error.to_string().contains(message), "{path:?}: {error}");
        let way_out = error.hint().unwrap_or_default();
        assert!(way_out.contains(hint), "{path:?}: {way_out}");
    }
}

#[cfg(unix)]
#[test]
fn scripts_stay_executable() {
    use std::os::unix::fs::PermissionsExt as _;

    let root = tempfile::tempdir().unwrap();
    let template = root.path().join("template");
    write_tree(&template, &[("Cargo.toml", ""), ("run.sh", "")]);
    fs::set_permissions(template.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    let plan = scaffold("orders", Template::External(template))
        .plan()
        .unwrap();
    let destination = root.path().join("orders");
    plan.create(&destination).unwrap();
    let mode = |name: &str| {
        let metadata = fs::metadata(destination.join(name)).unwrap();
        metadata.permissions().mode() & 0o100
    };
    assert_eq!((mode("run.sh"), mode("Cargo.toml")), (0o100, 0));
}
