//! A project about to be written, and the words about it.

use std::path::Path;

use kiln_project::scaffold::{Builtin, Plan, Scaffold, Standing, Template};

use crate::output::{self, GOOD, HINT};

/// A project ready to be written, and what is to be said about it.
pub struct Prepared {
    /// Its files.
    pub plan: Plan,
    /// What they were rendered from.
    pub scaffold: Scaffold,
}

impl Prepared {
    /// What the project is, for messages.
    pub fn what(&self) -> String {
        let name = &self.scaffold.name;
        match &self.scaffold.template {
            Template::Builtin(Builtin::Function { kind, workload }) => {
                format!("function `{name}` ({}, {})", kind.name(), workload.name())
            }
            Template::Builtin(Builtin::Extension(api)) => {
                format!("extension `{name}` ({})", api.name())
            }
            Template::External(path) => format!("`{name}` from `{}`", path.display()),
        }
    }

    /// Says what was done, and how the project stands to a workspace above it.
    pub fn announce(&self, done: &str) {
        output::say(format!("{GOOD}done:{GOOD:#} {done}"));
        match &self.scaffold.standing {
            Standing::Alone => {}
            Standing::Member { manifest } => output::say(format!(
                "it is a member of the workspace `{}`",
                manifest.display()
            )),
            Standing::Beside { manifest, member } => {
                output::say(format!(
                    "it is not a member of the workspace `{}`",
                    manifest.display()
                ));
                // A template of the user's decides about its own manifest.
                let also = match self.scaffold.template {
                    Template::Builtin(_) => {
                        ", and take `[workspace]` and `[profile.release]` out of its own `Cargo.toml`"
                    }
                    Template::External(_) => "",
                };
                output::say(format!(
                    "{HINT}hint:{HINT:#} to make it one, add `\"{}\"` to `members` there{also}",
                    member.display()
                ));
            }
        }
    }

    /// Says what to type next.
    pub fn next_steps(&self, directory: Option<&Path>) {
        let mut commands = Vec::new();
        if let Some(directory) = directory {
            let directory = directory.display().to_string();
            commands.push(format!("cd {}", shell_words::quote(&directory)));
        }
        match self.scaffold.template {
            Template::Builtin(Builtin::Function { kind, .. }) => commands.extend([
                "kiln watch".to_owned(),
                format!("kiln invoke --event {}", kind.name()),
            ]),
            Template::Builtin(Builtin::Extension(_)) => {
                commands.extend(["cargo test".to_owned(), "kiln build --release".to_owned()]);
            }
            Template::External(_) => commands.push("kiln watch".to_owned()),
        }
        output::say("next:");
        for command in commands {
            output::say(format!("  {HINT}{command}{HINT:#}"));
        }
    }
}
