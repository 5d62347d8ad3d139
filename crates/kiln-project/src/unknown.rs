//! Keys in our tables that nothing reads: most are typing mistakes, and a setting that silently
//! does nothing is the worst kind of error.

use std::path::PathBuf;

use serde::Serialize;

use crate::layers::{Layer, same_key};
use crate::project::Project;
use crate::select::closest;
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
            "layer",
            "layers",
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
            "arm64",
            "x86_64",
            "extension",
            "internal",
            "skip_target_check",
            "disable_optimizations",
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
const TABLES: &[&str] = &["env", "bin", "build", "deploy", "watch"];

/// A key that nothing reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnknownKey {
    /// The file, relative to the workspace root where it lies inside.
    pub file: PathBuf,
    /// The table it is in.
    pub table: String,
    /// The key.
    pub key: String,
    /// The key that was probably meant.
    pub suggestion: Option<String>,
}

impl Project {
    /// The keys in the tables of Kiln and cargo-lambda that nothing reads, in all manifests of
    /// the workspace and in `CargoLambda.toml`.
    pub fn unknown_keys(&self) -> Vec<UnknownKey> {
        let mut unknown = Vec::new();
        let packages = self.metadata.workspace_packages();
        let packages = packages
            .iter()
            .filter_map(|package| self.package_layer(package));
        for metadata in packages.chain(self.workspace_tables()) {
            for tool in ["kiln", "lambda"] {
                if let Ok(Some(table)) = metadata.table(tool) {
                    in_tool(&table, &mut unknown);
                }
            }
        }
        if let Some(table) = self.cargo_lambda_table() {
            in_cargo_lambda_file(&table, &mut unknown);
        }
        unknown
    }
}

/// The keys of `[….metadata.kiln]` or `[….metadata.lambda]`.
fn in_tool(table: &Layer<'_>, unknown: &mut Vec<UnknownKey>) {
    check(table, TABLES, unknown);
    in_sections(table, unknown);
    if let Ok(Some(binaries)) = table.table("bin") {
        for name in binaries.value.keys() {
            if let Ok(Some(binary)) = binaries.table(name) {
                check(&binary, &TABLES_OF_BINARY, unknown);
                in_sections(&binary, unknown);
            }
        }
    }
}

/// The tables of a binary: it has none of further binaries.
const TABLES_OF_BINARY: [&str; 4] = ["env", "build", "deploy", "watch"];

/// The keys of cargo-lambda's own file. Tables of contexts (`[production.deploy]`) are named by
/// the user: they are known by the sections in them.
fn in_cargo_lambda_file(table: &Layer<'_>, unknown: &mut Vec<UnknownKey>) {
    let mut known: Vec<&str> = TABLES.to_vec();
    known.push("template");
    for name in table.value.keys() {
        if let Ok(Some(context)) = table.table(name)
            && TABLES_OF_BINARY
                .iter()
                .any(|section| context.value.contains_key(*section))
        {
            known.push(name);
        }
    }
    check(table, &known, unknown);
    in_sections(table, unknown);
}

/// The keys of the sections.
fn in_sections(table: &Layer<'_>, unknown: &mut Vec<UnknownKey>) {
    for (section, cargo_lambda) in CARGO_LAMBDA_KEYS {
        let Ok(Some(table)) = table.table(section) else {
            continue;
        };
        let mut known: Vec<&str> = keys()
            .filter(|key| key.section == *section)
            .flat_map(|key| key.names)
            .copied()
            .collect();
        known.extend(*cargo_lambda);
        if *section != "build" {
            known.extend(SECTION_ENV_NAMES);
        }
        check(&table, &known, unknown);
    }
}

/// Compares the keys of a table with those there are.
fn check(table: &Layer<'_>, known: &[&str], unknown: &mut Vec<UnknownKey>) {
    for key in table.value.keys() {
        if known.iter().any(|name| same_key(key, name)) {
            continue;
        }
        unknown.push(UnknownKey {
            file: table.file.clone(),
            table: table.table.clone(),
            key: key.clone(),
            suggestion: closest(key, known.iter().copied()).map(str::to_owned),
        });
    }
}
