//! `kiln doctor`: what is missing on this machine, and the command that fixes it.

use std::path::PathBuf;

use kiln_project::{
    Environment, LoadOptions, Overrides, Project, ProjectError, Selection, WatchSettings,
};

use crate::failure::{Exit, Failure};
use crate::output::{self, Format};

mod aws;
mod installer;
mod ports;
mod project;
mod report;
mod settings;
mod toolchain;
mod tools;

use installer::Installer;
use report::{Check, Report};
use settings::SettingsReport;
use toolchain::Sysroot;
use tools::Tools;

/// Flags of `kiln doctor`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Looks at Rust and its targets, the linkers, zig, the port of the local Lambda, the AWS
configuration and the project around. Nothing is installed, and nothing goes over the network.

Exit codes:
  0  nothing is a problem; there may be warnings
  1  at least one problem
  2  the project could not be read (with --config)

Examples:
  kiln doctor                        check this machine and this project
  kiln doctor --config               every setting in force, and where it came from
  kiln doctor -o json | jq '.checks[] | select(.status != \"ok\")'

Settings come from, strongest first: flags, KILN_… variables, [package.metadata.kiln],
[workspace.metadata.kiln], the same under metadata.lambda, CargoLambda.toml, defaults.")]
pub struct Args {
    /// Show every setting of each function, and where it came from.
    #[arg(long)]
    config: bool,

    /// The manifest of the project to look at.
    #[arg(long, value_name = "PATH")]
    manifest_path: Option<PathBuf>,

    /// How to print the result.
    #[arg(short = 'o', long, value_enum, value_name = "FORMAT", default_value_t)]
    format: Format,
}

/// Runs the command.
pub fn run(args: Args) -> Result<Exit, Failure> {
    let environment = Environment::from_process();
    let directory = std::env::current_dir().map_err(Failure::usage)?;
    let mut options = LoadOptions::new(&directory);
    options.manifest_path = args.manifest_path;
    options.offline = true;
    options.patience = Some(tools::PATIENCE);
    options.environment = environment.clone();

    if args.config {
        return print_settings(&Project::load(&options)?, args.format);
    }
    let project = Project::load(&options);
    if let Err(error @ ProjectError::NoManifest { .. }) = project {
        // What was asked about is not there; that says nothing of this machine.
        return Err(error.into());
    }
    let tools = Tools {
        directory: match &project {
            Ok(project) => project.workspace_root.clone(),
            Err(_) => directory,
        },
        patience: tools::PATIENCE,
    };
    let report = Report::new(checks(&tools, &environment, &project));
    match args.format {
        Format::Json => output::json(&report)?,
        Format::Text => {
            output::data(report.text());
            output::say(report.summary());
        }
    }
    Ok(if report.healthy {
        Exit::Done
    } else {
        Exit::Failed
    })
}

/// Prints the settings of a project.
fn print_settings(project: &Project, format: Format) -> Result<Exit, Failure> {
    let report = SettingsReport::of(project)?;
    match format {
        Format::Json => output::json(&report)?,
        Format::Text => {
            output::data(report.text());
            for warning in report.warnings() {
                output::warn(warning);
            }
        }
    }
    Ok(Exit::Done)
}

/// Makes all checks. Each tool takes its time, so all are asked at once.
fn checks(
    tools: &Tools,
    environment: &Environment,
    project: &Result<Project, ProjectError>,
) -> Vec<Check> {
    let path = std::env::var_os("PATH");
    let find = |names: &[&'static str]| tools::find_on_path(path.as_deref(), names);
    let installer = Installer::of(find(&Installer::PROGRAMS));
    let rustup = find(&["rustup", "rustup.exe"]).is_some();
    let emulator = find(&["qemu-aarch64", "qemu-aarch64-static"]);

    let (rust, sysroot, linker, zig) = std::thread::scope(|scope| {
        let rustc = scope.spawn(|| tools.ask("rustc", &["--version"]));
        let cargo = scope.spawn(|| tools.ask("cargo", &["--version"]));
        let cc = scope.spawn(|| tools.ask("cc", &["--version"]));
        let zig = scope.spawn(|| tools.ask("zig", &["version"]));
        let module = scope.spawn(|| tools.ask("python3", &["-m", "ziglang", "version"]));
        let sysroot = Sysroot::find(tools);
        // A thread that panicked has said why; its tool counts as failing.
        let answer = |thread: std::thread::ScopedJoinHandle<'_, tools::Answer>| {
            let panicked = || tools::Answer::Failed("its check panicked".into());
            thread.join().unwrap_or_else(|_| panicked())
        };
        (
            toolchain::rust(&answer(rustc), &answer(cargo)),
            sysroot,
            toolchain::linker(&answer(cc), installer),
            toolchain::zig(&answer(zig), &answer(module)),
        )
    });
    let mut checks = vec![
        rust,
        toolchain::targets(sysroot.as_ref(), rustup),
        linker,
        toolchain::rust_lld(sysroot.as_ref(), rustup),
        zig,
        toolchain::arm64(std::env::consts::ARCH, emulator, installer),
        port(environment, project),
        aws::check(environment, &aws::Files::read(environment)),
    ];
    checks.extend(project::check(project));
    checks
}

/// The check of the port that `kiln watch` would use here.
fn port(environment: &Environment, project: &Result<Project, ProjectError>) -> Check {
    let overrides = Overrides::default();
    let settings = match project {
        Ok(project) => {
            // Without functions the workspace's own settings hold.
            let functions = project.select(&Selection::default()).unwrap_or_default();
            project.watch_settings(&functions, &overrides)
        }
        Err(_) => WatchSettings::without_project(environment, &overrides),
    };
    match settings {
        Ok(settings) => ports::check(&settings),
        Err(error) => project::of_error("port", &error),
    }
}
