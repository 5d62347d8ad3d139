//! `kiln tour`: the whole story on the sample workspace.

mod stops;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::LogType;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use kiln_build::cargo::CargoBuild;
use kiln_project::{Function, LoadOptions, Overrides, Project};
use kiln_service::{Code, InvocationReport, LogSource, Observer, Service, edge, process};
use tokio::sync::oneshot;

use crate::aws;
use crate::failure::{Exit, Failure};
use crate::local::stop::Stop;
use crate::local::{self, compile, listen};
use crate::output::{self, DIM, GOOD, HINT};
use crate::project;
use stops::{STOPS, TourStop};

/// See it all at work on a sample workspace: three functions are built, served on the embedded
/// local Lambda and invoked through the official AWS SDK.
///
/// Changes no file outside of the sample's `target` directory, needs no account and ends by itself.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The sample workspace [default: `examples` of Kiln's repository].
    #[arg(long, value_name = "DIR")]
    examples: Option<PathBuf>,
}

/// What one function showed.
struct Seen {
    function: &'static str,
    cold: String,
    warm: String,
}

/// The tour looks at logs through the SDK, as a user would.
struct Silent;

impl Observer for Silent {
    fn log(&self, _function: &str, _source: LogSource, _line: &str) -> bool {
        true
    }
    fn finished(&self, _function: &str, _report: &InvocationReport) {}
}

/// Runs the command.
pub fn run(args: Args) -> Result<Exit, Failure> {
    let examples = examples(args.examples)?;
    process::raise_descriptor_limit();
    local::runtime().map_err(Failure::usage)?.block_on(async {
        let mut stop = Stop::listen()?;
        tokio::select! {
            outcome = tour(&examples) => outcome,
            () = stop.requested() => Err(Failure::usage("the tour was interrupted")),
        }
    })
}

/// The sample workspace: the given one, that of the repository we stand in, or that which this
/// binary was built from.
fn examples(given: Option<PathBuf>) -> Result<PathBuf, Failure> {
    let built_from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let places = match given {
        Some(given) => vec![given],
        None => vec![PathBuf::from("examples"), built_from],
    };
    let found = places.iter().find(|place| {
        STOPS
            .iter()
            .all(|stop| place.join(stop.function).join("Cargo.toml").is_file())
    });
    match found.and_then(|place| place.canonicalize().ok()) {
        Some(place) => Ok(place),
        None => Err(Failure::usage("the sample workspace is not here").hint(
            "clone Kiln's repository and run `kiln tour` in it, or name its `examples` with `--examples DIR`",
        )),
    }
}

async fn tour(examples: &Path) -> Result<Exit, Failure> {
    let began = Instant::now();
    say_step("three functions to look at", "cd examples && ls");
    for stop in &STOPS {
        output::say(format!(
            "  {HINT}{:<14}{HINT:#} {}",
            stop.function, stop.what
        ));
    }
    let load = LoadOptions {
        progress: Some(|line| output::say(line)),
        ..LoadOptions::new(examples)
    };
    let project = Project::load(&load)?;
    let functions: Vec<&Function> = STOPS
        .iter()
        .map(|stop| project.function(stop.function))
        .collect::<Result<_, _>>()?;

    let listeners = listen::bind(&kiln_project::Addresses::loopback().0, 0)?;
    let address = listeners.first().map(tokio::net::TcpListener::local_addr);
    let Some(Ok(address)) = address else {
        return Err(Failure::bug("a bound listener has no address"));
    };
    let endpoint = format!("http://{address}");
    say_step(
        "build them with one cargo call and serve them on the local Lambda",
        &format!("kiln watch --port {}", address.port()),
    );
    let service = Service::new(local::service_config(), Arc::new(Silent));
    build_and_deploy(&project, &functions, &service).await?;
    output::say(format!("{GOOD}serving{GOOD:#} on {HINT}{endpoint}{HINT:#}"));

    let (stop_serving, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(edge::serve(service.clone(), listeners, async {
        // Dropping the sender stops it just as well.
        let _ = stopped.await;
    }));
    let client = aws::local_client(&endpoint);
    let mut seen = Vec::new();
    for stop in &STOPS {
        seen.push(visit(stop, &client, examples, address.port()).await?);
    }
    service.close().await;
    drop(stop_serving);
    // Its connections have a moment to take their answers; the task cannot fail otherwise.
    let _ = serving.await;
    conclude(&seen, began.elapsed());
    Ok(Exit::Done)
}

async fn build_and_deploy(
    project: &Project,
    functions: &[&Function],
    service: &Service,
) -> Result<(), Failure> {
    let mut build = CargoBuild {
        directory: Some(project.workspace_root.clone()),
        ..CargoBuild::default()
    };
    // The sample is what its lock file says, whatever was released since.
    build.options.locked = true;
    project::narrow(&mut build.options, functions);
    let compiled = compile::compile(&build).await.map_err(Failure::failed)?;
    for function in functions {
        let settings = project.settings(function, &Overrides::default())?;
        let Some(path) = compiled.executables.get(&function.name) else {
            return Err(Failure::bug(format!("cargo built no `{}`", function.name)));
        };
        let code = Code::Executable {
            path: path.clone(),
            working_directory: function.package_root.clone(),
        };
        let config = local::function_config(function, &settings);
        let deployed = service.deploy(config, code);
        deployed.map_err(|error| Failure::usage(error.message()))?;
    }
    Ok(())
}

/// Invokes a function cold and warm, shows both and checks the answers.
async fn visit(
    stop: &TourStop,
    client: &Client,
    examples: &Path,
    port: u16,
) -> Result<Seen, Failure> {
    say_step(stop.story, &stop.event.command(stop.function, port));
    let event = stop.event.read(examples, stop.function)?;
    let mut reports = Vec::new();
    for attempt in ["cold", "warm"] {
        let answer = client
            .invoke()
            .function_name(stop.function)
            .log_type(LogType::Tail)
            .payload(Blob::new(event.clone()))
            .send()
            .await
            .map_err(Failure::failed)?;
        let payload = answer.payload().map(Blob::as_ref).unwrap_or_default();
        let log = answer.log_result().unwrap_or_default();
        let log = BASE64.decode(log).map_err(Failure::bug)?;
        let log = String::from_utf8_lossy(&log).into_owned();
        if attempt == "cold" {
            output::data(shortened(&String::from_utf8_lossy(payload)));
        }
        let report = log
            .lines()
            .rev()
            .find(|line| line.starts_with("REPORT "))
            .unwrap_or_default();
        output::say(format!(
            "{DIM}{attempt}{DIM:#}  {}",
            report.replace('\t', "  ")
        ));
        let json = serde_json::from_slice(payload).unwrap_or_default();
        if let Err(wrong) = (stop.check)(&json) {
            let answered = String::from_utf8_lossy(payload).into_owned();
            return Err(
                Failure::failed(format!("`{}` answered {wrong}", stop.function))
                    .hint(format!("its whole answer: {answered}"))
                    .hint(format!("its log: {log}")),
            );
        }
        reports.push(report.to_owned());
    }
    output::say(format!("{GOOD}right{GOOD:#} both times: {}", stop.right));
    let times = |report: Option<&String>| {
        let report = report.map(String::as_str).unwrap_or_default();
        (
            field(report, "Duration: "),
            field(report, "Init Duration: "),
        )
    };
    let (cold, init) = times(reports.first());
    let (warm, _) = times(reports.last());
    Ok(Seen {
        function: stop.function,
        cold: format!("{cold} + {init} init"),
        warm,
    })
}

/// A field of a REPORT line.
fn field(report: &str, name: &str) -> String {
    let value = report
        .split('\t')
        .find_map(|field| field.strip_prefix(name));
    value.unwrap_or("?").trim().to_owned()
}

/// Long answers are shown from their beginning.
fn shortened(text: &str) -> String {
    const SHOWN: usize = 400;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    }
}

fn say_step(what: &str, command: &str) {
    output::say(format!(
        "\n{GOOD}●{GOOD:#} {what}\n{DIM}$ {DIM:#}{HINT}{command}{HINT:#}"
    ));
}

fn conclude(seen: &[Seen], took: Duration) {
    output::say(format!(
        "\n{GOOD}●{GOOD:#} that was it, in {} s",
        took.as_secs()
    ));
    for Seen {
        function,
        cold,
        warm,
    } in seen
    {
        output::say(format!(
            "  {HINT}{function:<14}{HINT:#} cold {cold:<28} warm {warm}"
        ));
    }
    output::say(format!(
        "\nYour turn:\n  {HINT}kiln new my-function --kind http{HINT:#}\n  {HINT}cd my-function && kiln watch{HINT:#}\n  {HINT}kiln invoke --event http{HINT:#}   {DIM}(in another terminal){DIM:#}"
    ));
}
