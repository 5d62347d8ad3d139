//! A tool that serves functions.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::NamedTempFile;

use crate::brood;
use crate::error::BenchError;
use crate::procfs;
use crate::tool::{Tool, Tools};
use crate::traffic::{Call, Caller};

/// How long a server may take to build a function and answer.
const STARTING: Duration = Duration::from_secs(600);
/// How long it may take to stop when asked.
const STOPPING: Duration = Duration::from_secs(5);
/// How often it is looked at while it starts or stops.
const PAUSE: Duration = Duration::from_millis(2);

/// What the Runtime Interface Emulator calls whichever function it serves.
const EMULATED: &str = "function";

/// A tool that serves on a port of its own. It ends, with all it started, when dropped.
#[derive(Debug)]
pub struct Server {
    /// Which tool.
    pub tool: Tool,
    /// Where it serves.
    pub address: SocketAddr,
    child: Child,
    line: String,
    log: NamedTempFile,
}

impl Server {
    /// Starts `watch` in a project, and waits until calls can be made: Kiln has built then,
    /// cargo-lambda builds with the first call.
    pub fn start(
        tools: &Tools,
        tool: Tool,
        project: &Path,
        arguments: &[&str],
    ) -> Result<Self, BenchError> {
        let address = free_address().map_err(BenchError::Machine)?;
        let (ip, port) = (address.ip().to_string(), address.port().to_string());
        let mut command = tools.command(tool, &["watch", "-A", &ip, "-P", &port]);
        command.args(arguments).current_dir(project);
        let line = format!("{} watch {}", tool.name(), arguments.join(" "));
        Self::spawn(tools, tool, address, command, line)
    }

    /// Starts the Runtime Interface Emulator with a function that is built.
    pub fn emulate(tools: &Tools, function: &Path) -> Result<Self, BenchError> {
        let address = free_address().map_err(BenchError::Machine)?;
        let runtime_api = free_address().map_err(BenchError::Machine)?;
        let mut command = tools.command(Tool::Emulator, &[]);
        command
            .args(["--runtime-interface-emulator-address", &address.to_string()])
            .args(["--runtime-api-address", &runtime_api.to_string()])
            .arg(function)
            .current_dir(&tools.scratch);
        let line = format!("aws-lambda-rie {}", function.display());
        Self::spawn(tools, Tool::Emulator, address, command, line)
    }

    fn spawn(
        tools: &Tools,
        tool: Tool,
        address: SocketAddr,
        mut command: Command,
        line: String,
    ) -> Result<Self, BenchError> {
        let log = NamedTempFile::new_in(&tools.scratch).map_err(BenchError::Machine)?;
        let output = || -> io::Result<File> { log.reopen() };
        command
            // A file costs all tools the same, and less than a pipe that somebody must empty.
            .stdout(output().map_err(BenchError::Machine)?)
            .stderr(output().map_err(BenchError::Machine)?);
        let child = brood::spawn(&mut command)?;
        let mut server = Self {
            tool,
            address,
            child,
            line,
            log,
        };
        server.wait_until_it_serves()?;
        Ok(server)
    }

    fn wait_until_it_serves(&mut self) -> Result<(), BenchError> {
        let began = Instant::now();
        while began.elapsed() < STARTING {
            let serves = match self.tool {
                Tool::Kiln => self.printed().contains("ready →"),
                Tool::CargoLambda | Tool::Emulator => TcpStream::connect(self.address).is_ok(),
            };
            if serves {
                return Ok(());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(self.problem(&format!("ended ({status})")));
            }
            std::thread::sleep(PAUSE);
        }
        Err(self.problem("does not serve"))
    }

    /// Calls a function until it answers: then it is built, and a process of it runs.
    pub fn warm(&self, function: &str) -> Result<(), BenchError> {
        let call = self.invocation(function, "{}");
        self.answers(&mut Caller::new(self.address, &call, STARTING))
    }

    /// Makes a call that it must answer.
    pub fn answers(&self, caller: &mut Caller<'_>) -> Result<(), BenchError> {
        match caller.call() {
            Ok(answer) if answer.status == 200 => Ok(()),
            Ok(answer) => {
                let body = String::from_utf8_lossy(&answer.body);
                Err(self.problem(&format!("answers {} {body}", answer.status)))
            }
            Err(error) => Err(self.problem(&format!("does not answer: {error}"))),
        }
    }

    /// The call that invokes a function, as this tool calls it.
    pub fn invocation(&self, function: &str, event: &str) -> Call {
        match self.tool {
            Tool::Kiln | Tool::CargoLambda => Call::invocation(function, event),
            Tool::Emulator => Call::invocation(EMULATED, event),
        }
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// CPU time of the server itself, and of all processes it has started that still run.
    pub fn cpu_times(&self) -> (Duration, Duration) {
        let functions = procfs::descendants(self.pid());
        let functions = functions
            .iter()
            .map(|process| procfs::cpu_time(process.pid));
        (procfs::cpu_time(self.pid()), functions.sum())
    }

    /// How many processes of a function run.
    pub fn processes_of(&self, function: &str) -> usize {
        procfs::of_function(self.pid(), function)
    }

    /// An error about it, with the end of what it printed.
    pub fn problem(&self, problem: &str) -> BenchError {
        let printed = self.printed();
        let lines: Vec<&str> = printed.lines().collect();
        let end = lines.len().saturating_sub(20);
        let end = lines.get(end..).unwrap_or_default();
        BenchError::Server {
            server: self.line.clone(),
            problem: problem.to_owned(),
            log: end.join("\n"),
        }
    }

    /// What it has printed.
    pub fn printed(&self) -> String {
        let bytes = std::fs::read(self.log.path()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let family = procfs::descendants(self.pid());
        brood::signal(self.pid(), Signal::INT);
        let began = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && began.elapsed() < STOPPING {
            std::thread::sleep(PAUSE);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        // What it left behind has become ours.
        brood::end(&family);
    }
}

/// A port that was free a moment ago.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}
