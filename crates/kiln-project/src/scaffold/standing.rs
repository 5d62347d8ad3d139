//! Where a new project stands: alone, or below a cargo workspace.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern};
use toml::{Table, Value};

use super::error::ScaffoldError;

/// How a new project stands to the cargo workspaces above it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// There is none, or it excludes the directory.
    Alone,
    /// The workspace's `members` cover the directory, so that the project belongs to it.
    Member {
        /// The workspace's manifest.
        manifest: PathBuf,
    },
    /// There is a workspace that does not mention the directory. Cargo would refuse to build the
    /// project, which therefore gets a workspace of its own.
    Beside {
        /// The workspace's manifest.
        manifest: PathBuf,
        /// What `members` would have to list for the project to belong to it.
        member: PathBuf,
    },
}

impl Standing {
    /// Looks at the manifests above a project's directory, which need not exist yet.
    ///
    /// # Errors
    ///
    /// A manifest on the way that cannot be read: cargo could not build the project either.
    pub fn of(destination: &Path) -> Result<Self, ScaffoldError> {
        let unreadable = |path: &Path, source: Box<dyn std::error::Error + Send + Sync>| {
            ScaffoldError::EnclosingManifest {
                path: path.to_owned(),
                source,
            }
        };
        let destination =
            resolve(destination).map_err(|source| unreadable(destination, source.into()))?;
        for root in destination.ancestors().skip(1) {
            let manifest = root.join("Cargo.toml");
            let text = match fs::read_to_string(&manifest) {
                Ok(text) => text,
                Err(error) if is_absent(&error) => continue,
                Err(source) => return Err(unreadable(&manifest, source.into())),
            };
            let table: Table = text
                .parse()
                .map_err(|source: toml::de::Error| unreadable(&manifest, source.into()))?;
            if let Some(workspace) = table.get("workspace").and_then(Value::as_table) {
                let member = destination.strip_prefix(root).unwrap_or(&destination);
                // Where one excludes it, cargo goes on looking.
                match within(workspace, manifest, member.to_owned()) {
                    Self::Alone => {}
                    standing => return Ok(standing),
                }
            }
        }
        Ok(Self::Alone)
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::PermissionDenied
    )
}

/// Absolute, and without symbolic links as far as the path exists.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    for ancestor in path.ancestors() {
        if let Ok(real) = ancestor.canonicalize() {
            let below = path.strip_prefix(ancestor).unwrap_or(Path::new(""));
            return Ok(real.join(below));
        }
    }
    Ok(path)
}

/// Cargo's rules: `exclude` wins over a pattern of `members`, but not over a member's own path.
fn within(workspace: &Table, manifest: PathBuf, member: PathBuf) -> Standing {
    let paths = |key: &str| -> Vec<&str> {
        let list = workspace.get(key).and_then(Value::as_array);
        list.into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(|path| path.trim_start_matches("./").trim_end_matches('/'))
            .collect()
    };
    let members = paths("members");
    let is_listed = members.iter().any(|path| member.starts_with(path));
    let is_excluded = paths("exclude").iter().any(|path| member.starts_with(path));
    if is_excluded && !is_listed {
        return Standing::Alone;
    }
    let options = MatchOptions {
        require_literal_separator: true,
        ..MatchOptions::new()
    };
    let is_member = members.iter().any(|pattern| {
        Pattern::new(pattern).is_ok_and(|pattern| pattern.matches_path_with(&member, options))
    });
    if is_member {
        Standing::Member { manifest }
    } else {
        Standing::Beside { manifest, member }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `None` for alone, else whether it is a member.
    fn standing(workspace: &str, member: &str) -> Option<bool> {
        let table: Table = workspace.parse().unwrap();
        match within(&table, PathBuf::from("Cargo.toml"), PathBuf::from(member)) {
            Standing::Alone => None,
            Standing::Member { .. } => Some(true),
            Standing::Beside { .. } => Some(false),
        }
    }

    #[test]
    fn members_and_exclusions() {
        let cases = [
            ("members = ['crates/*']", "crates/new", Some(true)),
            ("members = ['./crates/*/']", "crates/new", Some(true)),
            ("members = ['crates/*']", "new", Some(false)),
            ("members = ['crates/*']", "crates/deep/new", Some(false)),
            ("members = ['**']", "crates/deep/new", Some(true)),
            ("members = ['new']", "new", Some(true)),
            ("", "new", Some(false)),
            ("exclude = ['new']", "new", None),
            ("exclude = ['out']", "out/new", None),
            ("exclude = ['ne']", "new", Some(false)),
            ("members = ['out/*']\nexclude = ['out']", "out/new", None),
            (
                "members = ['out/new']\nexclude = ['out']",
                "out/new",
                Some(true),
            ),
        ];
        for (workspace, member, expected) in cases {
            assert_eq!(
                standing(workspace, member),
                expected,
                "{workspace} {member}"
            );
        }
    }

    #[test]
    fn looks_at_the_manifests_above() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("a/b");
        fs::create_dir_all(&inner).unwrap();
        assert_eq!(Standing::of(&inner.join("new")).unwrap(), Standing::Alone);

        fs::write(root.path().join("Cargo.toml"), "[workspace]").unwrap();
        // A package in between is no workspace.
        fs::write(root.path().join("a/Cargo.toml"), "[package]\nname = 'a'").unwrap();
        let manifest = root.path().canonicalize().unwrap().join("Cargo.toml");
        let member = PathBuf::from("a/b/new");
        assert_eq!(
            Standing::of(&inner.join("new")).unwrap(),
            Standing::Beside { manifest, member }
        );

        // One that excludes it hides none above.
        let excluding = "[workspace]\nexclude = ['b']";
        fs::write(root.path().join("a/Cargo.toml"), excluding).unwrap();
        assert!(matches!(
            Standing::of(&inner.join("new")).unwrap(),
            Standing::Beside { member, .. } if member == Path::new("a/b/new")
        ));

        fs::write(root.path().join("a/Cargo.toml"), "[package").unwrap();
        let error = Standing::of(&inner.join("new")).unwrap_err();
        assert!(
            error.to_string().contains("above the new project"),
            "{error}"
        );
    }
}
