//! What is wanted of the file system, and what of it is in force.

use std::fmt;

/// Which file system functions see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FileSystemSettings {
    /// That of AWS, as near as this machine allows.
    #[default]
    Auto,
    /// This machine's, and a directory for temporary files of their own.
    Fallback,
    /// This machine's.
    Off,
}

impl FileSystemSettings {
    /// This machine's file system, as Kiln sees it.
    pub fn off() -> Self {
        Self::Off
    }
}

/// Which file system functions see here. Its text goes with that of the
/// [limits](crate::resources::InForce): `files: as on AWS`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileSystemInForce {
    /// `/var/task`, `/opt`, a private `/tmp`, and nothing else to write to.
    AsOnAws,
    /// This machine's, with a private directory in `TMPDIR`.
    PrivateDirectory {
        /// Why not better.
        why: String,
    },
    /// This machine's.
    OfThisMachine,
}

impl fmt::Display for FileSystemInForce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AsOnAws => f.write_str("files: as on AWS"),
            Self::PrivateDirectory { why } => write!(f, "files: a private TMPDIR ({why})"),
            Self::OfThisMachine => f.write_str("files: off"),
        }
    }
}
