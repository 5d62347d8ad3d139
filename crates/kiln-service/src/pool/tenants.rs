//! Which tenant an environment belongs to, and what there is for each.
//!
//! An environment belongs to the tenant it has served first, for good; one that has served nobody yet
//! may be given to anybody.
//!
//! Source: [Tenant isolation](https://docs.aws.amazon.com/lambda/latest/dg/tenant-isolation.html).

use std::collections::HashMap;
use std::sync::Arc;

use super::Standing;

/// The books of all tenants of a function.
#[derive(Debug, Default)]
pub(super) struct Tenants {
    /// Those for whom there is anything.
    of: HashMap<Arc<str>, Load>,
    /// Idle environments that belong to nobody yet, the last one at the end.
    fresh: Vec<u64>,
    /// Who waits, without those whose tenant's environments will be back.
    uncovered: usize,
}

/// What there is for one tenant.
#[derive(Debug, Default, PartialEq, Eq)]
struct Load {
    /// Invocations that wait for an environment.
    waiting: usize,
    /// Its environments that will be back in a moment.
    soon: usize,
    /// Its idle environments, the one that was busy last at the end.
    idle: Vec<u64>,
}

impl Load {
    fn uncovered(&self) -> usize {
        self.waiting.saturating_sub(self.soon)
    }
}

impl Tenants {
    /// How many environments of 1,000 units of concurrency tenants may have, active or idle.
    ///
    /// Source: [Troubleshooting tenant isolation](https://docs.aws.amazon.com/lambda/latest/dg/tenant-isolation-troubleshooting.html):
    /// 2,500 for every 1,000 concurrent executions.
    pub(super) fn limit(concurrency: usize) -> usize {
        concurrency.saturating_mul(2_500) / 1_000
    }

    /// An invocation of this tenant waits.
    pub(super) fn waits(&mut self, tenant: &str) {
        self.change(tenant, |load| load.waiting += 1);
    }

    /// An invocation of this tenant waits no longer.
    pub(super) fn waits_no_longer(&mut self, tenant: &str) {
        self.change(tenant, |load| load.waiting -= 1);
    }

    /// An environment of this tenant, or of nobody, stands otherwise.
    pub(super) fn stands(
        &mut self,
        id: u64,
        tenant: Option<&str>,
        before: Standing,
        after: Standing,
    ) {
        let apply = |idle: &mut Vec<u64>| {
            if matches!(before, Standing::Idle(_))
                && let Some(place) = idle.iter().rposition(|idle| *idle == id)
            {
                idle.remove(place);
            }
            if matches!(after, Standing::Idle(_)) {
                idle.push(id);
            }
        };
        match tenant {
            None => apply(&mut self.fresh),
            Some(tenant) => self.change(tenant, |load| {
                apply(&mut load.idle);
                load.soon -= usize::from(matches!(before, Standing::Soon(_)));
                load.soon += usize::from(matches!(after, Standing::Soon(_)));
            }),
        }
    }

    /// The idle environment for this tenant: its own that was busy last, or one that is nobody's.
    pub(super) fn idle_for(&self, tenant: &str) -> Option<u64> {
        let own = self.of.get(tenant).and_then(|load| load.idle.last());
        own.or(self.fresh.last()).copied()
    }

    /// Whether an environment of this tenant will be back for one more that waits.
    pub(super) fn one_comes_back(&self, tenant: &str) -> bool {
        let load = self.of.get(tenant);
        load.is_some_and(|load| load.waiting < load.soon)
    }

    /// Whether more of this tenant wait than its environments that will be back.
    pub(super) fn is_uncovered(&self, tenant: &str) -> bool {
        let load = self.of.get(tenant);
        load.is_some_and(|load| load.uncovered() > 0)
    }

    /// How many wait for an environment that is nobody's.
    pub(super) fn uncovered(&self) -> usize {
        self.uncovered
    }

    fn change(&mut self, tenant: &str, change: impl FnOnce(&mut Load)) {
        if !self.of.contains_key(tenant) {
            self.of.insert(tenant.into(), Load::default());
        }
        let Some(load) = self.of.get_mut(tenant) else {
            return;
        };
        self.uncovered -= load.uncovered();
        change(load);
        self.uncovered += load.uncovered();
        if *load == Load::default() {
            self.of.remove(tenant);
        }
    }
}
