//! How much CPU a function has: pure arithmetic, no clock.

use std::time::Duration;

/// The period in which a share is granted.
///
/// AWS does not document its own; stalls measured on small functions fit 20 ms as well as 100 ms. The
/// shorter one keeps a call that needs a little more than its credit from a tenth of a second's wait.
pub(crate) const PERIOD: Duration = Duration::from_millis(20);

/// Memory that comes with one whole virtual processor, MB
/// ([Configure Lambda function memory](https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html)).
const MB_PER_PROCESSOR: u32 = 1_769;

/// A share of the machine's CPU time, in proportion to the configured memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuShare {
    memory_mb: u32,
}

impl CpuShare {
    /// The share that comes with this much memory.
    pub fn of_memory(memory_mb: u32) -> Self {
        Self { memory_mb }
    }

    /// In virtual processors: 1.0 is one of them all the time.
    pub fn processors(self) -> f64 {
        f64::from(self.memory_mb) / f64::from(MB_PER_PROCESSOR)
    }

    /// CPU time it grants in this time.
    pub fn granted_in(self, time: Duration) -> Duration {
        let nanoseconds =
            time.as_nanos() * u128::from(self.memory_mb) / u128::from(MB_PER_PROCESSOR);
        Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }

    /// How long it takes to grant this much CPU time.
    fn time_to_grant(self, cpu: Duration) -> Duration {
        let nanoseconds =
            cpu.as_nanos() * u128::from(MB_PER_PROCESSOR) / u128::from(self.memory_mb.max(1));
        Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }
}

/// What a family may use before it has to wait: a bucket that its share fills and its use empties.
///
/// Use is always measured, never assumed: what was used too much because somebody looked late is
/// owed and waited for, so that the share holds however late he looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    share: CpuShare,
    credit: Duration,
    /// Used beyond the credit; at most one of the two is not zero.
    debt: Duration,
}

/// What a family did in a time that is settled: it decides how much credit may have come together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    /// Nothing was asked of it. What one period grants is there for the next event.
    Resting,
    /// It could run. Where others had the processor, it may make up for one period more.
    Running,
    /// It was held back, and loses nothing because it is let go late.
    Held,
}

impl Doing {
    fn periods(self) -> u32 {
        match self {
            Self::Resting => 1,
            Self::Running => 2,
            Self::Held => 4,
        }
    }
}

impl Budget {
    /// A full one.
    pub(crate) fn new(share: CpuShare) -> Self {
        Self {
            share,
            credit: share.granted_in(PERIOD),
            debt: Duration::ZERO,
        }
    }

    /// Time has passed in which the family used this much.
    pub(crate) fn settle(&mut self, passed: Duration, used: Duration, doing: Doing) {
        let have = self.credit + self.share.granted_in(passed);
        let owes = self.debt + used;
        let most = self.share.granted_in(PERIOD) * doing.periods();
        self.credit = have.saturating_sub(owes).min(most);
        self.debt = owes.saturating_sub(have);
    }

    /// Whether it has to wait.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.credit.is_zero()
    }

    /// The earliest that it can be exhausted on a machine of so many processors; `None` when the
    /// machine has no more than its share.
    pub(crate) fn lasts(&self, processors: u32) -> Option<Duration> {
        let spare = f64::from(processors) - self.share.processors();
        (spare > 0.0).then(|| self.credit.div_f64(spare))
    }

    /// How long it has to wait until what one period grants has come together again.
    pub(crate) fn waits(&self) -> Duration {
        let full = self.share.granted_in(PERIOD);
        let lacking = (full + self.debt).saturating_sub(self.credit);
        self.share.time_to_grant(lacking)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    #[test]
    fn the_share_is_that_of_the_documentation() {
        for (memory, processors) in [(128, 0.072), (512, 0.289), (1_769, 1.0), (10_240, 5.79)] {
            let share = CpuShare::of_memory(memory);
            assert!((share.processors() - processors).abs() < 0.005, "{memory}");
        }
        let share = CpuShare::of_memory(1_769);
        assert_eq!(share.granted_in(PERIOD), PERIOD);
        assert_eq!(
            CpuShare::of_memory(128).granted_in(PERIOD).as_micros(),
            1_447
        );
    }

    #[test]
    fn credit_accumulates_for_one_period_and_debt_is_waited_for() {
        let mut budget = Budget::new(CpuShare::of_memory(128));
        budget.settle(Duration::from_secs(60), Duration::ZERO, Doing::Resting);
        // A short burst after a long rest waits for nothing.
        budget.settle(MILLISECOND, MILLISECOND, Doing::Running);
        assert!(!budget.is_exhausted());
        // Somebody looked late: 11 ms used where 0.5 ms were left.
        budget.settle(11 * MILLISECOND, 11 * MILLISECOND, Doing::Running);
        assert!(budget.is_exhausted());
        let waits = budget.waits();
        assert!(
            waits > 140 * MILLISECOND && waits < 170 * MILLISECOND,
            "{waits:?}"
        );
        budget.settle(waits, Duration::ZERO, Doing::Held);
        assert!(!budget.is_exhausted());
        assert!(budget.waits() < Duration::from_micros(1));
    }

    #[test]
    fn a_machine_smaller_than_the_share_never_exhausts_it() {
        assert_eq!(Budget::new(CpuShare::of_memory(10_240)).lasts(2), None);
        let lasts = Budget::new(CpuShare::of_memory(1_769)).lasts(2);
        assert_eq!(lasts, Some(PERIOD));
    }

    proptest! {
        /// Whoever is let run when the budget allows it, and held when not, gets his share: looked
        /// at early or late, on one processor or several.
        #[test]
        fn the_share_holds_however_late_one_looks(
            memory in 128_u32..10_240,
            processors in 1_u32..8,
            lateness in proptest::collection::vec(0_u64..9_000, 50),
        ) {
            let share = CpuShare::of_memory(memory);
            let mut budget = Budget::new(share);
            let (mut total, mut used) = (Duration::ZERO, Duration::ZERO);
            for late in lateness.iter().cycle().take(2_000) {
                let late = Duration::from_micros(*late);
                let Some(lasts) = budget.lasts(processors) else { return Ok(()) };
                let ran = lasts.max(MILLISECOND) + late;
                total += ran;
                used += ran * processors;
                budget.settle(ran, ran * processors, Doing::Running);
                while budget.is_exhausted() {
                    let held = budget.waits() + late;
                    total += held;
                    budget.settle(held, Duration::ZERO, Doing::Held);
                }
            }
            let measured = used.as_secs_f64() / total.as_secs_f64();
            prop_assert!((measured / share.processors() - 1.0).abs() < 0.03, "{measured}");
        }
    }
}
