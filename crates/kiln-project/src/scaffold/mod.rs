//! New projects from templates, without network and without git.
//!
//! ```
//! use kiln_project::scaffold::{Builtin, Kind, ProjectName, Scaffold, Standing, Template, Workload};
//!
//! let scaffold = Scaffold {
//!     name: ProjectName::parse("orders")?,
//!     binary_name: None,
//!     template: Template::Builtin(Builtin::Function {
//!         kind: Kind::Sqs,
//!         workload: Workload::Io,
//!     }),
//!     variables: Vec::new(),
//!     standing: Standing::Alone,
//! };
//! let plan = scaffold.plan()?;
//! assert!(plan.files().iter().any(|file| file.path().ends_with("handler.rs")));
//! // `plan.create(path)` makes the directory, `plan.write_into(path)` fills one that exists.
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod builtin;
mod error;
mod external;
mod kind;
mod name;
mod plan;
mod render;
mod standing;

use std::path::{Path, PathBuf};

use minijinja::Value;
use toml::Table;

pub use error::ScaffoldError;
pub use kind::{Builtin, ExtensionApi, Kind, Workload};
pub use name::{NameError, ProjectName};
pub use plan::{Plan, PlannedFile, Written};
pub use standing::Standing;

/// What a project is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Template {
    /// One that comes with Kiln.
    Builtin(Builtin),
    /// A directory or a ZIP file of the user's. `Cargo.toml`, `README.md`, everything below `src/`
    /// and every file whose name ends in `.j2` is rendered, the rest is copied.
    External(PathBuf),
}

/// A project to be made.
#[derive(Clone, Debug)]
pub struct Scaffold {
    /// Name of the package: `project_name` in templates, and `crate_name` as Rust code writes it.
    pub name: ProjectName,
    /// Name of the executable, when it is not the package's: `binary_name` in templates.
    pub binary_name: Option<ProjectName>,
    /// What it is made from.
    pub template: Template,
    /// More variables for a template of the user's. They win over those that Kiln sets.
    pub variables: Vec<(String, String)>,
    /// How it stands to a workspace above it: `workspace_member` and `own_workspace` in templates.
    pub standing: Standing,
}

impl Scaffold {
    /// Renders the whole project in memory.
    ///
    /// # Errors
    ///
    /// A template that cannot be read or rendered, or a name that the template has other uses for.
    pub fn plan(&self) -> Result<Plan, ScaffoldError> {
        let files = match &self.template {
            Template::Builtin(builtin) => builtin::files(*builtin, self.variables()),
            Template::External(path) => external::files(path, self.variables()),
        }?;
        self.check_manifest(&files)?;
        if matches!(self.template, Template::Builtin(_))
            && builtin::MODULES.contains(&self.name.crate_name().as_str())
        {
            return Err(self.name_taken("one of its modules"));
        }
        Ok(Plan::new(files))
    }

    fn variables(&self) -> Vec<(String, Value)> {
        let binary_name = self.binary_name.as_ref().unwrap_or(&self.name);
        let own = [
            ("project_name", Value::from(self.name.as_str())),
            ("crate_name", self.name.crate_name().into()),
            ("binary_name", binary_name.as_str().into()),
            (
                "workspace_member",
                matches!(self.standing, Standing::Member { .. }).into(),
            ),
            (
                "own_workspace",
                matches!(self.standing, Standing::Beside { .. }).into(),
            ),
        ];
        let given = self.variables.iter();
        own.into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .chain(given.map(|(name, value)| (name.clone(), value.into())))
            .collect()
    }

    /// Cargo takes a package with the name of its dependency for a cycle, and Rust code could not
    /// tell the two.
    fn check_manifest(&self, files: &[PlannedFile]) -> Result<(), ScaffoldError> {
        let Some(file) = files
            .iter()
            .find(|file| file.path() == Path::new("Cargo.toml"))
        else {
            return Ok(());
        };
        let manifest: Table =
            String::from_utf8_lossy(file.contents())
                .parse()
                .map_err(|source| ScaffoldError::RenderedManifest {
                    source: Box::new(source),
                })?;
        let is_taken = ["dependencies", "dev-dependencies", "build-dependencies"]
            .iter()
            .filter_map(|section| manifest.get(*section)?.as_table())
            .flat_map(Table::keys)
            .any(|dependency| dependency.replace('-', "_") == self.name.crate_name());
        if is_taken {
            return Err(self.name_taken("one of its dependencies"));
        }
        Ok(())
    }

    fn name_taken(&self, by: &'static str) -> ScaffoldError {
        ScaffoldError::NameTaken {
            name: self.name.to_string(),
            by,
        }
    }
}

#[cfg(test)]
mod tests;
