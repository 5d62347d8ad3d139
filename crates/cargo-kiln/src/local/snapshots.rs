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
        let identity = Identity::of(&fs::metadata(executable)?);
        if let Some(kept) = self.kept.get(function)
            && kept.identity == identity
        {
            return Ok(kept.current.clone());
        }
        self.generation += 1;
        let directory = self.directory.join(self.generation.to_string());
        fs::create_dir_all(&directory)?;
        // The file's name is what `ps` shows where functions have this machine's file system: the
        // function's, not `bootstrap` for all of them.
        let path = directory.join(function);
        // Another file system than the target directory's: a copy does.
        fs::hard_link(executable, &path).or_else(|_| fs::copy(executable, &path).map(drop))?;
        let kept = Kept {
            identity,
            current: path.clone(),
            previous: None,
        };
        if let Some(before) = self.kept.insert(function.to_owned(), kept) {
            if let Some(parent) = before.previous.as_deref().and_then(Path::parent) {
                // Only disk space is lost if it stays.
                let _ = fs::remove_dir_all(parent);
            }
            if let Some(kept) = self.kept.get_mut(function) {
                kept.previous = Some(before.current);
            }
        }
        Ok(path)
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
}
