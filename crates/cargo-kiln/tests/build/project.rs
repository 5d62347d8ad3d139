//! A copy of a fixture to build in.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use kiln_testing::{Kiln, Output};
use tempfile::TempDir;

/// A fixture, copied to a place of its own.
pub struct Project {
    directory: TempDir,
}

impl Project {
    /// Copies `fixtures/<name>`.
    pub fn new(name: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        copy(
            &kiln_testing::fixture(name),
            &directory.path().join("project"),
        );
        Self { directory }
    }

    /// A path in the project.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.directory.path().join("project").join(relative)
    }

    /// A call of `kiln build` in the project's root, with zig hidden.
    pub fn build(&self, args: &[&str]) -> Kiln {
        Kiln::new(env!("CARGO_BIN_EXE_kiln"))
            .in_dir(self.path(""))
            .arg("build")
            .args(args)
            // Wrapper scripts are written while others may run them: each test has its own.
            .env(
                "CARGO_ZIGBUILD_CACHE_DIR",
                self.directory.path().join("zigbuild"),
            )
            .without_zig()
    }

    /// The names in a directory of the project, sorted; of none if it does not exist.
    pub fn listing(&self, relative: &str) -> Vec<String> {
        listing(&self.path(relative))
    }

    pub fn write(&self, relative: &str, content: &str) {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Adds to the end of a file.
    pub fn append(&self, relative: &str, content: &str) {
        let before = fs::read_to_string(self.path(relative)).unwrap();
        self.write(relative, &format!("{before}\n{content}"));
    }

    pub fn read(&self, relative: &str) -> Vec<u8> {
        fs::read(self.path(relative)).unwrap()
    }

    /// What an executable of the project prints.
    pub fn run(&self, relative: &str) -> String {
        let output = Command::new(self.path(relative)).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// The names in a zip of the project, in their order.
    pub fn zipped(&self, relative: &str) -> Vec<String> {
        let file = fs::File::open(self.path(relative)).unwrap();
        let archive = zip::ZipArchive::new(file).unwrap();
        let names = archive.file_names();
        names.map(|name| name.unwrap().into_owned()).collect()
    }
}

/// The names in a directory, sorted; none if it does not exist.
pub fn listing(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            // What was built in the fixture itself is no part of it.
            if entry.file_name() != "target" {
                copy(&entry.path(), &to.join(entry.file_name()));
            }
        } else {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// The command line of rustc for a crate, as `cargo -v` shows it.
pub fn rustc_line<'a>(output: &'a Output, name: &str) -> &'a str {
    let marker = format!("--crate-name {name} ");
    output
        .stderr
        .lines()
        .find(|line| line.contains("Running") && line.contains(&marker))
        .unwrap_or_else(|| panic!("no rustc for {name} in\n{}", output.stderr))
}
