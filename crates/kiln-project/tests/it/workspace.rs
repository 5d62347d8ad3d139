//! Projects in temporary directories.

use std::path::{Path, PathBuf};

use kiln_project::{Environment, LoadOptions, Project, ProjectError};

/// A workspace that is deleted when the test ends. It holds stand-ins for the Lambda crates, so
/// that nothing has to be downloaded: only their names count.
pub struct Workspace {
    directory: tempfile::TempDir,
}

impl Workspace {
    /// A workspace without packages. The stand-ins lie beside it: cargo takes what lies inside
    /// for members.
    pub fn empty() -> Self {
        let workspace = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        std::fs::create_dir(workspace.directory.path().join("project")).unwrap();
        for name in ["lambda_runtime", "lambda_http", "lambda-extension"] {
            workspace
                .file(
                    &format!("../stand-ins/{name}/Cargo.toml"),
                    &manifest(name, ""),
                )
                .file(&format!("../stand-ins/{name}/src/lib.rs"), "");
        }
        workspace
    }

    /// A single package `app` with a function of the same name and this at the manifest's end.
    pub fn single(rest: &str) -> Self {
        let workspace = Self::empty();
        workspace
            .file(
                "Cargo.toml",
                &format!(
                    "[workspace]\n{}\n[dependencies]\n{}\n{rest}",
                    manifest("app", ""),
                    on("../stand-ins/lambda_runtime"),
                ),
            )
            .file("src/main.rs", "fn main() {}");
        workspace
    }

    /// Two functions in packages of their own, with these metadata tables.
    pub fn pair(workspace: &str, orders: &str, thumbnails: &str) -> Self {
        let project = Self::empty();
        project.file(
            "Cargo.toml",
            &format!(
                "[workspace]\nmembers = [\"orders\", \"thumbnails\"]\nresolver = \"2\"\n{workspace}"
            ),
        );
        for (name, rest) in [("orders", orders), ("thumbnails", thumbnails)] {
            project
                .file(
                    &format!("{name}/Cargo.toml"),
                    &format!(
                        "{}\n[dependencies]\n{}\n{rest}",
                        manifest(name, ""),
                        on("../../stand-ins/lambda_runtime")
                    ),
                )
                .file(&format!("{name}/src/main.rs"), "fn main() {}");
        }
        project
    }

    /// Writes a file.
    pub fn file(&self, path: &str, text: &str) -> &Self {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    /// A path inside.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    /// The root. Cargo answers with canonical paths.
    pub fn root(&self) -> PathBuf {
        self.directory
            .path()
            .canonicalize()
            .unwrap()
            .join("project")
    }

    /// Options that keep cargo away from the network.
    pub fn options(&self) -> LoadOptions {
        let mut options = LoadOptions::new(self.root());
        options.offline = true;
        options
    }

    /// Reads the project.
    pub fn load(&self) -> Project {
        Project::load(&self.options()).unwrap()
    }

    /// Reads the project with these variables.
    pub fn load_with(&self, variables: &[(&str, &str)]) -> Project {
        let mut options = self.options();
        options.environment = Environment::from_pairs(variables.iter().copied());
        Project::load(&options).unwrap()
    }

    /// Reads the project from one of its directories.
    pub fn load_in(&self, directory: &str) -> Project {
        let mut options = self.options();
        options.current_dir = self.path(directory);
        Project::load(&options).unwrap()
    }

    /// The error of reading the project.
    pub fn load_error(&self) -> ProjectError {
        Project::load(&self.options()).unwrap_err()
    }
}

/// The `[package]` of a manifest.
pub fn manifest(name: &str, rest: &str) -> String {
    format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n{rest}")
}

/// A dependency line on the package in this directory, which has its name.
pub fn on(path: &str) -> String {
    let name = Path::new(path).file_name().unwrap().to_str().unwrap();
    format!("{name} = {{ path = \"{path}\" }}\n")
}
