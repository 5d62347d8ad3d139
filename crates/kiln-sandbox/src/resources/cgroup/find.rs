//! Finding the control groups that are ours to use.
//!
//! A group is managed by one program: whoever nests groups below another's escapes what it does
//! with its own (a manager that kills by the list of a group misses groups below it). So we use
//!
//! - the group we are in, when it is the root of its hierarchy (that of the machine or, in a container,
//!   the container's), or its owner gave it to us: it belongs to our user, or systemd marked it as
//!   delegated (`user.delegate`); that root *could* write is no permission;
//! - with version 2, its CPU and memory controllers when no other program's process is in it, which
//!   the kernel would refuse. `systemd-run --user --scope -p Delegate=yes kiln watch` makes such a group.
//!
//! Source: [Control Group APIs and Delegation](https://systemd.io/CGROUP_DELEGATION/),
//! [Control Group v2](https://docs.kernel.org/admin-guide/cgroup-v2.html). The freezer of version 1 is
//! left out: it takes three times as long as signals, keeps killed processes from ending, and every
//! kernel since 5.2 has version 2's beside it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{Base, Control, Version, write};

/// The group that we move to ourselves, to make room for controllers.
pub(super) const SERVICE: &str = "service";

/// A hierarchy that is mounted, and our group in it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Hierarchy {
    version: Version,
    /// Controllers, of version 1.
    controllers: Vec<String>,
    directory: PathBuf,
    is_root: bool,
}

/// What was found: groups to use, and for each control why not.
#[derive(Debug, Default)]
pub(in crate::resources) struct Found {
    pub(in crate::resources) bases: Vec<Base>,
    pub(in crate::resources) refused: BTreeMap<Control, String>,
}

/// Finds and creates a group of ours in each hierarchy that has something `wanted`.
pub(in crate::resources) fn find(wanted: &[Control]) -> Found {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let hierarchies = hierarchies(&read("/proc/self/mountinfo"), &read("/proc/self/cgroup"));
    let mut found = Found::default();
    let mut wanted = wanted.to_vec();
    // Version 2 first: what both have, it does better.
    for version in [Version::V2, Version::V1] {
        for hierarchy in hierarchies.iter().filter(|found| found.version == version) {
            let usable = hierarchy.base(&wanted, &mut found.refused);
            if let Some(base) = usable {
                wanted.retain(|control| !base.controls.contains(control));
                found.bases.push(base);
            }
        }
    }
    for control in wanted {
        let refused = found.refused.entry(control);
        refused.or_insert_with(|| "no control group has it here".to_owned());
    }
    for base in &found.bases {
        found
            .refused
            .retain(|control, _| !base.controls.contains(control));
    }
    found
}

/// Reads where hierarchies are mounted (`/proc/self/mountinfo`) and which groups we are in.
fn hierarchies(mounts: &str, groups: &str) -> Vec<Hierarchy> {
    let mut found = Vec::new();
    for mount in mounts.lines() {
        let Some((head, tail)) = mount.split_once(" - ") else {
            continue;
        };
        let head: Vec<&str> = head.split(' ').collect();
        let tail: Vec<&str> = tail.split(' ').collect();
        let (Some(root), Some(point)) = (head.get(3), head.get(4)) else {
            continue;
        };
        let (version, options) = match (tail.first(), tail.get(2)) {
            (Some(&"cgroup2"), _) => (Version::V2, ""),
            (Some(&"cgroup"), Some(options)) => (Version::V1, *options),
            _ => continue,
        };
        let options: Vec<&str> = options.split(',').collect();
        for group in groups.lines() {
            let mut fields = group.splitn(3, ':').skip(1);
            let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else {
                continue;
            };
            let controllers: Vec<&str> = controllers.split(',').collect();
            let same = match version {
                Version::V2 => controllers == [""],
                Version::V1 => controllers.iter().any(|name| options.contains(name)),
            };
            // A mount shows a part of the hierarchy; our group may lie outside it.
            let below = match *root {
                "/" => path.strip_prefix('/'),
                root => path
                    .strip_prefix(root)
                    .map(|path| path.trim_start_matches('/')),
            };
            let Some(below) = below.filter(|below| same && !below.starts_with("..")) else {
                continue;
            };
            found.push(Hierarchy {
                version,
                controllers: controllers.iter().map(|&name| name.to_owned()).collect(),
                directory: Path::new(point).join(below),
                is_root: below.is_empty(),
            });
        }
    }
    found
}

impl Hierarchy {
    /// What it can do of what is wanted.
    fn offers(&self, wanted: &[Control]) -> Vec<Control> {
        let listed = match self.version {
            Version::V1 => self.controllers.join(" "),
            Version::V2 => {
                fs::read_to_string(self.directory.join("cgroup.controllers")).unwrap_or_default()
            }
        };
        let has = |name| listed.split_whitespace().any(|listed| listed == name);
        let offered = |control: &Control| match control {
            Control::Cpu => has("cpu"),
            Control::Memory => has("memory"),
            Control::Freeze => self.version == Version::V2,
            Control::Processes => self.version == Version::V2 && has("pids"),
        };
        wanted.iter().copied().filter(offered).collect()
    }

    /// A group of ours in it, when it has something that is wanted and we may use it.
    fn base(&self, wanted: &[Control], refused: &mut BTreeMap<Control, String>) -> Option<Base> {
        let offers = self.offers(wanted);
        if offers.is_empty() {
            return None;
        }
        let mut refuse = |controls: &[Control], why: &str| {
            for control in controls {
                refused.insert(*control, why.to_owned());
            }
        };
        if !self.is_ours() {
            refuse(&offers, "the control group we are in is another program's");
            return None;
        }
        self.sweep();
        let directory = self.directory.join(format!("kiln-{}", std::process::id()));
        // Two services in one process share it.
        match fs::create_dir(&directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                let why = format!("no control group can be created: {error}");
                refuse(&offers, &why);
                return None;
            }
            _ => {}
        }
        let mut base = Base {
            directory,
            version: self.version,
            controls: offers.iter().copied().collect(),
            left: None,
        };
        if self.version == Version::V2
            && let Err(why) = self.enable(&mut base)
        {
            let controllers = [Control::Cpu, Control::Memory, Control::Processes];
            refuse(&controllers, &why);
            base.controls.retain(|control| *control == Control::Freeze);
            // Freezing needs no controller, but a kernel since 5.2.
        }
        if !base.works() {
            refuse(&offers, "control groups refuse their settings here");
            base.remove();
            return None;
        }
        base.weigh();
        Some(base)
    }

    /// Whether we may manage the group we are in.
    fn is_ours(&self) -> bool {
        let Ok(metadata) = fs::metadata(&self.directory) else {
            return false;
        };
        let user = rustix::process::geteuid().as_raw();
        if self.is_root || user != 0 && metadata.uid() == user {
            return true;
        }
        let mut value = [0; 8];
        rustix::fs::getxattr(&self.directory, "user.delegate", &mut value)
            .is_ok_and(|length| value.get(..length) == Some(b"1"))
    }

    /// Removes what services left behind that were killed.
    fn sweep(&self) {
        for entry in fs::read_dir(&self.directory)
            .into_iter()
            .flatten()
            .flatten()
        {
            let name = entry.file_name();
            let pid = name.to_str().and_then(|name| name.strip_prefix("kiln-"));
            let Some(pid) = pid.filter(|pid| pid.parse::<u32>().is_ok()) else {
                continue;
            };
            if Path::new("/proc").join(pid).exists() {
                continue;
            }
            for below in fs::read_dir(entry.path()).into_iter().flatten().flatten() {
                // Refused while a process is in it: then it stays.
                let _ = fs::remove_dir(below.path());
            }
            let _ = fs::remove_dir(entry.path());
        }
    }

    /// Switches controllers on for groups below `base`, and leaves our own group if that takes it.
    fn enable(&self, base: &mut Base) -> Result<(), String> {
        let names: Vec<&str> = [
            (Control::Cpu, "+cpu"),
            (Control::Memory, "+memory"),
            (Control::Processes, "+pids"),
        ]
        .iter()
        .filter(|(control, _)| base.controls.contains(control))
        .map(|(_, name)| *name)
        .collect();
        if names.is_empty() {
            return Ok(());
        }
        let names = names.join(" ");
        if write(&self.directory, "cgroup.subtree_control", &names).is_err() {
            // Refused while a process is in the group. If that is us alone, we step aside.
            let inside = fs::read_to_string(self.directory.join("cgroup.procs"));
            let inside = inside.unwrap_or_default();
            if inside.trim() != std::process::id().to_string() {
                return Err("other programs run in the control group we are in".to_owned());
            }
            let aside = base.directory.join(SERVICE);
            let moved =
                fs::create_dir_all(&aside).and_then(|()| write(&aside, "cgroup.procs", "0"));
            base.left = Some(self.directory.clone());
            moved
                .and_then(|()| write(&self.directory, "cgroup.subtree_control", &names))
                .map_err(|error| format!("controllers cannot be enabled: {error}"))?;
        }
        write(&base.directory, "cgroup.subtree_control", &names)
            .map_err(|error| format!("controllers cannot be enabled: {error}"))
    }
}

impl Base {
    /// Tries it with a group of its own.
    fn works(&self) -> bool {
        use std::sync::atomic::{AtomicU64, Ordering};
        static TRIALS: AtomicU64 = AtomicU64::new(0);

        if self.controls.is_empty() {
            return false;
        }
        let trial = super::Part {
            directory: self
                .directory
                .join(format!("trial-{}", TRIALS.fetch_add(1, Ordering::Relaxed))),
            version: self.version,
            controls: self.controls.clone(),
        };
        let needed = self
            .controls
            .iter()
            .map(|control| match (self.version, control) {
                (Version::V1, Control::Cpu) => ("cpu.cfs_quota_us", "-1"),
                (Version::V2, Control::Cpu) => ("cpu.max", "max"),
                (_, Control::Freeze) => ("cgroup.freeze", "0"),
                (Version::V1, Control::Memory) => ("memory.limit_in_bytes", "-1"),
                (Version::V2, Control::Memory) => ("memory.max", "max"),
                (_, Control::Processes) => ("pids.max", "max"),
            });
        let works = trial.create(128).is_ok()
            && needed
                .into_iter()
                .all(|(file, text)| write(&trial.directory, file, text).is_ok());
        let _ = fs::remove_dir(&trial.directory);
        works
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directories(mounts: &str, groups: &str) -> Vec<(Version, String, bool)> {
        hierarchies(mounts, groups)
            .into_iter()
            .map(|found| {
                let directory = found.directory.to_string_lossy().into_owned();
                (found.version, directory, found.is_root)
            })
            .collect()
    }

    #[test]
    fn our_groups_are_found_in_each_hierarchy() {
        let mounts = "\
31 23 0:26 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro,mode=755
32 31 0:27 / /sys/fs/cgroup/unified rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate
34 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:11 - cgroup cgroup rw,cpu,cpuacct
35 31 0:30 / /sys/fs/cgroup/systemd rw shared:12 - cgroup cgroup rw,xattr,name=systemd
";
        let groups = "5:cpu,cpuacct:/\n1:name=systemd:/user.slice\n0::/user.slice/a.scope\n";
        assert_eq!(
            directories(mounts, groups),
            [
                (
                    Version::V2,
                    "/sys/fs/cgroup/unified/user.slice/a.scope".to_owned(),
                    false
                ),
                (Version::V1, "/sys/fs/cgroup/cpu,cpuacct/".to_owned(), true),
                (
                    Version::V1,
                    "/sys/fs/cgroup/systemd/user.slice".to_owned(),
                    false
                ),
            ]
        );
    }

    #[test]
    fn a_mount_of_a_part_is_understood_and_a_group_outside_it_is_not_ours() {
        let mounts = "32 31 0:27 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup rw\n";
        let inside = directories(mounts, "0::/docker/abc/x\n");
        assert_eq!(
            inside,
            [(Version::V2, "/sys/fs/cgroup/x".to_owned(), false)]
        );
        assert_eq!(directories(mounts, "0::/docker/other\n"), []);
        let namespaced = "32 31 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup rw\n";
        assert_eq!(directories(namespaced, "0::/../other\n"), []);
        assert_eq!(directories("nonsense\n1 2 3 - \n", "0\n:::\n"), []);
    }

    #[test]
    fn a_group_without_permission_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(
            directory.path().join("cgroup.controllers"),
            "cpu memory pids\n",
        )
        .unwrap();
        let hierarchy = Hierarchy {
            version: Version::V2,
            controllers: vec![String::new()],
            directory: directory.path().to_owned(),
            is_root: false,
        };
        let mut refused = BTreeMap::new();
        if rustix::process::geteuid().is_root() {
            assert!(hierarchy.base(&[Control::Cpu], &mut refused).is_none());
            assert!(refused.contains_key(&Control::Cpu));
            assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        }
        assert_eq!(
            hierarchy.offers(&[Control::Cpu, Control::Freeze, Control::Processes]),
            [Control::Cpu, Control::Freeze, Control::Processes]
        );
    }
}
