//! The processes of a family, found by descent, and what they use together.

use std::time::Duration;

use super::{Pid, facts};

/// The processes of a family as far as they are known.
///
/// A process stays a member when its parent has ended and left it to another: who is known once is
/// remembered by id and start. One that is orphaned between two looks is missed; a cgroup misses
/// none, and the end of an environment looks at all processes of the user.
#[derive(Debug)]
pub(crate) struct Members {
    /// The leader first. It is not reaped before its family is given up, so its id stays its own.
    known: Vec<Member>,
    /// What ended members had used when last asked.
    departed: Duration,
}

#[derive(Debug)]
struct Member {
    pid: Pid,
    started: Option<u64>,
    cpu: Duration,
}

impl Members {
    pub(crate) fn new(leader: Pid) -> Self {
        Self {
            known: vec![Member::new(leader)],
            departed: Duration::ZERO,
        }
    }

    /// Looks who has come and who has gone; `others` are members by other evidence.
    pub(crate) fn refresh(&mut self, others: &[Pid]) {
        let leader = self.known.first().map(|member| member.pid);
        let mut departed = self.departed;
        self.known.retain(|member| {
            let stays = Some(member.pid) == leader
                || member.started.is_some() && facts::start_time(member.pid) == member.started;
            if !stays {
                departed += member.cpu;
            }
            stays
        });
        self.departed = departed;
        let mut found = others.to_vec();
        let mut asked = 0;
        loop {
            for pid in found.drain(..) {
                if self.known.iter().all(|member| member.pid != pid) {
                    self.known.push(Member::new(pid));
                }
            }
            let Some(member) = self.known.get(asked) else {
                return;
            };
            facts::children(member.pid, &mut found);
            asked += 1;
        }
    }

    /// All of them, the leader first.
    pub(crate) fn pids(&self) -> impl Iterator<Item = Pid> {
        self.known.iter().map(|member| member.pid)
    }

    /// All but the leader.
    pub(crate) fn others(&self) -> impl Iterator<Item = Pid> {
        self.pids().skip(1)
    }

    /// CPU time they have used, those that have ended included. Never less than it was.
    pub(crate) fn cpu_time(&mut self) -> Duration {
        let mut total = self.departed;
        for member in &mut self.known {
            if let Some(cpu) = facts::cpu_time(member.pid) {
                member.cpu = member.cpu.max(cpu);
            }
            total += member.cpu;
        }
        total
    }

    /// Resident memory of all. What they share is counted several times.
    pub(crate) fn resident(&self) -> u64 {
        self.pids().filter_map(facts::resident).sum()
    }

    /// Memory of all, what they share counted once where the platform can tell.
    pub(crate) fn proportional(&self) -> u64 {
        let part = |pid| facts::proportional(pid).or_else(|| facts::resident(pid));
        self.pids().filter_map(part).sum()
    }

    /// The most that one of them has had resident.
    pub(crate) fn peak(&self) -> Option<u64> {
        self.pids().filter_map(facts::peak).max()
    }
}

impl Member {
    fn new(pid: Pid) -> Self {
        Self {
            pid,
            started: facts::start_time(pid),
            // A process that came with a past is charged for it: it is the family's.
            cpu: Duration::ZERO,
        }
    }
}
