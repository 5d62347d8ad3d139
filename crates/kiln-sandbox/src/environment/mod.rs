//! The shell round the lifecycle machine: sockets, processes, timers, log lines.
//!
//! All state is behind one lock that is never held across an await; whoever brings an event (the
//! host, a call of the runtime, the end of the process, the timer) runs the machine right there.
//! A warm invocation therefore wakes two tasks only: the runtime's waiting poll and the caller.

mod effects;
mod extensions;
mod identity;
mod init;
mod launch;
mod report;
mod stream;
mod timer;
mod tokens;
mod turns;

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{fmt, io};

use bytes::Bytes;
use kiln_protocol::extension_event::Event as ExtensionEvent;
use kiln_protocol::extensions_api::MAX_EXTENSIONS;
use kiln_protocol::invoke::PlatformError;
use kiln_protocol::json_log::JsonLog;
use kiln_protocol::log_line::Restore;
use kiln_protocol::metadata_api::Credentials;
use kiln_protocol::runtime_api::Answer;
use kiln_protocol::telemetry_record::InitializationType;
use tokio::sync::{Notify, oneshot};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::bandwidth::StreamLimits;
use crate::filesystem::FileSystem;
use crate::invocation::{Invocation, InvocationReport, InvocationResult};
use crate::lifecycle::{Answered, Event, ExtensionId, Machine, TurnEvent};
use crate::logs::LogPipe;
use crate::resources::{Controlled, Controls};
use crate::runtime_api;
use crate::telemetry::Telemetry;
use effects::Reply;
pub use identity::Identity;
use init::InitRun;
use launch::{Process, Role};
use report::Times;
use stream::ActiveStream;
pub(crate) use stream::{EXIT_GRACE, drain};
use tokens::Tokens;

/// What a runtime that we did not start is given: no timer bounds a session in a debugger.
const EXTERNAL_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// Whoever owns environments. Its methods are called in the middle of things: they must not block.
pub trait Host: Send + Sync + 'static {
    /// The environment can take an invocation by [`Environment::invoke`], or, where it takes several,
    /// one more than it could before.
    fn available(&self, environment: &Arc<Environment>);
    /// The invocation is about to be answered; the environment will be [available](Self::available)
    /// in a moment, unless the function goes on working after its answer.
    fn available_soon(&self, environment: &Arc<Environment>);
    /// The environment has ended, and with it all its processes.
    fn closed(&self, environment: &Arc<Environment>);
    /// A line of the environment's log, without line break; `false` when it cannot be taken now. The
    /// environment counts such lines and tells their number in a line of its own.
    fn log(&self, environment: &Environment, source: LogSource, line: &str) -> bool;
    /// An invocation is over.
    fn finished(&self, environment: &Environment, report: InvocationReport);
}

/// Who wrote a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogSource {
    /// A process of the function.
    Function,
    /// A process of an external extension.
    Extension,
    /// The platform: START, END, REPORT and the like.
    Platform,
    /// Kiln: what was dropped from the log, or given up.
    Notice,
}

/// What an environment runs, and within which limits.
#[derive(Clone, Debug)]
pub struct EnvironmentConfig {
    /// Whose environment it is, for records, log lines and extensions.
    pub identity: Identity,
    /// The log is written in JSON, filtered by level; in text without.
    pub json_log: Option<JsonLog>,
    /// How many events it takes at a time, on a managed instance; one at a time without.
    pub max_concurrency: Option<u32>,
    /// Configured memory, MB.
    pub memory_mb: u32,
    /// The function's timeout.
    pub timeout: Duration,
    /// Why it is started.
    pub initialization: InitializationType,
    /// Limit of the init phase; 10 s on demand.
    pub init_limit: Duration,
    /// Size and bandwidth of a streamed response.
    pub stream_limits: StreamLimits,
    /// What keeps its processes within their limits.
    pub controls: Controls,
    /// How to start the runtime; `None` when somebody else starts it, in a debugger say.
    pub launch: Option<Launch>,
}

/// How to start the runtime process.
#[derive(Clone, Debug)]
pub struct Launch {
    /// What its processes see of the machine, and the bootstrap among it.
    pub files: FileSystem,
    /// All its environment variables but those that tell where its environment's APIs are and what
    /// opens them, which the environment adds.
    pub variables: Vec<(String, String)>,
    /// What makes up `/opt`, in order. The executables in `extensions` of each are started as
    /// external extensions; of two of a name, that of the later layer.
    pub layers: Vec<PathBuf>,
    /// The environment variables of extensions, but for those the environment adds.
    pub extension_variables: Vec<(String, String)>,
    /// Credentials that processes ask for, in the place of variables that a snapshot would keep.
    pub credentials: Option<Credentials>,
}

/// One execution environment.
pub struct Environment {
    config: EnvironmentConfig,
    host: Arc<dyn Host>,
    core: Mutex<Core>,
    telemetry: Telemetry,
    tokens: Tokens,
    logs: Option<LogPipe>,
    /// Names and paths of the external extensions.
    extensions: Vec<(String, PathBuf)>,
    /// Address of its Runtime API listener; none for an external runtime.
    address: Option<SocketAddr>,
    /// Wakes the timer task when a deadline comes before the moment it sleeps to.
    timer: Notify,
    tasks: OnceLock<Vec<AbortHandle>>,
}

struct Core {
    machine: Machine,
    /// The runtime's waiting `/next`; several on managed instances.
    polls: VecDeque<oneshot::Sender<NextEvent>>,
    /// The runtime's waiting `/restore/next`.
    restore_poll: Option<oneshot::Sender<()>>,
    /// The runtime's `/restore/next` of just now.
    asking_restore: Option<oneshot::Sender<()>>,
    /// The extension that calls for an event just now.
    asking: Option<oneshot::Sender<ExtensionEvent>>,
    /// The waiting `/event/next` of extensions.
    extension_polls: BTreeMap<ExtensionId, oneshot::Sender<ExtensionEvent>>,
    active: Option<Active>,
    /// The events there are at a time, by request id (managed instances).
    turns: BTreeMap<String, Active>,
    runtime: Process,
    /// Those of external extensions.
    extensions: Vec<Process>,
    /// How often the processes were let go on, or others began.
    thaws: u64,
    /// The end of the shutdown phase.
    shutdown_deadline: Instant,
    /// When the timer fires.
    deadline: Option<Instant>,
    /// To when the timer task sleeps; `None` when it waits to be woken.
    timer_sleeps_to: Option<Instant>,
    init: InitRun,
    /// Duration of an init that no invocation has reported yet.
    init_duration: Option<Duration>,
    /// Body of a posted init error.
    init_error: Option<Bytes>,
    /// What was posted with the call being handled.
    posted: Option<Posted>,
    /// How many streamed responses have begun.
    streams: u64,
    peak_memory: Option<u64>,
    /// The highest of those that have ended.
    ended_peak: Option<u64>,
    peak_measured: Instant,
}

impl Core {
    /// Whether the invocation of this id holds the environment.
    fn is_current(&self, request_id: &str) -> bool {
        self.active
            .as_ref()
            .is_some_and(|active| active.invocation.request_id == request_id)
    }

    /// The processes there are.
    fn processes(&self) -> impl Iterator<Item = &Controlled> {
        let all = std::iter::once(&self.runtime).chain(&self.extensions);
        all.filter_map(|process| process.family.as_ref())
    }

    fn process(&mut self, role: Role) -> Option<&mut Process> {
        match role {
            Role::Runtime => Some(&mut self.runtime),
            Role::Extension(id) => self.extensions.get_mut(id.0),
        }
    }

    /// Whoever waits for an event will not get one.
    fn hang_up(&mut self) {
        self.polls.clear();
        self.restore_poll = None;
        self.extension_polls.clear();
    }

    /// Notes the peak of the processes' memory, which outlives them.
    fn measure_memory(&mut self) {
        let measured = self.processes().filter_map(Controlled::peak_memory);
        let sum = measured.reduce(u64::saturating_add);
        self.peak_memory = self.peak_memory.max(sum).max(self.ended_peak);
        self.peak_measured = Instant::now();
    }
}

/// What the runtime posts for an invocation.
#[derive(Debug, Default)]
pub(crate) struct Posted {
    pub(crate) body: Bytes,
    /// Of an error: its type, of which only records tell.
    pub(crate) error_type: Option<String>,
}

/// The invocation that holds the environment.
struct Active {
    invocation: Box<Invocation>,
    times: Times,
    deadline_ms: u128,
    /// When its time is up, where the environment's timer is not its own.
    deadline: Option<Instant>,
    init_duration: Option<Duration>,
    /// The environment was restored for this invocation.
    restore: Option<Restore>,
    /// Size of the answer, bytes.
    produced: u64,
    start_logged: bool,
    /// The process was started for this invocation, within its duration.
    inline_init: bool,
    platform_error: Option<PlatformError>,
    function_error: Option<String>,
    /// The type of the error that the runtime posted.
    posted_error_type: Option<String>,
    /// The record of the end of the runtime's part has been told.
    runtime_done_told: bool,
    /// The streamed response that has begun.
    stream: Option<ActiveStream>,
    /// What the caller gets once the log tail is complete.
    deferred: Option<InvocationResult>,
}

/// The event as `/next` delivers it.
#[derive(Debug)]
pub(crate) struct NextEvent {
    pub(crate) request_id: String,
    pub(crate) function_arn: String,
    pub(crate) trace_id: String,
    pub(crate) client_context: Option<String>,
    pub(crate) tenant_id: Option<String>,
    pub(crate) deadline_ms: u128,
    pub(crate) payload: Bytes,
}

impl Environment {
    /// Creates an environment with a Runtime API listener of its own on the loopback, and begins
    /// its init phase.
    ///
    /// # Errors
    /// No port or no descriptor left for its listener and its log pipe.
    pub fn start(config: EnvironmentConfig, host: Arc<dyn Host>) -> io::Result<Arc<Self>> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let address = listener.local_addr()?;
        let layers = config.launch.as_ref().map(|launch| &launch.layers[..]);
        let extensions = launch::external_extensions(layers.unwrap_or_default());
        let logs = LogPipe::new(!extensions.is_empty(), config.json_log)?;
        let environment = Self::new(config, host, Some(logs), Some(address), extensions);
        let environment = Arc::new(environment);
        let tasks = vec![
            tokio::spawn(runtime_api::listen(listener, Arc::clone(&environment))).abort_handle(),
            tokio::spawn(Arc::clone(&environment).run_timer()).abort_handle(),
            tokio::spawn(Arc::clone(&environment).read_logs()).abort_handle(),
        ];
        // Empty until here: nobody else has seen the environment.
        let _ = environment.tasks.set(tasks);
        if environment.extensions.len() > MAX_EXTENSIONS {
            // It fails at once, which whoever starts it is not prepared for.
            let this = Arc::clone(&environment);
            tokio::spawn(async move { this.dispatch(this.lock(), Event::Start) });
        } else {
            environment.dispatch(environment.lock(), Event::Start);
        }
        Ok(environment)
    }

    /// Creates an environment for a runtime that somebody else starts. It has no listener: its
    /// calls are brought to [`serve`](Self::serve). Nothing bounds it in time.
    pub fn external(mut config: EnvironmentConfig, host: Arc<dyn Host>) -> Arc<Self> {
        config.launch = None;
        config.timeout = EXTERNAL_TIMEOUT;
        let environment = Arc::new(Self::new(config, host, None, None, Vec::new()));
        environment.dispatch(environment.lock(), Event::Start);
        environment
    }

    fn new(
        config: EnvironmentConfig,
        host: Arc<dyn Host>,
        logs: Option<LogPipe>,
        address: Option<SocketAddr>,
        extensions: Vec<(String, PathBuf)>,
    ) -> Self {
        let names = extensions.iter().map(|(name, _)| name.clone());
        let snapshots = config.initialization == InitializationType::SnapStart;
        let now = Instant::now();
        let core = Core {
            machine: match config.max_concurrency {
                Some(most) => Machine::managed(config.timeout, names, most),
                None => Machine::new(config.timeout, names, snapshots),
            },
            polls: VecDeque::new(),
            restore_poll: None,
            asking_restore: None,
            asking: None,
            extension_polls: BTreeMap::new(),
            active: None,
            turns: BTreeMap::new(),
            runtime: Process::default(),
            extensions: extensions.iter().map(|_| Process::default()).collect(),
            thaws: 0,
            shutdown_deadline: now,
            deadline: None,
            timer_sleeps_to: None,
            init: InitRun::new(now),
            init_duration: None,
            init_error: None,
            posted: None,
            streams: 0,
            peak_memory: None,
            ended_peak: None,
            peak_measured: now,
        };
        Self {
            config,
            host,
            core: Mutex::new(core),
            telemetry: Telemetry::new(),
            tokens: Tokens::new(),
            logs,
            extensions,
            address,
            timer: Notify::new(),
            tasks: OnceLock::new(),
        }
    }

    /// Hands over an invocation. It is answered exactly once, whatever becomes of the process.
    ///
    /// # Errors
    /// Gives the invocation back when the environment is not free (it ended, or takes another).
    pub fn invoke(self: &Arc<Self>, invocation: Box<Invocation>) -> Result<(), Box<Invocation>> {
        let mut core = self.lock();
        if !core.machine.is_free() {
            return Err(invocation);
        }
        let deadline = SystemTime::now() + self.config.timeout;
        if let Some(logs) = &self.logs
            && invocation.tail
        {
            let mut lines = logs.lock();
            // What was written since the last invocation belongs to none.
            logs.drain(&mut lines, &mut |source, line| self.log(source, line));
            lines.keep_tail();
        }
        let active = Active {
            invocation,
            times: Times::begin(),
            deadline_ms: epoch(deadline).as_millis(),
            deadline: None,
            init_duration: core.init_duration.take(),
            restore: None,
            produced: 0,
            start_logged: false,
            inline_init: false,
            platform_error: None,
            function_error: None,
            posted_error_type: None,
            runtime_done_told: false,
            stream: None,
            deferred: None,
        };
        if self.config.max_concurrency.is_some() {
            return self.invoke_turn(core, active);
        }
        core.active = Some(active);
        self.dispatch(core, Event::Invoke);
        Ok(())
    }

    /// Whether it has a process whose init is done and which waits for an event. One that is free and
    /// has none begins its next invocation with an init.
    pub fn is_initialised(&self) -> bool {
        self.lock().machine.is_initialised()
    }

    /// Ends the environment as soon as it has nothing to do. [`Host::closed`] is called then.
    pub fn retire(self: &Arc<Self>) {
        self.dispatch(self.lock(), Event::Retire);
    }

    /// Ends the environment: its processes are killed, whoever waits is answered.
    /// [`Host::closed`] is called when nothing is left.
    pub fn close(self: &Arc<Self>) {
        self.dispatch(self.lock(), Event::Close);
    }

    /// Ends the environment without time for anybody: also who is in the middle of a shutdown is killed.
    pub fn kill(self: &Arc<Self>) {
        self.close();
        // Their ends are noticed as any other's, and the shutdown goes on with nobody to wait for.
        let mut core = self.lock();
        core.runtime.kill();
        core.extensions
            .iter_mut()
            .for_each(|extension| extension.kill());
        core.hang_up();
    }

    /// Serves one call of the Runtime API.
    pub async fn serve<B>(
        self: &Arc<Self>,
        request: http::Request<B>,
    ) -> http::Response<http_body_util::Full<Bytes>>
    where
        B: hyper::body::Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        runtime_api::serve(self, request).await
    }

    /// The runtime asks for the next event; waits for one.
    pub(crate) async fn next(self: &Arc<Self>) -> Result<NextEvent, Answer> {
        let (sender, receiver) = oneshot::channel();
        let answer = {
            let mut core = self.lock();
            if self.config.max_concurrency.is_none() {
                // The runtime polls anew: the call of before is given up.
                core.polls.clear();
            }
            core.polls.push_back(sender);
            self.dispatch(core, Event::Next)
        };
        if let Some(Reply::Runtime(refused)) = answer {
            return Err(refused);
        }
        // The sender is dropped when another poll takes its place or the environment ends.
        match self.config.max_concurrency {
            None => receiver.await,
            Some(_) => turns::Waiting::new(self, receiver).event().await,
        }
        .map_err(|_| Answer::Closing)
    }

    /// The runtime answered an invocation, with this where it can be used.
    pub(crate) fn respond(
        self: &Arc<Self>,
        request_id: &str,
        answered: Answered,
        posted: Option<Posted>,
    ) -> Answer {
        let mut core = self.lock();
        core.posted = posted;
        let event = match self.config.max_concurrency {
            Some(_) => Event::Turn(request_id.to_owned(), TurnEvent::Respond(answered)),
            None => Event::Respond {
                answered,
                current: core.is_current(request_id),
            },
        };
        runtime_answer(self.dispatch(core, event))
    }

    /// The runtime reported that its init failed.
    pub(crate) fn init_error(self: &Arc<Self>, error_type: &str, body: Bytes) -> Answer {
        let mut core = self.lock();
        core.posted = Some(Posted {
            body,
            error_type: None,
        });
        runtime_answer(self.dispatch(core, Event::InitError(error_type.to_owned())))
    }

    fn lock(&self) -> MutexGuard<'_, Core> {
        // A panic elsewhere leaves a consistent machine: its transitions are single assignments.
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a call of the runtime is answered, which is never left to later.
fn runtime_answer(reply: Option<Reply>) -> Answer {
    match reply {
        Some(Reply::Runtime(answer)) => answer,
        _ => Answer::Closing,
    }
}

fn epoch(time: SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap_or_default()
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("config", &self.config)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
