//! The steps to a view: which of this machine's directories are shown, and where.
//!
//! The root is a small file system in memory. `/var/task`, `/opt` and `/tmp` exist in it whether the
//! machine has such directories or not; everything else of the machine is bound to where it is.

use std::ffi::{CString, OsStr};
use std::fs;
use std::io;
use std::os::fd::AsFd as _;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::mounts::Mounts;
use super::steps::{Depth, Planned, Step};
use crate::filesystem::layout::{BOOTSTRAP, LAYERS, Layout, TASK_ROOT};

/// Where the machine's own root is while the view is made.
const HOST: &str = "/.host";
/// Directories to assemble the new root on: it covers one of them for whoever assembles it.
const BASES: [&str; 4] = ["/tmp", "/mnt", "/run", "/var"];
/// What stays as it is: much below it is written to. Devices are as well, in a file system that is
/// read-only; what is not among the files of AWS is a place for files below `/dev`.
const WRITABLE: &str = "proc";
/// Without these nothing would run.
const NEEDED: [&str; 8] = ["bin", "dev", "etc", "lib", "lib64", "proc", "sbin", "usr"];
/// Directories of this machine that are not seen inside.
const HIDDEN: [&str; 3] = ["/tmp", LAYERS, TASK_ROOT];
/// Where the file of hosts lies before it is bound to its place.
const HOSTS: &str = "/.hosts";
/// How subscribers of telemetry are addressed, by the function as well
/// ([Telemetry API](https://docs.aws.amazon.com/lambda/latest/dg/telemetry-api.html)).
const SANDBOX: &str = "127.0.0.1 sandbox.localdomain sandbox\n";

/// What the kernel can do, as far as it has been seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Abilities {
    /// Several directories shown as one, also for ordinary users (since Linux 5.11).
    pub(super) overlay: bool,
    /// Whole trees made read-only at once (since Linux 5.12).
    pub(super) trees: bool,
}

#[derive(Debug, Default)]
pub(super) struct Plan<'fd> {
    pub(super) steps: Vec<Planned<'fd>>,
    /// What is to be read-only: where, what of the machine it shows, and whether that is required.
    read_only: Vec<(PathBuf, PathBuf, bool)>,
}

/// All steps to the view of a layout.
pub(super) fn view<'fd>(
    user: Option<&'fd OwnedFd>,
    layout: &Layout,
    abilities: Abilities,
) -> io::Result<Plan<'fd>> {
    let mut plan = Plan::default();
    plan.begin(user)?;
    plan.machine()?;
    plan.directory("/tmp".as_ref())?;
    plan.directory(LAYERS.as_ref())?;
    plan.task(layout)?;
    plan.layers(layout, abilities)?;
    plan.hosts()?;
    plan.finish(abilities)?;
    Ok(plan)
}

/// The first steps alone, and those after which nothing is left of them.
pub(super) fn trial(user: Option<&OwnedFd>) -> io::Result<Plan<'_>> {
    let mut plan = Plan::default();
    plan.begin(user)?;
    Ok(plan)
}

impl<'fd> Plan<'fd> {
    fn begin(&mut self, user: Option<&'fd OwnedFd>) -> io::Result<()> {
        let fits =
            |base: &&&str| fs::symlink_metadata(base).is_ok_and(|metadata| metadata.is_dir());
        let base = BASES.iter().find(fits).ok_or(io::ErrorKind::NotFound)?;
        if let Some(user) = user {
            self.push(Step::EnterUser(user.as_fd()));
        }
        self.push(Step::NewMounts);
        self.push(Step::Follow);
        self.push(Step::FileSystem {
            kind: c"tmpfs",
            at: c_path(base.as_ref())?,
            options: c"mode=0755".into(),
        });
        let new = Path::new(base);
        let old = new.join(HOST.trim_start_matches('/'));
        self.directory(&old)?;
        self.push(Step::Root {
            new: c_path(new)?,
            old: c_path(&old)?,
        });
        Ok(())
    }

    /// The machine's own directories, but those that are not seen inside.
    fn machine(&mut self) -> io::Result<()> {
        self.children("/".as_ref(), &["tmp", "opt", "var"])?;
        self.directory("/var".as_ref())?;
        self.children("/var".as_ref(), &["task"])
    }

    /// Shows directories and links below `parent` where they are. Files at the root of a file system
    /// (a kernel, a swap file) are of no use to functions.
    fn children(&mut self, parent: &Path, but: &[&str]) -> io::Result<()> {
        for entry in sorted(parent)? {
            let name = entry.file_name();
            if but.iter().any(|but| name == OsStr::new(but)) {
                continue;
            }
            let path = entry.path();
            let kind = entry.file_type()?;
            if kind.is_symlink() {
                self.link(&fs::read_link(&path)?, &path)?;
            } else if kind.is_dir() {
                let needed = parent == Path::new("/")
                    && NEEDED.iter().any(|needed| name == OsStr::new(needed));
                self.directory(&path)?;
                self.bind(&path, &path, needed)?;
                if name == OsStr::new(WRITABLE) {
                    self.read_only.pop();
                }
            }
        }
        Ok(())
    }

    /// `/var/task`: the task root with the bootstrap in it, whatever its name is outside.
    fn task(&mut self, layout: &Layout) -> io::Result<()> {
        let at = Path::new(TASK_ROOT);
        self.directory(at)?;
        let root = real(&layout.task_root);
        let bootstrap = real(&layout.bootstrap);
        let shown = root.join(BOOTSTRAP);
        let exists = fs::symlink_metadata(&shown).is_ok();
        if !bootstrap.exists() || exists && real(&shown) == bootstrap {
            return self.bind(&root, at, true);
        }
        let at_bootstrap = at.join(BOOTSTRAP);
        if fs::symlink_metadata(&shown).is_ok_and(|metadata| metadata.is_file()) {
            self.bind(&root, at, true)?;
            return self.bind(&bootstrap, &at_bootstrap, true);
        }
        // There is nothing to mount the bootstrap over, and nothing is created in a directory of the
        // user's: the task root is shown entry by entry.
        for entry in sorted(&root)? {
            if entry.file_name() == BOOTSTRAP {
                continue;
            }
            let target = real(&entry.path());
            let at = at.join(entry.file_name());
            if target.is_dir() {
                self.directory(&at)?;
                self.bind(&target, &at, false)?;
            } else if HIDDEN.iter().any(|hidden| target.starts_with(hidden)) {
                self.file(&at)?;
                self.bind(&target, &at, false)?;
            } else {
                // Editors replace files: a link shows the new one, a mount would show the old.
                self.link(&target, &at)?;
            }
        }
        self.place(&bootstrap, &at_bootstrap)?;
        self.bind(&bootstrap, &at_bootstrap, true)
    }

    /// `/opt`: the layers, merged.
    fn layers(&mut self, layout: &Layout, abilities: Abilities) -> io::Result<()> {
        let at = Path::new(LAYERS);
        let layers: Vec<PathBuf> = layout.layers.iter().map(|layer| real(layer)).collect();
        match layers.as_slice() {
            [] => Ok(()),
            [layer] => self.bind(layer, at, true),
            layers if abilities.overlay => self.overlay(layers, at),
            layers => self.merge(layers, at),
        }
    }

    fn overlay(&mut self, layers: &[PathBuf], at: &Path) -> io::Result<()> {
        // Short names: the options must fit a page, and a path may have characters that divide them.
        let names = (0..layers.len()).map(|number| PathBuf::from(format!("/.{number}")));
        let names: Vec<PathBuf> = names.collect();
        for (layer, name) in layers.iter().zip(&names) {
            self.directory(name)?;
            self.push(Step::Bind {
                from: host(layer)?,
                to: c_path(name)?,
            });
        }
        // The first is on top.
        let lower = names.iter().rev().map(|name| name.as_os_str());
        let lower: Vec<&OsStr> = lower.collect();
        let mut options = b"lowerdir=".to_vec();
        options.extend(lower.join(OsStr::new(":")).as_bytes());
        self.push(Step::FileSystem {
            kind: c"overlay",
            at: c_path(at)?,
            options: CString::new(options)?,
        });
        for name in &names {
            self.push(Step::Unmount(c_path(name)?));
            self.push(Step::RemoveDirectory(c_path(name)?));
        }
        Ok(())
    }

    /// What only one layer has is shown as it is; directories of several are merged.
    fn merge(&mut self, layers: &[PathBuf], at: &Path) -> io::Result<()> {
        let mut names = Vec::new();
        for layer in layers {
            names.extend(sorted(layer)?.into_iter().map(|entry| entry.file_name()));
        }
        names.sort();
        names.dedup();
        for name in names {
            let of_each = layers.iter().map(|layer| layer.join(&name));
            let of_each: Vec<PathBuf> = of_each
                .filter(|path| fs::symlink_metadata(path).is_ok())
                .collect();
            let Some(last) = of_each.last() else { continue };
            let at = at.join(&name);
            let kind = fs::symlink_metadata(last)?.file_type();
            if kind.is_symlink() {
                self.link(&fs::read_link(last)?, &at)?;
                continue;
            }
            self.place(last, &at)?;
            // A file below a directory hides what is below the file, as in an archive.
            let directories = of_each.iter().rev().take_while(|path| {
                fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir())
            });
            let mut directories: Vec<PathBuf> = directories.cloned().collect();
            directories.reverse();
            if directories.len() > 1 {
                self.merge(&directories, &at)?;
            } else {
                self.bind(last, &at, true)?;
            }
        }
        Ok(())
    }

    /// `/etc/hosts`: the machine's, and the name that the environment has for itself.
    fn hosts(&mut self) -> io::Result<()> {
        let path = Path::new("/etc/hosts");
        // A machine without one resolves names some other way, which we cannot add to.
        let Ok(mut hosts) = fs::read(path) else {
            return Ok(());
        };
        if hosts.last().is_some_and(|last| *last != b'\n') {
            hosts.push(b'\n');
        }
        hosts.extend(SANDBOX.as_bytes());
        let from = c_path(HOSTS.as_ref())?;
        self.push(Step::File(from.clone(), hosts));
        self.read_only.push((path.to_owned(), HOSTS.into(), false));
        self.steps.push(Planned {
            step: Step::Bind {
                from: from.clone(),
                to: c_path(path)?,
            },
            required: false,
        });
        // It goes on to be where it was bound to.
        self.push(Step::RemoveFile(from));
        Ok(())
    }

    fn finish(&mut self, abilities: Abilities) -> io::Result<()> {
        self.push(Step::Unmount(c_path(HOST.as_ref())?));
        self.push(Step::RemoveDirectory(c_path(HOST.as_ref())?));
        let read_only = std::mem::take(&mut self.read_only);
        if abilities.trees {
            for (path, _, required) in read_only {
                let step = Step::ReadOnly(c_path(&path)?, Depth::All);
                self.steps.push(Planned { step, required });
            }
            self.push(Step::ReadOnly(c_path("/".as_ref())?, Depth::One));
        } else {
            let mounts = Mounts::read()?;
            for (path, shows, required) in read_only {
                for (below, flags) in mounts.at_and_below(&shows) {
                    let required = required && below.as_os_str().is_empty();
                    let path = if below.as_os_str().is_empty() {
                        path.clone()
                    } else {
                        path.join(below)
                    };
                    let step = Step::ReadOnlyOne(c_path(&path)?, flags);
                    self.steps.push(Planned { step, required });
                }
            }
            let flags = rustix::mount::MountFlags::NOSUID | rustix::mount::MountFlags::NODEV;
            self.push(Step::ReadOnlyOne(c_path("/".as_ref())?, flags));
        }
        self.push(Step::Open(super::OWN_MOUNTS));
        Ok(())
    }

    fn push(&mut self, step: Step<'fd>) {
        let required = true;
        self.steps.push(Planned { step, required });
    }

    fn directory(&mut self, path: &Path) -> io::Result<()> {
        self.push(Step::Directory(c_path(path)?));
        Ok(())
    }

    fn file(&mut self, path: &Path) -> io::Result<()> {
        self.push(Step::File(c_path(path)?, Vec::new()));
        Ok(())
    }

    /// Something of the same kind, to mount over.
    fn place(&mut self, like: &Path, path: &Path) -> io::Result<()> {
        match like.is_dir() {
            true => self.directory(path),
            false => self.file(path),
        }
    }

    fn link(&mut self, to: &Path, at: &Path) -> io::Result<()> {
        self.push(Step::Link {
            to: c_path(to)?,
            at: c_path(at)?,
        });
        Ok(())
    }

    /// Shows a file or directory of the machine, read-only.
    fn bind(&mut self, from: &Path, to: &Path, required: bool) -> io::Result<()> {
        let step = Step::Bind {
            from: host(from)?,
            to: c_path(to)?,
        };
        self.steps.push(Planned { step, required });
        let entry = (to.to_owned(), from.to_owned(), required);
        self.read_only.push(entry);
        Ok(())
    }
}

/// Says what a step was to do, for the message that it failed.
pub(super) fn describe(step: &Step<'_>) -> String {
    let at = |verb: &str, path: &CString| format!("{verb} `{}`", path.to_string_lossy());
    match step {
        Step::EnterUser(_) | Step::NewUser => "make a user namespace".to_owned(),
        Step::EnterMounts(_) | Step::NewMounts | Step::Follow => {
            "make a mount namespace".to_owned()
        }
        Step::Write(path, _) => at("write", path),
        Step::FileSystem { at: path, .. } => at("mount", path),
        Step::Bind { from, to } => {
            let from = from.to_string_lossy();
            let from = from.strip_prefix(HOST).unwrap_or(&from);
            match to.to_string_lossy() {
                to if to == from => format!("show `{from}`"),
                to => format!("show `{from}` at `{to}`"),
            }
        }
        Step::Directory(path) | Step::File(path, _) | Step::Link { at: path, .. } => {
            at("create", path)
        }
        Step::Root { .. } => "change the root".to_owned(),
        Step::Unmount(path) => at("unmount", path),
        Step::RemoveDirectory(path) | Step::RemoveFile(path) => at("remove", path),
        Step::ReadOnly(path, _) | Step::ReadOnlyOne(path, _) => at("write-protect", path),
        Step::Open(path) => format!("open `{}`", path.to_string_lossy()),
    }
}

fn sorted(directory: &Path) -> io::Result<Vec<fs::DirEntry>> {
    let mut entries = fs::read_dir(directory)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    Ok(entries)
}

/// Without links: one that is absolute would lead out of where we look at it.
fn real(path: &Path) -> PathBuf {
    // What cannot be found fails when it is mounted, and is named there.
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

fn host(path: &Path) -> io::Result<CString> {
    let mut bytes = HOST.as_bytes().to_vec();
    bytes.extend(path.as_os_str().as_bytes());
    Ok(CString::new(bytes)?)
}

fn c_path(path: &Path) -> io::Result<CString> {
    Ok(CString::new(path.as_os_str().as_bytes())?)
}
