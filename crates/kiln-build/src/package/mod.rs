//! From an executable to what is shipped: a `bootstrap` file, or a zip around it.
//!
//! [`Layout`] says where things lie, [`Package`] what goes in, and [`Package::write`] puts it
//! there in one step, so that a reader sees the old artefact or the new one and never half of one.

mod archive;
mod error;
mod include;
mod layout;
#[cfg(test)]
mod tests;
mod write;

use std::path::{Path, PathBuf};

pub use error::PackageError;
pub use include::Include;
pub use layout::{Layout, Placement};
pub use write::{check_writable, staging_directory};

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
