//! The loop of a session: something changed → build → swap.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::pin::pin;
use std::time::{Duration, Instant};

use kiln_build::cargo::{CargoBuild, CargoError};
use kiln_build::linker::LinkPlan;
use kiln_project::{Function, Project};
use kiln_service::filesystem::FileSystemInForce;
use kiln_service::resources::InForce;
use kiln_service::{BuildState, Code, ConcurrencyShare, Service};

use super::configuration::Configuration;
use super::dep_info::made_of;
use super::keys::{HELP, Key, Keys};
use super::other_target;
use super::sources::{Interest, Sources};
use super::{Watch, built};
use crate::failure::{Exit, Failure};
use crate::local::compile::{self, Compiled};
use crate::local::snapshots::Snapshots;
use crate::output::{DIM, ERROR, GOOD, HINT, WARNING};
use crate::{local, project};

/// How many builds in a row a change may put an end to. The next one runs to its end: where something
/// keeps writing to a source file, there would be no build at all otherwise.
const ENDED_BUILDS: u32 = 3;
/// How many builds in a row may leave behind changes of the same files that caused them, before
/// that is said, and no more are caused by those that are no inputs.
const REPEATED_BUILDS: u32 = 3;

/// Why the session wakes.
enum Wake {
    Changed(Vec<PathBuf>),
    Key(Key),
}

/// A workspace that is being served.
pub(super) struct Session<'a> {
    watch: &'a Watch,
    service: Service,
    address: SocketAddr,
    project: Project,
    configuration: Configuration,
    /// Where cargo alone does not link what is built.
    linking: Option<LinkPlan>,
    snapshots: Snapshots,
    /// Files the last good build was made of.
    made_of: BTreeSet<PathBuf>,
    /// What is being served, by function.
    codes: BTreeMap<String, Code>,
    /// The layers of the workspace's extensions, by extension.
    layers: BTreeMap<String, PathBuf>,
    failed: bool,
}

impl<'a> Session<'a> {
    pub(super) fn new(
        watch: &'a Watch,
        project: Project,
        service: Service,
        address: SocketAddr,
    ) -> Result<Self, Failure> {
        // The port is ours alone, and so is a directory named for it.
        let directory = project
            .target_directory
            .join(format!("kiln/watch-{}", address.port()));
        let snapshots = Snapshots::new(directory.clone()).map_err(|error| {
            Failure::usage(format!(
                "cannot write to `{}`: {error}",
                directory.display()
            ))
            .hint("choose another directory with `--target-dir`")
        })?;
        let configuration = Configuration::read(watch, &project)?;
        let linking = other_target::linking(watch, &project, &configuration)?;
        local::reserve(&service, configuration.reserved())?;
        let session = Self {
            watch,
            service,
            address,
            project,
            configuration,
            linking,
            snapshots,
            made_of: BTreeSet::new(),
            codes: BTreeMap::new(),
            layers: BTreeMap::new(),
            failed: false,
        };
        // Before anybody is served: a function that is started in this moment finds its Runtime API.
        let external = watch.settings.only_lambda_apis.value;
        for (name, config) in &session.configuration.configs {
            if external {
                let deployed = session.service.deploy(config.clone(), Code::External);
                deployed.map_err(|error| Failure::bug(error.message()))?;
            } else {
                session
                    .service
                    .declare(name)
                    .set_build_state(BuildState::Building);
            }
        }
        Ok(session)
    }

    pub(super) fn in_force(&self) -> &InForce {
        self.service.in_force()
    }

    pub(super) fn files_in_force(&self) -> &FileSystemInForce {
        self.service.files_in_force()
    }

    /// Each function with what is configured for it, in words.
    pub(super) fn described(&self) -> impl Iterator<Item = (&str, String)> {
        self.configuration.described()
    }

    /// What is configured and has no effect here.
    pub(super) fn warnings(&self) -> impl Iterator<Item = &String> {
        self.configuration.warnings.iter()
    }

    /// Reads functions and settings anew. Without effect when something is wrong with them.
    fn configure(&mut self) -> Result<(), Failure> {
        let project = Project::load(&self.watch.load)?;
        let configuration = Configuration::read(self.watch, &project)?;
        let linking = other_target::linking(self.watch, &project, &configuration)?;
        let (before, now) = (&self.configuration.configs, &configuration.configs);
        // What goes gives back in the same moment.
        let gone = before.keys().filter(|name| !now.contains_key(*name));
        let given_back = gone.map(|name| (name.as_str(), ConcurrencyShare::default()));
        local::reserve(&self.service, given_back.chain(configuration.reserved()))?;
        for gone in before.keys().filter(|name| !now.contains_key(*name)) {
            self.service.remove(gone);
            self.codes.remove(gone);
        }
        for new in now.keys().filter(|name| !before.contains_key(*name)) {
            // Calls to it wait for its first build, as they did for those of the start.
            let new = self.service.declare(new);
            new.set_build_state(BuildState::Building);
        }
        self.project = project;
        self.configuration = configuration;
        self.linking = linking;
        Ok(())
    }

    fn set_state(&self, state: BuildState) {
        for function in self.service.functions() {
            function.set_build_state(state);
        }
    }

    /// Builds and serves until a key ends it.
    pub(super) async fn run(&mut self, keys: &mut Keys) -> Result<Exit, Failure> {
        if self.watch.settings.only_lambda_apis.value {
            return self.serve_external(keys).await;
        }
        if self.watch.args.no_build {
            return self.serve_built(keys).await;
        }
        let mut sources = Sources::new().map_err(|error| watch_failure(&error))?;
        self.watch_sources(&mut sources)?;
        let mut cause: Option<Vec<PathBuf>> = None;
        // Builds in a row that a change has put an end to, and that ended with what had caused them
        // changed again.
        let (mut ended, mut repeated) = (0, 0);
        loop {
            let build = self.cargo_build()?;
            let outcome = {
                let mut compiling = pin!(compile::compile(&build));
                loop {
                    tokio::select! {
                        outcome = &mut compiling => break Some(outcome),
                        changed = sources.input_changed(), if ended < ENDED_BUILDS => {
                            self.say_ended(&changed);
                            cause.get_or_insert_default().extend(changed);
                            break None;
                        }
                        // Asked to build while it builds: the keys that remain do no harm.
                        key = keys.next() => if !self.press(key) {
                            return Ok(Exit::Done);
                        },
                    }
                }
            };
            let Some(outcome) = outcome else {
                // Dropping the future has ended cargo: what it was compiling is out of date.
                ended += 1;
                self.reconfigure(&cause);
                continue;
            };
            ended = 0;
            let again = cause
                .as_deref()
                .is_some_and(|cause| cause == sources.pending());
            repeated = if again { repeated + 1 } else { 0 };
            self.finish(outcome, cause.take().as_deref());
            if repeated == REPEATED_BUILDS {
                self.say_repeated(sources.pending());
                sources.leave_alone();
            }
            // Also while the code does not compile: then a file that does not exist yet may mend it.
            if let Err(failure) = self.watch_sources(&mut sources) {
                let hints: Vec<_> = failure.hints.iter().map(String::as_str).collect();
                self.say_error(&format!("{failure}; {}", hints.join("; ")));
            }
            loop {
                let wake = tokio::select! {
                    () = sources.stirred() => {
                        // At once, not when the rest of the save has come: a call made now is to
                        // be answered by what was saved.
                        self.set_state(BuildState::Building);
                        Wake::Changed(sources.changed().await)
                    }
                    key = keys.next() => Wake::Key(key),
                };
                match wake {
                    Wake::Changed(changed) => cause = Some(changed),
                    Wake::Key(Key::Rebuild) => cause = Some(Vec::new()),
                    Wake::Key(key) => {
                        if self.press(key) {
                            continue;
                        }
                        return Ok(Exit::Done);
                    }
                }
                break;
            }
            self.set_state(BuildState::Building);
            self.reconfigure(&cause);
        }
    }

    /// Carries out what a key asks for; `false` ends the session.
    fn press(&self, key: Key) -> bool {
        let say = |line: String| self.watch.printer.say(line);
        match key {
            Key::Quit => return false,
            Key::Help => say(format!("{DIM}{HELP}{DIM:#}")),
            Key::Clear => self.watch.printer.clear(),
            Key::Cold => {
                let functions = self.service.functions();
                let ended: usize = functions.iter().map(|function| function.recycle()).sum();
                let noun = if ended == 1 {
                    "environment"
                } else {
                    "environments"
                };
                say(format!("{DIM}{ended} idle {noun} ended{DIM:#}"));
            }
            // A build runs already, or the caller starts one.
            Key::Rebuild => {}
        }
        true
    }

    /// Says how to start the functions that somebody else starts.
    async fn serve_external(&mut self, keys: &mut Keys) -> Result<Exit, Failure> {
        let say = |line: String| self.watch.printer.say(line);
        for (name, config) in &self.configuration.configs {
            say(format!("start `{name}` yourself with these variables:"));
            let memory = config.memory_mb.to_string();
            // With a scheme, which runtimes take as well and need when there is a path.
            let api = format!("http://{}/.rt/{name}", reachable(self.address));
            for (variable, value) in [
                ("AWS_LAMBDA_RUNTIME_API", api.as_str()),
                ("AWS_LAMBDA_FUNCTION_NAME", name),
                ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
                ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &memory),
            ] {
                say(format!("  {HINT}{variable}={value}{HINT:#}"));
            }
            for (variable, value) in &config.variables {
                say(format!("  {HINT}{variable}={value}{HINT:#}"));
            }
        }
        while self.press(keys.next().await) {}
        Ok(Exit::Done)
    }

    /// Serves what is built already, and again what is built when a key asks for it.
    async fn serve_built(&mut self, keys: &mut Keys) -> Result<Exit, Failure> {
        let mut cause: Option<&[PathBuf]> = None;
        loop {
            let cargo = self.cargo_build()?.options;
            let directory = &self.project.target_directory;
            match built::executables(self.configuration.built(), directory, &cargo) {
                Ok(compiled) => self.finish(Ok(compiled), cause),
                Err(failure) if cause.is_none() => return Err(failure),
                Err(failure) => self.say_error(&failure.to_string()),
            }
            loop {
                match keys.next().await {
                    Key::Rebuild => break,
                    key if self.press(key) => {}
                    _ => return Ok(Exit::Done),
                }
            }
            cause = Some(&[]);
        }
    }

    /// Reads the configuration again if it may have changed; what is wrong with it is said, and
    /// the old one stays in force.
    fn reconfigure(&mut self, cause: &Option<Vec<PathBuf>>) {
        let Some(changed) = cause else { return };
        let configured = |path: &PathBuf| self.configuration_files().contains(path);
        // A key asked for a build: nobody knows what changed.
        let asked = changed.is_empty() || changed.iter().any(configured);
        if asked && let Err(failure) = self.configure() {
            let lines: Vec<String> = failure.chain().collect();
            self.say_error(&format!(
                "{}; the configuration from before stays in force",
                lines.join(": ")
            ));
        }
    }

    fn configuration_files(&self) -> BTreeSet<PathBuf> {
        let mut files: BTreeSet<PathBuf> =
            self.project.configuration_files.iter().cloned().collect();
        let given = self.watch.args.env_file.iter();
        files.extend(given.map(|file| self.watch.load.current_dir.join(file)));
        files
    }

    fn cargo_build(&self) -> Result<CargoBuild, Failure> {
        let mut options = self.watch.args.cargo.0.clone();
        options.release = self.watch.settings.release.value;
        let functions: Vec<&Function> = self.configuration.built().collect();
        project::narrow(&mut options, &functions);
        options
            .features
            .extend(self.configuration.features.iter().cloned());
        let mut build = CargoBuild {
            options,
            directory: Some(self.watch.load.current_dir.clone()),
            ..CargoBuild::default()
        };
        if let Some(plan) = &self.linking {
            let applied = plan.apply(&mut build);
            applied.map_err(other_target::failure)?;
        }
        Ok(build)
    }

    /// Puts a finished build into service, or says that the old one stays.
    fn finish(&mut self, outcome: Result<Compiled, CargoError>, cause: Option<&[PathBuf]>) {
        let began = Instant::now();
        let compiled = match outcome {
            Ok(compiled) => compiled,
            Err(error) => return self.build_failed(&error),
        };
        let mut made_of_now = BTreeSet::new();
        let (layers, mut swapped) = self.keep_extensions(&compiled, &mut made_of_now);
        for function in &self.configuration.functions {
            let Some(executable) = compiled.executables.get(&function.name) else {
                continue;
            };
            let path = match self.snapshots.keep(&function.name, executable) {
                Ok(path) => path,
                Err(error) => {
                    self.say_error(&format!("cannot keep `{}`: {error}", executable.display()));
                    continue;
                }
            };
            made_of_now.extend(made_of(executable));
            let code = Code::Executable {
                path,
                working_directory: function.package_root.clone(),
            };
            if let Some(config) = self.configuration.configs.get(&function.name) {
                let mut config = config.clone();
                let beside = self.configuration.extensions_of(&function.name);
                let beside = beside.iter().filter_map(|name| layers.get(name));
                config.layers.extend(beside.cloned());
                let deployed = self.service.deploy(config, code.clone());
                if let Err(error) = deployed {
                    self.say_error(&format!(
                        "cannot serve `{}`: {}",
                        function.name,
                        error.message()
                    ));
                    continue;
                }
            }
            if self.codes.insert(function.name.clone(), code.clone()) != Some(code) {
                swapped.push(function.name.clone());
            }
        }
        self.made_of = made_of_now;
        self.failed = false;
        self.set_state(BuildState::Current);
        self.say_swapped(cause, compiled.duration, began.elapsed(), &swapped);
    }

    /// Keeps the built extensions, each as a layer; returns these by name, and the names of those that
    /// are new.
    fn keep_extensions(
        &mut self,
        compiled: &Compiled,
        made_of_now: &mut BTreeSet<PathBuf>,
    ) -> (BTreeMap<String, PathBuf>, Vec<String>) {
        let (mut layers, mut swapped) = (BTreeMap::new(), Vec::new());
        for extension in &self.configuration.extensions {
            let name = &extension.name;
            let Some(executable) = compiled.executables.get(name) else {
                continue;
            };
            match self.snapshots.keep_layer(name, executable) {
                Ok(layer) => {
                    made_of_now.extend(made_of(executable));
                    if self.layers.get(name) != Some(&layer) {
                        swapped.push(name.clone());
                    }
                    layers.insert(name.clone(), layer);
                }
                Err(error) => {
                    self.say_error(&format!("cannot keep `{}`: {error}", executable.display()));
                }
            }
        }
        self.layers.clone_from(&layers);
        (layers, swapped)
    }

    fn say_swapped(
        &self,
        cause: Option<&[PathBuf]>,
        build: Duration,
        swap: Duration,
        swapped: &[String],
    ) {
        let cause = match cause {
            None => "ready".to_owned(),
            Some([]) => "rebuild".to_owned(),
            Some(files) => self.shown(files),
        };
        let what = if swapped.is_empty() {
            format!(" {DIM}(same code){DIM:#}")
        } else {
            format!(" {DIM}({}){DIM:#}", swapped.join(", "))
        };
        self.watch.printer.say(format!(
            "{GOOD}{cause}{GOOD:#} → build {} ms → swap {} ms{what}",
            build.as_millis(),
            swap.as_millis()
        ));
    }

    fn build_failed(&mut self, error: &CargoError) {
        self.failed = true;
        self.set_state(BuildState::Failed);
        let after = if self.codes.is_empty() {
            "invocations are refused until the code compiles"
        } else {
            "the last good build goes on answering"
        };
        self.say_error(&format!("{error}; {after}"));
    }

    fn say_error(&self, text: &str) {
        self.watch
            .printer
            .say(format!("{ERROR}error:{ERROR:#} {text}"));
    }

    fn say_ended(&self, changed: &[PathBuf]) {
        self.watch.printer.say(format!(
            "{DIM}{} changed: the build starts anew{DIM:#}",
            self.shown(changed)
        ));
    }

    fn say_repeated(&self, changed: &[PathBuf]) {
        self.watch.printer.say(format!(
            "{WARNING}warning:{WARNING:#} {} changes with every build\n\
             {HINT}hint:{HINT:#} if a build script or a function writes it, name it in `.kilnignore`; \
             from now on it causes a build only where the code includes it",
            self.shown(changed)
        ));
    }

    /// The first of these files, and how many others there are.
    fn shown(&self, files: &[PathBuf]) -> String {
        let [first, rest @ ..] = files else {
            return String::new();
        };
        let root = &self.project.workspace_root;
        let first = first.strip_prefix(root).unwrap_or(first).display();
        match rest.len() {
            0 => first.to_string(),
            more => format!("{first} and {more} more"),
        }
    }

    /// Watches what the functions depend on now; nothing when changes are to be ignored.
    fn watch_sources(&self, sources: &mut Sources) -> Result<(), Failure> {
        if self.watch.settings.ignore_changes.value {
            return Ok(());
        }
        sources
            .set_interest(self.interest())
            .map_err(|error| watch_failure(&error))
    }

    fn interest(&self) -> Interest {
        let roots: BTreeSet<PathBuf> = self
            .configuration
            .built()
            .flat_map(|function| function.source_roots.iter().cloned())
            .collect();
        // Before the first good build, and while the code does not compile, nothing is known.
        let anything_in = if self.failed || self.made_of.is_empty() {
            roots.clone()
        } else {
            self.configuration
                .built()
                .filter(|function| function.has_build_script)
                .map(|function| function.package_root.clone())
                .collect()
        };
        let mut files = self.made_of.clone();
        files.extend(self.configuration_files());
        files.extend(
            [".cargo/config.toml", "rust-toolchain.toml", "build.rs"]
                .map(|name| self.project.workspace_root.join(name)),
        );
        let ignore_files = ["KILN_IGNORE_FILE", "CARGO_LAMBDA_IGNORE_FILE"]
            .iter()
            .filter_map(|name| self.watch.load.environment.get(name))
            .map(|file| self.watch.load.current_dir.join(file))
            .collect();
        Interest {
            roots,
            files,
            anything_in,
            target_directory: self.project.target_directory.clone(),
            ignore_files,
        }
    }
}

/// Where a process of this machine reaches what serves on an address.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

fn watch_failure(error: &notify::Error) -> Failure {
    Failure::usage(format!("cannot watch the sources: {error}")).hint(
        "raise the limit with `sudo sysctl fs.inotify.max_user_watches=524288`, or run with `--ignore-changes`",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_is_reached_on_the_loopback() {
        for (served, reached) in [
            ("127.0.0.1:9000", "127.0.0.1:9000"),
            ("192.0.2.7:9000", "192.0.2.7:9000"),
            ("[::1]:9000", "[::1]:9000"),
            ("0.0.0.0:9000", "127.0.0.1:9000"),
            ("[::]:9000", "[::1]:9000"),
        ] {
            let address: SocketAddr = served.parse().unwrap();
            assert_eq!(reachable(address).to_string(), reached);
        }
    }
}
