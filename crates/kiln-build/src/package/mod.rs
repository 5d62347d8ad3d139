//! From an executable to what is shipped: a `bootstrap` file, or a zip around it.
//!
//! [`Layout`] says where things lie, [`Package`] what goes in, and [`Package::write`] puts it
//! there in one step, so that a reader sees the old artefact or the new one and never half of one.

mod archive;
mod error;
mod include;
mod layout;

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

pub use error::PackageError;
pub use include::Include;
pub use layout::{Layout, Placement};

/// How an artefact is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutputFormat {
    /// The executable itself.
    #[default]
    Binary,
    /// A deployment package: the executable and what is included, compressed.
    Zip,
}

/// What kind of program is packaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgramKind {
    /// A function: Lambda starts its `bootstrap`.
    Function,
    /// An extension of its own process: Lambda starts all in `/opt/extensions`, so a layer's zip
    /// has it below `extensions/`.
    /// Source: <https://docs.aws.amazon.com/lambda/latest/dg/extensions-api-partners.html>.
    ExternalExtension,
    /// An extension started by the runtime or a wrapper script, wherever it lies.
    InternalExtension,
}

/// Largest zip that Lambda takes directly, in bytes; beyond it only from S3.
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
pub const LARGEST_ZIP: u64 = 50 * 1024 * 1024;

/// Largest content of a zip and its layers, in bytes.
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
pub const LARGEST_CONTENT: u64 = 250 * 1024 * 1024;

/// One program to be packaged.
#[derive(Clone, Debug)]
pub struct Package<'a> {
    /// The executable that cargo built.
    pub executable: &'a Path,
    /// Where the artefact goes.
    pub placement: Placement,
    /// More files for the zip.
    pub includes: &'a [Include],
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packaged {
    /// The artefact.
    pub path: PathBuf,
    /// Size of all content before compression, in bytes.
    pub content_size: u64,
    /// Size of the zip in bytes, where one was written.
    pub zip_size: Option<u64>,
}

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

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory with an executable `program` in it.
    fn workbench() -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("program"), b"\x7fELF program").unwrap();
        directory
    }

    fn listing(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn write(
        bench: &Path,
        kind: ProgramKind,
        format: OutputFormat,
        includes: &[Include],
    ) -> Result<Packaged, PackageError> {
        let layout = Layout::new(bench.join("lambda"), None);
        Package {
            executable: &bench.join("program"),
            placement: layout.placement("api", kind),
            includes,
        }
        .write(format, &bench.join("staging"))
    }

    fn entries(zip: &Path) -> Vec<(String, Option<u32>, Option<zip::DateTime>)> {
        let mut archive = zip::ZipArchive::new(File::open(zip).unwrap()).unwrap();
        (0..archive.len())
            .map(|index| {
                let entry = archive.by_index(index).unwrap();
                (
                    entry.name().unwrap().into_owned(),
                    entry.unix_mode(),
                    entry.last_modified(),
                )
            })
            .collect()
    }

    #[cfg(unix)]
    #[test]
    fn a_binary_is_executable_and_alone() {
        use std::os::unix::fs::PermissionsExt as _;

        let bench = workbench();
        let packaged = write(
            bench.path(),
            ProgramKind::Function,
            OutputFormat::Binary,
            &[],
        )
        .unwrap();
        assert_eq!(packaged.path, bench.path().join("lambda/api/bootstrap"));
        assert_eq!(packaged.content_size, 12);
        let mode = fs::metadata(&packaged.path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755);
        assert_eq!(listing(&bench.path().join("lambda")), ["api"]);
        assert_eq!(listing(&bench.path().join("lambda/api")), ["bootstrap"]);
        assert_eq!(listing(&bench.path().join("staging")), [""; 0]);
    }

    #[test]
    fn a_place_is_checked_without_a_trace() {
        let bench = workbench();
        check_writable(&bench.path().join("not/yet")).unwrap();
        assert_eq!(listing(bench.path()), ["program"]);
        // A file where a directory should be: permissions do not stop tests that root runs.
        for below in ["program", "program/artefacts/api"] {
            let error = check_writable(&bench.path().join(below)).unwrap_err();
            assert!(error.to_string().contains(below), "{error}");
            assert!(error.hint().is_some());
        }
    }

    #[test]
    fn the_other_format_does_not_stay_behind() {
        let bench = workbench();
        for (format, name) in [
            (OutputFormat::Binary, "bootstrap"),
            (OutputFormat::Zip, "bootstrap.zip"),
            (OutputFormat::Binary, "bootstrap"),
        ] {
            write(bench.path(), ProgramKind::Function, format, &[]).unwrap();
            assert_eq!(listing(&bench.path().join("lambda/api")), [name]);
        }
    }

    #[test]
    fn a_zip_is_the_same_bytes_whenever_it_is_made() {
        let bench = workbench();
        let assets = bench.path().join("assets");
        fs::create_dir_all(assets.join("deep")).unwrap();
        for name in ["b.txt", "a.txt", "deep/c.txt"] {
            fs::write(assets.join(name), name).unwrap();
        }
        let includes = [Include::new(&assets, Some("data"))];
        let make = || {
            let packaged = write(
                bench.path(),
                ProgramKind::Function,
                OutputFormat::Zip,
                &includes,
            )
            .unwrap();
            (fs::read(&packaged.path).unwrap(), packaged)
        };
        let (first, packaged) = make();
        // Other times, written in another order.
        for name in ["deep/c.txt", "a.txt", "b.txt"] {
            fs::remove_file(assets.join(name)).unwrap();
            fs::write(assets.join(name), name).unwrap();
            let later = std::time::SystemTime::now() + std::time::Duration::from_secs(7200);
            File::options()
                .write(true)
                .open(assets.join(name))
                .unwrap()
                .set_modified(later)
                .unwrap();
        }
        let (second, _) = make();
        assert_eq!(first, second);
        assert_eq!(packaged.zip_size, Some(first.len() as u64));

        let epoch = Some(zip::DateTime::default());
        let entry = |name: &str, mode| (name.to_owned(), Some(mode), epoch);
        assert_eq!(
            entries(&packaged.path),
            [
                entry("bootstrap", 0o100_755),
                entry("data/a.txt", 0o100_644),
                entry("data/b.txt", 0o100_644),
                entry("data/deep/c.txt", 0o100_644),
            ]
        );
    }

    #[test]
    fn the_size_of_a_zip_is_known_without_writing_it() {
        let bench = workbench();
        let package = Package {
            executable: &bench.path().join("program"),
            placement: Layout::new(bench.path().join("lambda"), None)
                .placement("api", ProgramKind::Function),
            includes: &[],
        };
        let expected = package.zip_size().unwrap();
        assert!(!bench.path().join("lambda").exists());
        let written = package
            .write(OutputFormat::Zip, &bench.path().join("staging"))
            .unwrap();
        assert_eq!(written.zip_size, Some(expected));
    }

    #[test]
    fn extensions_lie_where_lambda_looks_for_them() {
        let bench = workbench();
        let external = write(
            bench.path(),
            ProgramKind::ExternalExtension,
            OutputFormat::Zip,
            &[],
        )
        .unwrap();
        assert_eq!(
            external.path,
            bench.path().join("lambda/extensions/api.zip")
        );
        assert_eq!(entries(&external.path)[0].0, "extensions/api");
        let internal = write(
            bench.path(),
            ProgramKind::InternalExtension,
            OutputFormat::Zip,
            &[],
        )
        .unwrap();
        assert_eq!(entries(&internal.path)[0].0, "api");
    }

    #[test]
    fn a_missing_include_is_an_error_and_leaves_the_old_artefact() {
        let bench = workbench();
        let before = write(bench.path(), ProgramKind::Function, OutputFormat::Zip, &[]).unwrap();
        let bytes = fs::read(&before.path).unwrap();
        let includes = [Include::new(bench.path().join("nowhere"), None)];
        let error = write(
            bench.path(),
            ProgramKind::Function,
            OutputFormat::Zip,
            &includes,
        )
        .unwrap_err();
        assert!(error.to_string().contains("nowhere"), "{error}");
        assert_eq!(fs::read(&before.path).unwrap(), bytes);
        assert_eq!(listing(&bench.path().join("lambda/api")), ["bootstrap.zip"]);
        assert_eq!(listing(&bench.path().join("staging")), [""; 0]);
    }

    #[test]
    fn two_files_for_one_name_are_an_error() {
        let bench = workbench();
        fs::write(bench.path().join("other"), "other").unwrap();
        let includes = [Include::new(bench.path().join("other"), Some("bootstrap"))];
        let error = write(
            bench.path(),
            ProgramKind::Function,
            OutputFormat::Zip,
            &includes,
        )
        .unwrap_err();
        assert!(matches!(error, PackageError::Twice { .. }), "{error}");
    }
}
