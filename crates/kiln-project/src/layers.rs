//! The layers of configuration that hold for something, and the search through them.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::environment::Environment;
use crate::error::ProjectError;
use crate::setting::{Origin, Setting};
use crate::settings::Key;
use crate::value::SettingValue;

/// A table of configuration: of a manifest, or a file of its own.
#[derive(Clone, Debug)]
pub(crate) struct Layer<'a> {
    /// The table's name as written between brackets; empty for the top of a file.
    pub table: String,
    /// The file, as it is shown.
    pub file: PathBuf,
    /// The directory relative paths start from.
    pub directory: PathBuf,
    /// What is written there.
    pub value: &'a Map<String, Value>,
}

impl<'a> Layer<'a> {
    /// The table of that name inside this one.
    pub fn table(&self, name: &str) -> Result<Option<Layer<'a>>, ProjectError> {
        match self.find(&[name]) {
            None => Ok(None),
            Some((_, Value::Object(value))) => Ok(Some(Layer {
                table: join(&self.table, name),
                file: self.file.clone(),
                directory: self.directory.clone(),
                value,
            })),
            Some((origin, other)) => Err(invalid(origin, other, "a table")),
        }
    }

    /// The value under the first of these names that is there.
    ///
    /// Cargo writes its own keys with hyphens and cargo-lambda with underscores; nobody should
    /// have to remember which is which here.
    pub fn find(&self, names: &[&str]) -> Option<(Origin, &'a Value)> {
        names.iter().find_map(|name| {
            let (key, value) = self.value.iter().find(|(key, _)| same_key(key, name))?;
            Some((self.origin(key), value))
        })
    }

    /// The value of a key in the section of this table that the key is in.
    fn setting<T: SettingValue>(&self, key: &Key) -> Result<Option<Setting<T>>, ProjectError> {
        let Some(section) = self.table(key.section)? else {
            return Ok(None);
        };
        let Some((origin, found)) = section.find(key.names) else {
            return section.shorthand(key);
        };
        match T::from_json(found) {
            Some(value) => Ok(Some(Setting {
                value: value.anchored(&section.directory),
                origin,
            })),
            None => Err(invalid(origin, found, T::ALLOWED)),
        }
    }

    /// The value that a switch of this section stands for, where one is on.
    fn shorthand<T: SettingValue>(&self, key: &Key) -> Result<Option<Setting<T>>, ProjectError> {
        for (name, meaning) in key.shorthands {
            let Some((origin, found)) = self.find(&[name]) else {
                continue;
            };
            match bool::from_json(found) {
                Some(true) => {
                    return Ok(T::from_text(meaning).map(|value| Setting { value, origin }));
                }
                Some(false) => {}
                None => return Err(invalid(origin, found, bool::ALLOWED)),
            }
        }
        Ok(None)
    }

    /// The origin of a key of this table.
    pub fn origin(&self, key: &str) -> Origin {
        Origin::Metadata {
            file: self.file.clone(),
            table: self.table.clone(),
            key: key.to_owned(),
        }
    }
}

/// Whether two keys are the same but for hyphens and underscores.
pub(crate) fn same_key(one: &str, other: &str) -> bool {
    one.len() == other.len()
        && one
            .bytes()
            .zip(other.bytes())
            .all(|(a, b)| a == b || (matches!(a, b'-' | b'_') && matches!(b, b'-' | b'_')))
}

/// `table.name`, with quotes where TOML needs them.
fn join(table: &str, name: &str) -> String {
    let bare = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let name = if bare {
        name.to_owned()
    } else {
        format!("{name:?}")
    };
    if table.is_empty() {
        name
    } else {
        format!("{table}.{name}")
    }
}

/// The error for a value that cannot be used.
pub(crate) fn invalid(origin: Origin, found: &Value, allowed: &'static str) -> ProjectError {
    ProjectError::InvalidValue {
        origin: Box::new(origin),
        found: match found {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        },
        allowed,
    }
}

/// All layers below the flags, strongest first.
#[derive(Clone, Debug)]
pub(crate) struct Layers<'a> {
    /// The shell's variables.
    pub environment: &'a Environment,
    /// Where relative paths of flags and variables start from.
    pub current_dir: &'a Path,
    /// The tables of the files.
    pub tables: Vec<Layer<'a>>,
}

impl Layers<'_> {
    /// The value that an environment variable gives a key.
    fn variable<T: SettingValue>(&self, key: &Key) -> Result<Option<Setting<T>>, ProjectError> {
        if let Some(Setting { value, origin }) = self.read_variable::<T>(key.variable)? {
            let value = value.anchored(self.current_dir);
            return Ok(Some(Setting { value, origin }));
        }
        for (name, meaning) in key.shorthands {
            let name = format!("KILN_{}", name.to_ascii_uppercase());
            if let Some(switch) = self.read_variable::<bool>(&name)?
                && switch.value
            {
                let origin = switch.origin;
                return Ok(T::from_text(meaning).map(|value| Setting { value, origin }));
            }
        }
        match key.cargo_lambda_variable {
            Some(name) => self.read_variable(name),
            None => Ok(None),
        }
    }

    /// The value in an environment variable.
    fn read_variable<T: SettingValue>(
        &self,
        name: &str,
    ) -> Result<Option<Setting<T>>, ProjectError> {
        let Some(text) = self.environment.get(name) else {
            return Ok(None);
        };
        let origin = Origin::Variable(name.to_owned());
        match T::from_text(text) {
            Some(value) => Ok(Some(Setting { value, origin })),
            None => Err(ProjectError::InvalidValue {
                origin: Box::new(origin),
                found: text.to_owned(),
                allowed: T::ALLOWED,
            }),
        }
    }

    /// The strongest value of a key.
    pub fn resolve<T: SettingValue>(
        &self,
        key: &Key,
        flag: Option<&T>,
    ) -> Result<Option<Setting<T>>, ProjectError> {
        if let Some(value) = flag {
            return Ok(Some(Setting {
                value: value.clone().anchored(self.current_dir),
                origin: Origin::Flag(key.flag),
            }));
        }
        if let Some(setting) = self.variable(key)? {
            return Ok(Some(setting));
        }
        for (at, layer) in self.tables.iter().enumerate() {
            let Some(setting) = layer.setting::<T>(key)? else {
                continue;
            };
            // The same table of another package is as strong: it has to agree.
            for equal in &self.tables[at + 1..] {
                if equal.table != layer.table {
                    continue;
                }
                if let Some(other) = equal.setting::<T>(key)?
                    && other.value.describe() != setting.value.describe()
                {
                    return Err(ProjectError::Conflict {
                        first: setting.value.describe(),
                        second: other.value.describe(),
                        origins: Box::new((setting.origin, other.origin)),
                    });
                }
            }
            return Ok(Some(setting));
        }
        Ok(None)
    }
}
