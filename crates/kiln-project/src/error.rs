//! What can be wrong with a project, and the way out of each.

use std::io;
use std::path::PathBuf;

use crate::setting::Origin;

/// Why a project, its settings or a selection could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProjectError {
    /// There is no manifest in the directory nor above it.
    #[error("no `Cargo.toml` in `{}` or any directory above it", directory.display())]
    NotAProject {
        /// Where the search began.
        directory: PathBuf,
    },

    /// The manifest that was named does not exist.
    #[error("no manifest at `{}`", path.display())]
    NoManifest {
        /// The path as it was resolved.
        path: PathBuf,
    },

    /// Cargo refuses the project; the words are cargo's.
    #[error("{message}")]
    Cargo {
        /// What cargo wrote, without its leading `error: `.
        message: String,
    },

    /// Cargo could not be run, or did not answer in a form that can be read.
    #[error("failed to run `cargo metadata`")]
    CargoMetadata(#[from] cargo_metadata::Error),

    /// Cargo took longer than there was patience.
    #[error("`cargo metadata` did not answer in time")]
    CargoHung,

    /// Nothing in the workspace can be run.
    #[error("no binary in the workspace `{}`", workspace_root.display())]
    NoBinary {
        /// The root of the workspace.
        workspace_root: PathBuf,
    },

    /// A selection leaves nothing over.
    #[error("no function is selected")]
    NothingSelected {
        /// The functions there are.
        known: Vec<String>,
    },

    /// A name on the command line that nothing has.
    #[error("no {kind} is named `{name}`{}", there_are(known))]
    Unknown {
        /// What was looked for: a binary, an example, a package.
        kind: &'static str,
        /// The name given.
        name: String,
        /// The names there are.
        known: Vec<String>,
        /// The one that was probably meant.
        suggestion: Option<String>,
        /// A package that has it and was not selected.
        elsewhere: Option<String>,
    },

    /// Two selected functions with one name, by which nobody could tell them apart.
    #[error("two functions are named `{name}`, in the packages `{first}` and `{second}`")]
    SameName {
        /// The name.
        name: String,
        /// One package.
        first: String,
        /// The other; the same if an example has a binary's name.
        second: String,
    },

    /// A configured value that cannot be used.
    #[error("`{found}` is not possible for {origin}: expected {allowed}")]
    InvalidValue {
        /// Layer, file and key.
        origin: Box<Origin>,
        /// The value as it was written.
        found: String,
        /// What would be accepted.
        allowed: &'static str,
    },

    /// Two selected packages disagree on a setting that there can be only one of.
    #[error("`{first}` from {} and `{second}` from {} cannot both hold", origins.0, origins.1)]
    Conflict {
        /// One value.
        first: String,
        /// The other value.
        second: String,
        /// Where each was written.
        origins: Box<(Origin, Origin)>,
    },

    /// Two settings of a function that Lambda does not take together.
    #[error("{first} and {second} cannot both hold: {reason}")]
    NotTogether {
        /// One, with its value and where it is from.
        first: String,
        /// The other.
        second: String,
        /// Lambda's rule.
        reason: &'static str,
    },

    /// A layer that is no directory of this machine.
    #[error("the layer `{}` ({origin}) {problem}", path.display())]
    InvalidLayer {
        /// The directory that was named.
        path: PathBuf,
        /// Who named it.
        origin: Box<Origin>,
        /// What is wrong with it.
        problem: &'static str,
    },

    /// A configuration file that is not TOML; the words are the parser's, with line and column.
    #[error("`{}` is not valid TOML", path.display())]
    InvalidFile {
        /// The file.
        path: PathBuf,
        /// What the parser says.
        source: Box<toml::de::Error>,
    },

    /// A configuration file that could not be read.
    #[error("could not read `{}`", path.display())]
    UnreadableFile {
        /// The file.
        path: PathBuf,
        /// Why it could not be read.
        source: io::Error,
    },

    /// A file that configuration refers to could not be read.
    #[error("could not read `{}` ({origin})", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Who asked for it.
        origin: Box<Origin>,
        /// Why it could not be read.
        source: io::Error,
    },

    /// A line of an env file that is not `NAME=value`.
    #[error("`{}` line {line} is not `NAME=value`", path.display())]
    InvalidEnvFile {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },

    /// An environment variable for the function that cannot be one.
    #[error("`{text}` from {origin} is not `NAME=value`")]
    InvalidPair {
        /// What was given.
        text: String,
        /// Where it was given.
        origin: Box<Origin>,
    },
}

impl ProjectError {
    /// The way out, where there is one: a sentence or a command.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotAProject { .. } => Some(
                "create a project with `kiln new NAME`, or point to one with `--manifest-path PATH`"
                    .into(),
            ),
            Self::NoManifest { .. } => {
                Some("`--manifest-path` takes the path of a `Cargo.toml`".into())
            }
            // Cargo's messages carry their own help.
            Self::Cargo { .. } => None,
            Self::CargoMetadata(cargo_metadata::Error::Io(_)) => {
                Some("install Rust from https://rustup.rs, or set `CARGO` to cargo's path".into())
            }
            Self::CargoMetadata(_) => Some("see what `cargo metadata` prints".into()),
            Self::CargoHung => {
                Some("another cargo may hold a lock: try again when it is done".into())
            }
            Self::NoBinary { .. } => Some(
                "add a `src/main.rs` to a package, or create a function with `kiln new NAME`"
                    .into(),
            ),
            Self::NothingSelected { known } if known.is_empty() => None,
            Self::NothingSelected { known } => {
                Some(format!("the functions are: {}", known.join(", ")))
            }
            Self::Unknown { elsewhere: Some(package), .. } => {
                Some(format!("package `{package}` has it: add `-p {package}`"))
            }
            Self::Unknown { suggestion, .. } => {
                suggestion.as_ref().map(|name| format!("did you mean `{name}`?"))
            }
            Self::SameName { .. } => {
                Some("select one of them with `-p PACKAGE`, `--bin NAME` or `--example NAME`".into())
            }
            Self::InvalidValue { .. } => {
                Some("`kiln doctor --config` shows every setting and where it comes from".into())
            }
            Self::Conflict { .. } => Some(
                "select one of the packages with `-p`, or give the value as a flag: flags beat \
                 both"
                .into(),
            ),
            Self::NotTogether { .. } => Some(
                "leave one of them out; `kiln doctor --config` shows where settings come from"
                    .into(),
            ),
            Self::InvalidLayer { .. } => Some(
                "a layer is a directory of what its archive has: `extensions/`, `lib/`, `bin/`. The                  path is taken from the directory of the file that names it, or of the shell"
                    .into(),
            ),
            // The cause says where or why.
            Self::InvalidFile { .. } | Self::UnreadableFile { .. } => None,
            Self::Unreadable { origin, .. } => match **origin {
                Origin::Flag(_) | Origin::Variable(_) => {
                    Some("the path is taken from the current directory".into())
                }
                _ => Some("the path is taken from the directory of the file that names it".into()),
            },
            Self::InvalidEnvFile { .. } => Some(
                "one `NAME=value` per line; quote values with spaces, begin comments with `#`"
                    .into(),
            ),
            Self::InvalidPair { .. } => Some(
                "a name has letters, digits and `_`, and does not begin with a digit: \
                 `NAME=value`"
                    .into(),
            ),
        }
    }
}

/// The names to choose from, as the end of a sentence.
fn there_are(known: &[String]) -> String {
    if known.is_empty() {
        ": there is none".into()
    } else {
        format!(": there are {}", known.join(", "))
    }
}
