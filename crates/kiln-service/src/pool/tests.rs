use std::cell::Cell;
use std::rc::Rc;

use ThrottleReason::{
    ConcurrentInvocationLimitExceeded as AccountFull,
    FunctionInvocationRateLimitExceeded as TooFast,
    ReservedFunctionConcurrentInvocationLimitExceeded as ReservedFull,
    ReservedFunctionInvocationRateLimitExceeded as ReservedTooFast,
};
use proptest::prelude::*;

use super::*;

/// An invocation, whose caller may hang up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Call(Rc<Cell<bool>>);

impl Waiting for Call {
    fn is_abandoned(&self) -> bool {
        self.0.get()
    }
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A pool, and whoever starts its environments.
struct Bench {
    pool: Pool<u64, Call>,
    account: Arc<Account>,
    next: u64,
    now: Duration,
}

impl Bench {
    fn new(account: u32, reserved: Option<u32>) -> Self {
        let account = Arc::new(Account::new(account));
        let mut pool = Pool::new(Arc::clone(&account));
        pool.reserve(reserved);
        Self {
            pool,
            account,
            next: 0,
            now: Duration::ZERO,
        }
    }

    /// A call, and the starts that it causes. Returns what it was given at once.
    fn call(&mut self) -> Result<Option<u64>, ThrottleReason> {
        let admitted = self.pool.admit(Kind::Synchronous, true, self.now);
        let taken = admitted.map_err(|refusal| refusal.reason).map(|()| {
            let idle = self.pool.take_idle();
            if idle.is_none() {
                self.pool.wait(Call::default());
            }
            idle.map(|(id, _)| id)
        });
        self.grow();
        self.pool.settle();
        taken
    }

    fn grow(&mut self) {
        self.pool.forget_abandoned();
        while self.pool.wants(self.now) > 0 {
            self.pool.started(self.next, self.next, self.now);
            self.next += 1;
        }
    }

    fn answered(&mut self, id: u64) {
        self.pool.answered(id, self.now);
        self.pool.settle();
    }

    fn available(&mut self, id: u64) -> Next<Call> {
        let next = self.pool.available(id, self.now);
        self.pool.settle();
        next
    }
}

#[test]
fn each_limit_has_its_reason() {
    for (name, account, reserved, calls, refused) in [
        ("the account's", 3, None, 3, AccountFull),
        ("the reserved", 1_000, Some(2), 2, ReservedFull),
        ("nothing reserved", 1_000, Some(0), 0, ReservedFull),
        ("new environments", 5_000, None, 1_000, TooFast),
    ] {
        let mut bench = Bench::new(account, reserved);
        for call in 0..calls {
            assert_eq!(bench.call(), Ok(None), "{name}: {call}");
        }
        assert_eq!(bench.call(), Err(refused), "{name}");
        assert_eq!(bench.next, calls, "{name}: one environment for each");
    }
}

#[test]
fn the_request_rate_is_ten_times_the_concurrency() {
    for (account, reserved, calls, refused) in [
        (3, None, 30, TooFast),
        (1_000, Some(2), 20, ReservedTooFast),
    ] {
        let mut bench = Bench::new(account, reserved);
        let mut answered = 0;
        let refusal = loop {
            match bench.call() {
                Ok(taken) => {
                    let id = taken.unwrap_or(0);
                    if taken.is_none() {
                        assert!(matches!(bench.available(id), Next::Run(_)));
                    }
                    bench.answered(id);
                    assert_eq!(bench.available(id), Next::Rest);
                    answered += 1;
                }
                Err(refusal) => break refusal,
            }
        };
        assert_eq!((answered, refusal), (calls, refused));
        assert_eq!(bench.next, 1, "one environment was enough");
        let refused = bench.pool.admit(Kind::Synchronous, true, bench.now);
        let wait = refused.unwrap_err().retry_after.unwrap();
        assert!(wait <= ms(50), "{wait:?}");
        bench.now += wait;
        assert!(bench.call().is_ok());
    }
}

#[test]
fn who_calls_again_at_once_is_neither_refused_nor_given_a_second_environment() {
    for reserved in [None, Some(1)] {
        let mut bench = Bench::new(1, None);
        if reserved.is_some() {
            bench = Bench::new(1_000, reserved);
        }
        assert_eq!(bench.call(), Ok(None));
        bench.available(0);
        for _ in 0..5 {
            bench.answered(0);
            // The runtime has not come back yet.
            assert_eq!(bench.call(), Ok(None));
            assert!(matches!(bench.available(0), Next::Run(_)));
        }
        assert_eq!(bench.next, 1);
        assert!(bench.call().is_err(), "it runs");
    }
}

#[test]
fn reserved_concurrency_caps_what_goes_on_after_its_answer() {
    let mut bench = Bench::new(1_000, Some(1));
    bench.call().unwrap();
    bench.available(0);
    bench.answered(0);
    bench.now += GRACE;
    assert_eq!(bench.call(), Err(ReservedFull), "it works on");
    assert_eq!(bench.available(0), Next::Rest);
    assert_eq!(bench.call(), Ok(Some(0)));
    // Who was let in before it was late waits, and no second one is started.
    bench.answered(0);
    assert_eq!(bench.call(), Ok(None));
    bench.now += GRACE;
    bench.pool.expect_no_longer(bench.now);
    bench.grow();
    assert_eq!(bench.next, 1);
    assert!(matches!(bench.available(0), Next::Run(_)));
}

#[test]
fn who_hangs_up_while_waiting_takes_no_place() {
    for (account, reserved) in [(1, None), (1_000, Some(1))] {
        let mut bench = Bench::new(account, reserved);
        let gone = Call::default();
        bench
            .pool
            .admit(Kind::Synchronous, true, bench.now)
            .unwrap();
        bench.pool.wait(gone.clone());
        bench.grow();
        assert!(bench.call().is_err());
        gone.0.set(true);
        assert_eq!(bench.call(), Ok(None));
        assert!(matches!(bench.available(0), Next::Run(_)));
    }
}

#[test]
fn events_wait_where_calls_are_refused() {
    let mut bench = Bench::new(1_000, Some(1));
    bench.call().unwrap();
    bench.pool.wait_outside(Call::default());
    assert_eq!(bench.pool.next_event(true, bench.now), None);
    assert!(matches!(bench.available(0), Next::Run(_)));
    bench.answered(0);
    // It comes in with the environment, or before it.
    assert!(matches!(bench.available(0), Next::Run(_)));
    assert!(!bench.pool.has_events());
    bench.answered(0);
    assert_eq!(bench.available(0), Next::Rest);
    // No request rate bounds events.
    for _ in 0..100 {
        bench.pool.wait_outside(Call::default());
        assert!(bench.pool.next_event(true, bench.now).is_some());
        bench.pool.take_idle().unwrap();
        bench.answered(0);
        assert_eq!(bench.available(0), Next::Rest);
    }
    // With none reserved, they are handed back.
    bench.pool.wait_outside(Call::default());
    assert_eq!(bench.pool.reserve(Some(0)).len(), 1);
    assert!(bench.pool.keeps_no_events());
}

#[test]
fn the_account_counts_functions_that_reserve_nothing() {
    let mut bench = Bench::new(1_000, None);
    bench.call().unwrap();
    bench.call().unwrap();
    assert_eq!(bench.account.in_flight(), 2);
    bench.pool.reserve(Some(5));
    bench.pool.settle();
    assert_eq!(bench.account.in_flight(), 0);
    bench.pool.reserve(None);
    bench.pool.settle();
    assert_eq!(bench.account.in_flight(), 2);
    bench.available(0);
    bench.answered(0);
    assert_eq!(
        bench.account.in_flight(),
        1,
        "idle environments do not count"
    );
    let (environments, waiting) = bench.pool.end();
    bench.pool.settle();
    assert_eq!((environments, waiting.len()), (vec![0, 1], 1));
    assert_eq!(bench.account.in_flight(), 0);
}

/// Something that happens to a pool.
#[derive(Clone, Copy, Debug)]
enum Happening {
    Call,
    Event,
    HangUp(usize),
    Answered(u64),
    Available(u64),
    Closed(u64),
    TookNothing(u64),
    Outdate,
    EndOldestIdle,
    Reserve(Option<u32>),
    Pass(u64),
}

fn happening() -> impl Strategy<Value = Happening> {
    use Happening::*;
    let id = || 0..12_u64;
    prop_oneof![
        6 => Just(Call),
        2 => Just(Event),
        1 => (0..4_usize).prop_map(HangUp),
        5 => id().prop_map(Answered),
        6 => id().prop_map(Available),
        1 => id().prop_map(Closed),
        1 => id().prop_map(TookNothing),
        1 => Just(Outdate),
        1 => Just(EndOldestIdle),
        1 => prop::option::of(0..4_u32).prop_map(Reserve),
        2 => (0..60_u64).prop_map(Pass),
    ]
}

proptest! {
    /// Whatever happens in whatever order, the books agree with each other and with the account, no
    /// limit is exceeded, and nobody waits without an environment to come.
    #[test]
    fn the_books_are_always_right(
        account in prop_oneof![Just(3), Just(104)],
        happenings in prop::collection::vec(happening(), 1..200),
    ) {
        let mut bench = Bench::new(account, None);
        // How many were in flight when what may be was lowered.
        let mut let_in = 0;
        for happening in happenings {
            match happening {
                Happening::Call => {
                    let before = bench.pool.in_flight();
                    if bench.call().is_err() {
                        prop_assert!(bench.pool.in_flight() <= before);
                    } else if let Some(reserved) = bench.pool.reserved {
                        prop_assert!(bench.pool.in_flight() <= (reserved as usize).max(let_in));
                    }
                }
                Happening::Event => bench.pool.wait_outside(Call::default()),
                Happening::HangUp(index) => {
                    if let Some(call) = bench.pool.waiting.get(index) {
                        call.0.set(true);
                    }
                }
                Happening::Answered(id) => bench.answered(id),
                // As processes do: what is idle, or told to end, does not come back again.
                Happening::Available(id) => match bench.pool.members.get(&id).map(|member| member.standing) {
                    None | Some(Standing::Idle | Standing::Busy) => {}
                    Some(_) => drop(bench.available(id)),
                },
                Happening::Closed(id) => bench.pool.closed(id),
                Happening::TookNothing(id) => {
                    let busy = bench.pool.members.get(&id).is_some_and(|member| member.standing == Standing::Busy);
                    if busy {
                        bench.pool.took_nothing(id);
                        if bench.pool.take_idle().is_none() {
                            bench.pool.wait_first(Call::default());
                        }
                    }
                }
                Happening::Outdate => drop(bench.pool.outdate()),
                Happening::EndOldestIdle => drop(bench.pool.take_oldest_idle()),
                Happening::Reserve(reserved) => {
                    let_in = bench.pool.in_flight();
                    bench.pool.reserve(reserved);
                    bench.pool.settle();
                }
                Happening::Pass(time) => {
                    bench.now += ms(time);
                    bench.pool.expect_no_longer(bench.now);
                }
            }
            bench.grow();
            bench.pool.settle();
            let pool = &bench.pool;
            let mut counts = Counts::default();
            for member in pool.members.values() {
                *counts.of(member.standing) += 1;
            }
            prop_assert_eq!(counts, pool.counts);
            prop_assert_eq!(counts.idle, pool.idle.len());
            for id in &pool.idle {
                prop_assert_eq!(pool.members[id].standing, Standing::Idle);
                prop_assert!(!pool.members[id].outdated);
            }
            let counted = if pool.reserved.is_some() { 0 } else { pool.in_flight() };
            prop_assert_eq!(pool.counted, counted);
            prop_assert_eq!(bench.account.in_flight(), counted);
            prop_assert!(pool.waiting.is_empty() || pool.idle.is_empty());
            // Each who waits has one coming, unless the cap is reached; then time is asked.
            let served = pool.waiting.len() <= pool.coming() || pool.is_full();
            prop_assert!(served, "{} wait for {}", pool.waiting.len(), pool.coming());
            prop_assert!(pool.waiting.len() <= pool.coming() || pool.waits_for_time());
        }
    }
}
