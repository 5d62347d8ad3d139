//! The places of an environment that takes several invocations at a time: which of them stand how.
//!
//! A runtime does not say which of its workers is back, and it does not matter: whatever becomes available
//! is the place of which that is likeliest. There may be 1,600 of them, so that none is looked for.

use std::collections::BTreeSet;

use super::Standing;

/// By what they are likeliest to do next, then by their ids.
#[derive(Debug, Default)]
pub(super) struct Places(BTreeSet<(Rank, u64)>);

/// The sooner one becomes available, the lower.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Soon,
    Late,
    Starting,
    Busy,
    Idle,
    Ending,
}

impl From<Standing> for Rank {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::Soon(_) => Self::Soon,
            Standing::Late => Self::Late,
            Standing::Starting => Self::Starting,
            Standing::Busy => Self::Busy,
            Standing::Idle(_) => Self::Idle,
            Standing::Ending => Self::Ending,
        }
    }
}

impl Places {
    /// One more.
    pub(super) fn add(&mut self, id: u64, standing: Standing) {
        self.0.insert((standing.into(), id));
    }

    /// One stands otherwise.
    pub(super) fn stands(&mut self, id: u64, before: Standing, after: Standing) {
        self.0.remove(&(before.into(), id));
        self.0.insert((after.into(), id));
    }

    /// One that was ending is no more.
    pub(super) fn remove(&mut self, id: u64) {
        self.0.remove(&(Rank::Ending, id));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every id.
    pub(super) fn all(&self) -> Vec<u64> {
        self.0.iter().map(|(_, id)| *id).collect()
    }

    /// The one that is likeliest to have become available; those that are idle have been.
    pub(super) fn next_available(&self) -> Option<u64> {
        let (rank, id) = *self.0.first()?;
        (rank <= Rank::Busy).then_some(id)
    }

    /// One that has an invocation.
    pub(super) fn busy(&self) -> Option<u64> {
        self.of(Rank::Busy).next()
    }

    /// Those that have never been available.
    pub(super) fn starting(&self) -> Vec<u64> {
        self.of(Rank::Starting).collect()
    }

    /// Whether none has been available yet.
    pub(super) fn is_untouched(&self) -> bool {
        let (first, last) = (self.0.first(), self.0.last());
        [first, last]
            .into_iter()
            .all(|place| place.is_some_and(|(rank, _)| *rank == Rank::Starting))
    }

    /// Whether nothing runs in any of them.
    pub(super) fn is_at_rest(&self) -> bool {
        let is = |rank| self.of(rank).next().is_some();
        !is(Rank::Soon) && !is(Rank::Late) && !is(Rank::Busy)
    }

    fn of(&self, rank: Rank) -> impl Iterator<Item = u64> {
        self.0
            .range((rank, 0)..=(rank, u64::MAX))
            .map(|(_, id)| *id)
    }
}
