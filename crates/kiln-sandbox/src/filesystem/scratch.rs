//! Directories for temporary files, where an environment cannot have a `/tmp` of its own.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::process::Pid;

/// Our directories' names, completed by the id of the process they belong to.
const PREFIX: &str = "kiln-tmp-";

/// The directories of this process, in one that goes with it.
#[derive(Debug)]
pub(super) struct Scratches {
    root: PathBuf,
    next: AtomicU64,
}

/// The directory of one environment, which goes with it.
#[derive(Debug)]
pub(super) struct Scratch {
    pub(super) directory: PathBuf,
}

impl Scratches {
    /// Those of a service, below this directory. What is left there of processes that were killed is
    /// removed.
    pub(super) fn new(below: &Path) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        sweep(below);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self {
            root: below.join(format!("{PREFIX}{}-{number}", std::process::id())),
            next: AtomicU64::new(0),
        }
    }

    /// A new one, empty.
    pub(super) fn create(&self) -> io::Result<Scratch> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut private = DirBuilder::new();
        private.mode(0o700);
        match private.create(&self.root) {
            // One of ours: the id is in its name, and it was swept at the start.
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists || number == 0 => {
                return Err(error);
            }
            _ => {}
        }
        let directory = self.root.join(number.to_string());
        private.create(&directory)?;
        Ok(Scratch { directory })
    }
}

impl Drop for Scratches {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Removes the directories of processes that are no more.
fn sweep(below: &Path) {
    for entry in fs::read_dir(below).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let ours = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        let pid = ours.and_then(|name| name.split('-').next()?.parse().ok());
        let Some(pid) = pid.and_then(Pid::from_raw) else {
            continue;
        };
        let gone = rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH);
        let own = pid == rustix::process::getpid();
        if gone && !own {
            // Others' are refused.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_go_with_their_owners_and_what_was_left_is_swept() {
        let below = tempfile::tempdir().unwrap();
        // No process has this id: it is more than Linux and macOS have.
        let left = below.path().join(format!("{PREFIX}99999999-0"));
        fs::create_dir_all(left.join("0/file")).unwrap();
        let alive = below.path().join(format!("{PREFIX}1-0"));
        fs::create_dir(&alive).unwrap();
        let scratches = Scratches::new(below.path());
        assert!(!left.exists() && alive.exists());
        let (one, other) = (scratches.create().unwrap(), scratches.create().unwrap());
        fs::write(one.directory.join("file"), "text").unwrap();
        assert_eq!(fs::read_dir(&other.directory).unwrap().count(), 0);
        drop(one);
        assert!(other.directory.exists());
        drop((other, scratches));
        assert_eq!(fs::read_dir(below.path()).unwrap().count(), 1);
    }
}
