//! Every path through the lifecycle as a row, and a property over all sequences of events.

use std::time::Duration;

use kiln_protocol::extension_event::EventType;
use kiln_protocol::extensions_api::{self, Operation, Registration};
use proptest::prelude::*;

use super::*;

const TIMEOUT: Duration = Duration::from_secs(3);

fn body(failed: bool) -> Event {
    Event::Respond {
        answered: Answered::Body { failed },
        current: true,
    }
}

const BEGUN: Event = Event::ResponseBegun { current: true };

fn ended(answered: Answered) -> Event {
    Event::ResponseEnded {
        answered,
        current: true,
    }
}

fn exited(code: i32) -> Event {
    Event::Exited(ExitCause::Code(code))
}

fn exit_error(code: i32) -> PlatformError {
    PlatformError::RuntimeExited(ExitCause::Code(code))
}

fn error(error_type: &str) -> Status {
    Status::Error(error_type.to_owned())
}

/// Plays the events and returns the effects of the last one.
fn last(events: &[Event]) -> Vec<Effect> {
    with_extensions(&[], events)
}

/// The same, of an environment with these external extensions.
fn with_extensions(names: &[&str], events: &[Event]) -> Vec<Effect> {
    play(
        Machine::new(TIMEOUT, names.iter().map(|it| (*it).to_owned()), false),
        events,
    )
}

fn play(mut machine: Machine, events: &[Event]) -> Vec<Effect> {
    let mut effects = Vec::new();
    for event in events {
        effects = machine.handle(event.clone());
    }
    effects
}

/// What begins an init inside an invocation.
const RERUN: [Effect; 3] = [
    Effect::Arm(Timer::Invoke),
    Effect::BeginInit(InitPhase::Invoke),
    Effect::Launch,
];

#[test]
fn init_then_invoke_then_idle() {
    use Effect as E;
    assert_eq!(
        last(&[Event::Start]),
        [
            E::Arm(Timer::Init),
            E::BeginInit(InitPhase::Init),
            E::Launch
        ]
    );
    assert_eq!(
        last(&[Event::Start, Event::Next]),
        [
            E::Park,
            E::RuntimeReady,
            E::Disarm,
            E::InitDone,
            E::Freeze,
            E::Available
        ]
    );
    let invoked = [Event::Start, Event::Next, Event::Invoke];
    assert_eq!(last(&invoked), [E::Arm(Timer::Invoke), E::Thaw, E::Deliver]);
    let answered = [&invoked[..], &[body(false)]].concat();
    assert_eq!(
        last(&answered),
        [
            E::AvailableSoon,
            E::Settle(Settlement::Answer { failed: false }),
            E::Reply(Answer::Accepted)
        ]
    );
    let back = [&answered[..], &[Event::Next]].concat();
    assert_eq!(
        last(&back),
        [
            E::Park,
            E::RuntimeDone,
            E::Disarm,
            E::Finish(Status::Success),
            E::Freeze,
            E::Available
        ]
    );
}

#[test]
fn a_failed_init_runs_again_inside_the_first_invocation() {
    use Effect as E;
    let crashed = [Event::Start, exited(1)];
    assert_eq!(
        last(&crashed),
        [
            E::Disarm,
            E::InitFailed(InitPhase::Init, error("Runtime.ExitError")),
            E::Available
        ]
    );
    let again = [&crashed[..], &[Event::Invoke]].concat();
    assert_eq!(last(&again), RERUN);
    let recovered = [&again[..], &[Event::Next]].concat();
    assert_eq!(
        last(&recovered),
        [E::Park, E::RuntimeReady, E::InitDone, E::Thaw, E::Deliver]
    );
    let crashed_again = [&again[..], &[exited(1)]].concat();
    assert_eq!(
        last(&crashed_again),
        [
            E::Disarm,
            E::AvailableSoon,
            E::InitFailed(InitPhase::Invoke, error("Runtime.ExitError")),
            E::Settle(Settlement::Platform(exit_error(1))),
            E::Finish(error("Runtime.ExitError")),
            E::Available
        ]
    );
}

#[test]
fn a_posted_init_error_is_what_the_caller_of_the_rerun_sees() {
    let events = [
        Event::Start,
        Event::InitError("Function.NoConfig".to_owned()),
        exited(1),
        Event::Invoke,
        Event::InitError("Function.NoConfig".to_owned()),
        exited(1),
    ];
    let effects = last(&events);
    assert!(effects.contains(&Effect::Settle(Settlement::InitError)));
    // What is posted second is refused, and is not what the caller sees.
    assert!(last(&events[..2]).contains(&Effect::KeepInitError));
    let second = [&events[..2], &events[1..2]].concat();
    let refused = Answer::InvalidStateTransition {
        from: RuntimeState::InitError,
        to: "InitError",
    };
    assert_eq!(last(&second), [Effect::Reply(refused)]);
    assert!(effects.contains(&Effect::Finish(error("Function.NoConfig"))));
    assert!(last(&events[..3]).contains(&Effect::InitFailed(
        InitPhase::Init,
        error("Function.NoConfig")
    )));
}

#[test]
fn a_missing_bootstrap_fails_both_inits() {
    let expected = PlatformError::InvalidEntrypoint("no such file".to_owned());
    let failed = Event::LaunchFailed(expected.clone());
    let effects = last(&[Event::Start, failed.clone(), Event::Invoke, failed]);
    assert!(effects.contains(&Effect::Settle(Settlement::Platform(expected))));
}

#[test]
fn timers_end_what_they_bound() {
    use Effect as E;
    assert_eq!(
        last(&[Event::Start, Event::TimerFired]),
        [E::InitFailed(InitPhase::Init, Status::Timeout), E::Kill]
    );
    let running = [Event::Start, Event::Next, Event::Invoke];
    let timed_out = [&running[..], &[Event::TimerFired]].concat();
    assert_eq!(
        last(&timed_out),
        [
            E::AvailableSoon,
            E::Settle(Settlement::Platform(PlatformError::TimedOut(TIMEOUT))),
            E::Finish(Status::Timeout),
            E::Kill
        ]
    );
    // The environment is kept: once the process is gone it takes the next invocation.
    let reset = [&timed_out[..], &[exited(9)]].concat();
    assert_eq!(last(&reset), [E::Available]);
    let next = [&reset[..], &[Event::Invoke]].concat();
    assert_eq!(last(&next), RERUN);
    // A runtime that answered and never came back held the environment: its caller has the answer.
    let stuck = [&running[..], &[body(false), Event::TimerFired]].concat();
    assert_eq!(last(&stuck), [E::Finish(Status::Timeout), E::Kill]);
    // Late calls of the process that is being killed are turned away.
    let late = [&timed_out[..], &[body(false)]].concat();
    assert_eq!(last(&late), [E::Reply(Answer::Closing)]);
}

#[test]
fn a_crash_answers_the_caller_at_once() {
    use Effect as E;
    let crashed = [Event::Start, Event::Next, Event::Invoke, exited(3)];
    assert_eq!(
        last(&crashed),
        [
            E::Disarm,
            E::AvailableSoon,
            E::Settle(Settlement::Platform(exit_error(3))),
            E::Finish(error("Runtime.ExitError")),
            E::Available
        ]
    );
    // Between events nobody is told; the next invocation starts the process anew.
    assert_eq!(last(&[Event::Start, Event::Next, exited(0)]), []);
    assert_eq!(
        last(&[Event::Start, Event::Next, exited(0), Event::Invoke]),
        RERUN
    );
}

#[test]
fn calls_out_of_order_are_refused_in_the_services_words() {
    let refusal = |from, to| vec![Effect::Reply(Answer::InvalidStateTransition { from, to })];
    let ready = [Event::Start, Event::Next];
    let running = [Event::Start, Event::Next, Event::Invoke];
    for (before, event, expected) in [
        (
            &[Event::Start][..],
            body(false),
            refusal(RuntimeState::Started, "InvocationResponse"),
        ),
        (
            &ready[..],
            body(false),
            refusal(RuntimeState::Ready, "InvocationResponse"),
        ),
        (
            &ready[..],
            body(true),
            refusal(RuntimeState::Ready, "InvocationErrorResponse"),
        ),
        // The id comes before the state.
        (
            &ready[..],
            Event::Respond {
                answered: Answered::Body { failed: false },
                current: false,
            },
            vec![Effect::Reply(Answer::InvalidRequestId)],
        ),
        (
            &ready[..],
            Event::InitError(String::new()),
            refusal(RuntimeState::Ready, "InitError"),
        ),
        (
            &running[..],
            Event::Respond {
                answered: Answered::Body { failed: false },
                current: false,
            },
            vec![Effect::Reply(Answer::InvalidRequestId)],
        ),
        (
            &running[..],
            Event::ResponseBegun { current: false },
            vec![Effect::Reply(Answer::InvalidRequestId)],
        ),
        (
            &ready[..],
            BEGUN,
            refusal(RuntimeState::Ready, "InvocationResponse"),
        ),
        (&running[..], Event::Next, vec![Effect::Deliver]),
    ] {
        assert_eq!(
            last(&[before, std::slice::from_ref(&event)].concat()),
            expected,
            "{event:?}"
        );
    }
    // A second answer.
    let twice = [&running[..], &[body(false), body(false)]].concat();
    assert_eq!(
        last(&twice),
        refusal(RuntimeState::ResponseSent, "InvocationResponse")
    );
}

#[test]
fn an_answer_that_cannot_be_used_settles_with_the_platforms_error() {
    let running = [Event::Start, Event::Next, Event::Invoke];
    for (answered, error, answer) in [
        (
            Answered::TooLarge { limit: 7 },
            PlatformError::ResponseTooLarge(7),
            Answer::ResponseTooLarge(7),
        ),
        (
            Answered::Truncated,
            PlatformError::truncated_response(),
            Answer::Truncated,
        ),
        (
            Answered::InvalidMode,
            PlatformError::invalid_response_mode(),
            Answer::InvalidResponseMode,
        ),
    ] {
        let expected = [
            Effect::AvailableSoon,
            Effect::Settle(Settlement::Platform(error)),
            Effect::Reply(answer),
        ];
        let whole = Event::Respond {
            answered,
            current: true,
        };
        assert_eq!(
            last(&[&running[..], std::slice::from_ref(&whole)].concat()),
            expected
        );
        assert_eq!(
            last(&[&running[..], &[BEGUN, ended(answered)]].concat()),
            expected
        );
        // The runtime goes on.
        let next = last(&[&running[..], &[whole, Event::Next]].concat());
        assert!(next.contains(&Effect::Available), "{next:?}");
    }
}

#[test]
fn a_streamed_response_settles_when_it_ends() {
    use Effect as E;
    let streaming = [Event::Start, Event::Next, Event::Invoke, BEGUN];
    let after = |events: &[Event]| last(&[&streaming[..], events].concat());
    assert_eq!(after(&[]), [E::Stream]);
    for failed in [false, true] {
        let end = ended(Answered::Body { failed });
        assert_eq!(
            after(std::slice::from_ref(&end)),
            [
                E::AvailableSoon,
                E::Settle(Settlement::Answer { failed }),
                E::Reply(Answer::Accepted)
            ]
        );
        assert_eq!(
            after(&[end, Event::Next]),
            [
                E::Park,
                E::RuntimeDone,
                E::Disarm,
                E::Finish(Status::Success),
                E::Freeze,
                E::Available
            ]
        );
    }
    // While it comes, nothing else of the runtime does.
    for (event, to) in [
        (Event::Next, "Ready"),
        (BEGUN, "InvocationResponse"),
        (body(false), "InvocationResponse"),
        (body(true), "InvocationErrorResponse"),
        (Event::InitError(String::new()), "InitError"),
    ] {
        let from = RuntimeState::InvocationResponse;
        let refused = E::Reply(Answer::InvalidStateTransition { from, to });
        assert_eq!(after(std::slice::from_ref(&event)), [refused], "{event:?}");
    }
}

#[test]
fn what_ends_a_process_ends_its_stream_and_the_end_of_the_stream_then_nothing() {
    use Effect as E;
    let streaming = [Event::Start, Event::Next, Event::Invoke, BEGUN];
    let late = ended(Answered::Truncated);
    for (event, settlement) in [
        (
            Event::TimerFired,
            Settlement::Platform(PlatformError::TimedOut(TIMEOUT)),
        ),
        (exited(3), Settlement::Platform(exit_error(3))),
        (Event::Close, Settlement::Closed),
    ] {
        let stopped = [&streaming[..], &[event]].concat();
        assert!(last(&stopped).contains(&E::Settle(settlement)));
        let then = [&stopped[..], std::slice::from_ref(&late)].concat();
        assert_eq!(last(&then), [E::Reply(Answer::Closing)]);
    }
    // Nor does the end of a stream of before concern the one that comes now.
    let stale = Event::ResponseEnded {
        answered: Answered::Truncated,
        current: false,
    };
    assert_eq!(
        last(&[&streaming[..], &[stale]].concat()),
        [E::Reply(Answer::Closing)]
    );
}

#[test]
fn closing_answers_and_kills() {
    use Effect as E;
    assert_eq!(last(&[Event::Close]), [E::Closed]);
    assert_eq!(
        last(&[Event::Start, Event::Next, Event::Close]),
        [E::Disarm, E::Kill]
    );
    assert_eq!(
        last(&[Event::Start, Event::Next, Event::Invoke, Event::Close]),
        [E::Disarm, E::Settle(Settlement::Closed), E::Kill]
    );
    assert_eq!(
        last(&[Event::Start, Event::Next, Event::Close, exited(9)]),
        [E::Closed]
    );
}

const INVOKE: EventType = EventType::Invoke;
const SHUTDOWN: EventType = EventType::Shutdown;
const FIRST: ExtensionId = ExtensionId(0);
const SECOND: ExtensionId = ExtensionId(1);

fn register(name: &str, events: &[EventType]) -> Event {
    let registration = Registration {
        name: name.to_owned(),
        events: events.to_vec(),
        account_id: false,
    };
    Event::Register(registration, format!("id of {name}"))
}

/// Two external extensions, of which the first wants every event and the second only invocations, up to
/// where the environment is idle.
fn two_ready() -> Vec<Event> {
    vec![
        Event::Start,
        register("all", &[INVOKE, SHUTDOWN]),
        register("some", &[INVOKE]),
        Event::ExtensionNext(FIRST),
        Event::Next,
        Event::ExtensionNext(SECOND),
    ]
}

fn two(events: &[Event]) -> Vec<Effect> {
    with_extensions(&["all", "some"], &[&two_ready(), events].concat())
}

#[test]
fn extensions_come_first_and_the_init_ends_with_the_last_of_them() {
    use Effect as E;
    let events = two_ready();
    let after = |count: usize| with_extensions(&["all", "some"], &events[..count]);
    assert_eq!(
        after(1),
        [
            E::Arm(Timer::Init),
            E::BeginInit(InitPhase::Init),
            E::LaunchExtensions
        ]
    );
    assert_eq!(after(2), [E::Registered(FIRST)]);
    assert_eq!(after(3), [E::Registered(SECOND), E::Launch]);
    assert_eq!(after(4), [E::ParkExtension(FIRST)]);
    assert_eq!(after(5), [E::Park, E::RuntimeReady]);
    assert_eq!(
        after(6),
        [
            E::ParkExtension(SECOND),
            E::Disarm,
            E::InitDone,
            E::Freeze,
            E::Available
        ]
    );
}

#[test]
fn an_invocation_lasts_until_runtime_and_extensions_are_done() {
    use Effect as E;
    assert_eq!(
        two(&[Event::Invoke]),
        [
            E::Arm(Timer::Invoke),
            E::Thaw,
            E::Deliver,
            E::TellInvoke(FIRST),
            E::TellInvoke(SECOND)
        ]
    );
    let done = [
        E::Disarm,
        E::Finish(Status::Success),
        E::Freeze,
        E::Available,
    ];
    // The caller has its answer at once, whoever comes last.
    let (runtime, first, second) = (
        Event::Next,
        Event::ExtensionNext(FIRST),
        Event::ExtensionNext(SECOND),
    );
    let answered = [Event::Invoke, body(false)];
    assert_eq!(
        two(&answered),
        [
            E::Settle(Settlement::Answer { failed: false }),
            E::Reply(Answer::Accepted)
        ]
    );
    for (order, last) in [
        ([&runtime, &first, &second], E::ParkExtension(SECOND)),
        ([&second, &runtime, &first], E::ParkExtension(FIRST)),
    ] {
        let events: Vec<Event> = answered.iter().chain(order).cloned().collect();
        assert_eq!(two(&events), [&[last][..], &done].concat());
    }
    let runtime_last = [&answered[..], &[first, second, runtime]].concat();
    assert_eq!(
        two(&runtime_last),
        [&[E::Park, E::RuntimeDone][..], &done].concat()
    );
    // Nor is the environment free before.
    let extensions_miss = [&answered[..], &[Event::Next, Event::TimerFired]].concat();
    assert_eq!(
        two(&extensions_miss)[..2],
        [
            E::Finish(Status::Timeout),
            E::BeginShutdown(Duration::from_secs(2))
        ]
    );
}

#[test]
fn the_shutdown_has_its_order_and_its_times() {
    use Effect as E;
    let closing = [Event::Close];
    assert_eq!(
        two(&closing),
        [
            E::Disarm,
            E::Thaw,
            E::BeginShutdown(Duration::from_secs(2)),
            E::Arm(Timer::RuntimeShutdown),
            E::Terminate
        ]
    );
    let told = [
        E::Arm(Timer::Shutdown),
        E::KillExtension(SECOND),
        E::TellShutdown(FIRST, ShutdownReason::Spindown),
    ];
    let runtime_gone = [&closing[..], &[exited(0)]].concat();
    assert_eq!(two(&runtime_gone), told);
    // Or the runtime does not end by itself.
    let stubborn = [&closing[..], &[Event::TimerFired]].concat();
    assert_eq!(two(&stubborn), [&[E::KillRuntime][..], &told].concat());
    let ended = |id| Event::ExtensionExited(id, ExitCause::Code(0));
    let all_gone = [&runtime_gone[..], &[ended(SECOND), ended(FIRST)]].concat();
    assert_eq!(two(&all_gone), [E::Disarm, E::Closed]);
    let late = [&runtime_gone[..], &[ended(SECOND), Event::TimerFired]].concat();
    assert_eq!(two(&late), [E::Kill]);
    // Internal extensions only: the runtime has half a second.
    let internal = [
        Event::Start,
        register("internal", &[]),
        Event::ExtensionNext(FIRST),
        Event::Next,
        Event::Close,
    ];
    assert_eq!(
        last(&internal),
        [
            E::Disarm,
            E::Thaw,
            E::BeginShutdown(Duration::from_millis(500)),
            E::Arm(Timer::Shutdown),
            E::Terminate
        ]
    );
    // It asks for an event that does not come: nothing refuses it before its hooks are done.
    assert_eq!(last(&[&internal[..], &[Event::Next]].concat()), [E::Park]);
    let killed = [&internal[..], &[Event::TimerFired]].concat();
    assert_eq!(last(&killed), [E::Kill]);
}

#[test]
fn an_extension_in_the_middle_of_an_event_is_told_of_the_shutdown_when_it_asks() {
    use Effect as E;
    let timed_out = [Event::Invoke, Event::TimerFired, exited(0)];
    assert_eq!(
        two(&timed_out),
        [E::Arm(Timer::Shutdown), E::KillExtension(SECOND)]
    );
    let asks = [&timed_out[..], &[Event::ExtensionNext(FIRST)]].concat();
    assert_eq!(
        two(&asks),
        [
            E::ParkExtension(FIRST),
            E::TellShutdown(FIRST, ShutdownReason::Timeout)
        ]
    );
    // The environment is kept: the next invocation begins with an init, of the extensions too.
    let ended = |id| Event::ExtensionExited(id, ExitCause::Signal(9));
    let reset = [&asks[..], &[ended(SECOND), ended(FIRST)]].concat();
    assert_eq!(two(&reset), [E::Disarm, E::Available]);
    let next = [&reset[..], &[Event::Invoke]].concat();
    assert_eq!(
        two(&next),
        [
            E::Arm(Timer::Invoke),
            E::BeginInit(InitPhase::Invoke),
            E::LaunchExtensions
        ]
    );
}

#[test]
fn a_failing_extension_fails_what_goes_on() {
    use Effect as E;
    let extension = |fault, text: &str| PlatformError::Extension(fault, text.to_owned());
    let crash = extension(ExtensionFault::Crash, "exit code 1");
    let crashed = Event::ExtensionExited(FIRST, ExitCause::Code(1));
    // Before it has registered.
    assert_eq!(
        with_extensions(&["all"], &[Event::Start, crashed.clone()]),
        [
            E::Disarm,
            E::InitFailed(InitPhase::Init, error("Extension.Crash")),
            E::Available
        ]
    );
    let not_launched = Event::ExtensionNotLaunched(FIRST, "exec format error".to_owned());
    assert_eq!(
        with_extensions(&["all"], &[Event::Start, not_launched])[1],
        E::InitFailed(InitPhase::Init, error("Extension.LaunchError"))
    );
    // By its own word.
    let reported = Event::ExtensionError(FIRST, ExtensionFault::InitError, "Extension.No".into());
    let events = [Event::Start, register("all", &[]), reported];
    assert_eq!(
        with_extensions(&["all"], &events)[..3],
        [
            E::ReplyToExtension(extensions_api::Answer::Accepted),
            E::Disarm,
            E::InitFailed(InitPhase::Init, error("Extension.InitError")),
        ]
    );
    // Why it failed is told: by the type it gave, or else by that of what happened to it.
    for (event, error_type) in [(&events[2], "Extension.No"), (&crashed, "Extension.Crash")] {
        let mut machine = Machine::new(TIMEOUT, ["all".to_owned()], false);
        for event in events[..2].iter().chain([event]) {
            machine.handle(event.clone());
        }
        let failed = machine.extensions().get(FIRST).unwrap();
        assert_eq!(failed.error_type.as_deref(), Some(error_type));
    }
    // Whoever reported an error may do so again when its environment has begun anew.
    let mut machine = Machine::new(TIMEOUT, [], false);
    let reported = Event::ExtensionError(FIRST, ExtensionFault::InitError, "Extension.No".into());
    let internal = [
        Event::Start,
        register("internal", &[]),
        reported,
        exited(9),
        Event::Invoke,
    ];
    for event in internal {
        machine.handle(event);
    }
    let extensions = machine.extensions();
    assert_eq!(extensions.find("id of internal"), None);
    assert!(extensions.may_repeat("id of internal", Operation::InitError));
    assert!(!extensions.may_repeat("id of internal", Operation::ExitError));
    assert!(!extensions.may_repeat("id of another", Operation::InitError));
    // In an invocation, with a runtime to end and another extension to tell.
    assert_eq!(
        two(&[Event::Invoke, crashed.clone()]),
        [
            E::Disarm,
            E::Settle(Settlement::Platform(crash)),
            E::Finish(error("Extension.Crash")),
            E::BeginShutdown(Duration::from_secs(2)),
            E::Arm(Timer::RuntimeShutdown),
            E::Terminate
        ]
    );
    // Between two events: nobody waits, the processes that are left are killed, and an invocation that
    // comes before they are gone begins with an init.
    assert_eq!(two(std::slice::from_ref(&crashed)), [E::Kill]);
    let invoked = [crashed, Event::Invoke];
    assert_eq!(two(&invoked), [E::Arm(Timer::Invoke)]);
    let other = Event::ExtensionExited(SECOND, ExitCause::Signal(9));
    let gone = [&invoked[..], &[exited(9), other]].concat();
    assert_eq!(
        two(&gone),
        [E::BeginInit(InitPhase::Invoke), E::LaunchExtensions]
    );
}

#[test]
fn registrations_out_of_order_are_refused() {
    use extensions_api::Answer as Refused;
    let names = ["all"];
    let twice = [
        Event::Start,
        register("all", &[INVOKE]),
        register("all", &[INVOKE]),
    ];
    let refused = |answer| vec![Effect::ReplyToExtension(answer)];
    assert_eq!(
        with_extensions(&names, &twice),
        refused(Refused::InvalidStateTransition {
            from: AgentState::Registered,
            to: AgentState::Registered,
            agent: "all".to_owned()
        })
    );
    let internal = [
        Event::Start,
        register("internal", &[]),
        register("internal", &[]),
    ];
    assert_eq!(last(&internal), refused(Refused::AlreadyRegistered));
    let late = [Event::Start, Event::Next, register("late", &[])];
    assert_eq!(last(&late), refused(Refused::RegistrationClosed));
    let eleven: Vec<Event> = (0..11)
        .map(|number| register(&format!("internal-{number}"), &[]))
        .collect();
    let eleven = [&[Event::Start][..], &eleven].concat();
    assert_eq!(last(&eleven), refused(Refused::TooManyExtensions));
    // Too many files are a failed init.
    let many: Vec<String> = (0..11).map(|number| format!("e{number}")).collect();
    let effects = play(Machine::new(TIMEOUT, many, false), &[Event::Start]);
    assert!(
        effects.contains(&Effect::InitFailed(
            InitPhase::Init,
            error("Extension.TooManyExtensions")
        )),
        "{effects:?}"
    );
    // One that waits already does not ask twice.
    let again = [
        Event::Start,
        register("internal", &[]),
        Event::ExtensionNext(FIRST),
        Event::ExtensionNext(FIRST),
    ];
    assert_eq!(
        last(&again),
        refused(Refused::InvalidStateTransition {
            from: AgentState::Ready,
            to: AgentState::Ready,
            agent: "id of internal".to_owned()
        })
    );
}

#[test]
fn calls_for_a_restore_out_of_order_are_refused() {
    use RuntimeState as S;
    let restore_next = Event::RestoreNext;
    let restore_error = Event::RestoreError("Function.No".to_owned());
    let snapshot = [Event::Start, Event::RestoreNext];
    let restoring = [&snapshot[..], &[Event::Invoke]].concat();
    let running = [&restoring[..], &[Event::Next]].concat();
    let failed = [&restoring[..], std::slice::from_ref(&restore_error)].concat();
    let ready = [Event::Start, Event::Next];
    for (before, event, from, to) in [
        (
            &snapshot[..],
            &restore_next,
            S::RestoreReady,
            "RestoreReady",
        ),
        (
            &snapshot,
            &restore_error,
            S::RestoreReady,
            "RuntimeRestoreErrorState",
        ),
        (&snapshot, &Event::Next, S::RestoreReady, "Ready"),
        (&restoring, &restore_next, S::Restoring, "RestoreReady"),
        (&running, &restore_next, S::Running, "RestoreReady"),
        (
            &running,
            &restore_error,
            S::Running,
            "RuntimeRestoreErrorState",
        ),
        (
            &failed,
            &restore_error,
            S::RestoreError,
            "RuntimeRestoreErrorState",
        ),
        (&failed, &Event::Next, S::RestoreError, "Ready"),
        (&ready, &restore_next, S::Ready, "RestoreReady"),
        (
            &ready[..1],
            &restore_error,
            S::Started,
            "RuntimeRestoreErrorState",
        ),
    ] {
        let events = [before, std::slice::from_ref(event)].concat();
        let refused = Effect::Reply(Answer::InvalidStateTransition { from, to });
        let effects = play(Machine::new(TIMEOUT, [], true), &events);
        assert_eq!(effects, [refused], "{events:?}");
    }
}

#[test]
fn an_environment_is_restored_for_its_first_invocation() {
    use Effect as E;
    let restored = |events: &[Event]| play(Machine::new(TIMEOUT, [], true), events);
    let snapshot = [Event::Start, Event::RestoreNext];
    let ready = [
        E::Park,
        E::RuntimeReady,
        E::Disarm,
        E::InitDone,
        E::Freeze,
        E::Available,
    ];
    assert_eq!(restored(&snapshot), ready);
    let restoring = [&snapshot[..], &[Event::Invoke]].concat();
    assert_eq!(
        restored(&restoring),
        [E::Arm(Timer::Restore), E::Thaw, E::Restore]
    );
    let begun = [E::Restored, E::Arm(Timer::Invoke), E::Deliver];
    let running = [&restoring[..], &[Event::Next]].concat();
    assert_eq!(restored(&running), begun);
    // Once only.
    let again = [&running[..], &[body(false), Event::Next, Event::Invoke]].concat();
    assert_eq!(
        restored(&again),
        [E::Arm(Timer::Invoke), E::Thaw, E::Deliver]
    );
    // Without hooks there is nothing to wait for.
    let plain = [Event::Start, Event::Next, Event::Invoke];
    assert_eq!(
        restored(&plain),
        [&[E::Arm(Timer::Restore), E::Thaw, E::Restore][..], &begun].concat()
    );
    // The hook fails, or does not end.
    let failed = Event::RestoreError("Function.Failed".to_owned());
    let failed = [&restoring[..], &[failed, exited(1)]].concat();
    assert_eq!(
        restored(&failed)[1..4],
        [
            E::AvailableSoon,
            E::Settle(Settlement::NotRestored(error("Function.Failed"))),
            E::Finish(error("Function.Failed")),
        ]
    );
    let late = [&restoring[..], &[Event::TimerFired]].concat();
    assert!(restored(&late).contains(&E::Settle(Settlement::NotRestored(Status::Timeout))));
}

proptest! {
    /// What holds is written in [`checker`], which the fuzz target asks too.
    #[test]
    fn no_sequence_strands_a_caller_or_leaks_a_process(
        script in proptest::collection::vec(proptest::sample::select(checker::LIKELY), 0..80),
    ) {
        checker::check(&script);
    }
}
