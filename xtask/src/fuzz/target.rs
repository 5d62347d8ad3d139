//! Which targets there are: those that have a corpus, which the crates' tests make sure of.

use std::fs;
use std::path::Path;

use crate::failure::Failure;
use crate::repository::Repository;

/// A fuzz target of a crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its name, and that of the directory of its corpus.
    pub name: String,
    /// The crate it attacks, and the driver it is in.
    pub package: String,
}

/// All targets, by crate.
///
/// # Errors
/// When there are none.
pub fn all(repository: &Repository) -> Result<Vec<Target>, Failure> {
    let crates = repository.path("crates");
    let mut targets = Vec::new();
    for package in directories(&crates) {
        for name in directories(&crates.join(&package).join("fuzz")) {
            targets.push(Target {
                name,
                package: package.clone(),
            });
        }
    }
    if targets.is_empty() {
        return Err(Failure::environment(format!(
            "no crate in `{}` has a corpus",
            crates.display()
        )));
    }
    Ok(targets)
}

/// The targets of these names; all when none is named.
///
/// # Errors
/// When there is none of a name.
pub fn select(known: Vec<Target>, names: &[String]) -> Result<Vec<Target>, Failure> {
    let is_known = |name: &&String| known.iter().any(|target| target.name == **name);
    if let Some(unknown) = names.iter().find(|name| !is_known(name)) {
        let names: Vec<&str> = known.iter().map(|target| target.name.as_str()).collect();
        return Err(
            Failure::environment(format!("there is no fuzz target `{unknown}`"))
                .hint(format!("the targets are `{}`", names.join("`, `"))),
        );
    }
    let is_asked_for = |target: &Target| names.is_empty() || names.contains(&target.name);
    Ok(known.into_iter().filter(is_asked_for).collect())
}

/// The names of the directories in one, in order; none when it is not there.
fn directories(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_chosen_by_name() {
        let target = |name: &str| Target {
            name: name.to_owned(),
            package: "kiln-x".to_owned(),
        };
        let known = vec![target("a"), target("b"), target("c")];
        let select = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            select(known.clone(), &names)
        };
        assert_eq!(select(&[]), Ok(known.clone()));
        assert_eq!(select(&["c", "a"]), Ok(vec![target("a"), target("c")]));
        let refused = select(&["a", "d"]).unwrap_err();
        assert_eq!(refused.to_string(), "there is no fuzz target `d`");
        assert_eq!(refused.way_out(), Some("the targets are `a`, `b`, `c`"));
    }
}
