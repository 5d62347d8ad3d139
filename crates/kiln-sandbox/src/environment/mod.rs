//! The shell round the lifecycle machine: sockets, processes, timers, log lines.
//!
//! All state is behind one lock that is never held across an await; whoever brings an event (the
//! host, a call of the runtime, the end of the process, the timer) runs the machine right there.
//! A warm invocation therefore wakes two tasks only: the runtime's waiting poll and the caller.

mod launch;
mod report;
mod stream;
mod timer;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{fmt, io};

use bytes::Bytes;
use kiln_protocol::invoke::PlatformError;
use kiln_protocol::log_line;
use kiln_protocol::runtime_api::Answer;
use tokio::sync::{Notify, oneshot};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::bandwidth::StreamLimits;
use crate::filesystem::FileSystem;
use crate::invocation::{Invocation, InvocationReport, InvocationResult};
use crate::lifecycle::{Answered, Effect, Event, Machine};
use crate::logs::LogPipe;
use crate::resources::{Controlled, Controls};
use crate::runtime_api;
use report::{CallerAnswer, settle};
use stream::ActiveStream;
pub(crate) use stream::{EXIT_GRACE, drain};

/// What a runtime that we did not start is given: no timer bounds a session in a debugger.
const EXTERNAL_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// Whoever owns environments. Its methods are called in the middle of things: they must not block.
pub trait Host: Send + Sync + 'static {
    /// The environment can take an invocation by [`Environment::invoke`].
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
    /// A process of the environment.
    Function,
    /// The platform: START, END, REPORT and the like.
    Platform,
    /// Kiln, about the log: what was dropped.
    Notice,
}

/// What an environment runs, and within which limits.
#[derive(Clone, Debug)]
pub struct EnvironmentConfig {
    /// The function's version, for the START line.
    pub version: String,
    /// Configured memory, MB.
    pub memory_mb: u32,
    /// The function's timeout.
    pub timeout: Duration,
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
    /// All its environment variables but `AWS_LAMBDA_RUNTIME_API`, which the environment adds.
    pub variables: Vec<(String, String)>,
}

/// One execution environment.
pub struct Environment {
    config: EnvironmentConfig,
    host: Arc<dyn Host>,
    core: Mutex<Core>,
    logs: Option<LogPipe>,
    /// Address of its Runtime API listener; none for an external runtime.
    address: Option<SocketAddr>,
    /// Wakes the timer task when a deadline comes before the moment it sleeps to.
    timer: Notify,
    tasks: OnceLock<Vec<AbortHandle>>,
}

struct Core {
    machine: Machine,
    /// The runtime's waiting `/next`.
    poll: Option<oneshot::Sender<NextEvent>>,
    active: Option<Active>,
    family: Option<Controlled>,
    /// The process is to be killed as soon as it exists.
    kill_on_launch: bool,
    /// When the timer fires.
    deadline: Option<Instant>,
    /// To when the timer task sleeps; `None` when it waits to be woken.
    timer_sleeps_to: Option<Instant>,
    launched: Instant,
    /// Duration of an init that no invocation has reported yet.
    init_duration: Option<Duration>,
    /// Body of a posted init error.
    init_error: Option<Bytes>,
    /// Body posted with the call being handled.
    posted: Option<Bytes>,
    /// How many streamed responses have begun.
    streams: u64,
    peak_memory: Option<u64>,
    peak_measured: Instant,
}

impl Core {
    /// Whether the invocation of this id holds the environment.
    fn is_current(&self, request_id: &str) -> bool {
        self.active
            .as_ref()
            .is_some_and(|active| active.invocation.request_id == request_id)
    }

    /// Notes the peak of the process's memory, which outlives the process.
    fn measure_memory(&mut self) {
        let measured = self.family.as_ref().and_then(Controlled::peak_memory);
        self.peak_memory = self.peak_memory.max(measured);
        self.peak_measured = Instant::now();
    }
}

/// The invocation that holds the environment.
struct Active {
    invocation: Box<Invocation>,
    began: Instant,
    deadline_ms: u128,
    init_duration: Option<Duration>,
    start_logged: bool,
    /// The process was started for this invocation, within its duration.
    inline_init: bool,
    platform_error: Option<PlatformError>,
    function_error: Option<String>,
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
    pub(crate) deadline_ms: u128,
    pub(crate) payload: Bytes,
}

/// What is left to do once the lock is released.
enum After {
    Launch,
    Answer(CallerAnswer),
    AvailableSoon,
    LetGo,
    Available,
    Closed,
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
        let environment = Arc::new(Self::new(
            config,
            host,
            Some(LogPipe::new()?),
            Some(address),
        ));
        let tasks = vec![
            tokio::spawn(runtime_api::listen(listener, Arc::clone(&environment))).abort_handle(),
            tokio::spawn(Arc::clone(&environment).run_timer()).abort_handle(),
            tokio::spawn(Arc::clone(&environment).read_logs()).abort_handle(),
        ];
        // Empty until here: nobody else has seen the environment.
        let _ = environment.tasks.set(tasks);
        environment.dispatch(environment.lock(), Event::Start);
        Ok(environment)
    }

    /// Creates an environment for a runtime that somebody else starts. It has no listener: its
    /// calls are brought to [`serve`](Self::serve). Nothing bounds it in time.
    pub fn external(mut config: EnvironmentConfig, host: Arc<dyn Host>) -> Arc<Self> {
        config.launch = None;
        config.timeout = EXTERNAL_TIMEOUT;
        let environment = Arc::new(Self::new(config, host, None, None));
        environment.dispatch(environment.lock(), Event::Start);
        environment
    }

    fn new(
        config: EnvironmentConfig,
        host: Arc<dyn Host>,
        logs: Option<LogPipe>,
        address: Option<SocketAddr>,
    ) -> Self {
        let core = Core {
            machine: Machine::new(config.timeout),
            poll: None,
            active: None,
            family: None,
            kill_on_launch: false,
            deadline: None,
            timer_sleeps_to: None,
            launched: Instant::now(),
            init_duration: None,
            init_error: None,
            posted: None,
            streams: 0,
            peak_memory: None,
            peak_measured: Instant::now(),
        };
        Self {
            config,
            host,
            core: Mutex::new(core),
            logs,
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
        core.active = Some(Active {
            invocation,
            began: Instant::now(),
            deadline_ms: epoch(deadline).as_millis(),
            init_duration: core.init_duration.take(),
            start_logged: false,
            inline_init: false,
            platform_error: None,
            function_error: None,
            stream: None,
            deferred: None,
        });
        self.dispatch(core, Event::Invoke);
        Ok(())
    }

    /// Ends the environment: its processes are killed, whoever waits is answered.
    /// [`Host::closed`] is called when nothing is left.
    pub fn close(self: &Arc<Self>) {
        self.dispatch(self.lock(), Event::Close);
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
            core.poll = Some(sender);
            self.dispatch(core, Event::Next)
        };
        if let Some(refused) = answer {
            return Err(refused);
        }
        // The sender is dropped when another poll takes its place or the environment ends.
        receiver.await.map_err(|_| Answer::Closing)
    }

    /// The runtime answered an invocation, with this body where there is one.
    pub(crate) fn respond(
        self: &Arc<Self>,
        request_id: &str,
        answered: Answered,
        body: Option<Bytes>,
    ) -> Answer {
        let mut core = self.lock();
        let current = core.is_current(request_id);
        core.posted = body;
        self.dispatch(core, Event::Respond { answered, current })
            .unwrap_or(Answer::Closing)
    }

    /// The runtime reported that its init failed.
    pub(crate) fn init_error(self: &Arc<Self>, error_type: &str, body: Bytes) -> Answer {
        let mut core = self.lock();
        core.init_error = Some(body);
        self.dispatch(core, Event::InitError(error_type.to_owned()))
            .unwrap_or(Answer::Closing)
    }

    fn lock(&self) -> MutexGuard<'_, Core> {
        // A panic elsewhere leaves a consistent machine: its transitions are single assignments.
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the machine and carries out its effects; returns the answer to the runtime's call.
    fn dispatch(self: &Arc<Self>, mut core: MutexGuard<'_, Core>, event: Event) -> Option<Answer> {
        let mut answer = None;
        let mut after = Vec::new();
        for effect in core.machine.handle(event) {
            match effect {
                Effect::Launch if self.config.launch.is_some() => {
                    core.launched = Instant::now();
                    core.kill_on_launch = false;
                    core.init_error = None;
                    if let Some(active) = &mut core.active {
                        active.inline_init = true;
                    }
                    after.push(After::Launch);
                }
                // Somebody else starts the runtime.
                Effect::Launch => {}
                // A runtime nobody here can kill is let go instead.
                Effect::Kill if self.config.launch.is_none() => {
                    core.poll = None;
                    after.push(After::LetGo);
                }
                Effect::Kill => {
                    match &core.family {
                        Some(family) => family.kill(),
                        None => core.kill_on_launch = true,
                    }
                    // After the signal: a runtime that were told first would complain in its log.
                    core.poll = None;
                }
                Effect::Arm(timer) => self.arm(&mut core, timer),
                Effect::Disarm => core.deadline = None,
                Effect::InitDone => self.init_done(&mut core),
                Effect::InitFailed(phase, status) => {
                    let line =
                        log_line::init_report(core.launched.elapsed(), phase.name(), &status);
                    self.log_platform(&[line]);
                }
                Effect::Deliver => self.deliver(&mut core),
                // The poll is in place already.
                Effect::Park => {}
                Effect::Thaw => core.family.iter().for_each(Controlled::begin_invoke),
                Effect::Freeze => core.family.iter().for_each(Controlled::end_invoke),
                Effect::Reply(reply) => answer = Some(reply),
                Effect::Stream => {
                    let serial = core.streams;
                    if let Some(active) = &mut core.active {
                        let forwarded = active.invocation.parts.is_some();
                        active.stream = Some(ActiveStream::new(serial, forwarded));
                    }
                }
                Effect::Settle(settlement) => {
                    after.extend(settle(&mut core, settlement).map(After::Answer));
                }
                Effect::AvailableSoon => after.push(After::AvailableSoon),
                Effect::Finish(status) => {
                    after.extend(self.finish(&mut core, status).map(After::Answer));
                }
                Effect::Available => after.push(After::Available),
                Effect::Closed => {
                    core.active = None;
                    core.poll = None;
                    after.push(After::Closed);
                }
            }
        }
        core.posted = None;
        drop(core);
        for what in after {
            match what {
                After::Launch => {
                    // On a worker of its own: fork and exec take about a millisecond, which
                    // neither this caller nor the ones behind it should wait for.
                    let this = Arc::clone(self);
                    tokio::spawn(async move { this.launch() });
                }
                After::Answer(answer) => answer.send(),
                After::AvailableSoon => self.host.available_soon(self),
                After::LetGo => {
                    let ended = kiln_protocol::invoke::ExitCause::Code(0);
                    self.dispatch(self.lock(), Event::Exited(ended));
                }
                After::Available => self.host.available(self),
                After::Closed => {
                    self.host.closed(self);
                    for task in self.tasks.get().into_iter().flatten() {
                        task.abort();
                    }
                }
            }
        }
        answer
    }

    fn init_done(&self, core: &mut Core) {
        let took = core.launched.elapsed();
        core.measure_memory();
        // An init inside an invocation is part of that invocation's duration.
        if core.active.is_none() && self.config.launch.is_some() {
            core.init_duration = Some(took);
        }
    }

    fn deliver(&self, core: &mut Core) {
        let Some(active) = &mut core.active else {
            return;
        };
        self.log_start(active);
        let Some(poll) = core.poll.take() else {
            return;
        };
        let invocation = &active.invocation;
        // A failed send means that the runtime hung up; it polls again, or its end is noticed.
        let _ = poll.send(NextEvent {
            request_id: invocation.request_id.clone(),
            function_arn: invocation.function_arn.clone(),
            trace_id: invocation.trace_id.clone(),
            client_context: invocation.client_context.clone(),
            deadline_ms: active.deadline_ms,
            payload: invocation.payload.clone(),
        });
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
