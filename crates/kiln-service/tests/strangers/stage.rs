//! Functions and extensions of `fixtures/extensions`, served.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kiln_service::resources::{Choice, ResourceSettings};
use kiln_service::{FunctionConfig, LogSource, ServiceConfig};
use kiln_testing::{Answer, Project, eventually};
use serde_json::Value;
use tempfile::TempDir;

use crate::served::{Served, variable};

/// A function of the fixtures.
pub struct Stage {
    directory: TempDir,
    settings: ServiceConfig,
    config: FunctionConfig,
    function: &'static str,
}

/// One that is served.
pub struct Running {
    pub served: Served,
    directory: TempDir,
}

/// A program that the fixtures were built to.
fn program(name: &str) -> PathBuf {
    let path = Project::target_directory().join("debug").join(name);
    assert!(
        path.exists(),
        "`{}` is not built: run `cargo xtask test functions`",
        path.display()
    );
    path
}

impl Stage {
    pub fn new(function: &'static str) -> Self {
        // Beside the programs, so that they can be linked to from here.
        let directory = tempfile::tempdir_in(Project::target_directory()).unwrap();
        let config = FunctionConfig {
            timeout: Duration::from_secs(20),
            variables: [variable("RECORDS", directory.path().join("records"))].into(),
            ..FunctionConfig::new("staged")
        };
        Self {
            directory,
            settings: ServiceConfig::default(),
            config,
            function,
        }
    }

    pub fn variable(mut self, name: &str, value: impl ToString) -> Self {
        self.config
            .variables
            .insert(name.to_owned(), value.to_string());
        self
    }

    pub fn configure(mut self, change: impl FnOnce(&mut FunctionConfig)) -> Self {
        change(&mut self.config);
        self
    }

    /// With this limit of the init phase.
    pub fn init_limit(mut self, limit: Duration) -> Self {
        self.settings.init_limit = limit;
        self
    }

    /// With the limits of `--enforce-limits`, by means that need no rights and that one can see.
    pub fn limited(mut self) -> Self {
        self.settings.resources = ResourceSettings {
            cpu: Choice::Fallback,
            freeze: Choice::Fallback,
            memory: Choice::Fallback,
            process_limits: true,
        };
        self
    }

    /// With an external extension, in a layer of its own.
    pub fn extension(mut self, name: &str) -> Self {
        let layer = self.directory.path().join(format!("layer of {name}"));
        std::fs::create_dir_all(layer.join("extensions")).unwrap();
        // Linked, not written: what is open for writing in another test's child cannot be executed.
        std::fs::hard_link(program(name), layer.join("extensions").join(name)).unwrap();
        self.config.layers.push(layer);
        self
    }

    pub fn start(self) -> Running {
        Running {
            served: Served::with(self.settings, self.config, program(self.function)),
            directory: self.directory,
        }
    }
}

impl Running {
    pub fn invoke(&self, payload: &Value) -> Answer {
        self.served.client().invoke("staged", payload.to_string())
    }

    /// Calls it, and waits until the environment rests, so that the next call finds it.
    pub fn invoke_alone(&self, payload: &Value) -> Answer {
        let reports = || {
            let lines = self.served.log().lines(LogSource::Platform);
            lines
                .iter()
                .filter(|line| line.starts_with("REPORT "))
                .count()
        };
        let before = reports();
        let answer = self.invoke(payload);
        eventually("the report", || (reports() > before).then_some(()));
        answer
    }

    /// What was recorded so far.
    pub fn records(&self) -> Vec<Value> {
        let path: &Path = &self.directory.path().join("records");
        let text = std::fs::read_to_string(path).unwrap_or_default();
        // The last line may be on its way.
        let lines = text
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'));
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Waits until as many records have this member.
    pub fn wait_for(&self, member: &str, count: usize) -> Vec<Value> {
        eventually(&format!("{count} records of `{member}`"), || {
            let of = |record: &Value| record.get(member).cloned();
            let found: Vec<Value> = self.records().iter().filter_map(of).collect();
            (found.len() >= count).then_some(found)
        })
    }

    /// The events that an extension has recorded.
    pub fn events(&self) -> Vec<Value> {
        let mut events = self.records();
        events.retain(|record| record.get("event").is_some());
        events
    }
}

/// A port that nobody listens on: the crate is told one, and cannot choose.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
