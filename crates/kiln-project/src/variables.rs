//! The environment variables a function runs with, each with where it came from.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use crate::env_file;
use crate::error::ProjectError;
use crate::function::Function;
use crate::layers::{Layer, Layers, invalid};
use crate::project::{Project, bin_table};
use crate::setting::{Origin, Setting};
use crate::settings::{Key, Overrides, Purpose};
use crate::value::{SettingValue, scalar};

/// A function's variables by name.
pub type Variables = BTreeMap<String, Setting<String>>;

/// The names cargo-lambda and we have for variables inside a section.
pub(crate) const SECTION_ENV_NAMES: &[&str] = &["env", "env_var", "env_vars"];

/// The env file of local runs.
const WATCH_ENV_FILE: Key = Key {
    section: "watch",
    names: &["env_file"],
    shorthands: &[],
    variable: "KILN_ENV_FILE",
    cargo_lambda_variable: None,
    flag: "--env-file",
    allowed: <PathBuf as SettingValue>::ALLOWED,
    help: "File of environment variables for functions that run here.",
};

/// The env file of deployments.
const DEPLOY_ENV_FILE: Key = Key {
    section: "deploy",
    help: "File of environment variables for functions that are deployed.",
    ..WATCH_ENV_FILE
};

/// The keys that concern variables.
pub(crate) const KEYS: &[Key] = &[WATCH_ENV_FILE, DEPLOY_ENV_FILE];

/// The env file in force.
pub(crate) fn env_file(
    layers: &Layers<'_>,
    overrides: &Overrides,
) -> Result<Option<Setting<PathBuf>>, ProjectError> {
    let key = match overrides.purpose {
        Purpose::Local => &WATCH_ENV_FILE,
        Purpose::Deploy => &DEPLOY_ENV_FILE,
    };
    layers.resolve(key, overrides.env_file.as_ref())
}

/// All variables of a function: flags, then the env file, then the files' tables.
pub(crate) fn resolve(
    project: &Project,
    function: &Function,
    overrides: &Overrides,
    env_file: Option<&Setting<PathBuf>>,
) -> Result<Variables, ProjectError> {
    let mut variables = Variables::new();
    // The strongest comes first and stays; among flags the last one typed is the strongest.
    for text in overrides.env_var.iter().rev() {
        let origin = Origin::Flag("--env-var");
        let pairs = pairs(text, &origin)?;
        add(&mut variables, pairs.into_iter().rev(), &origin);
    }
    if let Some(file) = env_file {
        let pairs = env_file::read(&file.value, &file.origin)?;
        let origin = Origin::EnvFile(project.shown(&file.value));
        add(&mut variables, pairs.into_iter().rev(), &origin);
    }
    for table in tables(project, function)? {
        if let Some(section) = table.table(overrides.purpose.section())? {
            for name in SECTION_ENV_NAMES {
                read_table(&section, name, &mut variables)?;
            }
        }
        read_table(&table, "env", &mut variables)?;
    }
    Ok(variables)
}

/// The tables with variables, strongest first: those of the binary before those of its package,
/// the package's before the workspace's, and at the same place ours before cargo-lambda's.
fn tables<'a>(project: &'a Project, function: &Function) -> Result<Vec<Layer<'a>>, ProjectError> {
    let mut tables = Vec::new();
    let manifests = [project.package_tables(function), project.workspace_tables()];
    for metadata in manifests.into_iter().flatten() {
        let mut tools = Vec::new();
        for tool in ["kiln", "lambda"] {
            tools.extend(metadata.table(tool)?);
        }
        for tool in &tools {
            tables.extend(bin_table(tool, &function.name)?);
        }
        tables.append(&mut tools);
    }
    tables.extend(project.cargo_lambda_table());
    Ok(tables)
}

/// Adds what a key of a table says: a table of values, or pairs in one string or a list.
fn read_table(
    table: &Layer<'_>,
    name: &str,
    variables: &mut Variables,
) -> Result<(), ProjectError> {
    const ALLOWED: &str = "a table of variables, or a list of \"NAME=value\"";
    let Some((origin, value)) = table.find(&[name]) else {
        return Ok(());
    };
    match value {
        Value::Object(_) => {
            let Some(table) = table.table(name)? else {
                return Ok(());
            };
            for (name, value) in table.value {
                let origin = table.origin(name);
                let Some(text) = scalar(value) else {
                    return Err(invalid(origin, value, "a string, a number or a boolean"));
                };
                if !env_file::is_name(name) {
                    return Err(ProjectError::InvalidPair {
                        text: format!("{name}={text}"),
                        origin: Box::new(origin),
                    });
                }
                add(variables, [(name.clone(), text)].into_iter(), &origin);
            }
        }
        Value::Array(items) => {
            for item in items.iter().rev() {
                let Some(text) = item.as_str() else {
                    return Err(invalid(origin, item, ALLOWED));
                };
                add(variables, pairs(text, &origin)?.into_iter().rev(), &origin);
            }
        }
        Value::String(text) => {
            add(variables, pairs(text, &origin)?.into_iter().rev(), &origin);
        }
        other => return Err(invalid(origin, other, ALLOWED)),
    }
    Ok(())
}

/// Adds variables that are not there yet.
fn add(variables: &mut Variables, pairs: impl Iterator<Item = (String, String)>, origin: &Origin) {
    for (name, value) in pairs {
        variables.entry(name).or_insert_with(|| Setting {
            value,
            origin: origin.clone(),
        });
    }
}

/// Pairs in a text, with an error that says where the text is from.
fn pairs(text: &str, origin: &Origin) -> Result<Vec<(String, String)>, ProjectError> {
    env_file::parse_pairs(text).map_err(|text| ProjectError::InvalidPair {
        text,
        origin: Box::new(origin.clone()),
    })
}
