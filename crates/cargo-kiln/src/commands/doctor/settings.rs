//! `kiln doctor --config`: each effective value, and where it came from.

use kiln_project::{Entry, FunctionKind, Overrides, Project, ProjectError, Selection, UnreadKey};
use serde::Serialize;

use crate::output;

/// The settings of a project.
#[derive(Debug, Serialize)]
pub struct SettingsReport {
    /// Each function with how it runs and is built.
    functions: Vec<FunctionReport>,
    /// The local service.
    service: Vec<Entry>,
    /// Keys that nothing reads.
    unread_keys: Vec<UnreadKey>,
}

#[derive(Debug, Serialize)]
struct FunctionReport {
    name: String,
    package: String,
    kind: FunctionKind,
    settings: Vec<Entry>,
}

impl SettingsReport {
    /// Reads the settings of the functions that a command without flags would be about.
    pub fn of(project: &Project) -> Result<Self, ProjectError> {
        let overrides = Overrides::default();
        let selected = project.select(&Selection::default())?;
        let mut functions = Vec::new();
        for function in &selected {
            let mut settings = project.settings(function, &overrides)?.entries();
            settings.extend(project.build_settings(function, &overrides)?.entries());
            functions.push(FunctionReport {
                name: function.name.clone(),
                package: function.package.clone(),
                kind: function.kind,
                settings,
            });
        }
        Ok(Self {
            functions,
            service: project.watch_settings(&selected, &overrides)?.entries(),
            unread_keys: project.unread_keys(),
        })
    }

    /// The report for people: a table per function and one of the service.
    pub fn text(&self) -> String {
        let mut parts = Vec::new();
        for function in &self.functions {
            let kind = match function.kind {
                FunctionKind::Function => "function",
                FunctionKind::Extension => "extension",
            };
            let title = format!("{kind} {} of package {}", function.name, function.package);
            parts.push(table(&title, &function.settings));
        }
        parts.push(table("local service", &self.service));
        parts.join("\n\n")
    }

    /// The keys that are mistakes, in words.
    pub fn warnings(&self) -> Vec<String> {
        self.unread_keys
            .iter()
            .filter(|key| !key.cargo_lambda)
            .map(|key| {
                let meant = match &key.suggestion {
                    Some(name) => format!("; did you mean `{name}`?"),
                    None => String::new(),
                };
                let table = match key.table.as_str() {
                    "" => String::new(),
                    table => format!("[{table}] "),
                };
                let file = key.file.display();
                format!("unknown key `{}` of {table}in {file}{meant}", key.key)
            })
            .collect()
    }
}

/// Key, value and origin in columns, below a title.
fn table(title: &str, entries: &[Entry]) -> String {
    let shown = |entry: &Entry| entry.value.clone().unwrap_or_else(|| "-".into());
    let width = |column: &dyn Fn(&Entry) -> usize| {
        // One very long value shall not push all origins off the screen.
        entries.iter().map(column).max().unwrap_or_default().min(40)
    };
    let keys = width(&|entry| entry.key.chars().count());
    let values = width(&|entry| shown(entry).chars().count());
    let (bold, dim) = (output::GOOD, output::DIM);
    let mut lines = vec![format!("{bold}{title}{bold:#}")];
    for entry in entries {
        lines.push(format!(
            "  {:<keys$}  {:<values$}  {dim}{}{dim:#}",
            entry.key,
            shown(entry),
            entry.origin
        ));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_have_columns() {
        let entry = |key: &str, value: Option<&str>, origin: &str| Entry {
            key: key.into(),
            value: value.map(str::to_owned),
            origin: origin.into(),
        };
        let text = table(
            "title",
            &[
                entry("deploy.memory", Some("128 MB"), "default"),
                entry("a", None, "not set"),
            ],
        );
        assert_eq!(
            anstream::adapter::strip_str(&text).to_string(),
            "title\n  deploy.memory  128 MB  default\n  a              -       not set"
        );
    }
}
