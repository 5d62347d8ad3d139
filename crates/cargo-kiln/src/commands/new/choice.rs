//! Which template and which name: what the flags say, and a question where they leave it open.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use kiln_project::scaffold::{
    Builtin, ExtensionApi, Kind, ProjectName, Scaffold, ScaffoldError, Standing, Template, Workload,
};

use super::cargo_lambda::CargoLambdaChoice;
use super::options::{KindChoice, extension_apis, kinds, one_of, workloads};
use super::prepared::Prepared;
use super::{failure, prompt};
use crate::failure::Failure;

/// Flags that choose what is made; shared with `kiln init`.
#[derive(Debug, clap::Args)]
pub struct Choice {
    /// Event that the function answers, or `extension`.
    #[arg(long, value_name = "KIND", value_parser = one_of(kinds()))]
    kind: Option<KindChoice>,

    /// What the handler spends its time on [default: io]
    #[arg(
        long,
        value_name = "WORKLOAD",
        value_parser = one_of(workloads()),
        conflicts_with = "template"
    )]
    workload: Option<Workload>,

    /// What an extension listens to [default: events]
    #[arg(
        long,
        value_name = "API",
        value_parser = one_of(extension_apis()),
        conflicts_with = "template"
    )]
    extension_api: Option<ExtensionApi>,

    /// Use a template of your own: a directory or a ZIP file.
    #[arg(long, value_name = "DIR|ZIP", conflicts_with = "kind")]
    template: Option<PathBuf>,

    /// Set a variable of your own template; repeat for more.
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable, requires = "template")]
    render_var: Vec<(String, String)>,

    /// Name of the project, when it is not the directory's.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Name of the executable and so of the function, when it is not the project's.
    #[arg(long, value_name = "NAME", visible_alias = "function-name")]
    bin_name: Option<String>,

    /// Ask nothing: what is not given gets its default.
    #[arg(short = 'y', long, visible_alias = "yes")]
    no_interactive: bool,

    #[command(flatten)]
    cargo_lambda: CargoLambdaChoice,
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write it as NAME=VALUE".to_owned()),
    }
}

impl Choice {
    /// Decides, asks where it may, and renders the project for this directory.
    ///
    /// `is_free` looks at the directory before any question is asked: nobody should answer some
    /// only to hear that there is no place for the project.
    pub fn prepare(
        self,
        directory: &Path,
        is_free: impl FnOnce() -> Result<(), ScaffoldError>,
    ) -> Result<Prepared, Failure> {
        let name = self.project_name(directory)?;
        let binary_name = self.bin_name.as_deref().map(parse_name).transpose()?;
        let standing = Standing::of(directory).map_err(failure)?;
        let template = self.template(is_free)?;
        let scaffold = Scaffold {
            name,
            binary_name,
            template,
            variables: self.render_var,
            standing,
        };
        let plan = scaffold.plan().map_err(failure)?;
        Ok(Prepared { plan, scaffold })
    }

    fn project_name(&self, directory: &Path) -> Result<ProjectName, Failure> {
        if let Some(name) = &self.name {
            return parse_name(name);
        }
        match directory.file_name() {
            Some(name) => parse_name(&name.to_string_lossy()).map_err(|failure| {
                failure.hint("`--name` gives the project a name that is not its directory's")
            }),
            None => Err(Failure::usage(format!(
                "`{}` has no name that a project could take",
                directory.display()
            ))
            .hint("`kiln init` makes a project of the current directory")),
        }
    }

    fn template(
        &self,
        is_free: impl FnOnce() -> Result<(), ScaffoldError>,
    ) -> Result<Template, Failure> {
        if let Some(path) = &self.template {
            return Ok(Template::External(path.clone()));
        }
        let kind = match self.kind.or_else(|| self.cargo_lambda.kind()) {
            Some(kind) => kind,
            None if self.may_ask() => {
                is_free().map_err(failure)?;
                return Ok(Template::Builtin(prompt::builtin(self.workload)?));
            }
            None => KindChoice::Function(Kind::Json),
        };
        let builtin = match kind {
            KindChoice::Function(_) if self.extension_api.is_some() => {
                return Err(Failure::usage(
                    "`--extension-api` is for extensions, and this is a function",
                )
                .hint("add `--kind extension`"));
            }
            KindChoice::Extension if self.workload.is_some() => {
                return Err(Failure::usage(
                    "`--workload` is for functions, and this is an extension",
                )
                .hint("leave `--workload` out"));
            }
            KindChoice::Function(kind) => Builtin::Function {
                kind,
                workload: self.workload.unwrap_or_default(),
            },
            KindChoice::Extension => Builtin::Extension(
                self.extension_api
                    .or_else(|| self.cargo_lambda.extension_api())
                    .unwrap_or_default(),
            ),
        };
        Ok(Template::Builtin(builtin))
    }

    fn may_ask(&self) -> bool {
        !self.no_interactive
            && self.extension_api.is_none()
            && std::io::stdin().is_terminal()
            && std::io::stderr().is_terminal()
    }
}

fn parse_name(name: &str) -> Result<ProjectName, Failure> {
    ProjectName::parse(name).map_err(|error| {
        let hint = error.hint();
        Failure::usage(error).hint(hint)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_pairs() {
        assert_eq!(variable("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert_eq!(variable("a="), Ok(("a".into(), String::new())));
        assert!(variable("a").is_err());
        assert!(variable("=b").is_err());
    }
}
