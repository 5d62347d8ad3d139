//! The project around: its functions, its settings, and keys that nothing reads.

use kiln_project::{Overrides, Project, ProjectError, Selection, UnreadKey};

use super::report::{Check, Status};

const NAME: &str = "project";

/// The checks of a project, or of the failure to read one.
pub fn check(project: &Result<Project, ProjectError>) -> Vec<Check> {
    match project {
        Ok(project) => of_project(project),
        Err(error) => vec![of_error(NAME, error)],
    }
}

/// The checks of a project that could be read.
fn of_project(project: &Project) -> Vec<Check> {
    let mut checks = vec![functions(project)];
    let overrides = Overrides::default();
    for function in &project.functions {
        let settings = project.settings(function, &overrides).err();
        let build = || project.build_settings(function, &overrides).err();
        if let Some(error) = settings.or_else(build) {
            let check = of_error(NAME, &error);
            // What is wrong in a place that several functions share is said once.
            if !checks.contains(&check) {
                checks.push(check);
            }
        }
    }
    let unread = project.unread_keys();
    checks.extend(unread.iter().filter(|key| !key.cargo_lambda).map(unknown));
    checks.extend(of_cargo_lambda(&unread));
    checks
}

/// The functions found.
fn functions(project: &Project) -> Check {
    match project.select(&Selection::default()) {
        Ok(functions) => {
            let names: Vec<&str> = functions.iter().map(|it| it.name.as_str()).collect();
            let count = match names.len() {
                1 => "1 function".to_owned(),
                count => format!("{count} functions"),
            };
            Check::ok(NAME, format!("{count}: {}", names.join(", ")))
        }
        Err(error) => of_error(NAME, &error),
    }
}

/// A key that nothing reads.
fn unknown(key: &UnreadKey) -> Check {
    let place = if key.table.is_empty() {
        key.file.display().to_string()
    } else {
        format!("[{}] in {}", key.table, key.file.display())
    };
    let cure = match &key.suggestion {
        Some(suggestion) => format!("did you mean `{suggestion}`?"),
        None => "remove it, or correct its name: `kiln doctor --config` lists the settings".into(),
    };
    let found = format!("unknown key `{}` of {place} is not read", key.key);
    Check::not_ok("settings", Status::Warning, found, cure)
}

/// The keys that work in cargo-lambda and do nothing here, in one note: a project that uses both
/// is as it should be.
fn of_cargo_lambda(keys: &[UnreadKey]) -> Option<Check> {
    let foreign = keys.iter().filter(|key| key.cargo_lambda);
    let mut names: Vec<&str> = foreign.map(|key| key.key.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    (!names.is_empty()).then(|| Check {
        name: "settings",
        status: Status::Note,
        found: format!(
            "cargo-lambda's keys that do nothing here: {}",
            names.join(", ")
        ),
        cure: None,
    })
}

/// A project that is not there, or not readable.
pub fn of_error(name: &'static str, error: &ProjectError) -> Check {
    let mut found = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        found.push_str(&format!(": {error}"));
        cause = error.source();
    }
    match error {
        ProjectError::NotAProject { .. } => Check::not_ok(
            name,
            Status::Note,
            "this directory is not in a cargo project",
            "kiln new NAME",
        ),
        // Doctor asks cargo without the network.
        ProjectError::Cargo { message } if message.contains("--offline") => Check::not_ok(
            name,
            Status::Warning,
            format!("its dependencies are not downloaded yet: {message}"),
            "cargo fetch",
        ),
        _ => Check {
            name,
            status: Status::Problem,
            found,
            cure: error.hint(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_become_checks() {
        let cargo = |message: &str| ProjectError::Cargo {
            message: message.into(),
        };
        let cases = [
            (
                ProjectError::NotAProject {
                    directory: "/x".into(),
                },
                Status::Note,
                "this directory is not in a cargo project",
                Some("kiln new NAME"),
            ),
            (cargo("no targets"), Status::Problem, "no targets", None),
            (
                cargo("no matching package; remember --offline"),
                Status::Warning,
                "its dependencies are not downloaded yet: no matching package; remember --offline",
                Some("cargo fetch"),
            ),
            (
                ProjectError::NoManifest { path: "/x".into() },
                Status::Problem,
                "no manifest at `/x`",
                Some("`--manifest-path` takes the path of a `Cargo.toml`"),
            ),
        ];
        for (error, status, found, cure) in cases {
            let check = of_error(NAME, &error);
            assert_eq!(
                (check.status, check.found.as_str(), check.cure.as_deref()),
                (status, found, cure)
            );
        }
    }
}
