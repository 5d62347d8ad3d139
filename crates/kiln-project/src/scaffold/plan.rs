//! A project as it will be, in memory, and how it gets onto the disk: all of it or nothing.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::error::ScaffoldError;

/// One file of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedFile {
    path: PathBuf,
    contents: Vec<u8>,
    executable: bool,
}

impl PlannedFile {
    pub(super) fn new(path: PathBuf, contents: Vec<u8>, executable: bool) -> Self {
        Self {
            path,
            contents,
            executable,
        }
    }

    pub(super) fn text(path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        Self::new(path.into(), text.into().into_bytes(), false)
    }

    /// Where it goes, relative to the project.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is in it.
    pub fn contents(&self) -> &[u8] {
        &self.contents
    }
}

/// All files of a project, rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    files: Vec<PlannedFile>,
}

/// What [`Plan::write_into`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Files that were written.
    pub written: Vec<PathBuf>,
    /// Files that were there already and stayed as they were.
    pub kept: Vec<PathBuf>,
}

impl Plan {
    pub(super) fn new(mut files: Vec<PlannedFile>) -> Self {
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Self { files }
    }

    /// The files, sorted by path.
    pub fn files(&self) -> &[PlannedFile] {
        &self.files
    }

    /// Whether a project can be made here: there is nothing, or an empty directory.
    ///
    /// # Errors
    ///
    /// [`ScaffoldError::DestinationExists`].
    pub fn check_destination(destination: &Path) -> Result<(), ScaffoldError> {
        if destination.symlink_metadata().is_ok() && !is_empty_directory(destination) {
            return Err(ScaffoldError::DestinationExists {
                is_directory: destination.is_dir(),
                path: std::path::absolute(destination).unwrap_or_else(|_| destination.to_owned()),
            });
        }
        Ok(())
    }

    /// Makes a new directory with the project in it.
    ///
    /// Everything is written beside the destination first and then moved there at once, so that the
    /// destination is complete or not there at all. A directory that is there and empty is filled:
    /// it may be a mount, a link, or where the user's shell stands.
    ///
    /// # Errors
    ///
    /// [`ScaffoldError::DestinationExists`] when there is something other than an empty directory,
    /// [`ScaffoldError::Write`] when the disk refuses.
    pub fn create(&self, destination: &Path) -> Result<(), ScaffoldError> {
        let failed = |path: &Path, source| write_failed(path, source);
        let destination =
            std::path::absolute(destination).map_err(|source| failed(destination, source))?;
        Self::check_destination(&destination)?;
        if destination.is_dir() {
            return self.write_into(&destination).map(drop);
        }
        // Missing directories above the destination move into place together with it.
        let (base, below) = split_existing(&destination);
        let is_plain = |component: Component<'_>| matches!(component, Component::Normal(_));
        if !below.components().all(is_plain) {
            // `missing/../orders` leads nowhere as long as `missing` is missing.
            return Err(failed(&destination, io::ErrorKind::NotFound.into()));
        }
        let staging = tempfile::Builder::new()
            .prefix(".kiln-new-")
            .tempdir_in(base)
            .map_err(|source| failed(&destination, source))?;
        let staged = staging.path().join(below);
        for file in &self.files {
            // The messages name the place that the user knows.
            write_file(&staged.join(&file.path), file)
                .map_err(|source| failed(&destination.join(&file.path), source))?;
        }
        let first: PathBuf = below.components().take(1).collect();
        fs::rename(staging.path().join(&first), base.join(&first))
            .map_err(|source| failed(&destination, source))
    }

    /// Puts the project into a directory that has files already. A README, a licence and a
    /// `.gitignore` of the user's stay as they are.
    ///
    /// # Errors
    ///
    /// [`ScaffoldError::Conflicts`] when other files of the project are there already,
    /// [`ScaffoldError::Write`] when the disk refuses; the directory is then as it was.
    pub fn write_into(&self, directory: &Path) -> Result<Written, ScaffoldError> {
        let (there, missing): (Vec<&PlannedFile>, Vec<&PlannedFile>) = self
            .files
            .iter()
            .partition(|file| directory.join(&file.path).symlink_metadata().is_ok());
        let (kept, conflicts): (Vec<PathBuf>, Vec<PathBuf>) = there
            .into_iter()
            .map(|file| file.path.clone())
            .partition(|path| is_the_users(path));
        if !conflicts.is_empty() {
            return Err(ScaffoldError::Conflicts {
                directory: directory.to_owned(),
                files: conflicts,
            });
        }
        let mut undo = Undo::default();
        for file in &missing {
            let target = directory.join(&file.path);
            undo.make_directories(directory, &file.path)
                .and_then(|()| undo.write(&target, file))
                .map_err(|source| write_failed(&target, source))?;
        }
        undo.made.clear();
        Ok(Written {
            written: missing.iter().map(|file| file.path.clone()).collect(),
            kept,
        })
    }
}

/// What a repository has before it has code.
fn is_the_users(path: &Path) -> bool {
    let name = path.to_string_lossy().to_ascii_lowercase();
    let beginnings = ["readme", "license", "licence"];
    name == ".gitignore" || beginnings.iter().any(|begin| name.starts_with(begin))
}

fn is_empty_directory(path: &Path) -> bool {
    fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
}

/// The nearest directory above that exists, and the rest of the path.
fn split_existing(destination: &Path) -> (&Path, &Path) {
    let base = destination
        .ancestors()
        .skip(1)
        .find(|ancestor| ancestor.is_dir())
        .unwrap_or(Path::new("/"));
    let below = destination.strip_prefix(base).unwrap_or(destination);
    (base, below)
}

fn write_file(target: &Path, file: &PlannedFile) -> io::Result<()> {
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent)?;
    }
    write_new(target, file)
}

/// Writes a file that is not there yet.
fn write_new(target: &Path, file: &PlannedFile) -> io::Result<()> {
    use std::io::Write as _;

    let mut options = fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if file.executable {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o777);
    }
    options.open(target)?.write_all(&file.contents)
}

fn write_failed(path: &Path, source: io::Error) -> ScaffoldError {
    ScaffoldError::Write {
        path: path.to_owned(),
        source,
    }
}

/// Removes what was made, newest first, unless it is told to forget it.
#[derive(Default)]
struct Undo {
    made: Vec<(PathBuf, Made)>,
}

#[derive(Clone, Copy)]
enum Made {
    File,
    Directory,
}

impl Undo {
    fn make_directories(&mut self, root: &Path, file: &Path) -> io::Result<()> {
        let parent = file.parent().unwrap_or(Path::new(""));
        let mut directory = root.to_owned();
        for component in parent.components() {
            directory.push(component);
            match fs::create_dir(&directory) {
                Ok(()) => self.made.push((directory.clone(), Made::Directory)),
                Err(error)
                    if error.kind() == io::ErrorKind::AlreadyExists && directory.is_dir() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn write(&mut self, target: &Path, file: &PlannedFile) -> io::Result<()> {
        let result = write_new(target, file);
        // Even a failed write may have made the file, unless it was somebody else's.
        let is_ours =
            !matches!(&result, Err(error) if error.kind() == io::ErrorKind::AlreadyExists);
        if is_ours {
            self.made.push((target.to_owned(), Made::File));
        }
        result
    }
}

impl Drop for Undo {
    fn drop(&mut self) {
        for (path, made) in self.made.drain(..).rev() {
            // Nothing better can be done about a disk that also refuses to remove.
            let _ = match made {
                Made::File => fs::remove_file(path),
                Made::Directory => fs::remove_dir(path),
            };
        }
    }
}
