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
struct Call {
    gone: Rc<Cell<bool>>,
    tenant: Option<&'static str>,
}

impl Call {
    fn of(tenant: &'static str) -> Self {
        Self {
            tenant: Some(tenant),
            ..Self::default()
        }
    }
}

impl Waiting for Call {
    fn is_abandoned(&self) -> bool {
        self.gone.get()
    }

    fn tenant(&self) -> Option<&str> {
        self.tenant
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
        self.submit(Call::default())
    }

    fn submit(&mut self, call: Call) -> Result<Option<u64>, ThrottleReason> {
        let admitted = self.pool.admit(&call, Kind::Synchronous, true, self.now);
        let taken = admitted.map_err(|refusal| refusal.reason).map(|()| {
            let idle = self.pool.take_idle(&call);
            if idle.is_none() {
                self.pool.wait(call);
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
            self.start(false);
        }
        while self.pool.wants_provisioned(self.now) > 0 {
            self.start(true);
        }
    }

    fn start(&mut self, provisioned: bool) {
        self.pool
            .started(self.next, self.next, provisioned, self.now);
        self.next += 1;
    }

    /// Has so many provisioned environments started.
    fn provision(&mut self, environments: u32) {
        self.pool.provision(environments);
        self.grow();
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
        let refused = bench
            .pool
            .admit(&Call::default(), Kind::Synchronous, true, bench.now);
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
            .admit(&gone, Kind::Synchronous, true, bench.now)
            .unwrap();
        bench.pool.wait(gone.clone());
        bench.grow();
        assert!(bench.call().is_err());
        gone.gone.set(true);
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
        bench.pool.take_idle(&Call::default()).unwrap();
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

#[test]
fn what_has_been_idle_for_long_ends() {
    // One is provisioned and never ends; each of the others came to rest at its time.
    for (moment, ended, since) in [
        (9, &[][..], Some(10)),
        (10, &[1], Some(30)),
        (29, &[1], Some(30)),
        (30, &[1, 3], Some(40)),
        (99, &[1, 3, 2], None),
    ] {
        let mut bench = Bench::new(1_000, None);
        bench.provision(1);
        for _ in 0..3 {
            assert_eq!(bench.call(), Ok(None));
        }
        for (id, at) in [(1, 10), (3, 20), (2, 25)] {
            bench.now = ms(at);
            assert!(matches!(bench.available(id), Next::Run(_)));
        }
        assert_eq!(bench.available(0), Next::Rest);
        bench.now = ms(25);
        for id in [3, 2, 1] {
            bench.answered(id);
        }
        bench.now = ms(10);
        assert_eq!(bench.available(1), Next::Rest);
        bench.now = ms(30);
        assert_eq!(bench.available(3), Next::Rest);
        bench.now = ms(40);
        assert_eq!(bench.available(2), Next::Rest);
        assert_eq!(bench.pool.idle_since(), Some(ms(10)));
        assert_eq!(bench.pool.take_idle_since(ms(moment)), ended, "{moment}");
        assert_eq!(bench.pool.idle_since(), since.map(ms), "{moment}");
        assert_eq!(
            bench.available(1 + 2),
            if ended.contains(&3) {
                Next::End
            } else {
                Next::Rest
            }
        );
        assert_eq!(bench.call(), Ok(Some(0)), "the provisioned one is there");
    }
}

#[test]
fn who_is_used_again_has_not_been_idle_for_long() {
    let mut bench = Bench::new(1_000, None);
    bench.call().unwrap();
    bench.available(0);
    for at in [10, 20, 30] {
        bench.now = ms(at);
        bench.answered(0);
        assert_eq!(bench.available(0), Next::Rest);
        assert_eq!(bench.pool.idle_since(), Some(ms(at)));
        assert_eq!(bench.call(), Ok(Some(0)));
        assert!(bench.pool.take_idle_since(ms(99)).is_empty(), "it is busy");
    }
}

#[test]
fn provisioned_environments_come_first_and_what_is_beyond_them_runs_on_demand() {
    let mut bench = Bench::new(1_000, None);
    bench.provision(2);
    assert_eq!(bench.next, 2);
    // While they come up, invocations run on demand.
    assert_eq!(bench.call(), Ok(None));
    assert_eq!(bench.next, 3);
    assert_eq!(bench.account.in_flight(), 1);
    assert!(matches!(bench.available(2), Next::Run(_)));
    bench.answered(2);
    assert_eq!(bench.available(2), Next::Rest);
    for id in [0, 1] {
        assert_eq!(bench.available(id), Next::Rest);
    }
    // Not the one that was busy last.
    assert_eq!(bench.call(), Ok(Some(1)));
    assert_eq!(bench.call(), Ok(Some(0)));
    assert_eq!(bench.account.in_flight(), 0, "they were paid for ahead");
    assert_eq!(bench.call(), Ok(Some(2)));
    assert_eq!(bench.call(), Ok(None));
    assert_eq!(bench.account.in_flight(), 2);
    // Who calls again at once gets the one that comes back, and starts none.
    bench.answered(0);
    assert_eq!(bench.call(), Ok(None));
    assert_eq!((bench.next, bench.account.in_flight()), (4, 2));
    assert!(matches!(bench.available(0), Next::Run(_)));
}

#[test]
fn the_account_being_full_is_nothing_to_provisioned_environments() {
    let mut bench = Bench::new(1, None);
    bench.provision(1);
    bench.available(0);
    assert_eq!(bench.call(), Ok(Some(0)));
    assert_eq!(bench.call(), Ok(None));
    assert_eq!(bench.call(), Err(AccountFull));
    bench.answered(0);
    assert!(matches!(bench.available(0), Next::Run(_)));
    assert_eq!(
        bench.account.in_flight(),
        0,
        "it has the provisioned one now"
    );
    assert_eq!(bench.call(), Ok(None));
    assert_eq!(bench.call(), Err(AccountFull));
}

#[test]
fn provisioned_environments_bring_a_request_rate_of_their_own() {
    // One after another, in one environment: ten a second for each unit of either kind.
    for (account, provisioned, calls) in [(3, 1, 40), (3, 2, 50), (1, 0, 10)] {
        let mut bench = Bench::new(account, None);
        bench.provision(provisioned);
        for id in 0..provisioned {
            bench.available(id.into());
        }
        let answered = (0..)
            .take_while(|_| {
                let Ok(taken) = bench.call() else {
                    return false;
                };
                let id = taken.unwrap_or(0);
                if taken.is_none() {
                    bench.available(id);
                }
                bench.answered(id);
                bench.available(id) == Next::Rest
            })
            .count();
        assert_eq!(answered, calls);
        assert_eq!(bench.call(), Err(TooFast));
    }
}

#[test]
fn what_is_provisioned_is_part_of_what_is_reserved() {
    for (reserved, provisioned, on_demand) in [(3, 1, 2), (3, 3, 0), (5, 2, 3)] {
        let mut bench = Bench::new(1_000, Some(reserved));
        bench.provision(provisioned);
        // Until they are there, only the rest is.
        for _ in 0..on_demand {
            assert_eq!(bench.call(), Ok(None));
        }
        assert_eq!(bench.call(), Err(ReservedFull));
        for id in 0..provisioned {
            assert_eq!(
                bench.available(id.into()),
                if on_demand > id {
                    Next::Run(Call::default())
                } else {
                    Next::Rest
                }
            );
        }
        for _ in 0..provisioned {
            bench.call().unwrap();
        }
        assert_eq!(bench.call(), Err(ReservedFull));
        assert_eq!(bench.next, u64::from(reserved));
        assert_eq!(bench.account.in_flight(), 0);
    }
}

#[test]
fn provisioned_environments_are_replaced_when_they_end() {
    let mut bench = Bench::new(1_000, None);
    bench.provision(2);
    bench.available(0);
    bench.available(1);
    bench.call().unwrap();
    bench.pool.closed(0);
    bench.grow();
    assert_eq!(bench.next, 3);
    bench.available(2);
    // A new release's come as the old ones go: one is busy and stays for now.
    assert_eq!(bench.pool.outdate(), [2]);
    bench.grow();
    assert_eq!(bench.next, 4);
    bench.answered(1);
    bench.grow();
    assert_eq!(bench.next, 4, "it works on");
    assert_eq!(bench.available(1), Next::End);
    bench.grow();
    assert_eq!(bench.next, 5);
    assert!(!bench.pool.lacks_provisioned());
    // Nothing but them makes room.
    bench.available(3);
    assert_eq!(bench.pool.take_oldest_idle(), None);
    assert_eq!(bench.pool.take_all_idle(), [3]);
}

#[test]
fn a_failing_init_is_tried_again_and_given_up_while_invocations_run_on_demand() {
    let mut bench = Bench::new(1_000, None);
    bench.provision(3);
    let mut attempts = 1;
    let mut failed = vec![0, 1, 2];
    loop {
        let last: Vec<_> = failed
            .drain(..)
            .map(|id| {
                let last = bench.pool.init_failed(id, bench.now).unwrap();
                assert_eq!(bench.pool.init_failed(id, bench.now), None, "it ends");
                bench.pool.closed(id);
                last
            })
            .collect();
        if last.contains(&true) {
            break;
        }
        assert!(bench.pool.lacks_provisioned());
        let before = bench.next;
        bench.grow();
        assert_eq!(bench.next, before, "not at once");
        while bench.next == before {
            bench.now += ms(25);
            bench.grow();
        }
        failed = (before..bench.next).collect();
        assert_eq!(failed.len(), 1);
        attempts += 1;
    }
    assert_eq!(attempts, 6);
    assert!(!bench.pool.lacks_provisioned());
    bench.now += ms(3_600_000);
    let before = bench.next;
    assert_eq!(bench.call(), Ok(None));
    assert_eq!(bench.next, before + 1, "on demand");
    // The next release begins anew.
    bench.provision(1);
    assert_eq!(bench.next, before + 2);
    bench.available(before + 1);
    bench.call().unwrap();
    let crashed = bench.pool.init_failed(before + 1, bench.now);
    assert_eq!(
        crashed, None,
        "it came up before: an invocation brings it up again"
    );
}

#[test]
fn a_tenants_environment_is_nobody_elses() {
    let mut bench = Bench::new(1_000, None);
    bench.pool.isolate_tenants(true);
    assert_eq!(bench.submit(Call::of("blue")), Ok(None));
    assert_eq!(bench.available(0), Next::Run(Call::of("blue")));
    bench.answered(0);
    // It will be back, but not for that one.
    assert_eq!(bench.submit(Call::of("green")), Ok(None));
    assert_eq!(bench.next, 2);
    assert_eq!(bench.available(0), Next::Rest);
    assert_eq!(bench.available(1), Next::Run(Call::of("green")));
    bench.answered(1);
    assert_eq!(bench.available(1), Next::Rest);
    for (tenant, id) in [("blue", 0), ("green", 1), ("blue", 0)] {
        assert_eq!(bench.submit(Call::of(tenant)), Ok(Some(id)), "{tenant}");
        assert_eq!(bench.submit(Call::of(tenant)), Ok(None), "{tenant}");
        bench.pool.waiting.front().unwrap().gone.set(true);
        bench.answered(id);
        assert_eq!(bench.available(id), Next::Rest);
    }
    // What was started for one may be given to another, as long as it has served nobody.
    let fresh = bench.next - 1;
    assert_eq!(bench.available(fresh), Next::Rest);
    assert_eq!(bench.submit(Call::of("red")), Ok(Some(fresh)));
}

#[test]
fn who_waits_gets_the_environment_that_fits() {
    let mut bench = Bench::new(1_000, None);
    bench.pool.isolate_tenants(true);
    bench.submit(Call::of("blue")).unwrap();
    bench.available(0);
    bench.answered(0);
    // Blue's comes back, green's is started.
    bench.submit(Call::of("blue")).unwrap();
    bench.submit(Call::of("green")).unwrap();
    assert_eq!(bench.next, 2);
    assert_eq!(
        bench.available(1),
        Next::Run(Call::of("green")),
        "not the first in line"
    );
    // Blue's does not come back.
    bench.now += GRACE;
    bench.pool.expect_no_longer(bench.now);
    bench.grow();
    assert_eq!(bench.next, 3);
    assert_eq!(bench.available(2), Next::Run(Call::of("blue")));
    assert_eq!(bench.available(0), Next::Rest);
}

#[test]
fn tenants_have_so_many_environments_together() {
    for (account, reserved, limit, refused) in [
        (4, None, 10, AccountFull),
        (1_000, Some(2), 5, ReservedFull),
        (1_000, Some(3), 7, ReservedFull),
    ] {
        let mut bench = Bench::new(account, reserved);
        bench.pool.isolate_tenants(true);
        let tenants: Vec<&'static str> =
            vec!["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"];
        for (id, tenant) in (0_u64..).zip(&tenants[..limit]) {
            assert_eq!(bench.submit(Call::of(tenant)), Ok(None), "{tenant}");
            assert_eq!(bench.available(id), Next::Run(Call::of(tenant)));
            bench.answered(id);
            assert_eq!(bench.available(id), Next::Rest);
        }
        // All are idle, and none is the next tenant's.
        assert_eq!(bench.submit(Call::of(tenants[limit])), Err(refused));
        assert_eq!(bench.submit(Call::of("a")), Ok(Some(0)));
        // An event waits for a place; those behind it do not wait for it.
        bench.pool.wait_outside(Call::of(tenants[limit]));
        bench.pool.wait_outside(Call::of("b"));
        assert_eq!(bench.pool.next_event(true, bench.now), Some(Call::of("b")));
        bench.pool.take_idle(&Call::of("b")).unwrap();
        assert_eq!(bench.pool.next_event(true, bench.now), None);
        assert_eq!(bench.pool.take_oldest_idle(), Some(2));
        bench.answered(0);
        bench.answered(1);
        let event = bench.pool.next_event(true, bench.now);
        assert_eq!(event, Some(Call::of(tenants[limit])));
    }
}

#[test]
fn events_run_in_environments_of_their_tenant() {
    let mut bench = Bench::new(1_000, Some(1));
    bench.pool.isolate_tenants(true);
    bench.submit(Call::of("blue")).unwrap();
    bench.available(0);
    for tenant in ["green", "blue"] {
        bench.pool.wait_outside(Call::of(tenant));
        assert_eq!(bench.pool.next_event(true, bench.now), None, "reserved");
    }
    bench.answered(0);
    assert_eq!(bench.available(0), Next::Run(Call::of("blue")));
    bench.answered(0);
    assert_eq!(bench.available(0), Next::Rest);
    assert_eq!(
        bench.pool.next_event(true, bench.now),
        Some(Call::of("green"))
    );
    assert_eq!(bench.pool.take_idle(&Call::of("green")), None);
}

/// Something that happens to a pool.
#[derive(Clone, Copy, Debug)]
enum Happening {
    Call(Option<&'static str>),
    Event(Option<&'static str>),
    HangUp(usize),
    Answered(u64),
    Available(u64),
    Closed(u64),
    TookNothing(u64),
    Outdate,
    EndOldestIdle,
    EndIdleSince(u64),
    Reserve(Option<u32>),
    Provision(u32),
    InitFailed(u64),
    Pass(u64),
}

fn happening() -> impl Strategy<Value = Happening> {
    use Happening::*;
    let id = || 0..12_u64;
    let tenant = || prop::sample::select(&[None, Some("blue"), Some("green"), Some("red")][..]);
    prop_oneof![
        6 => tenant().prop_map(Call),
        2 => tenant().prop_map(Event),
        1 => (0..4_usize).prop_map(HangUp),
        5 => id().prop_map(Answered),
        6 => id().prop_map(Available),
        1 => id().prop_map(Closed),
        1 => id().prop_map(TookNothing),
        1 => Just(Outdate),
        1 => Just(EndOldestIdle),
        1 => (0..100_u64).prop_map(EndIdleSince),
        1 => (0..4_u32).prop_map(Provision),
        1 => id().prop_map(InitFailed),
        1 => prop::option::of(0..4_u32).prop_map(Reserve),
        2 => (0..60_u64).prop_map(Pass),
    ]
}

/// What runs where, as those see it who are told by the pool.
#[derive(Default)]
struct Tenancy {
    served: BTreeMap<u64, Option<&'static str>>,
}

impl Tenancy {
    /// An environment runs this one. Whether no other tenant's has run there.
    fn runs(&mut self, id: u64, call: &Call) -> bool {
        *self.served.entry(id).or_insert(call.tenant) == call.tenant
    }
}

proptest! {
    /// Whatever happens in whatever order, the books agree with each other and with the account, no
    /// limit is exceeded, nobody waits without an environment to come, and no environment serves two
    /// tenants of a function that keeps them apart.
    #[test]
    fn the_books_are_always_right(
        account in prop_oneof![Just(3), Just(104)],
        isolated in any::<bool>(),
        happenings in prop::collection::vec(happening(), 1..200),
    ) {
        let mut bench = Bench::new(account, None);
        bench.pool.isolate_tenants(isolated);
        let mut tenancy = Tenancy::default();
        // How many were in flight when what may be was lowered.
        let mut let_in = 0;
        // The most that were provisioned when what is to be was lowered.
        let mut provisioned = 0;
        for happening in happenings {
            match happening {
                Happening::Call(tenant) => {
                    let call = Call { tenant, ..Call::default() };
                    let before = in_flight(&bench.pool);
                    match bench.submit(call.clone()) {
                        Err(_) => prop_assert!(in_flight(&bench.pool) <= before),
                        Ok(taken) => {
                            if let Some(id) = taken {
                                prop_assert!(tenancy.runs(id, &call) || !isolated);
                            }
                            if let Some(reserved) = bench.pool.reserved {
                                prop_assert!(in_flight(&bench.pool) <= (reserved as usize).max(let_in));
                            }
                        }
                    }
                }
                Happening::Event(tenant) => bench.pool.wait_outside(Call { tenant, ..Call::default() }),
                Happening::HangUp(index) => {
                    if let Some(call) = bench.pool.waiting.get(index) {
                        call.gone.set(true);
                    }
                }
                Happening::Answered(id) => bench.answered(id),
                // As processes do: what is idle, or told to end, does not come back again.
                Happening::Available(id) => match standing(&bench.pool, id) {
                    None | Some(Standing::Idle(_) | Standing::Busy) => {}
                    Some(_) => {
                        if let Next::Run(call) = bench.available(id) {
                            prop_assert!(tenancy.runs(id, &call) || !isolated);
                        }
                    }
                },
                Happening::Closed(id) => bench.pool.closed(id),
                Happening::TookNothing(id) => {
                    if standing(&bench.pool, id) == Some(Standing::Busy) {
                        let call = Call { tenant: tenancy.served[&id], ..Call::default() };
                        bench.pool.took_nothing(id);
                        match bench.pool.take_idle(&call) {
                            None => bench.pool.wait_first(call),
                            Some((id, _)) => prop_assert!(tenancy.runs(id, &call) || !isolated),
                        }
                    }
                }
                Happening::InitFailed(id) => {
                    let member = bench.pool.members.get(&id);
                    let ours = member.is_some_and(|member| member.provisioned && member.standing == Standing::Starting);
                    if ours {
                        bench.pool.init_failed(id, bench.now);
                    }
                }
                Happening::Outdate => drop(bench.pool.outdate()),
                Happening::EndOldestIdle => drop(bench.pool.take_oldest_idle()),
                Happening::EndIdleSince(ago) => {
                    let moment = bench.now.saturating_sub(ms(ago));
                    bench.pool.take_idle_since(moment);
                    prop_assert!(bench.pool.idle_since().is_none_or(|since| since > moment));
                }
                Happening::Reserve(reserved) => {
                    let_in = in_flight(&bench.pool);
                    bench.pool.reserve(reserved);
                    bench.pool.settle();
                }
                // Tenants' functions have none.
                Happening::Provision(environments) => {
                    if !isolated {
                        let_in = in_flight(&bench.pool);
                        provisioned = bench.pool.provisioned_there().max(environments as usize);
                        bench.pool.provision(environments);
                        bench.pool.settle();
                    }
                }
                Happening::Pass(time) => {
                    bench.now += ms(time);
                    bench.pool.expect_no_longer(bench.now);
                    while let Some(event) = bench.pool.next_event(true, bench.now) {
                        match bench.pool.take_idle(&event) {
                            None => bench.pool.wait(event),
                            Some((id, _)) => prop_assert!(tenancy.runs(id, &event) || !isolated),
                        }
                    }
                }
            }
            bench.grow();
            bench.pool.settle();
            let pool = &bench.pool;
            let mut counts = [Counts::default(), Counts::default()];
            for member in pool.members.values() {
                *counts[usize::from(member.provisioned)].of(member.standing) += 1;
            }
            prop_assert_eq!(counts, [pool.on_demand, pool.provisioned]);
            for (idle, counts, provisioned) in [(&pool.idle, counts[0], false), (&pool.ready, counts[1], true)] {
                prop_assert_eq!(counts.idle, idle.len());
                let mut before = Duration::ZERO;
                for id in idle {
                    let member = &pool.members[id];
                    let Standing::Idle(since) = member.standing else {
                        panic!("{member:?}")
                    };
                    prop_assert!(since >= before && !member.outdated && member.provisioned == provisioned);
                    before = since;
                }
            }
            prop_assert!(pool.provisioned_there() <= provisioned);
            let counted = if pool.reserved.is_some() { 0 } else { pool.on_demand_in_flight() };
            prop_assert_eq!(pool.counted, counted);
            prop_assert_eq!(bench.account.in_flight(), counted);
            // Nobody waits beside an idle environment that fits.
            for call in &pool.waiting {
                let fits = pool.idle.iter().chain(&pool.ready).any(|id| {
                    let tenant = pool.members[id].tenant.as_deref();
                    !isolated || tenant.is_none_or(|tenant| tenant == tenant_of(call))
                });
                prop_assert!(!fits, "{call:?}");
            }
            // Each who waits has one coming, unless the cap is reached; then time is asked.
            prop_assert!(pool.missing() == 0 || pool.is_full() || pool.starts.look(Refill::NEW_ENVIRONMENTS, bench.now).is_err());
            prop_assert!(pool.missing() == 0 || pool.waits_for_time());
            prop_assert_eq!(pool.missing(), missing(pool, isolated));
        }
    }
}

fn standing(pool: &Pool<u64, Call>, id: u64) -> Option<Standing> {
    Some(pool.members.get(&id)?.standing)
}

fn in_flight(pool: &Pool<u64, Call>) -> usize {
    pool.waiting.len() + pool.on_demand.busy + pool.provisioned.busy
}

/// Who waits without one that is coming, counted anew.
fn missing(pool: &Pool<u64, Call>, isolated: bool) -> usize {
    let mut starting = pool.on_demand.starting;
    let soon = |tenant: Option<&str>| {
        let members = pool.members.values().filter(|member| {
            matches!(member.standing, Standing::Soon(_))
                && tenant.is_none_or(|tenant| member.tenant.as_deref() == Some(tenant))
        });
        members.count()
    };
    let mut waiting: BTreeMap<&str, usize> = BTreeMap::new();
    for call in &pool.waiting {
        let tenant = if isolated { tenant_of(call) } else { "all" };
        *waiting.entry(tenant).or_default() += 1;
    }
    let mut missing = 0;
    for (tenant, waiting) in waiting {
        let soon = soon(isolated.then_some(tenant));
        let uncovered = waiting.saturating_sub(soon);
        let covered = uncovered.min(starting);
        starting -= covered;
        missing += uncovered - covered;
    }
    missing
}

/// A pool with one environment of so many places, of which so many have become available.
fn managed(places: u64, available: u64) -> Bench {
    let mut bench = Bench::new(1_000, None);
    bench.pool.started(0, 0, false, ms(0));
    bench.pool.add_places(0, 1..places);
    bench.next = places;
    assert!(bench.pool.is_untouched(0));
    for _ in 0..available {
        let place = bench.pool.available_place(0).unwrap();
        assert_eq!(bench.pool.available(place, ms(0)), Next::Rest);
    }
    assert_eq!(bench.pool.is_untouched(0), available == 0);
    bench
}

#[test]
fn an_environment_with_places_takes_as_many_as_it_has_workers_for() {
    for (workers, at_once) in [(4, 4), (1, 1), (3, 3)] {
        let mut bench = managed(4, workers);
        bench.pool.forget_places(0);
        let taken: Vec<bool> = (0..5).map(|_| bench.call().unwrap().is_some()).collect();
        let given = taken.iter().filter(|taken| **taken).count();
        assert_eq!(given, at_once, "{workers} workers");
        assert_eq!(bench.account.in_flight(), 5, "all of them are in flight");
        bench.pool.closed(0);
        assert_eq!(
            bench.pool.available_place(0),
            Some(0),
            "nothing is left of it"
        );
    }
}

#[test]
fn an_environment_with_places_is_idle_when_all_of_them_are() {
    let mut bench = managed(3, 3);
    assert_eq!(bench.pool.idle_and_ending(), (1, 0), "one environment");
    bench.call().unwrap().unwrap();
    assert_eq!(bench.pool.idle_and_ending(), (0, 0));
    assert!(bench.pool.take_all_idle().is_empty());
    assert_eq!(bench.pool.take_oldest_idle(), None);
    let busy = bench.pool.busy_place(0).unwrap();
    bench.pool.answered(busy, ms(1));
    assert!(bench.pool.take_all_idle().is_empty());
    assert_eq!(bench.pool.available_place(0), Some(busy));
    assert_eq!(bench.pool.available(busy, ms(1)), Next::Rest);
    // It stays up between events.
    assert_eq!(bench.pool.idle_since(), None);
    assert!(bench.pool.take_idle_since(ms(60_000)).is_empty());
    assert_eq!(bench.pool.take_all_idle(), [0], "once, and whole");
    assert_eq!(bench.pool.idle_and_ending(), (0, 1));
    bench.pool.closed(0);
    assert!(bench.pool.is_empty());
    assert_eq!(bench.pool.idle_and_ending(), (0, 0));
}

#[test]
fn who_is_late_keeps_a_place_until_it_is_back() {
    let mut bench = managed(2, 2);
    for _ in 0..2 {
        bench.call().unwrap().unwrap();
    }
    let first = bench.pool.busy_place(0).unwrap();
    bench.pool.answered(first, ms(0));
    bench.pool.expect_no_longer(GRACE);
    assert_eq!(
        bench.pool.available_place(0),
        Some(first),
        "sooner than who is busy"
    );
    assert_eq!(bench.pool.available(first, GRACE), Next::Rest);
    let second = bench.pool.busy_place(0).unwrap();
    assert_eq!(bench.pool.available_place(0), Some(second));
    let _ = bench.pool.available(second, GRACE);
    assert_eq!(bench.pool.available_place(0), None, "more than there are");
}
