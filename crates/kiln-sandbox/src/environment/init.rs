//! The init phase and the restore from a snapshot, as the log and telemetry tell of them.

use std::sync::Arc;
use std::time::Duration;

use kiln_protocol::log_line::{self, Restore, Status};
use kiln_protocol::runtime_api::Answer;
use kiln_protocol::telemetry_api::Api;
use kiln_protocol::telemetry_record::{
    self as telemetry, DurationMetrics, Instance, Millis, Phase, Record,
};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::effects::Reply;
use super::report::Times;
use super::{Core, Environment, epoch, runtime_answer};
use crate::lifecycle::{Event, InitPhase};

/// An init that goes on, or the last one.
#[derive(Clone, Copy, Debug)]
pub(super) struct InitRun {
    phase: InitPhase,
    began: Instant,
    /// The runtime's part is done.
    runtime_done: bool,
    /// It is not the environment's first.
    again: bool,
    failed: bool,
    /// When the restore began that is going on.
    restoring: Option<Instant>,
}

impl InitRun {
    pub(super) fn new(began: Instant) -> Self {
        Self {
            phase: InitPhase::Init,
            began,
            runtime_done: false,
            again: false,
            failed: false,
            restoring: None,
        }
    }
}

fn phase(phase: InitPhase) -> Phase {
    match phase {
        InitPhase::Init => Phase::Init,
        InitPhase::Invoke => Phase::Invoke,
    }
}

impl Environment {
    pub(super) fn begin_init(&self, core: &mut Core, init_phase: InitPhase) {
        if self.config.launch.is_none() {
            return;
        }
        if core.init.again {
            self.telemetry.reopen();
            self.tell_losses();
        }
        self.thaw_telemetry(core);
        // What begins again inside the first invocation is the same init to the log.
        let rerun = core.init.failed && core.init.phase == InitPhase::Init;
        core.init = InitRun {
            phase: init_phase,
            again: true,
            ..InitRun::new(Instant::now())
        };
        core.init_error = None;
        core.hang_up();
        for active in core.active.iter_mut().chain(core.turns.values_mut()) {
            active.inline_init = true;
        }
        let identity = &self.config.identity;
        let line = (!rerun).then(|| {
            log_line::init_start(&identity.runtime_version, &identity.runtime_version_arn)
        });
        let record = || Record::InitStart {
            initialization_type: self.config.initialization,
            phase: phase(init_phase),
            instance: self.instance(),
            tracing: None,
        };
        self.tell(line.as_slice(), || vec![record()]);
    }

    fn instance(&self) -> Instance {
        self.config.identity.instance(self.config.memory_mb)
    }

    /// The runtime asked for its first event.
    pub(super) fn runtime_ready(&self, core: &mut Core) {
        core.init.runtime_done = true;
        self.init_runtime_done(core, telemetry::Status::Success, None);
    }

    fn init_runtime_done(
        &self,
        core: &Core,
        status: telemetry::Status,
        error_type: Option<String>,
    ) {
        let record = || Record::InitRuntimeDone {
            initialization_type: self.config.initialization,
            phase: phase(core.init.phase),
            status,
            error_type,
            tracing: None,
        };
        self.tell(&[], || vec![record()]);
    }

    /// Every extension asked for its first event too.
    pub(super) fn init_done(&self, core: &mut Core) {
        let took = core.init.began.elapsed();
        core.measure_memory();
        // An init inside an invocation is part of that invocation's duration, and what comes before a
        // snapshot of none.
        let inside = core.active.is_some() || !core.turns.is_empty();
        if !inside && self.config.launch.is_some() && !core.machine.has_snapshots() {
            core.init_duration = Some(took);
        }
        self.telemetry.close_subscriptions();
        self.tell_extensions(core);
        self.init_report(core, took, telemetry::Status::Success, None, &[]);
    }

    pub(super) fn init_failed(&self, core: &mut Core, init_phase: InitPhase, status: &Status) {
        let took = core.init.began.elapsed();
        core.init.failed = true;
        let error_type = match status {
            Status::Error(error_type) => Some(error_type.clone()),
            Status::Success | Status::Timeout => None,
        };
        let outcome = telemetry::Status::from(status);
        if !core.init.runtime_done {
            self.init_runtime_done(core, outcome, error_type.clone());
        }
        self.telemetry.close_subscriptions();
        self.tell_extensions(core);
        let line = log_line::init_report(took, init_phase.name(), status);
        self.init_report(core, took, outcome, error_type, &[line]);
    }

    fn init_report(
        &self,
        core: &Core,
        took: Duration,
        status: telemetry::Status,
        error_type: Option<String>,
        lines: &[String],
    ) {
        let record = || Record::InitReport {
            initialization_type: self.config.initialization,
            phase: phase(core.init.phase),
            metrics: DurationMetrics {
                duration_ms: Millis(took),
            },
            status,
            error_type,
            tracing: None,
        };
        self.tell(lines, || vec![record()]);
    }

    /// One line for each extension, as it stands at the end of the init.
    fn tell_extensions(&self, core: &Core) {
        for (_, extension) in core.machine.extensions().iter() {
            let (name, state) = (&extension.name, extension.state.name());
            let error_type = extension.error_type.clone();
            let line = log_line::extension(name, state, &extension.events, error_type.as_deref());
            self.tell(&[line], || {
                vec![Record::Extension {
                    name: name.clone(),
                    state: state.to_owned(),
                    events: extension.events.clone(),
                    error_type,
                }]
            });
        }
    }

    /// Which telemetry was lost on its way to subscribers.
    pub(super) fn tell_losses(&self) {
        for lost in self.telemetry.take_lost() {
            self.log(super::LogSource::Notice, &lost.to_string());
        }
    }

    /// An extension has subscribed.
    pub(super) fn tell_subscription(&self, api: Api, name: &str, types: &[telemetry::Category]) {
        let line = log_line::subscription(api, name, types);
        self.tell(&[line], || {
            vec![crate::telemetry::subscribed(api, name, types)]
        });
    }

    /// The runtime waits to be told of its restore.
    pub(crate) async fn restore_next(self: &Arc<Self>) -> Result<(), Answer> {
        let (sender, receiver) = oneshot::channel();
        let reply = {
            let mut core = self.lock();
            if !core.machine.has_snapshots() {
                return Err(Answer::NotFound);
            }
            core.asking_restore = Some(sender);
            self.dispatch(core, Event::RestoreNext)
        };
        if let Some(Reply::Runtime(refused)) = reply {
            return Err(refused);
        }
        receiver.await.map_err(|_| Answer::Closing)
    }

    /// What the runtime does after a restore failed.
    pub(crate) fn restore_error(self: &Arc<Self>, error_type: &str) -> Answer {
        let core = self.lock();
        if !core.machine.has_snapshots() {
            return Answer::NotFound;
        }
        runtime_answer(self.dispatch(core, Event::RestoreError(error_type.to_owned())))
    }

    /// The environment is restored: what is frozen goes on where it was.
    pub(super) fn restore(&self, core: &mut Core) {
        core.init.restoring = Some(Instant::now());
        let identity = &self.config.identity;
        let line =
            log_line::restore_start(&identity.runtime_version, &identity.runtime_version_arn);
        self.tell(&[line], || {
            vec![Record::RestoreStart {
                instance: self.instance(),
                tracing: None,
            }]
        });
        if let Some(poll) = core.restore_poll.take() {
            // One that has hung up is noticed when its process ends, or when the time is up.
            let _ = poll.send(());
        }
    }

    /// What the runtime does after a restore is done.
    pub(super) fn restored(&self, core: &mut Core) {
        let Some(duration) = self.restore_ended(core, &Status::Success) else {
            return;
        };
        let Some(active) = &mut core.active else {
            return;
        };
        let billed_ms = duration.as_nanos().div_ceil(1_000_000);
        let billed_ms = u64::try_from(billed_ms).unwrap_or(u64::MAX);
        active.restore = Some(Restore {
            duration,
            billed_ms,
        });
        active.times = Times::begin();
        let deadline = std::time::SystemTime::now() + self.config.timeout;
        active.deadline_ms = epoch(deadline).as_millis();
    }

    /// Tells of a restore that was going on, and how long it took.
    pub(super) fn restore_ended(&self, core: &mut Core, status: &Status) -> Option<Duration> {
        let duration = core.init.restoring.take()?.elapsed();
        let error_type = match status {
            Status::Error(error_type) => Some(error_type.clone()),
            Status::Success | Status::Timeout => None,
        };
        let line = log_line::restore_report(duration, status);
        let outcome = telemetry::Status::from(status);
        self.tell(&[line], || {
            vec![
                Record::RestoreRuntimeDone {
                    status: outcome,
                    error_type: error_type.clone(),
                    spans: Vec::new(),
                    tracing: None,
                },
                Record::RestoreReport {
                    status: outcome,
                    error_type,
                    metrics: DurationMetrics {
                        duration_ms: Millis(duration),
                    },
                },
            ]
        });
        Some(duration)
    }
}
