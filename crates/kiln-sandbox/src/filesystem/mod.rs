//! The file system of an execution environment.
//!
//! On AWS a function finds its code in `/var/task`, its layers in `/opt`, writes to `/tmp` alone, and
//! shares that with nobody. On Linux with mount namespaces it is so here: [`FileSystems`] finds out once
//! whether they may be had, [`ReleaseFiles`] describe what a function's release has, and each execution
//! environment gets a [`FileSystem`], which its processes [enter](FileSystem::enter) one after another.
//! Everything else of the machine is where it was, and cannot be written to.
//!
//! Where namespaces are refused, in a container say, and on other systems, an environment has the
//! machine's file system and a directory of its own in `TMPDIR`.
//!
//! There is no namespace of processes: a function would be process 1 in it, for which signals have no
//! default effect and which has to reap whoever is orphaned. Daemons are found by their namespace of
//! mounts as well.

mod layout;
#[cfg(target_os = "linux")]
mod namespaces;
#[cfg(not(target_os = "linux"))]
#[path = "namespaces_none.rs"]
mod namespaces;
mod scratch;
mod settings;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};

pub use layout::{LAYERS, Layout, TASK_ROOT};
use namespaces::{Inside, Means, View};
use scratch::{Scratch, Scratches};
pub use settings::{FileSystemInForce, FileSystemSettings};

pub use crate::process::executable::Program;
use crate::text;

/// Where programs make their temporary files.
const TEMPORARY: &str = "TMPDIR";
/// Variables that name the task root.
const TASK_ROOT_VARIABLES: [&str; 2] = ["LAMBDA_TASK_ROOT", "PWD"];

/// What this machine offers of the file system of AWS. Clones are the same.
#[derive(Clone, Debug)]
pub struct FileSystems {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    in_force: FileSystemInForce,
    means: Option<Arc<Means>>,
    /// Where a namespace fails, too.
    scratches: Option<Scratches>,
}

/// The files of one release of a function. Clones are the same.
#[derive(Clone, Debug)]
pub struct ReleaseFiles {
    release: Arc<Release>,
}

#[derive(Debug)]
struct Release {
    systems: FileSystems,
    layout: Layout,
    view: Option<Arc<View>>,
}

/// The file system of one execution environment, from before its first process until after its last.
/// Clones are the same.
#[derive(Clone, Debug)]
pub struct FileSystem {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    release: Arc<Release>,
    /// Made when it is asked for: an environment whose bootstrap is missing needs none.
    place: OnceLock<Place>,
}

/// What a process of an environment does before it executes its program.
#[derive(Clone, Debug, Default)]
pub struct Entry(Option<Arc<Inside>>);

impl Entry {
    /// Enters. To be called in a child, before it executes its program: makes system calls with what was
    /// prepared, and nothing else.
    pub(crate) fn enter(&self) -> Result<(), rustix::io::Errno> {
        self.0.as_ref().map_or(Ok(()), |inside| inside.enter())
    }
}

/// Where the processes of an environment are.
#[derive(Debug)]
struct Place {
    kind: Kind,
    /// Why it is not what was wanted.
    notice: Option<String>,
}

#[derive(Debug)]
enum Kind {
    Inside(Arc<Inside>),
    Beside(Scratch),
    Outside,
}

impl FileSystems {
    /// Finds out what this machine offers of what is wanted.
    pub fn detect(settings: FileSystemSettings) -> Self {
        let found = match settings {
            FileSystemSettings::Auto => Means::detect(),
            FileSystemSettings::Fallback => Err("as configured".to_owned()),
            FileSystemSettings::Off => return Self::off(),
        };
        let (in_force, means) = match found {
            Ok(means) => (FileSystemInForce::AsOnAws, Some(Arc::new(means))),
            Err(why) => (FileSystemInForce::PrivateDirectory { why }, None),
        };
        let scratches = Some(Scratches::new(&std::env::temp_dir()));
        Self {
            shared: Arc::new(Shared {
                in_force,
                means,
                scratches,
            }),
        }
    }

    /// The file system of this machine, and nothing that must be undone.
    pub fn off() -> Self {
        Self {
            shared: Arc::new(Shared {
                in_force: FileSystemInForce::OfThisMachine,
                means: None,
                scratches: None,
            }),
        }
    }

    /// What is in force, for people.
    pub fn in_force(&self) -> &FileSystemInForce {
        &self.shared.in_force
    }

    /// Describes a release's files, and begins to make what its first environment gets.
    pub fn release(&self, layout: Layout) -> ReleaseFiles {
        let means = self.shared.means.clone();
        ReleaseFiles {
            release: Arc::new(Release {
                view: means.map(|means| View::new(means, layout.clone())),
                systems: self.clone(),
                layout,
            }),
        }
    }
}

impl ReleaseFiles {
    /// The task root as functions know it, for their variables.
    pub fn task_root(&self) -> &Path {
        match &self.release.view {
            Some(_) => TASK_ROOT.as_ref(),
            None => &self.release.layout.task_root,
        }
    }

    /// The file system of a new environment.
    pub fn environment(&self) -> FileSystem {
        FileSystem {
            inner: Arc::new(Inner {
                release: Arc::clone(&self.release),
                place: OnceLock::new(),
            }),
        }
    }
}

impl FileSystem {
    /// The bootstrap, as this machine knows it.
    ///
    /// # Errors
    /// There is none: where it was looked for, as the function would know it.
    pub fn bootstrap(&self) -> Result<PathBuf, Vec<String>> {
        let layout = &self.inner.release.layout;
        if let Some(found) = layout.candidates().find(|path| path.exists()) {
            return Ok(found);
        }
        Err(match &self.inner.release.view {
            Some(_) => [TASK_ROOT, LAYERS]
                .map(|root| format!("{root}/{}", layout::BOOTSTRAP))
                .into(),
            None => layout
                .candidates()
                .map(|path| path.to_string_lossy().into_owned())
                .collect(),
        })
    }

    /// What the environment's processes call a file of the release; other files have the same name.
    pub fn inside(&self, path: &Path) -> PathBuf {
        match self.place().kind {
            Kind::Inside(_) => self.inner.release.layout.inside(path),
            Kind::Beside(_) | Kind::Outside => path.to_owned(),
        }
    }

    /// How to start an executable of the release, the bootstrap or an extension, by itself or under an
    /// emulator. Its process has to [enter](Self::enter).
    pub fn program(&self, path: &Path) -> Program {
        let inside = matches!(self.place().kind, Kind::Inside(_));
        let hidden = ["/tmp", LAYERS, TASK_ROOT];
        let sees = |path: &Path| !inside || hidden.iter().all(|hidden| !path.starts_with(hidden));
        Program::new(path, &self.inside(path), sees)
    }

    /// What has a process of the environment see this file system, and begin in the task root. To be called
    /// when the command has its variables.
    pub fn enter(&self, command: &mut Command) -> Entry {
        let release = &self.inner.release;
        let has = |command: &Command, name: &str| {
            command.get_envs().any(|(held, _)| held == OsStr::new(name))
        };
        let root = match &self.place().kind {
            Kind::Inside(inside) => {
                return Entry(Some(Arc::clone(inside)));
            }
            Kind::Beside(scratch) => {
                if !has(command, TEMPORARY) {
                    command.env(TEMPORARY, &scratch.directory);
                }
                &release.layout.task_root
            }
            Kind::Outside => &release.layout.task_root,
        };
        command.current_dir(root);
        // They name what was meant to be; extensions have none of them.
        for name in TASK_ROOT_VARIABLES {
            if release.view.is_some() && has(command, name) {
                command.env(name, root);
            }
        }
        Entry(None)
    }

    /// Why the environment's file system is not the one that is in force; for its log, once.
    pub fn notice(&self) -> Option<&str> {
        self.place().notice.as_deref()
    }

    /// What tells its processes from all others, where they have namespaces of their own.
    pub fn number(&self) -> Option<u64> {
        match &self.place().kind {
            Kind::Inside(inside) => Some(inside.number()),
            Kind::Beside(_) | Kind::Outside => None,
        }
    }

    fn place(&self) -> &Place {
        self.inner.place.get_or_init(|| self.inner.make())
    }
}

impl Inner {
    fn make(&self) -> Place {
        let inside = self.release.view.as_ref();
        let mut notice = match inside.map(|view| view.environment()) {
            Some(Ok(inside)) => {
                return Place {
                    kind: Kind::Inside(Arc::new(inside)),
                    notice: None,
                };
            }
            Some(Err(why)) => Some(format!("the file system is this machine's: {why}")),
            None => None,
        };
        let scratches = self.release.systems.shared.scratches.as_ref();
        let kind = match scratches.map(Scratches::create) {
            Some(Ok(scratch)) => Kind::Beside(scratch),
            Some(Err(error)) => {
                let why = text::of_os_error(&error);
                notice.get_or_insert(format!("there is no private directory in `TMPDIR`: {why}"));
                Kind::Outside
            }
            None => Kind::Outside,
        };
        Place { kind, notice }
    }
}
