//! Files that go into the zip beside the program.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::PackageError;

/// A file or a directory for the zip, and its name there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Include {
    source: PathBuf,
    destination: Option<String>,
}

impl Include {
    /// Reads `PATH`, or `PATH:NAME` with the name it gets in the zip. A relative path starts from
    /// `directory`, and is its own name in the zip if it goes down only.
    #[must_use]
    pub fn parse(text: &str, directory: &Path) -> Self {
        // The last colon that ends a path, which on Windows is not that of a drive letter.
        let shortest = if cfg!(windows) { 2 } else { 1 };
        let colon = text.rfind(':').filter(|place| *place >= shortest);
        let (path, name) = match colon {
            // A path with a colon in its name is meant when it exists.
            Some(place) if !directory.join(text).exists() => {
                (&text[..place], Some(text[place + 1..].to_owned()))
            }
            _ => (text, None),
        };
        let own_name = || components(Path::new(path)).map(|names| names.join("/"));
        Self {
            source: directory.join(path),
            // A name of no components at all (`.`) stands for what is in the directory.
            destination: name.or_else(own_name),
        }
    }

    /// Includes `source`, a directory with all below it. Without a destination it keeps its path
    /// if that is relative and goes down only, else its last component.
    pub fn new(source: impl Into<PathBuf>, destination: Option<&str>) -> Self {
        Self {
            source: source.into(),
            destination: destination.map(ToOwned::to_owned),
        }
    }

    /// The file or directory.
    #[must_use]
    pub fn source(&self) -> &Path {
        &self.source
    }

    /// Checks that what is included could be packed now, by name and kind. A build takes minutes,
    /// and whoever waited for it should not be told afterwards.
    ///
    /// # Errors
    ///
    /// When it could not.
    pub fn check(&self) -> Result<(), PackageError> {
        self.collect(&mut BTreeMap::new())
    }

    /// Adds the files to `files`: name in the zip → path.
    pub(super) fn collect(
        &self,
        files: &mut BTreeMap<String, PathBuf>,
    ) -> Result<(), PackageError> {
        if let Err(error) = fs::metadata(&self.source)
            && error.kind() == io::ErrorKind::NotFound
        {
            return Err(PackageError::IncludeMissing {
                path: self.source.clone(),
            });
        }
        collect(&self.source, &self.name()?, files)
    }

    /// The components of the name in the zip; none for a directory whose content is meant.
    fn name(&self) -> Result<Vec<String>, PackageError> {
        let unnameable = || PackageError::Name {
            path: self.source.clone(),
        };
        if let Some(destination) = &self.destination {
            return components(Path::new(destination)).ok_or_else(unnameable);
        }
        if let Some(name) = components(&self.source) {
            return Ok(name);
        }
        // Absolute, or above the current directory.
        let last = self.source.file_name().and_then(|name| name.to_str());
        last.map(|name| vec![name.to_owned()])
            .ok_or_else(unnameable)
    }
}

/// The components of a relative path that only goes down.
fn components(path: &Path) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::Normal(name) => names.push(name.to_str()?.to_owned()),
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(names)
}

/// Adds a file under this name, or all files of a directory below it.
fn collect(
    path: &Path,
    name: &[String],
    files: &mut BTreeMap<String, PathBuf>,
) -> Result<(), PackageError> {
    let failed = |source| PackageError::read(path, source);
    // Links are followed: what they point at is not in the zip.
    let metadata = fs::metadata(path).map_err(failed)?;
    if metadata.is_file() {
        // A zip separates with slashes, whatever the system.
        return insert(files, name.join("/"), path);
    }
    if !metadata.is_dir() {
        // A pipe would be read for ever.
        return Err(PackageError::Special {
            path: path.to_owned(),
        });
    }
    for entry in fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let last = entry.file_name().into_string();
        let last = last.map_err(|_| PackageError::Name { path: entry.path() })?;
        collect(&entry.path(), &[name, &[last]].concat(), files)?;
    }
    Ok(())
}

pub(super) fn insert(
    files: &mut BTreeMap<String, PathBuf>,
    name: String,
    path: &Path,
) -> Result<(), PackageError> {
    if name.is_empty() {
        return Err(PackageError::Name {
            path: path.to_owned(),
        });
    }
    match files.get(&name) {
        Some(first) if first != path => Err(PackageError::Twice {
            name,
            first: first.clone(),
            second: path.to_owned(),
        }),
        _ => {
            files.insert(name, path.to_owned());
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(include: &Include) -> Result<Vec<String>, PackageError> {
        let mut files = BTreeMap::new();
        include.collect(&mut files)?;
        Ok(files.into_keys().collect())
    }

    #[test]
    fn names_in_the_zip_follow_the_path_or_the_users_word() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        fs::create_dir_all(data.join("empty")).unwrap();
        fs::write(data.join("a"), "").unwrap();
        let file = data.join("a");
        let text = |path: &Path, name: &str| format!("{}:{name}", path.display());
        let cases = [
            (data.display().to_string(), vec!["data/a"]),
            (file.display().to_string(), vec!["a"]),
            (text(&data, "other/place"), vec!["other/place/a"]),
            (text(&data, "."), vec!["a"]),
            (text(&file, "b"), vec!["b"]),
        ];
        for (include, expected) in cases {
            let include = Include::parse(&include, Path::new("."));
            assert_eq!(names(&include).unwrap(), expected, "{include:?}");
        }
        for bad in [text(&file, "../b"), text(&file, "/b"), text(&file, ".")] {
            let include = Include::parse(&bad, Path::new("."));
            assert!(
                matches!(names(&include), Err(PackageError::Name { .. })),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_relative_path_is_kept_wherever_it_starts() {
        let kept = |path: &str| {
            let include = Include::parse(path, Path::new("/elsewhere"));
            (include.source.clone(), include.name().unwrap())
        };
        let names = |names: &[&str]| -> Vec<String> {
            names.iter().map(|name| (*name).to_owned()).collect()
        };
        assert_eq!(
            kept("./a/b"),
            (PathBuf::from("/elsewhere/./a/b"), names(&["a", "b"]))
        );
        assert_eq!(kept("a/b:c").1, ["c"]);
        #[cfg(not(windows))]
        assert_eq!(kept("a:b"), (PathBuf::from("/elsewhere/a"), names(&["b"])));
        assert_eq!(kept("../a/b").1, ["b"]);
        assert_eq!(kept("."), (PathBuf::from("/elsewhere/."), names(&[])));
    }

    proptest::proptest! {
        #[test]
        fn no_include_leaves_the_zip(text in "\\PC*") {
            let include = Include::parse(&text, Path::new("/somewhere"));
            for name in include.name().into_iter().flatten() {
                proptest::prop_assert!(name != ".." && !name.contains('/'), "{}", name);
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn odd_names_links_and_sockets_are_taken_for_what_they_are() {
        let directory = tempfile::tempdir().unwrap();
        let odd = directory.path().join("a:b");
        fs::write(&odd, "").unwrap();
        std::os::unix::fs::symlink(&odd, directory.path().join("link")).unwrap();
        let include = Include::parse(&odd.display().to_string(), Path::new("."));
        assert_eq!(names(&include).unwrap(), ["a:b"]);
        let include = Include::new(directory.path().join("link"), None);
        assert_eq!(names(&include).unwrap(), ["link"]);
        let _socket = std::os::unix::net::UnixListener::bind(directory.path().join("socket"));
        let include = Include::new(directory.path().join("socket"), None);
        assert!(matches!(include.check(), Err(PackageError::Special { .. })));
        fs::remove_file(directory.path().join("socket")).unwrap();
        std::os::unix::fs::symlink("gone", directory.path().join("dangling")).unwrap();
        let include = Include::new(directory.path(), Some("all"));
        assert!(matches!(names(&include), Err(PackageError::Read { .. })));
    }
}
