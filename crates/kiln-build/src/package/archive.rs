//! The zip: the same bytes for the same content, whenever and wherever it is made.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Seek, Write};
use std::path::Path;

use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, System, ZipWriter};

use super::include::insert;
use super::{Package, PackageError, Placement};

/// Fixed, because the bytes depend on it. The highest level of DEFLATE proper costs under a second
/// for most functions, and every cold start downloads the result.
const LEVEL: i64 = 9;

/// How much is read at once.
const CHUNK: usize = 64 * 1024;

/// Writes the zip of a package and answers the size of its content in bytes.
pub(super) fn write(package: &Package<'_>, output: impl Write + Seek) -> Result<u64, PackageError> {
    // Sorted by name: the order of directories and arguments leaves no trace.
    let mut files = BTreeMap::new();
    insert(
        &mut files,
        package.placement.entry.clone(),
        package.executable,
    )?;
    for include in package.includes {
        include.collect(&mut files)?;
    }
    let mut zip = ZipWriter::new(output);
    let mut size = 0;
    for (name, path) in &files {
        size += add(&mut zip, name, path, &package.placement)?;
    }
    let target = &package.placement.zip;
    let mut output = zip
        .finish()
        .map_err(|error| unzippable(target, error, &package.placement))?;
    output
        .flush()
        .map_err(|source| PackageError::write(target, source))?;
    Ok(size)
}

fn add<W: Write + Seek>(
    zip: &mut ZipWriter<W>,
    name: &str,
    path: &Path,
    placement: &Placement,
) -> Result<u64, PackageError> {
    let unreadable = |source| PackageError::read(path, source);
    let file = File::open(path).map_err(unreadable)?;
    let mode = if name == placement.entry || is_executable(&file).map_err(unreadable)? {
        0o755
    } else {
        0o644
    };
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(LEVEL))
        // The earliest that a zip can hold. Times and users differ from checkout to checkout.
        .last_modified_time(DateTime::default())
        .unix_permissions(mode)
        // Where permissions mean something, wherever the zip is made.
        .system(System::Unix);
    zip.start_file(name, options)
        .map_err(|error| unzippable(path, error, placement))?;
    // Not `io::copy`, which does not tell whether the file or the disk is at fault.
    let mut content = BufReader::with_capacity(CHUNK, file);
    let mut size = 0;
    loop {
        let chunk = content.fill_buf().map_err(unreadable)?;
        if chunk.is_empty() {
            return Ok(size);
        }
        zip.write_all(chunk)
            .map_err(|source| PackageError::write(&placement.zip, source))?;
        let length = chunk.len();
        size += length as u64;
        content.consume(length);
    }
}

fn unzippable(path: &Path, error: ZipError, placement: &Placement) -> PackageError {
    match error {
        ZipError::Io(source) => PackageError::write(&placement.zip, source),
        source => PackageError::Zip {
            path: path.to_owned(),
            source,
        },
    }
}

#[cfg(unix)]
fn is_executable(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;

    Ok(file.metadata()?.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(_file: &File) -> io::Result<bool> {
    Ok(false)
}
