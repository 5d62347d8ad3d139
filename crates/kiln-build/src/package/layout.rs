//! Where artefacts lie.

use std::path::PathBuf;

use super::ProgramKind;

/// The directory of all artefacts, laid out as cargo-lambda does, so that AWS SAM and the CDK find
/// them: `<directory>/<function>/bootstrap[.zip]`, `<directory>/extensions/<extension>[.zip]`, and
/// nothing else. SAM lists the directory and takes what it finds there for functions.
/// Source: aws-lambda-builders, `workflows/rust_cargo/actions.py`.
#[derive(Clone, Debug)]
pub struct Layout {
    directory: PathBuf,
    flatten: Option<String>,
}

/// The places of one program's artefact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The file with [`OutputFormat::Binary`](super::OutputFormat::Binary).
    pub binary: PathBuf,
    /// The file with [`OutputFormat::Zip`](super::OutputFormat::Zip).
    pub zip: PathBuf,
    /// Name of the program inside the zip.
    pub entry: String,
}

impl Layout {
    /// The layout below `directory`. The artefact of the function named `flatten` lies in it
    /// directly.
    #[must_use]
    pub const fn new(directory: PathBuf, flatten: Option<String>) -> Self {
        Self { directory, flatten }
    }

    /// Where the artefact of a program lies.
    #[must_use]
    pub fn placement(&self, program: &str, kind: ProgramKind) -> Placement {
        let (directory, name, entry) = match kind {
            ProgramKind::Function if self.flatten.as_deref() == Some(program) => {
                (self.directory.clone(), "bootstrap", "bootstrap".to_owned())
            }
            ProgramKind::Function => {
                let directory = self.directory.join(program);
                (directory, "bootstrap", "bootstrap".to_owned())
            }
            ProgramKind::ExternalExtension => {
                let directory = self.directory.join("extensions");
                (directory, program, format!("extensions/{program}"))
            }
            ProgramKind::InternalExtension => {
                let directory = self.directory.join("extensions");
                (directory, program, program.to_owned())
            }
        };
        Placement {
            binary: directory.join(name),
            zip: directory.join(format!("{name}.zip")),
            entry,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_of_cargo_lambda() {
        let layout = Layout::new("target/lambda".into(), Some("flat".to_owned()));
        let cases = [
            (
                "api",
                ProgramKind::Function,
                "api/bootstrap",
                "api/bootstrap.zip",
                "bootstrap",
            ),
            (
                "flat",
                ProgramKind::Function,
                "bootstrap",
                "bootstrap.zip",
                "bootstrap",
            ),
            (
                "logs",
                ProgramKind::ExternalExtension,
                "extensions/logs",
                "extensions/logs.zip",
                "extensions/logs",
            ),
            (
                "logs",
                ProgramKind::InternalExtension,
                "extensions/logs",
                "extensions/logs.zip",
                "logs",
            ),
        ];
        for (program, kind, binary, zip, entry) in cases {
            let place = layout.placement(program, kind);
            assert_eq!(place.binary, PathBuf::from("target/lambda").join(binary));
            assert_eq!(place.zip, PathBuf::from("target/lambda").join(zip));
            assert_eq!(place.entry, entry);
        }
    }
}
