//! Why an artefact is not there.

use std::io;
use std::path::{Path, PathBuf};

/// Why a package could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackageError {
    /// A file that belongs into the package.
    #[error("cannot read `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why the system refused.
        source: io::Error,
    },
    /// The artefact, or a directory on the way to it.
    #[error("cannot write `{path}`")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why the system refused.
        source: io::Error,
    },
    /// The zip itself.
    #[error("cannot zip `{path}`")]
    Zip {
        /// The file that was added.
        path: PathBuf,
        /// What went wrong.
        source: zip::result::ZipError,
    },
    /// An include that names nothing.
    #[error("the included path `{path}` does not exist")]
    IncludeMissing {
        /// The path.
        path: PathBuf,
    },
    /// An include, or something in an included directory, that is a pipe, a socket or a device.
    #[error("`{path}` is neither a file nor a directory")]
    Special {
        /// The path.
        path: PathBuf,
    },
    /// A name in the zip that is not UTF-8, or would lie outside it.
    #[error("`{path}` has no name that a zip can hold")]
    Name {
        /// The path.
        path: PathBuf,
    },
    /// Two files for one place in the zip.
    #[error("both `{first}` and `{second}` would be `{name}` in the zip")]
    Twice {
        /// The place.
        name: String,
        /// The file that has it.
        first: PathBuf,
        /// The file that wants it too.
        second: PathBuf,
    },
}

impl PackageError {
    pub(super) fn read(path: &Path, source: io::Error) -> Self {
        Self::Read {
            path: path.to_owned(),
            source,
        }
    }

    pub(super) fn write(path: &Path, source: io::Error) -> Self {
        Self::Write {
            path: path.to_owned(),
            source,
        }
    }

    /// The way out.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Write { source, .. } => matches!(
                source.kind(),
                io::ErrorKind::PermissionDenied
                    | io::ErrorKind::ReadOnlyFilesystem
                    | io::ErrorKind::NotADirectory
            )
            .then(|| "choose other directories with `--target-dir` or `--lambda-dir`".to_owned()),
            Self::Read { .. } | Self::Zip { .. } => None,
            Self::IncludeMissing { .. } => {
                Some("give a path that exists, relative to the current directory".to_owned())
            }
            Self::Special { .. } => Some("include files and directories only".to_owned()),
            Self::Name { .. } | Self::Twice { .. } => {
                Some("give it another name in the zip: `--include PATH:NAME`".to_owned())
            }
        }
    }
}
