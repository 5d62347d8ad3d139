//! A small function that is edited while it is served.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::error::BenchError;

/// A package with one function, whose answer is a number.
#[derive(Debug)]
pub struct EditedProject {
    directory: TempDir,
    name: String,
    answer: Cell<u64>,
}

impl EditedProject {
    /// Makes it, with the dependencies the fixture functions have, locked as theirs are.
    pub fn new(name: &str, functions: &Path) -> Result<Self, BenchError> {
        let directory = tempfile::Builder::new()
            .prefix("kiln-bench-")
            .tempdir()
            .map_err(BenchError::Machine)?;
        let project = Self {
            directory,
            name: name.to_owned(),
            answer: Cell::new(0),
        };
        let manifest = functions.join("Cargo.toml");
        let text = fs::read_to_string(&manifest).map_err(BenchError::file(&manifest))?;
        let dependencies = section(&text, "[dependencies]").unwrap_or_default();
        project.write(
            "Cargo.toml",
            &format!(
                "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
                 {dependencies}\n[workspace]\n"
            ),
        )?;
        let lock = functions.join("Cargo.lock");
        fs::copy(&lock, project.path().join("Cargo.lock")).map_err(BenchError::file(&lock))?;
        project.edit()?;
        Ok(project)
    }

    /// Changes the code, as editors do: a new file moved over the old. Returns the new answer.
    pub fn edit(&self) -> Result<String, BenchError> {
        let answer = self.answer.get() + 1;
        self.answer.set(answer);
        self.write(
            "src/main.rs",
            &format!(
                "use lambda_runtime::{{Error, LambdaEvent, run, service_fn}};\n\
                 use serde_json::{{Value, json}};\n\n\
                 async fn handle(_: LambdaEvent<Value>) -> Result<Value, Error> {{\n    \
                 Ok(json!({answer}))\n}}\n\n\
                 #[tokio::main(flavor = \"current_thread\")]\n\
                 async fn main() -> Result<(), Error> {{\n    run(service_fn(handle)).await\n}}\n"
            ),
        )?;
        Ok(answer.to_string())
    }

    /// Its directory.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Name of its package and its function.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn write(&self, path: &str, text: &str) -> Result<(), BenchError> {
        let path: PathBuf = self.path().join(path);
        let temporary = path.with_extension("tmp~");
        let written = path
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(&temporary, text))
            .and_then(|()| fs::rename(&temporary, &path));
        written.map_err(BenchError::file(path))
    }
}

/// The lines of a manifest from a heading to the next.
fn section<'t>(manifest: &'t str, heading: &str) -> Option<&'t str> {
    let start = manifest.find(heading)?;
    let rest = manifest.get(start..)?;
    rest.get(..rest.find("\n[").unwrap_or(rest.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_changes_the_answer() {
        let functions = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/functions");
        let project = EditedProject::new("edited", &functions).unwrap();
        let manifest = fs::read_to_string(project.path().join("Cargo.toml")).unwrap();
        assert!(manifest.contains("\nlambda_runtime = "), "{manifest}");
        assert_eq!(manifest.matches("\n[").count(), 2, "{manifest}");
        let code = || fs::read_to_string(project.path().join("src/main.rs")).unwrap();
        assert!(code().contains("json!(1)"));
        assert_eq!(project.edit().unwrap(), "2");
        assert!(code().contains("json!(2)"));
    }
}
