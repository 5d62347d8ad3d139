//! Copies of built executables that stay as they are while cargo builds the next ones.
//!
//! The last good build must go on answering while a new one is compiled, and whoever runs
//! `cargo build` beside us must not change what is being served. A hard link costs nothing: linkers
//! write a new file and leave the old one to whoever holds it.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A directory of executables, one per function and build.
#[derive(Debug)]
pub struct Snapshots {
    directory: PathBuf,
    generation: u64,
    kept: BTreeMap<String, Kept>,
}

#[derive(Debug)]
struct Kept {
    identity: Identity,
    /// Its directory, with nothing else in it.
    current: PathBuf,
    /// What the environments of the release before may still be starting from.
    previous: Option<PathBuf>,
}

/// What tells one build's file from another's.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Identity {
    length: u64,
    modified: Option<SystemTime>,
    #[cfg(unix)]
    inode: (u64, u64),
}

impl Identity {
    fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        use std::os::unix::fs::MetadataExt as _;
        Self {
            length: metadata.len(),
            modified: metadata.modified().ok(),
            #[cfg(unix)]
            inode: (metadata.dev(), metadata.ino()),
        }
    }
}

impl Snapshots {
    /// Uses `directory`, which is emptied first and removed at the end.
    ///
    /// # Errors
    /// When it cannot be made, for want of permission say.
    pub fn new(directory: PathBuf) -> io::Result<Self> {
        match fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::create_dir_all(&directory)?,
        }
        Ok(Self {
            directory,
            generation: 0,
            kept: BTreeMap::new(),
        })
    }

    /// Keeps `executable` as it is now for `function`; returns where.
    ///
    /// The same file as last time gives the same path, so that nothing is swapped.
    ///
    /// # Errors
    /// When it can be neither linked nor copied.
    pub fn keep(&mut self, function: &str, executable: &Path) -> io::Result<PathBuf> {
        // The file's name is what `ps` shows where functions have this machine's file system: the
        // function's, not `bootstrap` for all of them.
        let directory = self.keep_in(Path::new(""), function, executable)?;
        Ok(directory.join(function))
    }

    /// Keeps `executable` as it is now for the extension `name`; returns the directory of a layer that
    /// has it, and nothing else.
    ///
    /// # Errors
    /// As [`Snapshots::keep`].
    pub fn keep_layer(&mut self, name: &str, executable: &Path) -> io::Result<PathBuf> {
        self.keep_in(Path::new("extensions"), name, executable)
    }

    /// Keeps `executable` under that name in that part of a directory of its own; returns the directory.
    fn keep_in(&mut self, part: &Path, name: &str, executable: &Path) -> io::Result<PathBuf> {
        let identity = Identity::of(&fs::metadata(executable)?);
        if let Some(kept) = self.kept.get(name)
            && kept.identity == identity
            && kept.current.join(part).join(name).exists()
        {
            return Ok(kept.current.clone());
        }
        self.generation += 1;
        let directory = self.directory.join(self.generation.to_string());
        fs::create_dir_all(directory.join(part))?;
        let path = directory.join(part).join(name);
        // Another file system than the target directory's: a copy does.
        fs::hard_link(executable, &path).or_else(|_| fs::copy(executable, &path).map(drop))?;
        let kept = Kept {
            identity,
            current: directory.clone(),
            previous: None,
        };
        if let Some(before) = self.kept.insert(name.to_owned(), kept) {
            if let Some(previous) = before.previous {
                // Only disk space is lost if it stays.
                let _ = fs::remove_dir_all(previous);
            }
            if let Some(kept) = self.kept.get_mut(name) {
                kept.previous = Some(before.current);
            }
        }
        Ok(directory)
    }
}

impl Drop for Snapshots {
    fn drop(&mut self) {
        // The next run on this port empties it anyway.
        let _ = fs::remove_dir_all(&self.directory);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_outlives_the_next_build() {
        let directory = tempfile::tempdir().unwrap();
        let built = directory.path().join("orders");
        let write = |text: &str| {
            // As linkers do: a new file in place of the old.
            let _ = fs::remove_file(&built);
            fs::write(&built, text).unwrap();
        };
        let mut snapshots = Snapshots::new(directory.path().join("snapshots")).unwrap();
        write("one");
        let first = snapshots.keep("orders", &built).unwrap();
        assert_eq!(snapshots.keep("orders", &built).unwrap(), first);
        write("two two");
        assert_eq!(fs::read_to_string(&first).unwrap(), "one");
        let second = snapshots.keep("orders", &built).unwrap();
        assert_eq!(fs::read_to_string(&second).unwrap(), "two two");
        assert!(first.exists());
        write("three three three");
        snapshots.keep("orders", &built).unwrap();
        assert!(!first.exists());
        drop(snapshots);
        assert!(!second.exists());
    }

    #[test]
    fn an_extension_is_kept_as_a_layer() {
        let directory = tempfile::tempdir().unwrap();
        let built = directory.path().join("audit");
        fs::write(&built, "one").unwrap();
        let mut snapshots = Snapshots::new(directory.path().join("snapshots")).unwrap();
        let layer = snapshots.keep_layer("audit", &built).unwrap();
        let kept = fs::read_to_string(layer.join("extensions/audit")).unwrap();
        assert_eq!(kept, "one");
        assert_eq!(snapshots.keep_layer("audit", &built).unwrap(), layer);
        fs::remove_file(&built).unwrap();
        fs::write(&built, "two two").unwrap();
        assert_ne!(snapshots.keep_layer("audit", &built).unwrap(), layer);
        assert!(layer.exists());
        // What was an extension may become a function.
        let function = snapshots.keep("audit", &built).unwrap();
        assert_eq!(fs::read_to_string(function).unwrap(), "two two");
        assert!(!layer.exists());
    }
}
