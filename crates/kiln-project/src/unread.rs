//! Keys in our tables that nothing reads: most are typing mistakes, and a setting that silently
//! does nothing is the worst kind of error.

use std::path::PathBuf;

use serde::Serialize;

use crate::function::Function;
use crate::layers::{Layer, same_key};
use crate::project::Project;
use crate::select::{closest, names};
use crate::settings::keys;
use crate::variables::SECTION_ENV_NAMES;

/// What cargo-lambda reads and we do not, or not yet: no mistakes. By section.
const CARGO_LAMBDA_KEYS: &[(&str, &[&str])] = &[
    (
        "deploy",
        &[
            "profile",
            "region",
            "alias",
            "retry_attempts",
            "endpoint_url",
            "enable_function_url",
            "disable_function_url",
            "tracing",
            "role",
            "iam_role",
            "subnet_ids",
            "security_group_ids",
            "ipv6_allowed_for_dual_stack",
            "description",
            "log_retention",
            "lambda_dir",
            "manifest_path",
            "binary_name",
            "binary_path",
            "s3_bucket",
            "s3_key",
            "extension",
            "internal",
            "compatible_runtimes",
            "output_format",
            "tag",
            "tags",
            "dry",
            "name",
            "merge_env",
            "publish_code_without_description",
        ],
    ),
    (
        "watch",
        &[
            "print_traces",
            "wait",
            "disable_cors",
            "timeout",
            "router",
            "tls_cert",
            "tls_key",
            "tls_ca",
            "concurrency",
            "manifest_path",
            "ignore_rust_version",
            "unit_graph",
            "packages",
            "bin",
            "example",
            "args",
            "profile",
            "features",
            "all_features",
            "no_default_features",
            "target",
            "target_dir",
            "jobs",
            "verbose",
            "quiet",
            "color",
            "frozen",
            "locked",
            "offline",
            "config",
        ],
    ),
    (
        "build",
        &[
            "manifest_path",
            "packages",
            "workspace",
            "exclude",
            "lib",
            "bin",
            "bins",
            "example",
            "examples",
            "test",
            "tests",
            "bench",
            "benches",
            "all_targets",
            "target_dir",
            "jobs",
            "keep_going",
            "verbose",
            "quiet",
            "color",
            "frozen",
            "locked",
            "offline",
            "config",
            "message_format",
            "timings",
            "unit_graph",
            "build_plan",
            "future_incompat_report",
            "ignore_rust_version",
            "artifact_dir",
            "args",
        ],
    ),
];

/// Tables there are beside the sections.
const TABLES: [&str; 5] = ["env", "bin", "build", "deploy", "watch"];

/// The tables of a binary and those of `CargoLambda.toml`: neither has any of further binaries.
const TABLES_BUT_BIN: [&str; 4] = ["env", "build", "deploy", "watch"];

/// A key that nothing reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnreadKey {
    /// The file, relative to the workspace root where it lies inside.
    pub file: PathBuf,
    /// The table it is in.
    pub table: String,
    /// The key.
    pub key: String,
    /// Whether cargo-lambda reads it: then it is no mistake, and does nothing here.
    pub cargo_lambda: bool,
    /// The key that was probably meant.
    pub suggestion: Option<String>,
}

impl Project {
    /// The keys in the tables of Kiln and cargo-lambda that nothing here reads, in all manifests
    /// of the workspace and in `CargoLambda.toml`; tables of binaries that do not exist included.
    pub fn unread_keys(&self) -> Vec<UnreadKey> {
        let mut unread = Vec::new();
        for package in self.metadata.workspace_packages() {
            let of_package = |function: &&Function| function.package_id == package.id;
            let binaries = names(self.everything().filter(of_package));
            if let Some(metadata) = self.package_layer(package) {
                in_manifest(&metadata, &binaries, &mut unread);
            }
        }
        if let Some(metadata) = self.workspace_tables() {
            in_manifest(&metadata, &names(self.everything()), &mut unread);
        }
        if let Some(table) = self.cargo_lambda_table() {
            in_cargo_lambda_file(&table, &mut unread);
        }
        unread
    }
}

/// The keys of `[….metadata.kiln]` and `[….metadata.lambda]`.
fn in_manifest(metadata: &Layer<'_>, binaries: &[String], unread: &mut Vec<UnreadKey>) {
    for tool in ["kiln", "lambda"] {
        let Ok(Some(table)) = metadata.table(tool) else {
            continue;
        };
        check(&table, &TABLES, &[], unread);
        in_sections(&table, unread);
        let Ok(Some(tables)) = table.table("bin") else {
            continue;
        };
        for name in tables.value.keys() {
            if !binaries.contains(name) {
                let known = binaries.iter().map(String::as_str);
                unread.push(unknown(&tables, name, closest(name, known)));
            } else if let Ok(Some(binary)) = tables.table(name) {
                check(&binary, &TABLES_BUT_BIN, &[], unread);
                in_sections(&binary, unread);
            }
        }
    }
}

/// The keys of cargo-lambda's own file.
fn in_cargo_lambda_file(table: &Layer<'_>, unread: &mut Vec<UnreadKey>) {
    // Contexts (`[production.deploy]`) are named by the user: they are known by the sections in
    // them.
    let mut foreign = vec!["template"];
    for name in table.value.keys() {
        if let Ok(Some(context)) = table.table(name)
            && !TABLES_BUT_BIN.contains(&name.as_str())
            && TABLES_BUT_BIN
                .iter()
                .any(|section| context.value.contains_key(*section))
        {
            foreign.push(name);
        }
    }
    check(table, &TABLES_BUT_BIN, &foreign, unread);
    in_sections(table, unread);
}

/// The keys of the sections.
fn in_sections(table: &Layer<'_>, unread: &mut Vec<UnreadKey>) {
    for (section, foreign) in CARGO_LAMBDA_KEYS {
        let Ok(Some(table)) = table.table(section) else {
            continue;
        };
        let mut ours: Vec<&str> = Vec::new();
        for key in keys().filter(|key| key.section == *section) {
            ours.extend(key.names);
            ours.extend(key.shorthands.iter().map(|(name, _)| *name));
        }
        if *section != "build" {
            ours.extend(SECTION_ENV_NAMES);
        }
        check(&table, &ours, foreign, unread);
    }
}

/// Compares the keys of a table with those that are read here, and those of cargo-lambda.
fn check(table: &Layer<'_>, ours: &[&str], foreign: &[&str], unread: &mut Vec<UnreadKey>) {
    for key in table.value.keys() {
        let is_among = |names: &[&str]| names.iter().any(|name| same_key(key, name));
        if is_among(ours) {
            continue;
        }
        let all = ours.iter().chain(foreign).copied();
        unread.push(if is_among(foreign) {
            UnreadKey {
                cargo_lambda: true,
                ..unknown(table, key, None)
            }
        } else {
            unknown(table, key, closest(key, all))
        });
    }
}

/// A key that is known nowhere.
fn unknown(table: &Layer<'_>, key: &str, suggestion: Option<&str>) -> UnreadKey {
    UnreadKey {
        file: table.file.clone(),
        table: table.table.clone(),
        key: key.to_owned(),
        cargo_lambda: false,
        suggestion: suggestion.map(str::to_owned),
    }
}
