//! What a project says about its profiles, wherever it says it.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::Path;

use super::OptimizeError;

/// Where profiles are configured, all of it read beforehand.
#[derive(Clone, Debug, Default)]
pub struct ProfileSources {
    /// The `[profile]` tables of cargo's `--config` arguments, stronger before weaker. They are
    /// stronger than the environment.
    arguments: Vec<toml::Table>,
    /// The environment.
    environment: HashMap<String, String>,
    /// The `[profile]` tables of cargo's configuration files and, weaker than they, the manifest.
    files: Vec<toml::Table>,
}

impl ProfileSources {
    /// Reads them all.
    ///
    /// `manifest` is the `Cargo.toml` at the root of the workspace, the only one whose profiles
    /// cargo heeds; `directory` is where cargo will run; `arguments` are its `--config` arguments.
    ///
    /// # Errors
    ///
    /// When a file cannot be read or is not TOML.
    pub fn read(
        manifest: &Path,
        directory: &Path,
        arguments: &[String],
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, OptimizeError> {
        let mut sources = Self {
            arguments: Vec::new(),
            environment: environment
                .into_iter()
                .filter_map(|(name, value)| {
                    Some((name.into_string().ok()?, value.into_string().ok()?))
                })
                .collect(),
            files: Vec::new(),
        };
        for argument in arguments.iter().rev() {
            let path = directory.join(argument);
            // As cargo tells them apart.
            if path.is_file() {
                sources.add_configuration(&path)?;
            } else {
                sources.add(&parse(argument, argument)?);
            }
        }
        sources.arguments = std::mem::take(&mut sources.files);
        for file in cargo_config2::Walk::new(directory) {
            sources.add_configuration(&file)?;
        }
        sources.add_file(manifest)?;
        Ok(sources)
    }

    /// What this manifest and this environment say.
    #[cfg(test)]
    pub(super) fn of(manifest: &str, environment: &[(&str, &str)]) -> Self {
        let environment = environment.iter();
        let mut sources = Self {
            environment: environment
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            ..Self::default()
        };
        sources.add(&manifest.parse().unwrap());
        sources
    }

    fn add_file(&mut self, path: &Path) -> Result<toml::Table, OptimizeError> {
        let text = std::fs::read_to_string(path).map_err(|source| OptimizeError::Read {
            path: path.to_owned(),
            source,
        })?;
        let table = parse(&text, &path.display().to_string())?;
        self.add(&table);
        Ok(table)
    }

    /// A configuration file, and those it includes: it is stronger than them, and a later one
    /// stronger than an earlier.
    fn add_configuration(&mut self, path: &Path) -> Result<(), OptimizeError> {
        let table = self.add_file(path)?;
        let includes = match table.get("include") {
            Some(toml::Value::Array(includes)) => includes.as_slice(),
            Some(one) => std::slice::from_ref(one),
            None => &[],
        };
        let directory = path.parent().unwrap_or(Path::new("."));
        for include in includes.iter().rev() {
            let name = include.get("path").unwrap_or(include).as_str();
            // What is missing here is cargo's to report (it may be optional).
            if let Some(file) = name.map(|name| directory.join(name))
                && file.is_file()
            {
                self.add_configuration(&file)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, document: &toml::Table) {
        if let Some(toml::Value::Table(profiles)) = document.get("profile") {
            self.files.push(profiles.clone());
        }
    }

    /// The value of a profile's key, wherever it is set.
    fn get(&self, profile: &str, key: &str) -> Option<toml::Value> {
        let variable = format!("CARGO_PROFILE_{profile}_{key}")
            .replace('-', "_")
            .to_ascii_uppercase();
        let from_environment = || {
            let text = self.environment.get(&variable)?;
            // Numbers and booleans by their look, as cargo reads them.
            let value = text.parse();
            Some(value.unwrap_or_else(|_| toml::Value::String(text.clone())))
        };
        let from = |tables: &[toml::Table]| {
            let mut tables = tables.iter();
            tables.find_map(|profiles| profiles.get(profile)?.get(key).cloned())
        };
        from(&self.arguments)
            .or_else(from_environment)
            .or_else(|| from(&self.files))
    }

    /// `profile` and those it inherits from, outermost last.
    pub(super) fn chain(&self, profile: &str) -> Vec<String> {
        let mut chain = vec![profile.to_owned()];
        loop {
            let last = &chain[chain.len() - 1];
            let parent = match last.as_str() {
                "release" | "dev" => None,
                "bench" => Some("release".to_owned()),
                "test" => Some("dev".to_owned()),
                custom => self
                    .get(custom, "inherits")
                    .and_then(|value| value.as_str().map(ToOwned::to_owned)),
            };
            match parent {
                // A circle is cargo's to report.
                Some(parent) if !chain.contains(&parent) => chain.push(parent),
                _ => return chain,
            }
        }
    }

    /// The first value of a key along a chain of profiles.
    pub(super) fn inherited(&self, chain: &[String], key: &str) -> Option<toml::Value> {
        chain.iter().find_map(|profile| self.get(profile, key))
    }

    /// Whether incremental compilation is on for a chain of profiles.
    pub(super) fn incremental(&self, chain: &[String]) -> bool {
        match self.environment.get("CARGO_INCREMENTAL") {
            Some(value) => value == "1",
            None => self
                .inherited(chain, "incremental")
                .and_then(|value| value.as_bool())
                .unwrap_or(false),
        }
    }
}

fn parse(text: &str, origin: &str) -> Result<toml::Table, OptimizeError> {
    text.parse().map_err(|source| OptimizeError::Parse {
        origin: origin.to_owned(),
        source: Box::new(source),
    })
}
