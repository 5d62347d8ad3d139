//! Why a project could not be made.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why a project could not be made. Whichever it is, nothing was left half made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ScaffoldError {
    /// The name is one that the template uses for something else.
    #[error("`{name}` cannot name this project: it is the name of {by}")]
    NameTaken {
        /// The name.
        name: String,
        /// Whose name it is.
        by: &'static str,
    },
    /// There is something at the destination.
    #[error("the destination `{}` already exists", .path.display())]
    DestinationExists {
        /// The destination.
        path: PathBuf,
        /// Whether it is a directory, which `kiln init` could fill.
        is_directory: bool,
    },
    /// Files of the project are there already, in the user's version.
    #[error("`{}` already has {}", .directory.display(), list(.files))]
    Conflicts {
        /// The directory to be turned into a project.
        directory: PathBuf,
        /// The files, relative to it.
        files: Vec<PathBuf>,
    },
    /// There is no template where one was said to be.
    #[error("there is no template at `{}`", .path.display())]
    TemplateMissing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A template, or one file of it, cannot be read.
    #[error("failed to read the template `{}`", .path.display())]
    TemplateUnreadable {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A template is a file, but no ZIP archive.
    #[error("failed to read the template `{}` as a ZIP archive", .path.display())]
    TemplateNotZip {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: zip::result::ZipError,
    },
    /// An entry of a template would be written somewhere else, or cannot be copied.
    #[error("the template `{}` has the entry `{entry}`, which {fault}", .path.display())]
    TemplateEntry {
        /// The template.
        path: PathBuf,
        /// The entry.
        entry: String,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// A template has no manifest, so that what it makes is no project.
    #[error("the template `{}` has no `Cargo.toml`", .path.display())]
    TemplateWithoutManifest {
        /// The template.
        path: PathBuf,
    },
    /// A file of a template cannot be rendered.
    #[error("failed to render `{}` of the template", .file.display())]
    Render {
        /// The file, relative to the template.
        file: PathBuf,
        /// What is wrong, and in which line.
        source: minijinja::Error,
    },
    /// The rendered manifest is not TOML.
    #[error("the template renders a `Cargo.toml` that is not valid TOML")]
    RenderedManifest {
        /// What is wrong with it.
        source: Box<toml::de::Error>,
    },
    /// A manifest above the destination, which decides about the workspace, cannot be read.
    #[error("failed to read `{}`, which is above the new project", .path.display())]
    EnclosingManifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The project cannot be written.
    #[error("failed to write `{}`", .path.display())]
    Write {
        /// What was to be written.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl ScaffoldError {
    /// The way out.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NameTaken { name, .. } => {
                format!("choose another name, for example `{name}-function`")
            }
            Self::DestinationExists {
                path,
                is_directory: true,
            } => format!(
                "choose another name, or run `kiln init` inside `{}`",
                path.display()
            ),
            Self::DestinationExists { .. } => "choose another name".to_owned(),
            Self::Conflicts { .. } => {
                "move them away, or make the project beside them with `kiln new`".to_owned()
            }
            Self::TemplateMissing { path } if looks_remote(path) => {
                "kiln works offline: download the template and give its directory or ZIP file"
                    .to_owned()
            }
            Self::TemplateMissing { .. } | Self::TemplateNotZip { .. } => {
                "`--template` takes a directory or a ZIP file".to_owned()
            }
            Self::TemplateWithoutManifest { .. } => {
                "a template is a cargo project: put `Cargo.toml` or `Cargo.toml.j2` at its top"
                    .to_owned()
            }
            Self::Render { source, .. } => match source.kind() {
                minijinja::ErrorKind::UndefinedError => {
                    "give the variable with `--render-var NAME=VALUE`".to_owned()
                }
                _ => "write `{% raw %}` … `{% endraw %}` around text that is not for the template"
                    .to_owned(),
            },
            Self::EnclosingManifest { .. } => {
                "repair it first: cargo reads it whenever it builds the new project".to_owned()
            }
            Self::Write { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                "choose a directory that you may write to".to_owned()
            }
            Self::TemplateUnreadable { .. }
            | Self::TemplateEntry { .. }
            | Self::RenderedManifest { .. }
            | Self::Write { .. } => return None,
        };
        Some(hint)
    }
}

fn looks_remote(path: &Path) -> bool {
    let text = path.to_string_lossy();
    text.contains("://") || text.starts_with("git@") || text.starts_with("http:")
}

fn list(files: &[PathBuf]) -> String {
    let names: Vec<String> = files
        .iter()
        .map(|file| format!("`{}`", file.display()))
        .collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
