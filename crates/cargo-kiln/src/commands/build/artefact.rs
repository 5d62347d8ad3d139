//! From a compiled program to its artefact.

use std::path::Path;
use std::time::Instant;

use kiln_build::compile::CompiledProgram;
use kiln_build::linker::Way;
use kiln_build::package::{LARGEST_CONTENT, LARGEST_ZIP, Package, ProgramKind, staging_directory};

use super::compile::Finished;
use super::plan::{Part, unpackable};
use super::summary::{ProgramSummary, milliseconds, size};
use crate::failure::Failure;
use crate::output;

impl Part<'_> {
    /// Writes the artefact.
    pub fn package(
        &self,
        program: &CompiledProgram,
        finished: &Finished,
        target_directory: &Path,
    ) -> Result<ProgramSummary, Failure> {
        let started = Instant::now();
        let package = Package {
            executable: &program.built.executable,
            placement: self.placement.clone(),
            includes: &self.includes,
        };
        let packaged = package
            .write(self.format, &staging_directory(target_directory))
            .map_err(unpackable)?;
        let zip_size = match packaged.zip_size {
            // A debug executable takes seconds to compress, and nobody uploads it.
            None if finished.profile != "dev" => Some(package.zip_size().map_err(unpackable)?),
            known => known,
        };
        let name = &self.function.name;
        for excess in limits(name, zip_size, packaged.content_size) {
            output::warn(excess);
        }
        let plan = &finished.compiled.plan;
        Ok(ProgramSummary {
            name: name.clone(),
            kind: if self.kind == ProgramKind::Function {
                "function"
            } else {
                "extension"
            },
            path: packaged.path,
            size: program.facts.size,
            content_size: packaged.content_size,
            zip_size,
            architecture: program.facts.architecture,
            target: plan.target.to_string(),
            profile: finished.profile.clone(),
            linker: match plan.way {
                Way::Host => "host",
                Way::Configured => "configured",
                Way::Zig => "zig",
                Way::Musl => "musl",
            },
            linker_reason: plan.reason.clone(),
            glibc: program.facts.glibc,
            needed: program.facts.needed.clone(),
            duration_ms: milliseconds(program.built.ready_after + started.elapsed()),
        })
    }
}

/// What is too much for Lambda about an artefact.
fn limits(name: &str, zip_size: Option<u64>, content_size: u64) -> Vec<String> {
    let mut excesses = Vec::new();
    if let Some(zipped) = zip_size.filter(|zipped| *zipped > LARGEST_ZIP) {
        excesses.push(format!(
            "`{name}` is {} zipped; Lambda takes at most {} directly, and more from S3 only",
            size(zipped),
            size(LARGEST_ZIP)
        ));
    }
    if content_size > LARGEST_CONTENT {
        excesses.push(format!(
            "`{name}` is {} unzipped; Lambda takes at most {}, layers included",
            size(content_size),
            size(LARGEST_CONTENT)
        ));
    }
    excesses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lambda_would_refuse_is_told() {
        const MIB: u64 = 1024 * 1024;
        assert_eq!(limits("api", Some(50 * MIB), 250 * MIB), [""; 0]);
        assert_eq!(limits("api", None, MIB), [""; 0]);
        assert_eq!(
            limits("api", Some(51 * MIB), 251 * MIB),
            [
                "`api` is 51.0 MiB zipped; Lambda takes at most 50.0 MiB directly, and more from \
                 S3 only",
                "`api` is 251.0 MiB unzipped; Lambda takes at most 250.0 MiB, layers included",
            ]
        );
    }
}
