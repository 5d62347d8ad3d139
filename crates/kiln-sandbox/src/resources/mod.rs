//! What an execution environment may use of the machine: CPU, memory, and nothing between
//! invocations.
//!
//! [`Controls`] finds out once what this machine offers. [`Controls::begin_init`] puts a process
//! family under control; the [`Controlled`] family is then told what phase it is in:
//!
//! - **Init** runs unthrottled, within the memory limit.
//! - **Invoke** ([`Controlled::begin_invoke`]) gets the share of CPU that comes with the memory: by
//!   control group, or by a loop that measures the family's run time and stops it by signals.
//! - **Idle** ([`Controlled::end_invoke`]): after a moment nobody runs any more.
//!
//! One thread looks after all families, and sleeps while none of them runs. Nothing on the path of a
//! warm invocation makes a system call, unless the family is frozen.

#[cfg(target_os = "linux")]
mod cgroup;
#[cfg(not(target_os = "linux"))]
#[path = "no_cgroup.rs"]
mod cgroup;
mod controlled;
mod governor;
mod keeper;
mod settings;
mod share;
mod watch;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cgroup::{Base, Control, Version};
pub use controlled::{Controlled, Ended};
use governor::Governor;
use keeper::Keeper;
pub use settings::{Choice, InForce, Means, Measure, ResourceSettings};
pub use share::CpuShare;

use crate::process::limits::{DESCRIPTORS, MANAGED_DESCRIPTORS};
use crate::process::{Family, Mark, ProcessLimits, facts};

/// What one environment may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Configured memory, MB; the share of CPU comes with it.
    pub memory_mb: u32,
    /// What only processes of this family have.
    pub mark: Option<Mark>,
}

/// What this machine offers to keep environments within their limits. Clones are the same.
#[derive(Clone, Debug)]
pub struct Controls {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    settings: ResourceSettings,
    in_force: InForce,
    bases: Arc<[Base]>,
    governor: Governor,
    keeper: Keeper,
    processors: u32,
}

impl Controls {
    /// Finds out what this machine offers of what is wanted.
    pub fn detect(settings: ResourceSettings) -> Self {
        let mut wanted = Vec::new();
        let mut want = |choice, control| {
            if choice == Choice::Auto {
                wanted.push(control);
            }
        };
        want(settings.cpu, Control::Cpu);
        want(settings.freeze, Control::Freeze);
        want(settings.memory, Control::Memory);
        if settings.process_limits && !wanted.is_empty() {
            wanted.push(Control::Processes);
        }
        let mut found = cgroup::find(&wanted);
        let mut measure = |choice, control, fallback: Means| {
            let offers = |base: &&Base| base.controls.contains(&control);
            let why = match (choice, found.bases.iter().find(offers)) {
                (Choice::Off, _) => {
                    let (means, why) = (Means::Nothing, None);
                    return Measure { means, why };
                }
                (Choice::Auto, Some(base)) => {
                    let version = if base.version == Version::V1 { 1 } else { 2 };
                    let (means, why) = (Means::ControlGroup(version), None);
                    return Measure { means, why };
                }
                (Choice::Auto, None) => found.refused.remove(&control),
                (Choice::Fallback, _) => Some("as configured".to_owned()),
            };
            // Signals alone freeze a family; the rest takes measuring.
            if control != Control::Freeze && !facts::AVAILABLE {
                let why = Some("this system does not tell what processes use".to_owned());
                let means = Means::Nothing;
                return Measure { means, why };
            }
            let means = fallback;
            Measure { means, why }
        };
        let in_force = InForce {
            cpu: measure(settings.cpu, Control::Cpu, Means::Signals),
            freeze: measure(settings.freeze, Control::Freeze, Means::Signals),
            memory: measure(settings.memory, Control::Memory, Means::Watching),
            process_limits: Measure {
                means: Means::ProcessLimits,
                why: (!settings.process_limits).then(|| "descriptors only".to_owned()),
            },
        };
        let bases: Arc<[Base]> = found.bases.into();
        Self {
            shared: Arc::new(Shared {
                settings,
                in_force,
                governor: Governor::default(),
                keeper: Keeper::new(Arc::clone(&bases)),
                bases,
                processors: std::thread::available_parallelism()
                    .map_or(1, |count| u32::try_from(count.get()).unwrap_or(u32::MAX)),
            }),
        }
    }

    /// No control at all, and nothing that must be undone.
    pub fn off() -> Self {
        Self::detect(ResourceSettings::off())
    }

    /// What is in force, for people.
    pub fn in_force(&self) -> &InForce {
        &self.shared.in_force
    }

    /// The limits of processes, to start a family with that takes several events at a time or one.
    pub fn process_limits(&self, several: bool) -> ProcessLimits {
        ProcessLimits {
            descriptors: match several {
                true => MANAGED_DESCRIPTORS,
                false => DESCRIPTORS,
            },
            all: self.shared.settings.process_limits,
        }
    }

    /// Puts a family that has just been started under control; its init phase has begun.
    pub fn begin_init(&self, family: Family, limits: Limits) -> Controlled {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let name = format!("env-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let controlled = Controlled::new(self.clone(), family, limits);
        if !self.shared.bases.is_empty() {
            self.shared.keeper.adopt(&controlled, name);
        }
        controlled
    }

    /// Ends every process with this mark that is there now.
    pub fn clear(&self, mark: Option<Mark>) {
        self.shared.keeper.clear(None, mark.zip(facts::moment()));
    }

    /// Removes what was created on this machine for environments that have ended. Blocks for as
    /// long as their processes take to be gone, some milliseconds.
    pub fn close(&self) {
        self.shared.keeper.close();
    }
}

impl Default for Controls {
    fn default() -> Self {
        Self::off()
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests;
