//! Templates of the user's: a directory or a ZIP file.
//!
//! - `Cargo.toml`, `README.md`, everything below `src/` and every file whose name ends in `.j2` is
//!   rendered; the ending `.j2` goes away. The rest is copied byte by byte.
//! - `.git`, `target` and cargo-lambda's `CargoLambda.toml` are left out.
//! - A ZIP file whose entries are all in one directory is taken as that directory.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};

use minijinja::Value;
use zip::ZipArchive;
use zip::result::ZipError;

use super::error::ScaffoldError;
use super::plan::PlannedFile;
use super::render::{Renderer, without_suffix};

/// A file as the template has it.
struct Source {
    path: PathBuf,
    contents: Vec<u8>,
    executable: bool,
}

/// Reads and renders a template that is a directory or a ZIP file.
pub(super) fn files(
    template: &Path,
    variables: Vec<(String, Value)>,
) -> Result<Vec<PlannedFile>, ScaffoldError> {
    let kind = fs::metadata(template).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => ScaffoldError::TemplateMissing {
            path: template.to_owned(),
        },
        _ => unreadable(template, source),
    })?;
    let mut sources = Vec::new();
    if kind.is_dir() {
        read_directory(template, template, &mut sources)?;
    } else {
        read_zip(template, &mut sources)?;
    }
    // The same template gives the same messages, whatever order the disk has.
    sources.sort_by(|a, b| a.path.cmp(&b.path));

    let renderer = Renderer::new(variables);
    let mut files: Vec<PlannedFile> = Vec::new();
    for source in sources {
        let entry = source.path.display().to_string();
        let file = render(&renderer, source)?;
        if files.iter().any(|other| other.path() == file.path()) {
            return Err(ScaffoldError::TemplateEntry {
                path: template.to_owned(),
                entry,
                fault: "becomes the same file as another",
            });
        }
        files.push(file);
    }
    if !files
        .iter()
        .any(|file| file.path() == Path::new("Cargo.toml"))
    {
        return Err(ScaffoldError::TemplateWithoutManifest {
            path: template.to_owned(),
        });
    }
    Ok(files)
}

fn render(renderer: &Renderer, source: Source) -> Result<PlannedFile, ScaffoldError> {
    let target = without_suffix(&source.path);
    let is_rendered = target.is_some()
        || source.path == Path::new("Cargo.toml")
        || source.path == Path::new("README.md")
        || source.path.starts_with("src");
    let contents = match String::from_utf8(source.contents) {
        Ok(text) if is_rendered => renderer.render(&source.path, &text)?.into_bytes(),
        Ok(text) => text.into_bytes(),
        // Not a text, so that there is nothing in it to be rendered.
        Err(bytes) => bytes.into_bytes(),
    };
    let path = target.unwrap_or(source.path);
    Ok(PlannedFile::new(path, contents, source.executable))
}

fn is_left_out(path: &Path) -> bool {
    path.starts_with(".git") || path.starts_with("target") || path == Path::new("CargoLambda.toml")
}

fn read_directory(
    root: &Path,
    directory: &Path,
    sources: &mut Vec<Source>,
) -> Result<(), ScaffoldError> {
    let entries = fs::read_dir(directory).map_err(|source| unreadable(directory, source))?;
    for entry in entries {
        let entry = entry.map_err(|source| unreadable(directory, source))?;
        let path = entry.path();
        let relative = path.strip_prefix(root).unwrap_or(&path).to_owned();
        if is_left_out(&relative) {
            continue;
        }
        let kind = entry
            .file_type()
            .map_err(|source| unreadable(&path, source))?;
        if kind.is_dir() {
            read_directory(root, &path, sources)?;
            continue;
        }
        let metadata = fs::metadata(&path).map_err(|source| unreadable(&path, source))?;
        if !metadata.is_file() {
            return Err(ScaffoldError::TemplateEntry {
                path: root.to_owned(),
                entry: relative.display().to_string(),
                fault: "is neither a file nor a directory",
            });
        }
        sources.push(Source {
            contents: fs::read(&path).map_err(|source| unreadable(&path, source))?,
            executable: is_executable(&metadata),
            path: relative,
        });
    }
    Ok(())
}

fn read_zip(template: &Path, sources: &mut Vec<Source>) -> Result<(), ScaffoldError> {
    let not_zip = |source: ZipError| ScaffoldError::TemplateNotZip {
        path: template.to_owned(),
        source,
    };
    let file = File::open(template).map_err(|source| unreadable(template, source))?;
    let mut archive = ZipArchive::new(file).map_err(not_zip)?;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(not_zip)?;
        if entry.is_dir() {
            continue;
        }
        let name = entry.name().map_err(not_zip)?.into_owned();
        let fault = |fault| ScaffoldError::TemplateEntry {
            path: template.to_owned(),
            entry: name,
            fault,
        };
        if entry.is_symlink() {
            return Err(fault("is a symbolic link"));
        }
        let Some(path) = entry.enclosed_name() else {
            return Err(fault("leads out of the project"));
        };
        let executable = entry.unix_mode().is_some_and(|mode| mode & 0o111 != 0);
        let mut contents = Vec::new();
        entry
            .read_to_end(&mut contents)
            .map_err(|source| unreadable(template, source))?;
        sources.push(Source {
            path,
            contents,
            executable,
        });
    }
    strip_common_directory(sources);
    sources.retain(|source| !is_left_out(&source.path));
    Ok(())
}

/// Archives of a repository hold one directory named after it.
fn strip_common_directory(sources: &mut [Source]) {
    let top = |source: &Source| -> Option<PathBuf> {
        let mut components = source.path.components();
        match (components.next(), components.next()) {
            (Some(Component::Normal(top)), Some(_)) => Some(PathBuf::from(top)),
            _ => None,
        }
    };
    let Some(common) = sources.first().and_then(top) else {
        return;
    };
    if !sources
        .iter()
        .all(|source| top(source).as_ref() == Some(&common))
    {
        return;
    }
    for source in sources {
        if let Ok(below) = source.path.strip_prefix(&common) {
            source.path = below.to_owned();
        }
    }
}

#[cfg(unix)]
fn is_executable(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_metadata: &fs::Metadata) -> bool {
    false
}

fn unreadable(path: &Path, source: io::Error) -> ScaffoldError {
    ScaffoldError::TemplateUnreadable {
        path: path.to_owned(),
        source,
    }
}
