//! Starting the runtime process and learning of its end.

use std::io;
use std::process::{Command, Stdio};
use std::sync::Arc;

use kiln_protocol::invoke::ExitCause;

use super::Environment;
use crate::lifecycle::Event;
use crate::process::{Child, Family, Manners, exit_cause};

/// `RLIMIT_NOFILE` inside an execution environment.
const DESCRIPTOR_LIMIT: u64 = 1_024;

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
            Err(text) => {
                self.dispatch(core, Event::LaunchFailed(text));
            }
        }
    }

    /// Starts the process; the error is the text of the service.
    pub(super) fn spawn(&self) -> Result<(Family, Child), String> {
        let (Some(launch), Some(logs), Some(address)) =
            (&self.config.launch, &self.logs, self.address)
        else {
            return Err("the environment has no process of its own".to_owned());
        };
        let path = launch.bootstrap.display();
        if !launch.bootstrap.exists() {
            return Err(format!("Couldn't find valid bootstrap(s): [{path}]"));
        }
        let start = || -> io::Result<(Family, Child)> {
            let mut command = Command::new(&launch.bootstrap);
            command
                .env_clear()
                .envs(launch.variables.iter().map(|(name, value)| (name, value)))
                .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
                .current_dir(&launch.working_directory)
                .stdin(Stdio::null())
                .stdout(logs.writer()?)
                .stderr(logs.writer()?);
            let manners = Manners {
                descriptor_limit: Some(DESCRIPTOR_LIMIT),
                lets_us_finish: true,
            };
            Family::spawn(command, manners)
        };
        start().map_err(|error| format!("fork/exec {path}: {}", os_text(&error)))
    }

    pub(super) async fn wait(self: Arc<Self>, mut child: Child) {
        let status = child.wait().await;
        let mut core = self.lock();
        if let Some(family) = core.family.take() {
            // What the process left behind ends with it.
            family.kill();
        }
        let cause = status.map_or(ExitCause::Code(-1), exit_cause);
        self.dispatch(core, Event::Exited(cause));
    }
}

/// What the operating system says, as Go words it: lower case, without the error number.
fn os_text(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    text.to_lowercase()
}
