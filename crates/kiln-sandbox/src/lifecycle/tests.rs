//! Every path through the lifecycle as a row, and a property over all sequences of events.

use std::time::Duration;

use kiln_protocol::invoke::{ExitCause, PlatformError};
use kiln_protocol::log_line::Status;
use kiln_protocol::runtime_api::{Answer, RuntimeState};
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
    let mut machine = Machine::new(TIMEOUT);
    let mut effects = Vec::new();
    for event in events {
        effects = machine.handle(event.clone());
    }
    effects
}

#[test]
fn init_then_invoke_then_idle() {
    use Effect as E;
    assert_eq!(last(&[Event::Start]), [E::Arm(Timer::Init), E::Launch]);
    assert_eq!(
        last(&[Event::Start, Event::Next]),
        [E::Disarm, E::Park, E::InitDone, E::Freeze, E::Available]
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
            E::Disarm,
            E::Park,
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
    assert_eq!(last(&again), [E::Arm(Timer::Invoke), E::Launch]);
    let recovered = [&again[..], &[Event::Next]].concat();
    assert_eq!(last(&recovered), [E::InitDone, E::Thaw, E::Deliver]);
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
    assert_eq!(last(&next), [E::Arm(Timer::Invoke), E::Launch]);
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
        [E::Arm(Timer::Invoke), E::Launch]
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
                E::Disarm,
                E::Park,
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

proptest! {
    /// What holds is written in [`checker`], which the fuzz target asks too.
    #[test]
    fn no_sequence_strands_a_caller_or_leaks_a_process(
        script in proptest::collection::vec(proptest::sample::select(checker::LIKELY), 0..60),
    ) {
        checker::check(&script);
    }
}
