//! `kiln invoke`: send an event to a function, local or on AWS, and print its answer.

mod payload;
mod problem;
mod stream;

use std::net::IpAddr;
use std::path::PathBuf;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::operation::invoke::InvokeOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::LogType;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use kiln_project::{Addresses, Overrides, Project, WatchOverrides, WatchSettings};
use kiln_service::edge::ONLY_FUNCTION;

use crate::aws::{self, Remote, Stale};
use crate::failure::{Exit, Failure};
use crate::output::{self, DIM, Format};
use crate::project;
use payload::PayloadArgs;
use problem::Refusal;

const EXAMPLES: &str = "\
Examples:
  kiln invoke                                   the only function there is, with the event {}
  kiln invoke orders --data-ascii '{\"id\": 1}'
  kiln invoke orders --data-file event.json
  kiln invoke orders --event sqs --set Records.0.body=hello
  jq -n '{id: 1}' | kiln invoke orders -
  kiln invoke report --stream                   print the answer while it comes
  kiln invoke orders --remote --alias live      the function on AWS";

/// Invoke a function, local or on AWS, and print its answer on stdout.
///
/// Exits with 1 when the function answered with an error, so that scripts can tell.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The function's name; on AWS also its ARN. May be left out where there is only one.
    #[arg(value_name = "FUNCTION")]
    function: Option<String>,

    #[command(flatten)]
    payload: PayloadArgs,

    /// Invoke the function on AWS, not on this machine.
    #[arg(short = 'R', long)]
    remote: bool,

    /// Version or alias to invoke.
    #[arg(
        short = 'a',
        long,
        visible_alias = "qualifier",
        value_name = "QUALIFIER"
    )]
    alias: Option<String>,

    /// Port of the local Lambda [default: 9000, or what the project configures].
    #[arg(short = 'P', long, visible_alias = "invoke-port", value_name = "PORT")]
    port: Option<u16>,

    /// Address of the local Lambda [default: 127.0.0.1].
    #[arg(short = 'A', long, visible_alias = "invoke-address", value_name = "IP")]
    address: Option<IpAddr>,

    /// Show the end of the invocation's log on stderr, with its REPORT line.
    #[arg(short, long)]
    log: bool,

    /// Print the answer while the function is sending it, byte by byte as it comes.
    #[arg(long, conflicts_with = "output_format")]
    stream: bool,

    /// JSON for the function's client context.
    #[arg(long, value_name = "JSON", conflicts_with = "client_context_file")]
    client_context_ascii: Option<String>,

    /// File with JSON for the function's client context.
    #[arg(long, value_name = "FILE")]
    client_context_file: Option<PathBuf>,

    /// For whom to run, of a function that keeps its tenants apart.
    #[arg(long, value_name = "ID")]
    tenant_id: Option<String>,

    /// AWS profile to use, with `--remote`.
    #[arg(short, long, requires = "remote")]
    profile: Option<String>,

    /// AWS region to use, with `--remote`.
    #[arg(short, long, requires = "remote")]
    region: Option<String>,

    /// How often to try, with `--remote`.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "remote")]
    retry_attempts: u32,

    /// Another endpoint than the local Lambda's or AWS's.
    #[arg(long, value_name = "URL")]
    endpoint_url: Option<String>,

    /// How to print the answer: as it came, or as indented JSON.
    #[arg(
        short = 'o',
        long,
        visible_alias = "format",
        value_enum,
        ignore_case = true,
        default_value_t,
        value_name = "FORMAT"
    )]
    output_format: Format,
}

/// Runs the command.
pub fn run(mut args: Args) -> Result<Exit, Failure> {
    // `kiln invoke -` is the only function with the event on stdin.
    if args.function.as_deref() == Some("-") {
        args.function = None;
        args.payload.read_stdin();
    }
    let payload = args.payload.read()?;
    let context = args.client_context()?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::usage)?
        .block_on(invoke(&args, payload, context))
}

async fn invoke(args: &Args, payload: Vec<u8>, context: Option<String>) -> Result<Exit, Failure> {
    let function = args.function_name()?;
    let endpoint = args.endpoint()?;
    let client = if args.remote {
        let remote = Remote {
            profile: args.profile.as_deref(),
            region: args.region.as_deref(),
            endpoint: args.endpoint_url.as_deref(),
            attempts: args.retry_attempts,
        };
        aws::remote_client(&remote).await
    } else {
        aws::local_client(&endpoint)
    };
    let stale = Stale::default();
    let call = Call {
        function: &function,
        qualifier: args.alias.clone(),
        client_context: context.map(|context| BASE64.encode(context)),
        log_type: args.log.then_some(LogType::Tail),
        tenant_id: args.tenant_id.clone(),
        payload,
    };
    let explain = |refusal| {
        if args.remote {
            problem::remote(refusal, &function)
        } else {
            problem::local(refusal, &function, &endpoint)
        }
    };
    let warn_of_stale = |stale: &Stale| {
        if stale.noted() {
            output::warn("the code does not compile: this answer is from the last good build");
        }
    };
    if args.stream {
        let answer = stream::invoke(&client, call, stale.clone()).await;
        let answer = answer.map_err(explain)?;
        warn_of_stale(&stale);
        stream::show(answer).await
    } else {
        let answer = whole(&client, call, stale.clone()).await.map_err(explain)?;
        warn_of_stale(&stale);
        show(args, &answer)
    }
}

/// What is sent, by either operation.
struct Call<'a> {
    function: &'a str,
    qualifier: Option<String>,
    client_context: Option<String>,
    log_type: Option<LogType>,
    tenant_id: Option<String>,
    payload: Vec<u8>,
}

async fn whole(client: &Client, call: Call<'_>, stale: Stale) -> Result<InvokeOutput, Refusal> {
    client
        .invoke()
        .function_name(call.function)
        .set_qualifier(call.qualifier)
        .set_client_context(call.client_context)
        .set_log_type(call.log_type)
        .set_tenant_id(call.tenant_id)
        .payload(Blob::new(call.payload))
        .customize()
        .interceptor(stale)
        .send()
        .await
        .map_err(problem::refusal)
}

/// Shows the end of the log, which came in base64.
fn show_log(log: &str) {
    let log = BASE64.decode(log).unwrap_or_default();
    output::say(format!(
        "{DIM}{}{DIM:#}",
        String::from_utf8_lossy(&log).trim_end()
    ));
}

fn show(args: &Args, answer: &InvokeOutput) -> Result<Exit, Failure> {
    if let Some(log) = answer.log_result() {
        show_log(log);
    }
    let payload = answer.payload().map(Blob::as_ref).unwrap_or_default();
    let json = serde_json::from_slice::<serde_json::Value>(payload);
    match (args.output_format, &json) {
        (Format::Json, Ok(json)) => output::json(json)?,
        // What is not JSON is shown as it came, whatever was asked for.
        _ => output::data(String::from_utf8_lossy(payload)),
    }
    if answer.function_error().is_none() {
        return Ok(Exit::Done);
    }
    let member = |name: &str| {
        let json = json.as_ref().ok()?;
        json.get(name)?.as_str().map(str::to_owned)
    };
    let kind = member("errorType").unwrap_or_else(|| "an error".to_owned());
    let message = member("errorMessage").unwrap_or_else(|| "see its answer above".to_owned());
    Err(Failure::failed(format!(
        "the function failed with `{kind}`: {message}"
    )))
}

impl Args {
    /// The name to invoke. The local Lambda knows which function is the only one; on AWS the
    /// project here decides.
    fn function_name(&self) -> Result<String, Failure> {
        if let Some(name) = &self.function {
            return Ok(name.clone());
        }
        if !self.remote {
            return Ok(ONLY_FUNCTION.to_owned());
        }
        let project = Project::load(&project::load_options(&cargo_options::Build::default())?)?;
        match project.functions.as_slice() {
            [only] => Ok(only.name.clone()),
            several => {
                let names: Vec<_> = several.iter().map(|one| one.name.as_str()).collect();
                Err(Failure::usage("which function is to be invoked?")
                    .hint(format!("name one of: {}", names.join(", "))))
            }
        }
    }

    fn endpoint(&self) -> Result<String, Failure> {
        if let Some(endpoint) = &self.endpoint_url {
            return self.given(endpoint);
        }
        if self.remote {
            // AWS has its own.
            return Ok(String::new());
        }
        let (address, port) = match (self.address, self.port) {
            // With the port given, reading the project would only cost time.
            (address, Some(port)) => (address, port),
            (address, None) => self.configured(address)?,
        };
        Ok(match address {
            Some(IpAddr::V6(address)) => format!("http://[{address}]:{port}"),
            Some(IpAddr::V4(address)) => format!("http://{address}:{port}"),
            None => format!("http://127.0.0.1:{port}"),
        })
    }

    /// The endpoint of `--endpoint-url`, checked: the SDK's words for a wrong one help nobody.
    fn given(&self, endpoint: &str) -> Result<String, Failure> {
        let has_scheme = |scheme: &str| endpoint.starts_with(scheme);
        if has_scheme("http://") || (has_scheme("https://") && self.remote) {
            return Ok(endpoint.to_owned());
        }
        let refused = |why: &str| Failure::usage(format!("`--endpoint-url {endpoint}`: {why}"));
        Err(if has_scheme("https://") {
            refused("the local Lambda speaks HTTP without TLS")
                .hint("with `--remote` the call goes the way of calls to AWS")
        } else {
            refused("this is no URL").hint("it begins with its scheme: http://127.0.0.1:9000")
        })
    }

    /// Address and port as `kiln watch` would take them here. Outside of a project the defaults.
    fn configured(&self, address: Option<IpAddr>) -> Result<(Option<IpAddr>, u16), Failure> {
        let overrides = Overrides {
            watch: WatchOverrides {
                address: address.map(|address| Addresses(vec![address])),
                ..WatchOverrides::default()
            },
            ..Overrides::default()
        };
        let mut load = project::load_options(&cargo_options::Build::default())?;
        // Whatever keeps cargo busy is no part of this conversation.
        load.progress = None;
        // Only the dependencies say which of several packages hold functions. One package needs
        // no answer, which is most of the time this takes.
        load.no_dependencies = true;
        let quick = Project::load(&load);
        let project = match quick {
            Ok(project) if project.metadata.workspace_packages().len() > 1 => {
                load.no_dependencies = false;
                Project::load(&load)
            }
            quick => quick,
        };
        let settings = match project {
            Ok(project) => {
                let functions: Vec<_> = project.functions.iter().collect();
                project.watch_settings(&functions, &overrides)?
            }
            // Invoking does not need a project.
            Err(_) => WatchSettings::without_project(&load.environment, &overrides)?,
        };
        // A service on every address is reached on the loopback.
        let address = settings.address.value.0.first().copied();
        let address = address.filter(|address| !address.is_unspecified());
        Ok((address, settings.port.value))
    }

    fn client_context(&self) -> Result<Option<String>, Failure> {
        let text = match (&self.client_context_ascii, &self.client_context_file) {
            (Some(text), _) => text.clone(),
            (None, Some(file)) => std::fs::read_to_string(file).map_err(|error| {
                Failure::usage(format!("cannot read `{}`: {error}", file.display()))
            })?,
            (None, None) => return Ok(None),
        };
        payload::check("the client context", text.as_bytes())?;
        Ok(Some(text))
    }
}
