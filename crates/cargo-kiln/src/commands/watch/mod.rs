//! `kiln watch`: build, serve and reload every function of the workspace.

mod built;
mod configuration;
mod dep_info;
mod function_flags;
mod keys;
mod other_target;
mod session;
mod sources;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use kiln_project::{
    Addresses, Concurrency, IdleTimeout, LoadOptions, Overrides, Project, WatchOverrides,
    WatchSettings,
};
use kiln_service::filesystem::{FileSystemInForce, FileSystemSettings};
use kiln_service::resources::{Choice, ResourceSettings};
use kiln_service::{Service, edge, process};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::cargo_flags::CargoFlags;
use crate::failure::{Exit, Failure};
use crate::local::listen;
use crate::local::printer::Printer;
use crate::local::stop::Stop;
use crate::output::{self, DIM, GOOD, HINT, WARNING};
use crate::{local, project};
use function_flags::FunctionFlags;
use keys::{HELP, Keys};
use session::Session;

/// Build, serve and reload every function of the workspace.
///
/// Every function answers at `POST /2015-03-31/functions/NAME/invocations`: point an AWS SDK or the
/// AWS CLI at it (`--endpoint-url http://127.0.0.1:9000`), or use `kiln invoke NAME`. Edit the code
/// and the next invocation runs it; calls that arrive during a build wait for it. When the code does
/// not compile, the last good build goes on answering, with the header `kiln-stale: true`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Port to serve on; 0 picks a free one and prints it [default: 9000].
    #[arg(short = 'P', long, visible_alias = "invoke-port", value_name = "PORT")]
    port: Option<u16>,

    /// Addresses to serve on, with commas between [default: 127.0.0.1 and ::1].
    ///
    /// Functions run with your rights: think before you open them to a network.
    #[arg(
        short = 'A',
        long,
        visible_alias = "invoke-address",
        value_name = "IP",
        value_delimiter = ','
    )]
    address: Vec<IpAddr>,

    /// Invocations that may be in flight at a time, over all functions [default: 1000].
    ///
    /// More are refused with 429, and so are more than ten times as many a second.
    #[arg(long, value_name = "NUMBER")]
    account_concurrency: Option<Concurrency>,

    /// How long an environment rests before it ends (`90`, `10m`, `never`) [default: 10m].
    #[arg(long, value_name = "DURATION")]
    idle_timeout: Option<IdleTimeout>,

    /// Environment variables for the functions: `NAME=value[,NAME=value…]`, repeatable.
    #[arg(long, visible_alias = "env-vars", value_name = "NAME=VALUE")]
    env_var: Vec<String>,

    /// File of environment variables for the functions, read again when it changes.
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,

    /// Variables of this shell that functions see too, with commas between. They see no others.
    ///
    /// `--pass-env AWS_PROFILE,HOME` lets functions use your own credentials.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pass_env: Vec<String>,

    /// Serve what is there and do not reload on changes.
    #[arg(long, visible_alias = "no-reload")]
    ignore_changes: bool,

    /// Serve what cargo has built already: build nothing, and do not reload on changes.
    ///
    /// For tests and scripts that have run `cargo build`. Cargo's flags say which profile, target and
    /// directory.
    #[arg(long, conflicts_with = "only_lambda_apis")]
    no_build: bool,

    /// Start no function: serve the Runtime API for one that you start yourself, in a debugger.
    ///
    /// Prints the variables to set for it. No timeout ends it while you look at it.
    #[arg(long)]
    only_lambda_apis: bool,

    /// Let functions run between invocations.
    ///
    /// On AWS all processes of an environment stand still until its next invocation, and so they do here:
    /// what a function has begun in the background goes on then, and its connections may have ended.
    #[arg(long)]
    no_freeze: bool,

    /// Hold functions to their CPU share and memory, as on AWS.
    ///
    /// Functions with little memory get slow: 128 MB are 7 % of a processor. The start says by which
    /// means each limit is in force on this machine.
    #[arg(long)]
    enforce_limits: bool,

    /// Run functions in the file system of this machine, in their package's directory.
    ///
    /// Otherwise they have that of AWS where this machine allows it: the package in `/var/task`, layers in
    /// `/opt`, a `/tmp` of their own, and nothing else to write to.
    #[arg(long)]
    host_filesystem: bool,

    /// Show the platform's log lines too: START, END, REPORT.
    #[arg(long)]
    platform_logs: bool,

    /// Cargo's flags.
    #[command(flatten)]
    cargo: CargoFlags,

    /// How functions run. The last ones: their heading would go on above what follows.
    #[command(
        flatten,
        next_help_heading = "How functions run, in place of what is configured"
    )]
    function: FunctionFlags,
}

impl Args {
    fn overrides(&self) -> Overrides {
        let given = |flag: bool| flag.then_some(true);
        Overrides {
            deploy: self.function.overrides(),
            watch: WatchOverrides {
                port: self.port,
                address: (!self.address.is_empty()).then(|| Addresses(self.address.clone())),
                ignore_changes: given(self.ignore_changes),
                only_lambda_apis: given(self.only_lambda_apis),
                account_concurrency: self.account_concurrency,
                idle_timeout: self.idle_timeout,
                freeze: self.no_freeze.then_some(false),
                enforce_limits: given(self.enforce_limits),
                host_filesystem: given(self.host_filesystem),
                release: given(self.cargo.release),
            },
            env_var: self.env_var.clone(),
            env_file: self.env_file.clone(),
            ..Overrides::default()
        }
    }

    /// The variables of `--pass-env`, with the values they have in this shell.
    fn passed(&self) -> Result<Vec<(String, String)>, Failure> {
        let value = |name: &String| match std::env::var(name) {
            Ok(value) => Ok((name.clone(), value)),
            Err(_) => Err(Failure::usage(format!(
                "`--pass-env {name}`: this shell has no such variable"
            ))),
        };
        self.pass_env.iter().map(value).collect()
    }
}

/// Runs the command.
pub fn run(args: Args) -> Result<Exit, Failure> {
    let load = project::load_options(&args.cargo)?;
    let overrides = args.overrides();
    let passed = args.passed()?;
    let project = Project::load(&load)?;
    let functions = project.select(&project::selection(&args.cargo))?;
    let settings = project.watch_settings(&functions, &overrides)?;
    for target in &args.cargo.target {
        if let Some(doubt) = other_target::doubt_of(target, std::env::consts::ARCH) {
            output::warn(doubt);
        }
    }
    process::raise_descriptor_limit();
    let runtime = local::runtime().map_err(Failure::usage)?;
    let (printer, printing) = Printer::start(args.platform_logs);
    let printer = Arc::new(printer);
    let watch = Watch {
        args,
        load,
        overrides,
        passed,
        settings,
        printer,
    };
    let result = runtime.block_on(watch.run(project));
    // Everything that held the printer is gone with the runtime: it prints the rest and ends.
    drop(runtime);
    let _ = printing.join();
    result
}

/// For how long nobody is told why it takes a while to stop.
const PATIENCE: Duration = Duration::from_millis(300);

struct Watch {
    args: Args,
    load: LoadOptions,
    overrides: Overrides,
    passed: Vec<(String, String)>,
    settings: WatchSettings,
    printer: Arc<Printer>,
}

impl Watch {
    async fn run(self, project: Project) -> Result<Exit, Failure> {
        let mut stop = Stop::listen()?;
        let addresses = &self.settings.address.value.0;
        let listeners = listen::bind(addresses, self.settings.port.value)?;
        let address = bound(&listeners)?;
        let mut config = local::service_config();
        config.account_concurrency = self.settings.account_concurrency.value.invocations().into();
        config.idle_timeout = self.settings.idle_timeout.value.duration();
        config.resources = self.resources();
        if self.settings.host_filesystem.value {
            config.files = FileSystemSettings::off();
        }
        let service = Service::new(config, Arc::clone(&self.printer) as _);
        let mut session = Session::new(&self, project, service.clone(), address)?;
        self.greet(&session, address);

        let (stop_serving, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(edge::serve(service.clone(), listeners, async {
            // Dropping the sender stops it just as well.
            let _ = stopped.await;
        }));
        let outcome = {
            let mut keys = Keys::listen();
            if keys.is_listening() {
                self.printer.say(format!("{DIM}{HELP}{DIM:#}"));
            }
            tokio::select! {
                () = stop.requested() => Ok(Exit::Done),
                outcome = session.run(&mut keys) => outcome,
            }
        };
        // A build that runs ends here.
        drop(session);
        self.close(&service, &mut stop).await;
        drop(stop_serving);
        // Its connections have a moment to take their answers; the task cannot fail otherwise.
        let _ = serving.await;
        outcome
    }

    /// Ends what functions and extensions run. They have the time that Lambda gives them, unless
    /// somebody asks again.
    async fn close(&self, service: &Service, stop: &mut Stop) {
        let mut closing = pin!(service.close());
        let impatient = tokio::select! {
            () = &mut closing => return,
            () = stop.requested() => true,
            () = tokio::time::sleep(PATIENCE) => false,
        };
        if !impatient {
            self.printer.say(format!(
                "{DIM}extensions have up to 2 s to shut down, as on AWS; Ctrl-C ends them now{DIM:#}"
            ));
            tokio::select! {
                () = &mut closing => return,
                () = stop.requested() => {}
            }
        }
        service.kill();
        closing.await;
    }

    /// Which limits of AWS are wanted.
    fn resources(&self) -> ResourceSettings {
        let freeze = self.settings.freeze.value;
        match self.settings.enforce_limits.value {
            true if freeze => ResourceSettings::default(),
            true => ResourceSettings {
                freeze: Choice::Off,
                ..ResourceSettings::default()
            },
            false if freeze => ResourceSettings::freezing(),
            false => ResourceSettings::off(),
        }
    }

    fn greet(&self, session: &Session<'_>, address: SocketAddr) {
        let say = |line: String| self.printer.say(line);
        say(format!(
            "{GOOD}kiln{GOOD:#} {} serves on {HINT}http://{address}{HINT:#}",
            env!("CARGO_PKG_VERSION")
        ));
        for (name, words) in session.described() {
            say(format!("  {HINT}{name}{HINT:#} {DIM}{words}{DIM:#}"));
        }
        for warning in session.warnings() {
            say(format!("{WARNING}warning:{WARNING:#} {warning}"));
        }
        let enforced = self.settings.enforce_limits.value;
        let files = session.files_in_force();
        let frozen = self.settings.freeze.value;
        let limits = match (enforced, frozen) {
            (true, _) => Some(session.in_force().to_string()),
            (false, true) => Some("freezing between invocations".to_owned()),
            (false, false) => None,
        };
        let in_force: Vec<String> = limits
            .into_iter()
            .chain((*files != FileSystemInForce::OfThisMachine).then(|| files.to_string()))
            .collect();
        if !in_force.is_empty() {
            say(format!(
                "{DIM}in force here: {}{DIM:#}",
                in_force.join(", ")
            ));
        }
        let limits = "CPU share and memory limit (--enforce-limits)";
        let freezing = "freezing between invocations (--no-freeze)";
        let layout = match files {
            FileSystemInForce::AsOnAws => None,
            FileSystemInForce::PrivateDirectory { .. } => Some("file system layout"),
            FileSystemInForce::OfThisMachine => Some("file system layout (--host-filesystem)"),
        };
        let not_in_force: Vec<&str> = (!enforced)
            .then_some(limits)
            .into_iter()
            .chain((!frozen).then_some(freezing))
            .chain(layout)
            .collect();
        if !not_in_force.is_empty() {
            say(format!(
                "{DIM}not in force here: {}{DIM:#}",
                not_in_force.join(", ")
            ));
        }
    }
}

/// The first address that is served on: one that was asked for may not be of this machine.
fn bound(listeners: &[TcpListener]) -> Result<SocketAddr, Failure> {
    match listeners.first().map(TcpListener::local_addr) {
        Some(Ok(address)) => Ok(address),
        _ => Err(Failure::usage("no address to listen on").hint("give one with `--address`")),
    }
}
