//! Where things are in this checkout.

use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// A checkout of this repository.
#[derive(Clone, Debug)]
pub struct Repository {
    root: PathBuf,
}

impl Repository {
    /// The one this program was started in by cargo.
    ///
    /// # Errors
    /// When it was not started by cargo.
    pub fn current() -> Result<Self, Failure> {
        // Not cargo's compile-time value: the checkout may have been moved since.
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let root = manifest.as_deref().and_then(Path::parent);
        let root = root.ok_or_else(|| {
            Failure::environment("cannot tell which checkout is meant").hint("run `cargo xtask`")
        })?;
        Ok(Self {
            root: root.to_owned(),
        })
    }

    /// A path in it.
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.root.join(path)
    }

    /// The manifest of the examples, a workspace of their own.
    pub fn examples(&self) -> PathBuf {
        self.path("examples/Cargo.toml")
    }

    /// The manifest of what drives the fuzz targets, a workspace of its own.
    pub fn fuzz(&self) -> PathBuf {
        self.path("fuzz/Cargo.toml")
    }

    /// The manifests of the fixtures, each a workspace of its own.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn fixtures(&self) -> Result<Vec<PathBuf>, Failure> {
        let directory = self.path("fixtures");
        let unreadable = |error: std::io::Error| {
            Failure::environment(format!("cannot read `{}`: {error}", directory.display()))
        };
        let mut manifests = Vec::new();
        for entry in std::fs::read_dir(&directory).map_err(unreadable)? {
            let manifest = entry.map_err(unreadable)?.path().join("Cargo.toml");
            if manifest.is_file() {
                manifests.push(manifest);
            }
        }
        manifests.sort();
        Ok(manifests)
    }
}
