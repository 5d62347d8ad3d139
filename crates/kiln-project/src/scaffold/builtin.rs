//! The templates that come with Kiln: which parts each is made of, and what the parts may say.
//!
//! A template is a pile of directories below `templates/`, each laid out like a project: one for
//! what all projects have, one per kind of event, one per workload, one per port. Kinds and
//! workloads know nothing of each other, so that all pairs of them fit.

use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};
use kiln_protocol::samples;
use minijinja::Value;

use super::error::ScaffoldError;
use super::kind::{Builtin, ExtensionApi, Kind, Workload};
use super::plan::PlannedFile;
use super::render::{Renderer, without_suffix};

// Read when this file is compiled: touch it after adding a file there.
static TEMPLATES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../templates");

/// What a built-in template says about one choice.
type Variables = Vec<(&'static str, Value)>;

/// The modules of a project: a crate of the same name could not be told from them.
pub(super) const MODULES: &[&str] = &[
    "catalogue",
    "error",
    "forecast",
    "handler",
    "http_client",
    "ledger",
    "logging",
    "objects",
    "order",
    "processor",
    "work",
];

/// Renders every part of a template.
pub(super) fn files(
    builtin: Builtin,
    common: Vec<(String, Value)>,
) -> Result<Vec<PlannedFile>, ScaffoldError> {
    let (parts, variables) = match builtin {
        Builtin::Function { kind, workload } => (
            function_parts(kind, workload),
            function_variables(kind, workload),
        ),
        Builtin::Extension(api) => (extension_parts(api), extension_variables(api)),
    };
    let own = variables
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value));
    let renderer = Renderer::new(common.into_iter().chain(own));
    let mut files = Vec::new();
    for part in &parts {
        let directory = TEMPLATES
            .get_dir(part)
            .unwrap_or_else(|| panic!("the part `{part}` is embedded"));
        render_part(directory, directory.path(), &renderer, &mut files)?;
    }
    let sample = samples::find(builtin.sample()).expect("every template has its sample event");
    files.push(PlannedFile::text(
        PathBuf::from("events").join(format!("{}.json", sample.name)),
        sample.text,
    ));
    Ok(files)
}

fn render_part(
    directory: &Dir<'_>,
    part: &Path,
    renderer: &Renderer,
    files: &mut Vec<PlannedFile>,
) -> Result<(), ScaffoldError> {
    for file in directory.files() {
        let path = file
            .path()
            .strip_prefix(part)
            .expect("embedded paths begin with their directory");
        let text = file.contents_utf8().expect("embedded templates are UTF-8");
        files.push(match without_suffix(path) {
            Some(target) => PlannedFile::text(target, renderer.render(path, text)?),
            // Under its own name it would hide templates from git here.
            None if path == Path::new("_gitignore") => PlannedFile::text(".gitignore", text),
            None => PlannedFile::text(path, text),
        });
    }
    for below in directory.dirs() {
        render_part(below, part, renderer, files)?;
    }
    Ok(())
}

fn function_parts(kind: Kind, workload: Workload) -> Vec<String> {
    let mut parts = vec![
        "common".to_owned(),
        "function".to_owned(),
        format!("kinds/{}", kind.name()),
        format!("workloads/{}", workload.name()),
    ];
    parts.extend(
        ports(kind, workload)
            .into_iter()
            .map(|port| format!("ports/{port}")),
    );
    parts
}

/// What the code of a project reaches the outside or another discipline through; each is a module
/// of the same name.
fn ports(kind: Kind, workload: Workload) -> Vec<&'static str> {
    let mut ports = Vec::new();
    if workload.waits() {
        ports.push("catalogue");
    }
    if workload.computes() {
        ports.push("forecast");
    }
    if workload == Workload::Mixed {
        ports.push("ledger");
    }
    if kind == Kind::S3 {
        ports.push("objects");
    }
    if has_client(kind, workload) {
        ports.push("http_client");
    }
    ports
}

/// An S3 event only names its objects: whatever the workload, they have to be read first.
fn has_client(kind: Kind, workload: Workload) -> bool {
    workload.waits() || kind == Kind::S3
}

fn function_variables(kind: Kind, workload: Workload) -> Variables {
    let mut modules = ports(kind, workload);
    modules.extend(["error", "handler", "logging", "order", "work"]);
    modules.sort_unstable();
    let work = match workload {
        Workload::Io => "prices looked up concurrently, bounded and with time limits",
        Workload::Compute => "a forecast computed on all processors",
        Workload::Mixed => "prices looked up, a forecast computed, the result stored",
    };
    let runtime = if kind.is_http() {
        "lambda_http"
    } else {
        "lambda_runtime"
    };
    let (headline, event) = describe(kind);
    // As wide as its neighbours in the README.
    let invoke_command = format!("{:<30}", format!("kiln invoke --event {}", kind.name()));
    vec![
        ("kind", kind.name().into()),
        ("workload", workload.name().into()),
        ("is_http", kind.is_http().into()),
        ("runtime", runtime.into()),
        ("modules", modules.into()),
        ("looks_up_prices", workload.waits().into()),
        ("computes", workload.computes().into()),
        ("stores", (workload == Workload::Mixed).into()),
        ("has_client", has_client(kind, workload).into()),
        ("headline", headline.into()),
        ("event_words", event.into()),
        ("work_words", work.into()),
        ("invoke_command", invoke_command.into()),
    ]
}

/// What a function does, and what its event is.
fn describe(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Http => (
            "An HTTP function: orders come in as JSON on `POST /orders`.",
            "routes and responses",
        ),
        Kind::FunctionUrl => (
            "A function behind a URL of its own: an order comes in as JSON, the answer goes out as JSON.",
            "requests and responses",
        ),
        Kind::Json => (
            "A function that is invoked with an order as JSON.",
            "an order as it is",
        ),
        Kind::Sqs => (
            "Works through batches of orders from an SQS queue.",
            "messages, and which of them are to come again",
        ),
        Kind::Sns => (
            "Works on orders published to an SNS topic.",
            "notifications with an order",
        ),
        Kind::S3 => (
            "Works on order files as they arrive in an S3 bucket.",
            "new objects",
        ),
        Kind::EventBridge => (
            "Works on `OrderPlaced` events of an EventBridge bus.",
            "events with an order as their detail",
        ),
        Kind::Schedule => (
            "Draws up the restock order whenever its schedule fires.",
            "the scheduled time, and what is due then",
        ),
        Kind::DynamoDb => (
            "Works on orders as they change in a DynamoDB table.",
            "changed items, and where to go on after a failure",
        ),
        Kind::Kinesis => (
            "Works through orders from a Kinesis data stream.",
            "records, and where to go on after a failure",
        ),
        Kind::Kafka => (
            "Works through orders from Kafka topics.",
            "records of several partitions",
        ),
    }
}

fn extension_parts(api: ExtensionApi) -> Vec<String> {
    vec![
        "common".to_owned(),
        "extension/base".to_owned(),
        format!("extension/{}", api.name()),
    ]
}

fn extension_variables(api: ExtensionApi) -> Variables {
    let (headline, event) = match api {
        ExtensionApi::Events => (
            "A Lambda extension that follows invocations and the environment's end.",
            "invocations and the environment's end",
        ),
        ExtensionApi::Logs => (
            "A Lambda extension that sums up what functions and the platform log.",
            "what functions and the platform log",
        ),
        ExtensionApi::Telemetry => (
            "A Lambda extension that measures initialization, invocations and failures.",
            "what the platform measures",
        ),
    };
    vec![
        ("kind", "extension".into()),
        ("extension_api", api.name().into()),
        ("runtime", "lambda_extension".into()),
        ("sample", api.sample().into()),
        ("headline", headline.into()),
        ("event_words", event.into()),
    ]
}
