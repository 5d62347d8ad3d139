//! The limits of processes in an execution environment (`getrlimit`), as measured on AWS.

use rustix::process::{Resource, Rlimit, getrlimit};

/// Which limits a family gets.
///
/// `RLIMIT_NPROC` (1,024 on AWS) is not among them: it counts all processes and threads of the
/// *user*, and a desktop has more than that before the first function starts. Every `fork` of the
/// function would fail, and with it perhaps one of its user's other programs' expectations. Where
/// a cgroup of version 2 is at hand, `pids.max` bounds the family alone; elsewhere nothing does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessLimits {
    /// `RLIMIT_NOFILE`, which runtimes notice most.
    pub descriptors: u64,
    /// `RLIMIT_CORE`, `RLIMIT_MEMLOCK` and `RLIMIT_STACK` too.
    pub all: bool,
}

/// `RLIMIT_NOFILE` inside an execution environment.
pub(crate) const DESCRIPTORS: u64 = 1_024;
/// The same on a managed instance, where each event has a connection. Not documented; as it was seen.
pub(crate) const MANAGED_DESCRIPTORS: u64 = 4_096;
/// `RLIMIT_CORE`.
const CORE: u64 = 10_737_418_240;
/// `RLIMIT_MEMLOCK`.
const LOCKED_MEMORY: u64 = 65_536;
/// `RLIMIT_STACK`, soft; there is no hard limit.
const STACK: u64 = 8 * 1_024 * 1_024;

impl ProcessLimits {
    /// What to set, computed before the fork: afterwards nothing may allocate or fail for long.
    pub(super) fn resolve(self) -> [Option<(Resource, Rlimit)>; 4] {
        let most = self.descriptors;
        let descriptors = Some(bounded(Resource::Nofile, most, Some(most)));
        match self.all {
            false => [descriptors, None, None, None],
            true => {
                // Never raised above what the user allows: a core file of 10 GB that the read-only
                // file system of AWS never sees would lie among the user's sources here.
                let allowed = getrlimit(Resource::Core).current;
                let core = allowed.map_or(CORE, |allowed| allowed.min(CORE));
                [
                    descriptors,
                    Some(bounded(Resource::Core, core, Some(CORE))),
                    Some(bounded(
                        Resource::Memlock,
                        LOCKED_MEMORY,
                        Some(LOCKED_MEMORY),
                    )),
                    Some(bounded(Resource::Stack, STACK, None)),
                ]
            }
        }
    }
}

/// A limit within the hard limit we have ourselves, which nobody but root can raise.
fn bounded(resource: Resource, soft: u64, hard: Option<u64>) -> (Resource, Rlimit) {
    let within = getrlimit(resource).maximum;
    let limit = Rlimit {
        current: Some(within.map_or(soft, |within| within.min(soft))),
        maximum: match (hard, within) {
            (Some(hard), Some(within)) => Some(hard.min(within)),
            (limit, None) | (None, limit) => limit,
        },
    };
    (resource, limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_limit_exceeds_its_hard_limit_or_ours() {
        let limits = ProcessLimits {
            descriptors: DESCRIPTORS,
            all: true,
        };
        for (resource, limit) in limits.resolve().into_iter().flatten() {
            let current = limit.current.unwrap();
            assert!(limit.maximum.is_none_or(|maximum| current <= maximum));
            let ours = getrlimit(resource).maximum;
            assert!(ours.is_none_or(|ours| limit.maximum.is_some_and(|maximum| maximum <= ours)));
        }
    }
}
