//! Artefacts on their way to their places.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::{OutputFormat, Package, PackageError, Packaged, archive};

impl Package<'_> {
    /// Writes the artefact. `staging` is a directory for the unfinished file: best one on the same
    /// file system that nobody lists, so that even a killed build leaves nothing beside the
    /// artefacts. An artefact of the other format at the same place is removed, because it is of
    /// an older build from now on.
    ///
    /// # Errors
    ///
    /// When a file cannot be read or written. The old artefact is then as it was.
    pub fn write(&self, format: OutputFormat, staging: &Path) -> Result<Packaged, PackageError> {
        let (path, other) = match format {
            OutputFormat::Binary => (&self.placement.binary, &self.placement.zip),
            OutputFormat::Zip => (&self.placement.zip, &self.placement.binary),
        };
        let parent = path.parent().unwrap_or(Path::new("."));
        for directory in [parent, staging] {
            fs::create_dir_all(directory)
                .map_err(|source| PackageError::write(directory, source))?;
        }
        let mut file = NamedTempFile::new_in(staging)
            .map_err(|source| PackageError::write(staging, source))?;
        let (content_size, zip_size) = match format {
            OutputFormat::Binary => {
                let mut executable = File::open(self.executable)
                    .map_err(|source| PackageError::read(self.executable, source))?;
                let size = io::copy(&mut executable, file.as_file_mut())
                    .map_err(|source| PackageError::write(path, source))?;
                (size, None)
            }
            OutputFormat::Zip => {
                let size = archive::write(self, BufWriter::new(file.as_file_mut()))?;
                let zipped = file
                    .as_file()
                    .metadata()
                    .map_err(|source| PackageError::write(path, source))?
                    .len();
                (size, Some(zipped))
            }
        };
        set_mode(file.as_file(), format).map_err(|source| PackageError::write(path, source))?;
        place(file, path)?;
        match fs::remove_file(other) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(PackageError::write(other, error))
            }
            _ => Ok(Packaged {
                path: path.clone(),
                content_size,
                zip_size,
            }),
        }
    }

    /// The size in bytes that the zip would have, without leaving one. It costs as much as
    /// writing it.
    ///
    /// # Errors
    ///
    /// When a file cannot be read.
    pub fn zip_size(&self) -> Result<u64, PackageError> {
        let mut zip = io::Cursor::new(Vec::new());
        archive::write(self, &mut zip)?;
        Ok(zip.into_inner().len() as u64)
    }
}

/// The directory for unfinished artefacts: on the file system of the target directory, and not
/// where anybody looks for finished ones.
#[must_use]
pub fn staging_directory(target_directory: &Path) -> PathBuf {
    target_directory.join("kiln").join("staging")
}

/// Checks that files could be written to a directory, which need not exist yet. Leaves no trace.
///
/// A build takes minutes, and whoever waited for it should not be told afterwards.
///
/// # Errors
///
/// When the directory, or the nearest one above it that exists, does not take a file.
pub fn check_writable(directory: &Path) -> Result<(), PackageError> {
    let refused = |source| PackageError::write(directory, source);
    for existing in directory.ancestors() {
        match fs::metadata(existing) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(refused(error)),
            Ok(_) => return tempfile::tempfile_in(existing).map(drop).map_err(refused),
        }
    }
    Ok(())
}

#[cfg(unix)]
fn set_mode(file: &File, format: OutputFormat) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    // A temporary file is for its owner alone; an artefact is for whoever ships it.
    let mode = match format {
        OutputFormat::Binary => 0o755,
        OutputFormat::Zip => 0o644,
    };
    file.set_permissions(fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_file: &File, _format: OutputFormat) -> io::Result<()> {
    Ok(())
}

/// Moves the finished file to its place in one step.
fn place(file: NamedTempFile, path: &Path) -> Result<(), PackageError> {
    let file = match file.persist(path) {
        Ok(_) => return Ok(()),
        Err(error) if error.error.kind() == io::ErrorKind::CrossesDevices => error.file,
        Err(error) => return Err(PackageError::write(path, error.error)),
    };
    // The artefact lies on another file system than the staging directory (`--lambda-dir`): go
    // through a file beside it.
    let failed = |source| PackageError::write(path, source);
    let parent = path.parent().unwrap_or(Path::new("."));
    let mut beside = NamedTempFile::new_in(parent).map_err(failed)?;
    let finished = file.reopen().map_err(failed)?;
    let permissions = finished.metadata().map_err(failed)?.permissions();
    io::copy(&mut BufReader::new(finished), beside.as_file_mut()).map_err(failed)?;
    beside
        .as_file()
        .set_permissions(permissions)
        .map_err(failed)?;
    beside
        .persist(path)
        .map_err(|error| PackageError::write(path, error.error))?;
    Ok(())
}
