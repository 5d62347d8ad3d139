//! Starting the processes of an environment and learning of their end.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kiln_protocol::invoke::{ExitCause, PlatformError};

use super::{Environment, LogSource};
use crate::lifecycle::{Event, ExtensionId};
use crate::process::{Family, Manners, Mark, Started, exit_cause};
use crate::resources::{Controlled, Limits};
use crate::text;

/// Tells a process where its events are; no other environment of this machine has the same.
pub(super) const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";

/// The name of the environment's log stream.
const LOG_STREAM: &str = "AWS_LAMBDA_LOG_STREAM_NAME";

/// Which process of the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// That of the function.
    Runtime,
    /// That of an external extension.
    Extension(ExtensionId),
}

/// A process family of the environment, from the wish to start it until its end.
#[derive(Debug, Default)]
pub(super) struct Process {
    pub(super) family: Option<Controlled>,
    /// It is to be killed as soon as it exists.
    kill_on_launch: bool,
}

impl Process {
    /// It is about to be started.
    pub(super) fn begin(&mut self) {
        self.kill_on_launch = false;
    }

    pub(super) fn kill(&mut self) {
        match &self.family {
            Some(family) => family.kill(),
            None => self.kill_on_launch = true,
        }
    }

    /// Asks it to end, which a process that does not exist yet need not be.
    pub(super) fn terminate(&mut self) {
        match &self.family {
            Some(family) => family.terminate(),
            None => self.kill_on_launch = true,
        }
    }

    fn launched(&mut self, family: Controlled) {
        if self.kill_on_launch {
            family.kill();
        }
        self.family = Some(family);
    }
}

/// The executables in `extensions` of the layers, by name: of two of a name, that of the later layer.
pub(super) fn external_extensions(layers: &[PathBuf]) -> Vec<(String, PathBuf)> {
    let mut found = std::collections::BTreeMap::new();
    for layer in layers {
        // A layer need not have any.
        let Ok(entries) = layer.join("extensions").read_dir() else {
            continue;
        };
        for entry in entries.flatten() {
            let path = entry.path();
            if is_executable(&path) {
                found.insert(entry.file_name().to_string_lossy().into_owned(), path);
            }
        }
    }
    found.into_iter().collect()
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;

    path.metadata()
        .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

impl Environment {
    pub(super) fn launch(self: &Arc<Self>, role: Role) {
        let spawned = self.spawn(role);
        let mut core = self.lock();
        match spawned {
            Ok((family, child)) => {
                if let Some(process) = core.process(role) {
                    process.launched(family);
                }
                drop(core);
                let this = Arc::clone(self);
                tokio::spawn(async move { this.wait(role, child).await });
            }
            Err(error) => {
                let event = match role {
                    Role::Runtime => Event::LaunchFailed(error),
                    Role::Extension(id) => Event::ExtensionNotLaunched(id, error.reason()),
                };
                self.dispatch(core, event);
            }
        }
    }

    /// Starts the process; the error is what the caller is told.
    fn spawn(&self, role: Role) -> Result<(Controlled, Started), PlatformError> {
        let (Some(launch), Some(logs), Some(address)) =
            (&self.config.launch, &self.logs, self.address)
        else {
            let text = "the environment has no process of its own".to_owned();
            return Err(PlatformError::InvalidEntrypoint(text));
        };
        let files = &launch.files;
        let (path, variables, source) = match role {
            Role::Runtime => {
                let bootstrap = files.bootstrap().map_err(|searched| {
                    let searched: Vec<&str> = searched.iter().map(String::as_str).collect();
                    PlatformError::no_bootstrap(&searched)
                })?;
                (bootstrap, &launch.variables, LogSource::Function)
            }
            Role::Extension(id) => {
                let path = self.extensions.get(id.0).map(|(_, path)| path.clone());
                let path =
                    path.ok_or_else(|| PlatformError::Sandbox("no such extension".into()))?;
                (path, &launch.extension_variables, LogSource::Extension)
            }
        };
        let program = files.program(&path);
        let notices = [files.notice(), program.notice.as_deref()];
        for notice in notices.into_iter().flatten() {
            self.host.log(self, LogSource::Notice, notice);
        }
        let start = || -> io::Result<(Controlled, Started)> {
            let mut command = program.command?;
            command
                .envs(variables.iter().map(|(name, value)| (name, value)))
                .envs(self.api_variables(address));
            let entry = files.enter(&mut command);
            let output = [logs.writer(source)?, logs.writer(source)?];
            let controls = &self.config.controls;
            let manners = Manners {
                limits: Some(controls.process_limits(self.config.max_concurrency.is_some())),
                lets_us_finish: true,
            };
            let (family, child) = Family::start(command, output, &entry, manners)?;
            let limits = Limits {
                memory_mb: self.config.memory_mb,
                mark: self.mark(role),
            };
            Ok((controls.begin_init(family, limits), child))
        };
        start().map_err(|error| {
            let path = files.inside(&path);
            PlatformError::not_startable(&path.to_string_lossy(), &text::of_os_error(&error))
        })
    }

    /// What only processes of this family have. The log stream is the environment's alone, and extensions
    /// are not told its name: what a runtime leaves behind is found by it while extensions go on. Of
    /// extensions nothing tells one from the other, and all are in one namespace of mounts.
    fn mark(&self, role: Role) -> Option<Mark> {
        let launch = self.config.launch.as_ref()?;
        match role {
            Role::Runtime if self.extensions.is_empty() => self.environment_mark(),
            Role::Runtime => {
                let (name, value) = launch
                    .variables
                    .iter()
                    .find(|(name, value)| name == LOG_STREAM && !value.is_empty())?;
                Some(Mark {
                    variable: format!("{name}={value}"),
                    mounts: None,
                })
            }
            Role::Extension(_) => None,
        }
    }

    /// What only processes of this environment have.
    fn environment_mark(&self) -> Option<Mark> {
        Some(Mark {
            variable: format!("{RUNTIME_API}={}", self.address?),
            mounts: self.config.launch.as_ref()?.files.number(),
        })
    }

    async fn wait(self: Arc<Self>, role: Role, mut child: Started) {
        let status = child.wait().await;
        let mut core = self.lock();
        // What the process left behind ends with it.
        let ended = core
            .process(role)
            .and_then(|process| process.family.take())
            .map(Controlled::end);
        if !self.extensions.is_empty() && core.processes().next().is_none() {
            // What extensions left behind; the next processes come after this.
            self.config.controls.clear(self.environment_mark());
        }
        core.ended_peak = core
            .ended_peak
            .max(ended.and_then(|ended| ended.peak_memory));
        let cause = match status.map_or(ExitCause::Code(-1), exit_cause) {
            ExitCause::Signal(9) if ended.is_some_and(|ended| ended.out_of_memory) => {
                ExitCause::OutOfMemory
            }
            cause => cause,
        };
        let event = match role {
            Role::Runtime => {
                core.polls.clear();
                Event::Exited(cause)
            }
            Role::Extension(id) => {
                core.extension_polls.remove(&id);
                Event::ExtensionExited(id, cause)
            }
        };
        self.dispatch(core, event);
    }
}
