//! A file system of one's own on Linux: mount namespaces, as root or in a user namespace.
//!
//! A release's view is assembled once, in a namespace that nobody runs in. Each environment gets a copy
//! of it with a `/tmp` of its own, which all its processes enter: what is in `/tmp` is there as long as
//! the environment, whatever becomes of them. The next copy is made before anybody asks for it: nobody's
//! cold start waits for it, or for one to be taken apart. Namespaces are held by descriptors and processes alone:
//! when Kiln is killed, they and all that is mounted in them go as well, once no child of a function's
//! is left in them.

mod mounts;
mod plan;
mod steps;

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use rustix::io::Errno;
use rustix::thread::LinkNameSpaceType;

use super::layout::Layout;
use plan::{Abilities, describe};
use steps::{Failed, Planned, Step};

const OWN_MOUNTS: &CStr = c"/proc/self/ns/mnt";
const OWN_USER: &CStr = c"/proc/self/ns/user";

/// How this machine lets us have namespaces.
#[derive(Debug)]
pub(super) struct Means {
    /// Where we are not root: a user namespace in which we are who we are, and may mount.
    user: Option<OwnedFd>,
    abilities: Mutex<Abilities>,
    /// To a thread that does what nobody is to wait for.
    chores: Sender<Chore>,
}

#[derive(Debug)]
enum Chore {
    /// Makes what the next environment of a release gets.
    Prepare(Weak<View>),
    /// Takes a namespace apart.
    Forget(OwnedFd),
}

/// A release's files as its environments see them, apart from `/tmp`.
#[derive(Debug)]
pub(super) struct View {
    means: Arc<Means>,
    layout: Layout,
    made: Mutex<Option<Made>>,
    /// For the next environment, and of which view it is a copy.
    spare: Mutex<Option<(Arc<OwnedFd>, OwnedFd)>>,
}

#[derive(Debug)]
struct Made {
    mounts: Arc<OwnedFd>,
    /// When an entry of the task root came or went the last time.
    changed: Option<SystemTime>,
    /// There was a bootstrap to show.
    complete: bool,
}

/// What the processes of one environment see.
#[derive(Debug)]
pub(super) struct Inside {
    means: Arc<Means>,
    /// Held until we go.
    mounts: Option<OwnedFd>,
    number: u64,
}

impl Means {
    /// Tries it.
    ///
    /// # Errors
    /// Why not, for people.
    pub(super) fn detect() -> Result<Self, String> {
        let as_root = Self::try_out(None);
        if as_root.is_ok() {
            return as_root;
        }
        Self::in_user_namespace()
    }

    /// The way of those who are not root, and of a root who may not mount.
    pub(super) fn in_user_namespace() -> Result<Self, String> {
        let steps = own_user_namespace();
        let opened = steps::run(&steps).map_err(|failed| explain(&steps, &failed))?;
        Self::try_out(opened.into_iter().next())
    }

    fn try_out(user: Option<OwnedFd>) -> Result<Self, String> {
        let plan = plan::trial(user.as_ref()).map_err(|error| error.to_string())?;
        steps::run(&plan.steps).map_err(|failed| explain(&plan.steps, &failed))?;
        drop(plan);
        let abilities = Abilities {
            overlay: true,
            trees: true,
        };
        Ok(Self {
            user,
            abilities: Mutex::new(abilities),
            chores: do_chores(),
        })
    }

    fn abilities(&self) -> Abilities {
        *self
            .abilities
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Assembles the view of a release.
    fn assemble(&self, layout: &Layout) -> Result<OwnedFd, String> {
        loop {
            let abilities = self.abilities();
            let user = self.user.as_ref();
            let plan = plan::view(user, layout, abilities).map_err(|error| error.to_string())?;
            let failed = match steps::run(&plan.steps) {
                Ok(opened) => {
                    let mounts = opened.into_iter().next();
                    return mounts.ok_or_else(|| "the namespace could not be kept".to_owned());
                }
                Err(failed) => failed,
            };
            // An older kernel: there is another way, which takes longer.
            let without = match plan.steps.get(failed.index).map(|planned| &planned.step) {
                Some(Step::FileSystem { kind, .. }) if *kind == c"overlay" => Abilities {
                    overlay: false,
                    ..abilities
                },
                Some(Step::ReadOnly(..)) if is(&failed.error, Errno::NOSYS) => Abilities {
                    trees: false,
                    ..abilities
                },
                _ => abilities,
            };
            if without == abilities {
                return Err(explain(&plan.steps, &failed));
            }
            *self
                .abilities
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = without;
        }
    }
}

impl View {
    pub(super) fn new(means: Arc<Means>, layout: Layout) -> Arc<Self> {
        let view = Arc::new(Self {
            means,
            layout,
            made: Mutex::default(),
            spare: Mutex::default(),
        });
        view.prepare_next();
        view
    }

    fn prepare_next(self: &Arc<Self>) {
        let _ = self.means.chores.send(Chore::Prepare(Arc::downgrade(self)));
    }

    /// The view, assembled when the first environment asks for it, and again when entries of the task
    /// root have come or gone.
    fn mounts(&self) -> Result<Arc<OwnedFd>, String> {
        let metadata = std::fs::metadata(&self.layout.task_root);
        let changed = metadata.and_then(|metadata| metadata.modified()).ok();
        let complete = self.layout.bootstrap.exists();
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = &*made
            && made.changed == changed
            && made.complete == complete
        {
            return Ok(Arc::clone(&made.mounts));
        }
        let mounts = Arc::new(self.means.assemble(&self.layout)?);
        *made = Some(Made {
            mounts: Arc::clone(&mounts),
            changed,
            complete,
        });
        Ok(mounts)
    }

    /// The view with a `/tmp`, for one environment.
    ///
    /// # Errors
    /// Why not, for people.
    pub(super) fn environment(self: &Arc<Self>) -> Result<Inside, String> {
        let view = self.mounts()?;
        let spare = self.lock_spare().take();
        let spare = spare.filter(|(of, _)| Arc::ptr_eq(of, &view));
        let mounts = match spare {
            Some((_, mounts)) => mounts,
            None => self.copy(&view)?,
        };
        self.prepare_next();
        let stat = rustix::fs::fstat(&mounts).map_err(|errno| errno.to_string())?;
        Ok(Inside {
            means: Arc::clone(&self.means),
            mounts: Some(mounts),
            number: stat.st_ino,
        })
    }

    /// Makes what the next environment gets. What goes wrong is told when it asks.
    fn prepare(&self) {
        let Ok(view) = self.mounts() else { return };
        // Several environments of a burst have asked for the same.
        let is_there = |spare: &(Arc<OwnedFd>, OwnedFd)| Arc::ptr_eq(&spare.0, &view);
        if self.lock_spare().as_ref().is_some_and(is_there) {
            return;
        }
        if let Ok(mounts) = self.copy(&view) {
            *self.lock_spare() = Some((view, mounts));
        }
    }

    fn copy(&self, view: &OwnedFd) -> Result<OwnedFd, String> {
        let mut plan = Vec::new();
        let mut push = |step| {
            let required = true;
            plan.push(Planned { step, required });
        };
        if let Some(user) = &self.means.user {
            push(Step::EnterUser(user.as_fd()));
        }
        push(Step::EnterMounts(view.as_fd()));
        push(Step::NewMounts);
        let options = CString::new(format!("mode=1777,size={}m", self.layout.tmp_mb));
        push(Step::FileSystem {
            kind: c"tmpfs",
            at: c"/tmp".into(),
            options: options.map_err(|error| error.to_string())?,
        });
        push(Step::Open(OWN_MOUNTS));
        let opened = steps::run(&plan).map_err(|failed| explain(&plan, &failed))?;
        let mounts = opened.into_iter().next();
        mounts.ok_or_else(|| "the namespace could not be kept".to_owned())
    }

    fn lock_spare(&self) -> MutexGuard<'_, Option<(Arc<OwnedFd>, OwnedFd)>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        if let Some(mounts) = self.mounts.take() {
            // Closed here where nobody does chores any more.
            let _ = self.means.chores.send(Chore::Forget(mounts));
        }
    }
}

/// How long chores wait: as long as the start of a process takes.
const PAUSE: Duration = Duration::from_millis(20);

/// A thread for chores. It ends when nobody can send any.
fn do_chores() -> Sender<Chore> {
    let (sender, chores) = channel();
    let work = move || {
        while let Ok(first) = chores.recv() {
            // Not at once: the process that has just been started needs the processors more.
            std::thread::sleep(PAUSE);
            let rest: Vec<Chore> = chores.try_iter().collect();
            for chore in std::iter::once(first).chain(rest) {
                match chore {
                    Chore::Prepare(view) => view.upgrade().iter().for_each(|view| view.prepare()),
                    Chore::Forget(mounts) => drop(mounts),
                }
            }
        }
    };
    // Without it, environments wait for what they need.
    let _ = std::thread::Builder::new()
        .name("kiln-files".to_owned())
        .spawn(work);
    sender
}

impl Inside {
    /// Has the calling process see it, and be in the task root. To be called in a child, before it
    /// executes its program: makes system calls with what was prepared, and nothing else.
    pub(super) fn enter(&self) -> Result<(), Errno> {
        if let Some(user) = &self.means.user {
            steps::enter(user.as_fd(), LinkNameSpaceType::User)?;
        }
        if let Some(mounts) = &self.mounts {
            steps::enter(mounts.as_fd(), LinkNameSpaceType::Mount)?;
        }
        rustix::process::chdir(c"/var/task")
    }

    /// What tells processes inside from all others.
    pub(super) fn number(&self) -> u64 {
        self.number
    }
}

/// A user namespace with one user, who is who he is outside: his files stay his.
fn own_user_namespace() -> Vec<Planned<'static>> {
    let user = rustix::process::geteuid().as_raw();
    let group = rustix::process::getegid().as_raw();
    let write = |path: &CStr, text: String| Step::Write(path.into(), text.into_bytes());
    let steps = [
        Step::NewUser,
        // The kernel maps a group only for those who cannot leave groups that deny them something.
        write(c"/proc/self/setgroups", "deny".to_owned()),
        write(c"/proc/self/uid_map", format!("{user} {user} 1")),
        write(c"/proc/self/gid_map", format!("{group} {group} 1")),
        Step::Open(OWN_USER),
    ];
    let required = true;
    let planned = steps.map(|step| Planned { step, required });
    planned.into()
}

fn is(error: &io::Error, errno: Errno) -> bool {
    error.raw_os_error() == Some(errno.raw_os_error())
}

/// What went wrong: `cannot mount `/opt`: operation not permitted`.
fn explain(steps: &[Planned<'_>], failed: &Failed) -> String {
    let what = steps
        .get(failed.index)
        .map(|planned| describe(&planned.step));
    let what = what.unwrap_or_else(|| "start a process".to_owned());
    let why = crate::text::of_os_error(&failed.error);
    let refused = is(&failed.error, Errno::PERM) || is(&failed.error, Errno::ACCESS);
    let setting = match steps.get(failed.index).map(|planned| &planned.step) {
        // What it means by the space that is left on a device.
        Some(Step::NewUser) if is(&failed.error, Errno::NOSPC) => Some("user.max_user_namespaces"),
        Some(Step::NewMounts) if is(&failed.error, Errno::NOSPC) => Some("user.max_mnt_namespaces"),
        _ => restriction().filter(|_| refused),
    };
    match setting {
        Some(setting) => format!("cannot {what}: {why}; `{setting}` restricts it"),
        None => format!("cannot {what}: {why}"),
    }
}

/// The setting that keeps ordinary users from having namespaces, where there is one.
fn restriction() -> Option<&'static str> {
    let is = |path: &str, value: &str| {
        std::fs::read_to_string(path).is_ok_and(|text| text.trim() == value)
    };
    if is(
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
    ) {
        return Some("kernel.apparmor_restrict_unprivileged_userns");
    }
    is("/proc/sys/kernel/unprivileged_userns_clone", "0")
        .then_some("kernel.unprivileged_userns_clone")
}

#[cfg(test)]
mod tests;
