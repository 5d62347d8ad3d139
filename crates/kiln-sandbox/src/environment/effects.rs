//! Carrying out what the lifecycle machine says.

use std::collections::VecDeque;
use std::sync::{Arc, MutexGuard};
use std::time::{Duration, SystemTime};

use kiln_protocol::extension_event::{Event as ExtensionEvent, ShutdownReason, Tracing};
use kiln_protocol::extensions_api;
use kiln_protocol::invoke::ExitCause;
use kiln_protocol::runtime_api::Answer;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::launch::Role;
use super::report::{CallerAnswer, settle};
use super::{Active, Core, Environment, NextEvent, epoch};
use crate::lifecycle::{Effect, Event, ExtensionId, Timer, TurnEffect};
use crate::resources::Controlled;

/// The answer to the call that brought an event.
#[derive(Debug)]
pub(crate) enum Reply {
    /// To a call of the Runtime API.
    Runtime(Answer),
    /// To a call of the Extensions API.
    Extension(extensions_api::Answer),
    /// To an extension that has registered.
    Registered,
}

/// A waiting call of the runtime.
type Poll = oneshot::Sender<NextEvent>;

/// What is left to do once the lock is released.
enum After {
    Launch(Role),
    Answer(CallerAnswer),
    AvailableSoon,
    LetGo,
    Available,
    /// Deliver telemetry, which nobody waits for.
    Flush(Duration),
    /// The same, and freeze the processes then.
    FlushAndFreeze,
    Closed,
}

/// What delivering telemetry may take after an init, when nobody waits for it.
const FLUSH_AFTER_INIT: Duration = Duration::from_secs(1);
/// What it may take before processes are frozen.
const FLUSH_BEFORE_FREEZE: Duration = Duration::from_millis(100);

impl Environment {
    /// Runs the machine and carries out its effects; returns the answer to the call, if it was one
    /// and has one already.
    pub(super) fn dispatch(
        self: &Arc<Self>,
        mut core: MutexGuard<'_, Core>,
        event: Event,
    ) -> Option<Reply> {
        let mut reply = None;
        let mut after = Vec::new();
        for effect in core.machine.handle(event) {
            self.carry_out(&mut core, effect, &mut reply, &mut after);
        }
        core.posted = None;
        core.asking = None;
        core.asking_restore = None;
        drop(core);
        for what in after {
            self.carry_out_unlocked(what);
        }
        reply
    }

    fn carry_out(
        self: &Arc<Self>,
        core: &mut Core,
        effect: Effect,
        reply: &mut Option<Reply>,
        after: &mut Vec<After>,
    ) {
        match effect {
            Effect::BeginInit(phase) => self.begin_init(core, phase),
            Effect::LaunchExtensions => {
                for (index, extension) in core.extensions.iter_mut().enumerate() {
                    extension.begin();
                    after.push(After::Launch(Role::Extension(ExtensionId(index))));
                }
            }
            // Without a process of its own, somebody else starts it.
            Effect::Launch if self.config.launch.is_some() => {
                core.runtime.begin();
                after.push(After::Launch(Role::Runtime));
            }
            Effect::Launch => {}
            // A runtime nobody here can end is let go instead.
            Effect::Kill | Effect::KillRuntime | Effect::Terminate
                if self.config.launch.is_none() =>
            {
                core.hang_up();
                after.push(After::LetGo);
            }
            Effect::Kill => {
                core.runtime.kill();
                core.extensions.iter_mut().for_each(|it| it.kill());
                // After the signal: a runtime that were told first would complain in its log.
                core.hang_up();
            }
            Effect::KillRuntime => {
                core.runtime.kill();
                core.polls.clear();
            }
            Effect::KillExtension(id) => {
                if let Some(extension) = core.extensions.get_mut(id.0) {
                    extension.kill();
                }
                core.extension_polls.remove(&id);
            }
            Effect::Terminate => {
                core.runtime.terminate();
            }
            Effect::BeginShutdown(budget) => {
                core.shutdown_deadline = Instant::now() + budget;
                self.thaw_telemetry(core);
                after.push(After::Flush(budget));
            }
            Effect::Arm(timer) => self.arm(core, timer),
            Effect::Disarm => core.deadline = None,
            Effect::RuntimeReady => self.runtime_ready(core),
            Effect::InitDone => {
                self.init_done(core);
                if self.has_subscribers() {
                    after.push(After::Flush(FLUSH_AFTER_INIT));
                }
            }
            Effect::InitFailed(phase, status) => self.init_failed(core, phase, &status),
            Effect::KeepInitError => core.init_error = core.posted.take().map(|it| it.body),
            Effect::Deliver => {
                let Core { active, polls, .. } = core;
                active.iter_mut().for_each(|it| self.deliver(it, polls));
            }
            Effect::Turn(id, effect) => self.carry_out_turn(core, id, effect, after),
            // A poll for an event is in place already.
            Effect::Park => {
                if let Some(asking) = core.asking_restore.take() {
                    core.restore_poll = Some(asking);
                }
            }
            Effect::ParkExtension(id) => {
                if let Some(asking) = core.asking.take() {
                    core.extension_polls.insert(id, asking);
                }
            }
            Effect::Restore => self.restore(core),
            Effect::Restored => self.restored(core),
            Effect::TellInvoke(id) => tell_invoke(core, id),
            Effect::TellShutdown(id, reason) => tell_shutdown(core, id, reason),
            Effect::Thaw => {
                core.processes().for_each(Controlled::begin_invoke);
                self.thaw_telemetry(core);
            }
            Effect::Freeze if self.has_subscribers() => after.push(After::FlushAndFreeze),
            Effect::Freeze => core.processes().for_each(Controlled::end_invoke),
            Effect::Reply(answer) => *reply = Some(Reply::Runtime(answer)),
            Effect::ReplyToExtension(answer) => *reply = Some(Reply::Extension(answer)),
            Effect::Registered(_) => *reply = Some(Reply::Registered),
            Effect::Stream => {
                let serial = core.streams;
                core.active
                    .iter_mut()
                    .for_each(|it| it.begin_stream(serial));
            }
            Effect::Settle(settlement) => {
                let Core {
                    active,
                    posted,
                    init_error,
                    ..
                } = core;
                let answer = active
                    .as_mut()
                    .and_then(|it| settle(it, posted.take(), init_error, settlement));
                after.extend(answer.map(After::Answer));
            }
            Effect::AvailableSoon => after.push(After::AvailableSoon),
            Effect::RuntimeDone => core.active.iter_mut().for_each(|it| self.runtime_done(it)),
            Effect::Finish(status) => {
                self.restore_ended(core, &status);
                if let Some(active) = core.active.take() {
                    after.extend(self.finish(core, active, status).map(After::Answer));
                }
            }
            Effect::Available => after.push(After::Available),
            Effect::Closed => {
                core.active = None;
                core.turns.clear();
                core.hang_up();
                after.push(After::Closed);
            }
        }
    }

    /// The same for one of several events.
    fn carry_out_turn(
        &self,
        core: &mut Core,
        id: String,
        effect: TurnEffect,
        after: &mut Vec<After>,
    ) {
        if let TurnEffect::Finish(status) = effect {
            if let Some(active) = core.turns.remove(&id) {
                after.extend(self.finish(core, active, status).map(After::Answer));
            }
            return;
        }
        let serial = core.streams;
        let Core {
            turns,
            polls,
            posted,
            init_error,
            ..
        } = core;
        let Some(active) = turns.get_mut(&id) else {
            return;
        };
        match effect {
            TurnEffect::Arm => {
                let deadline = Instant::now() + self.config.timeout;
                active.deadline = Some(deadline);
                self.wake_timer(core, deadline);
            }
            TurnEffect::Deliver => self.deliver(active, polls),
            TurnEffect::Stream => active.begin_stream(serial),
            TurnEffect::Settle(settlement) => {
                let answer = settle(active, posted.take(), init_error, settlement);
                after.extend(answer.map(After::Answer));
            }
            TurnEffect::Finish(_) => {}
        }
    }

    fn carry_out_unlocked(self: &Arc<Self>, what: After) {
        match what {
            After::Launch(role) => {
                // On a worker of its own: fork and exec take about a millisecond, which
                // neither this caller nor the ones behind it should wait for.
                let this = Arc::clone(self);
                tokio::spawn(async move { this.launch(role) });
            }
            After::Answer(answer) => answer.send(),
            After::AvailableSoon => self.host.available_soon(self),
            After::LetGo => {
                self.dispatch(self.lock(), Event::Exited(ExitCause::Code(0)));
            }
            After::Available => self.host.available(self),
            After::Flush(time) => {
                let this = Arc::clone(self);
                tokio::spawn(async move { this.telemetry.flush(Instant::now() + time).await });
            }
            After::FlushAndFreeze => {
                let this = Arc::clone(self);
                let thaws = self.lock().thaws;
                tokio::spawn(async move { this.flush_and_freeze(thaws).await });
            }
            After::Closed => {
                // What was written last: nobody reads it any more.
                self.log_platform(&[]);
                self.telemetry.end();
                self.tell_losses();
                self.host.closed(self);
                for task in self.tasks.get().into_iter().flatten() {
                    task.abort();
                }
            }
        }
    }

    /// Subscribers run from here on: whoever is about to freeze them comes too late.
    pub(super) fn thaw_telemetry(&self, core: &mut Core) {
        core.thaws += 1;
        self.telemetry.thaw();
    }

    /// Who is subscribed gets what has happened before everybody rests.
    async fn flush_and_freeze(self: Arc<Self>, thaws: u64) {
        let deadline = Instant::now() + FLUSH_BEFORE_FREEZE;
        self.telemetry.flush(deadline).await;
        let core = self.lock();
        // Another event has come in between, perhaps, or the end.
        if core.thaws == thaws && core.active.is_none() && core.turns.is_empty() {
            core.processes().for_each(Controlled::end_invoke);
            self.telemetry.freeze();
        }
    }

    fn deliver(&self, active: &mut Active, polls: &mut VecDeque<Poll>) {
        self.log_start(active);
        let Some(poll) = polls.pop_front() else {
            return;
        };
        let invocation = &active.invocation;
        // A failed send means that the runtime hung up; it polls again, or its end is noticed.
        let _ = poll.send(NextEvent {
            request_id: invocation.request_id.clone(),
            function_arn: invocation.function_arn.clone(),
            trace_id: invocation.trace_id.clone(),
            client_context: invocation.client_context.clone(),
            tenant_id: invocation.tenant_id.clone(),
            deadline_ms: active.deadline_ms,
            payload: invocation.payload.clone(),
        });
    }

    pub(super) fn arm(&self, core: &mut Core, timer: Timer) {
        if self.config.launch.is_none() {
            return;
        }
        let now = Instant::now();
        let deadline = match timer {
            Timer::Init => now + self.config.init_limit,
            Timer::Invoke => now + self.config.timeout,
            Timer::Restore => now + RESTORE_LIMIT,
            Timer::RuntimeShutdown => {
                let time = match self.config.max_concurrency {
                    None => RUNTIME_SHUTDOWN,
                    Some(_) => MANAGED_RUNTIME_SHUTDOWN,
                };
                core.shutdown_deadline.min(now + time)
            }
            Timer::Shutdown => core.shutdown_deadline,
        };
        core.deadline = Some(deadline);
        self.wake_timer(core, deadline);
    }
}

/// What a restore may take, with what the runtime does after it.
const RESTORE_LIMIT: Duration = Duration::from_secs(10);
/// What the runtime has of the shutdown phase where external extensions come after it.
const RUNTIME_SHUTDOWN: Duration = Duration::from_millis(300);
/// The same on managed instances, where events may be under way.
const MANAGED_RUNTIME_SHUTDOWN: Duration = Duration::from_millis(600);

fn tell_invoke(core: &mut Core, id: ExtensionId) {
    let Some((active, poll)) = core.active.as_ref().zip(core.extension_polls.remove(&id)) else {
        return;
    };
    let invocation = &active.invocation;
    // One that has hung up is noticed when its process ends.
    let _ = poll.send(ExtensionEvent::Invoke {
        deadline_ms: milliseconds(active.deadline_ms),
        request_id: invocation.request_id.clone(),
        invoked_function_arn: invocation.function_arn.clone(),
        tracing: Tracing::new(&invocation.trace_id),
    });
}

fn tell_shutdown(core: &mut Core, id: ExtensionId, shutdown_reason: ShutdownReason) {
    let Some(poll) = core.extension_polls.remove(&id) else {
        return;
    };
    let left = core
        .shutdown_deadline
        .saturating_duration_since(Instant::now());
    let deadline_ms = milliseconds(epoch(SystemTime::now() + left).as_millis());
    let _ = poll.send(ExtensionEvent::Shutdown {
        shutdown_reason,
        deadline_ms,
    });
}

fn milliseconds(epoch: u128) -> u64 {
    u64::try_from(epoch).unwrap_or(u64::MAX)
}
