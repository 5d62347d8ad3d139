//! Starting the runtime process and learning of its end.

use std::io;
use std::process::Stdio;
use std::sync::Arc;

use kiln_protocol::invoke::{ExitCause, PlatformError};

use super::{Environment, LogSource};
use crate::lifecycle::Event;
use crate::process::{Child, Family, Manners, Mark, exit_cause};
use crate::resources::{Controlled, Limits};
use crate::text;

/// Tells the runtime where its events are; no other environment of this machine has the same.
const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";

impl Environment {
    pub(super) fn launch(self: &Arc<Self>) {
        self.log_platform(&["INIT_START Runtime Version: provided:al2023".to_owned()]);
        let spawned = self.spawn();
        let mut core = self.lock();
        match spawned {
            Ok((family, child)) => {
                if core.kill_on_launch {
                    family.kill();
                }
                core.family = Some(family);
                drop(core);
                let this = Arc::clone(self);
                tokio::spawn(async move { this.wait(child).await });
            }
            Err(error) => {
                self.dispatch(core, Event::LaunchFailed(error));
            }
        }
    }

    /// Starts the process; the error is what the caller is told.
    pub(super) fn spawn(&self) -> Result<(Controlled, Child), PlatformError> {
        let (Some(launch), Some(logs), Some(address)) =
            (&self.config.launch, &self.logs, self.address)
        else {
            let text = "the environment has no process of its own".to_owned();
            return Err(PlatformError::InvalidEntrypoint(text));
        };
        let files = &launch.files;
        let bootstrap = files.bootstrap().map_err(|searched| {
            let searched: Vec<&str> = searched.iter().map(String::as_str).collect();
            PlatformError::no_bootstrap(&searched)
        })?;
        let program = files.program(&bootstrap);
        let notices = [files.notice(), program.notice.as_deref()];
        for notice in notices.into_iter().flatten() {
            self.host.log(self, LogSource::Notice, notice);
        }
        let start = || -> io::Result<(Controlled, Child)> {
            let mut command = program.command?;
            command
                .env_clear()
                .envs(launch.variables.iter().map(|(name, value)| (name, value)))
                .env(RUNTIME_API, address.to_string())
                .stdin(Stdio::null())
                .stdout(logs.writer()?)
                .stderr(logs.writer()?);
            files.enter(&mut command);
            let controls = &self.config.controls;
            let manners = Manners {
                limits: Some(controls.process_limits()),
                lets_us_finish: true,
            };
            let (family, child) = Family::spawn(command, manners)?;
            let limits = Limits {
                memory_mb: self.config.memory_mb,
                mark: Some(Mark {
                    variable: format!("{RUNTIME_API}={address}"),
                    mounts: files.number(),
                }),
            };
            Ok((controls.begin_init(family, limits), child))
        };
        start().map_err(|error| {
            let path = files.inside(&bootstrap);
            PlatformError::not_startable(&path.to_string_lossy(), &text::of_os_error(&error))
        })
    }

    pub(super) async fn wait(self: Arc<Self>, mut child: Child) {
        let status = child.wait().await;
        let mut core = self.lock();
        // What the process left behind ends with it.
        let ended = core.family.take().map(Controlled::end);
        core.peak_memory = core
            .peak_memory
            .max(ended.and_then(|ended| ended.peak_memory));
        let cause = match status.map_or(ExitCause::Code(-1), exit_cause) {
            ExitCause::Signal(9) if ended.is_some_and(|ended| ended.out_of_memory) => {
                ExitCause::OutOfMemory
            }
            cause => cause,
        };
        self.dispatch(core, Event::Exited(cause));
    }
}
