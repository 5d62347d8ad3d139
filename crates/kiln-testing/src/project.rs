//! Projects for tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// The root of Kiln's own workspace.
pub fn workspace_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .unwrap()
        .to_owned()
}

/// A project under `fixtures/`, to be read and not written.
pub fn fixture(name: &str) -> PathBuf {
    workspace_root().join("fixtures").join(name)
}

/// A project in a directory of its own that tests may change.
///
/// It builds into a directory shared by all of them, so that dependencies are compiled once:
/// give its packages names that no other test uses.
#[derive(Debug)]
pub struct Project {
    directory: TempDir,
}

impl Project {
    /// An empty directory.
    pub fn empty() -> Self {
        Self {
            directory: TempDir::new().unwrap(),
        }
    }

    /// A package with one function: its `main.rs` is `handler` inside of a `lambda_runtime` frame.
    ///
    /// `handler` is the body of an async function of `event: LambdaEvent<Value>` that returns
    /// `Result<Value, Error>`.
    pub fn function(name: &str, handler: &str) -> Self {
        let project = Self::empty();
        let manifest = fs::read_to_string(fixture("functions/Cargo.toml")).unwrap();
        let dependencies = section(&manifest, "[dependencies]");
        project.write(
            "Cargo.toml",
            &format!(
                "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n{dependencies}\n[workspace]\n\n[profile.dev]\ndebug = false\n"
            ),
        );
        // The versions the fixtures are locked to: already compiled, whatever was released since.
        fs::copy(
            fixture("functions/Cargo.lock"),
            project.path().join("Cargo.lock"),
        )
        .unwrap();
        project.write_handler(handler);
        project
    }

    /// Replaces the handler of a [function](Self::function).
    pub fn write_handler(&self, handler: &str) {
        self.write(
            "src/main.rs",
            &format!(
                "use lambda_runtime::{{Error, LambdaEvent, run, service_fn}};\nuse serde_json::{{Value, json}};\n\n\
                 async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {{\n    let _ = (&event, json!(null));\n    {handler}\n}}\n\n\
                 #[tokio::main(flavor = \"current_thread\")]\nasync fn main() -> Result<(), Error> {{\n    run(service_fn(handle)).await\n}}\n"
            ),
        );
    }

    /// Writes a file, as editors do: a new file moved over the old.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let temporary = path.with_extension("tmp~");
        fs::write(&temporary, text).unwrap();
        fs::rename(temporary, path).unwrap();
    }

    /// Reads a file.
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path().join(path)).unwrap()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Where it and all others build to.
    pub fn target_directory() -> PathBuf {
        workspace_root().join("target/fixtures")
    }
}

/// An executable of a [fixture], built where all tests build theirs.
#[track_caller]
pub fn built_fixture(name: &str, executable: &str) -> PathBuf {
    let target = Project::target_directory();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--locked", "--bin", executable, "--manifest-path"])
        .arg(fixture(name).join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .output()
        .unwrap();
    assert!(built.status.success(), "{built:?}");
    target.join("debug").join(executable)
}

/// The lines of a manifest from this heading to the next.
fn section(manifest: &str, heading: &str) -> String {
    let start = manifest.find(heading).unwrap();
    let rest = manifest.get(start..).unwrap();
    let end = rest.find("\n[").unwrap_or(rest.len());
    rest.get(..end).unwrap().to_owned()
}
