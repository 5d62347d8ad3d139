//! Which files a build depends on, and waiting for one of them to change.
//!
//! Cargo writes down what each executable was made of (the `.d` file beside it). Together with the
//! manifests and env files this is exact: editing a README rebuilds nothing. Two cases want more: a
//! build that failed may be waiting for a file that does not exist yet, and a package with a build
//! script may read anything in it. There every file that no ignore file names counts.
//!
//! Builds write files too, and so do the functions that are served: a build must not be what causes
//! the next one for ever. A file counts when its content is another than before, never when it is
//! where our own output goes; only known inputs put an end to a build that runs, and what is none
//! and changes with every build is left alone.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsStr;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ignore::WalkBuilder;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// How long changes are collected once one was seen: a save is several events.
const DEBOUNCE: Duration = Duration::from_millis(20);
/// Files that say what to leave alone, weakest first.
const IGNORE_FILES: [&str; 4] = [".gitignore", ".ignore", ".cargolambdaignore", ".kilnignore"];

/// What is watched.
#[derive(Clone, Debug, Default)]
pub struct Interest {
    /// Directories of the packages involved.
    pub roots: BTreeSet<PathBuf>,
    /// Files the last good build was made of, configuration included.
    pub files: BTreeSet<PathBuf>,
    /// Directories in which any file counts.
    pub anything_in: BTreeSet<PathBuf>,
    /// Where cargo writes: never of interest.
    pub target_directory: PathBuf,
    /// More files with patterns, from `KILN_IGNORE_FILE` or `CARGO_LAMBDA_IGNORE_FILE`.
    pub ignore_files: Vec<PathBuf>,
}

/// Watches the file system.
pub struct Sources {
    watcher: RecommendedWatcher,
    events: UnboundedReceiver<PathBuf>,
    /// Changes that were seen and not handed out yet.
    pending: Vec<PathBuf>,
    interest: Interest,
    watched: BTreeSet<PathBuf>,
    /// Patterns by the directory they hold in.
    ignored: BTreeMap<PathBuf, Gitignore>,
    /// What changed files held when they were last looked at; `None` where there was no file.
    contents: HashMap<PathBuf, Option<u64>>,
    /// Files that no build seems to be made of, and that change with each.
    left_alone: BTreeSet<PathBuf>,
    /// Device and inode of the files that stdout and stderr go to.
    own_output: Vec<(u64, u64)>,
}

impl Sources {
    /// A watcher of nothing yet.
    ///
    /// # Errors
    /// When the system has no more of them to give.
    pub fn new() -> notify::Result<Self> {
        let (sender, events) = unbounded_channel();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // An error of the watcher loses events at worst; the next save comes through.
            let Ok(event) = event else { return };
            if is_change(event.kind) {
                for path in event.paths {
                    // The receiver is gone when nobody watches any more.
                    let _ = sender.send(path);
                }
            }
        })?;
        Ok(Self {
            watcher,
            events,
            pending: Vec::new(),
            interest: Interest::default(),
            watched: BTreeSet::new(),
            ignored: BTreeMap::new(),
            contents: HashMap::new(),
            left_alone: BTreeSet::new(),
            own_output: own_output(),
        })
    }

    /// Watches this from now on.
    ///
    /// # Errors
    /// When the system offers no more watches.
    pub fn set_interest(&mut self, interest: Interest) -> notify::Result<()> {
        self.interest = interest;
        self.ignored.clear();
        let roots: Vec<PathBuf> = self.interest.roots.iter().cloned().collect();
        for root in &roots {
            self.watch_tree(root)?;
        }
        // Files outside the packages: a shared env file, a path include, the workspace manifest.
        let outside: BTreeSet<PathBuf> = self
            .interest
            .files
            .iter()
            .filter(|file| !roots.iter().any(|root| file.starts_with(root)))
            .filter_map(|file| Some(file.parent()?.to_owned()))
            // A `.cargo` that does not exist cannot be watched; nor can it say anything.
            .filter(|directory| directory.is_dir())
            .collect();
        for directory in outside {
            self.watch_directory(&directory)?;
        }
        Ok(())
    }

    /// Waits for a change that concerns the build; [`changed`](Self::changed) then says which.
    ///
    /// Cancel safe: what was seen when the future is dropped comes with the next call.
    pub async fn stirred(&mut self) {
        self.pending_where(|_, _| true).await;
    }

    /// Waits for a change that concerns the build, and for those that come with it; returns the
    /// files, in the order of change.
    ///
    /// Cancel safe, as `stirred` is.
    pub async fn changed(&mut self) -> Vec<PathBuf> {
        self.stirred().await;
        self.settled().await
    }

    /// As [`changed`](Self::changed), once a known input of the build is among the files: what else
    /// changes while a build runs may be its own doing, and waits until it has ended.
    pub async fn input_changed(&mut self) -> Vec<PathBuf> {
        self.pending_where(Self::is_input).await;
        self.settled().await
    }

    /// Changes that were seen and not handed out yet.
    pub fn pending(&self) -> &[PathBuf] {
        &self.pending
    }

    /// Lets what is pending cause no more builds, now and later; inputs still do.
    pub fn leave_alone(&mut self) {
        let (inputs, others) = std::mem::take(&mut self.pending)
            .into_iter()
            .partition(|path| self.is_input(path));
        self.pending = inputs;
        self.left_alone.extend(others);
    }

    async fn pending_where(&mut self, enough: fn(&Self, &Path) -> bool) {
        while !self.pending.iter().any(|path| enough(self, path)) {
            match self.events.recv().await {
                Some(path) => self.note(path),
                // The watcher lives as long as we do.
                None => std::future::pending().await,
            }
        }
    }

    /// What is pending once the rest of a save has come.
    async fn settled(&mut self) -> Vec<PathBuf> {
        let until = tokio::time::Instant::now() + DEBOUNCE;
        while let Ok(Some(path)) = tokio::time::timeout_at(until, self.events.recv()).await {
            self.note(path);
        }
        std::mem::take(&mut self.pending)
    }

    fn note(&mut self, path: PathBuf) {
        if path.is_dir() {
            self.note_directory(&path);
            return;
        }
        // It may have been one, which took its watches with it.
        self.forget(&path);
        if self.concerns(&path) && self.has_other_content(&path) && !self.pending.contains(&path) {
            self.pending.push(path);
        }
    }

    /// Watches a directory that is new, or that took the place of one which was removed.
    fn note_directory(&mut self, path: &Path) {
        let Interest {
            roots,
            target_directory,
            ..
        } = &self.interest;
        // Cargo makes its directory anew after a `cargo clean`.
        if path.starts_with(target_directory)
            || path.ends_with(".git")
            || !roots.iter().any(|root| path.starts_with(root))
            || self.is_ignored(path, true)
        {
            return;
        }
        self.forget(path);
        // Out of watches: edits in the new directory go unseen, as they would without it.
        for directory in self.watch_tree(path).unwrap_or_default() {
            // What came into it before it was watched has told nobody.
            for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
                let path = entry.path();
                if !self.watched.contains(&path) {
                    self.note(path);
                }
            }
        }
    }

    /// No watch is left on what is gone, whatever takes its name.
    fn forget(&mut self, directory: &Path) {
        if self.watched.contains(directory) {
            self.watched
                .retain(|watched| !watched.starts_with(directory));
        }
    }

    fn has_other_content(&mut self, path: &Path) -> bool {
        let now = content(path);
        match self.contents.insert(path.to_owned(), now) {
            Some(before) => before != now,
            // A temporary file that came and went is no change.
            None => now.is_some() || self.is_input(path),
        }
    }

    fn is_input(&self, path: &Path) -> bool {
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        self.interest.files.contains(path) || matches!(name, "Cargo.toml" | "CargoLambda.toml")
    }

    fn concerns(&self, path: &Path) -> bool {
        if path.starts_with(&self.interest.target_directory) || self.is_ignored(path, false) {
            return false;
        }
        // Written by cargo itself in the course of a build.
        if path.file_name() == Some(OsStr::new("Cargo.lock")) {
            return false;
        }
        let anything_in = &self.interest.anything_in;
        self.is_input(path)
            || anything_in.iter().any(|root| path.starts_with(root))
                && !self.left_alone.contains(path)
                && !self.is_own_output(path)
    }

    fn is_own_output(&self, path: &Path) -> bool {
        !self.own_output.is_empty()
            && fs::metadata(path)
                .is_ok_and(|file| self.own_output.contains(&(file.dev(), file.ino())))
    }

    fn is_ignored(&self, path: &Path, directory: bool) -> bool {
        // The closest directory decides, and in it the strongest file: both are the last that match.
        path.ancestors()
            .skip(1)
            .filter_map(|parent| self.ignored.get(parent))
            .map(|patterns| patterns.matched_path_or_any_parents(path, directory))
            .find(|matched| !matched.is_none())
            .is_some_and(|matched| matched.is_ignore())
    }

    /// Watches a directory and those below it that are not ignored; returns them.
    fn watch_tree(&mut self, root: &Path) -> notify::Result<Vec<PathBuf>> {
        let target = self.interest.target_directory.clone();
        let mut walk = WalkBuilder::new(root);
        // Hidden directories such as `.cargo` may matter; version control never does.
        walk.hidden(false)
            .require_git(false)
            .git_global(false)
            .filter_entry(move |entry| entry.file_name() != ".git" && entry.path() != target);
        for name in [".cargolambdaignore", ".kilnignore"] {
            walk.add_custom_ignore_filename(name);
        }
        for file in &self.interest.ignore_files {
            walk.add_ignore(file);
        }
        self.read_ignore_files(root.parent().into_iter().flat_map(Path::ancestors));
        let directories: Vec<PathBuf> = walk
            .build()
            .flatten()
            .filter(|entry| entry.file_type().is_some_and(|kind| kind.is_dir()))
            .map(ignore::DirEntry::into_path)
            .collect();
        for directory in &directories {
            self.read_ignore_files(std::iter::once(directory.as_path()));
            self.watch_directory(directory)?;
        }
        Ok(directories)
    }

    fn watch_directory(&mut self, directory: &Path) -> notify::Result<()> {
        if self.watched.contains(directory) {
            return Ok(());
        }
        match self.watcher.watch(directory, RecursiveMode::NonRecursive) {
            Ok(()) => self.watched.insert(directory.to_owned()),
            // Gone since it was listed. Should it come back, that is an event of the one above.
            Err(_) if !directory.is_dir() => false,
            Err(error) => return Err(error),
        };
        Ok(())
    }

    fn read_ignore_files<'a>(&mut self, directories: impl Iterator<Item = &'a Path>) {
        for directory in directories {
            let mut patterns = GitignoreBuilder::new(directory);
            let mut any = false;
            for name in IGNORE_FILES {
                let file = directory.join(name);
                if file.is_file() {
                    // A pattern that does not parse is left out; the rest of the file holds.
                    let _ = patterns.add(file);
                    any = true;
                }
            }
            if self.interest.roots.contains(directory) {
                for file in &self.interest.ignore_files {
                    let _ = patterns.add(file);
                    any = true;
                }
            }
            if any && let Ok(patterns) = patterns.build() {
                self.ignored.insert(directory.to_owned(), patterns);
            }
        }
    }
}

/// What tells one content of a file from another; `None` where there is no file to read.
fn content(path: &Path) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    fs::read(path).ok()?.hash(&mut hasher);
    Some(hasher.finish())
}

/// The files that this process writes to: `kiln watch > functions.log` is no reason to build.
fn own_output() -> Vec<(u64, u64)> {
    let identity = |stat: rustix::fs::Stat| (stat.st_dev, stat.st_ino);
    [
        rustix::fs::fstat(std::io::stdout()),
        rustix::fs::fstat(std::io::stderr()),
    ]
    .into_iter()
    .flatten()
    .map(identity)
    .collect()
}

/// Whether an event changes what a compiler would read.
fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Create(_) | EventKind::Remove(_) => true,
        EventKind::Modify(kind) => !matches!(kind, ModifyKind::Metadata(_)),
        EventKind::Access(kind) => kind == AccessKind::Close(AccessMode::Write),
        EventKind::Any | EventKind::Other => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project() -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = directory.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("Cargo.toml", "");
        write("src/main.rs", "");
        write("src/notes.txt", "");
        write("src/generated.rs", "");
        write("target/debug/x", "");
        write("assets/.gitignore", "*.tmp");
        write("assets/a.tmp", "");
        write("assets/a.txt", "");
        write(".gitignore", "generated.rs\n");
        write(".kilnignore", "!generated.rs\nnotes.txt\n");
        directory
    }

    #[test]
    fn only_what_the_build_is_made_of_concerns_it() {
        let directory = project();
        let root = directory.path();
        let mut interest = Interest {
            roots: [root.to_owned()].into(),
            files: [
                root.join("src/main.rs"),
                root.join("src/generated.rs"),
                root.join("src/notes.txt"),
            ]
            .into(),
            target_directory: root.join("target"),
            ..Interest::default()
        };
        let mut sources = Sources::new().unwrap();
        sources.set_interest(interest.clone()).unwrap();
        for (path, concerns) in [
            ("src/main.rs", true),
            ("Cargo.toml", true),
            ("Cargo.lock", false),
            ("assets/a.txt", false),
            ("target/debug/x", false),
            // `.kilnignore` is stronger than `.gitignore`, in both directions.
            ("src/generated.rs", true),
            ("src/notes.txt", false),
        ] {
            assert_eq!(sources.concerns(&root.join(path)), concerns, "{path}");
        }
        interest.anything_in = [root.to_owned()].into();
        sources.set_interest(interest).unwrap();
        for (path, concerns) in [
            ("assets/a.txt", true),
            ("assets/a.tmp", false),
            ("src/new.rs", true),
            ("target/debug/x", false),
        ] {
            assert_eq!(sources.concerns(&root.join(path)), concerns, "{path}");
        }
        assert!(sources.watched.contains(&root.join("src")));
        assert!(!sources.watched.contains(&root.join("target")));
    }

    /// Sources that watch all of a project.
    fn sources(root: &Path) -> Sources {
        let mut sources = Sources::new().unwrap();
        let interest = Interest {
            roots: [root.to_owned()].into(),
            files: [root.join("src/main.rs")].into(),
            anything_in: [root.to_owned()].into(),
            target_directory: root.join("target"),
            ..Interest::default()
        };
        sources.set_interest(interest).unwrap();
        sources
    }

    #[test]
    fn a_change_is_another_content() {
        let directory = project();
        let root = directory.path();
        let mut sources = sources(root);
        let mut noted = |path: &str| {
            sources.note(root.join(path));
            std::mem::take(&mut sources.pending).len()
        };
        assert_eq!(noted("src/main.rs"), 1, "not seen before");
        assert_eq!(noted("src/main.rs"), 0, "written again as it was");
        fs::write(root.join("src/main.rs"), "changed").unwrap();
        assert_eq!(noted("src/main.rs"), 1);
        fs::remove_file(root.join("src/main.rs")).unwrap();
        assert_eq!(noted("src/main.rs"), 1);
        assert_eq!(noted("src/came-and-went.tmp"), 0);
    }

    #[test]
    fn what_a_new_directory_holds_already_is_seen() {
        let directory = project();
        let root = directory.path();
        let mut sources = sources(root);
        let deep = root.join("src/new/deep");
        fs::create_dir_all(&deep).unwrap();
        fs::write(deep.join("mod.rs"), "").unwrap();
        sources.note(root.join("src/new"));
        assert_eq!(sources.pending, [deep.join("mod.rs")]);
        assert!(sources.watched.contains(&deep));
        // Its watch goes with it, whatever comes under its name.
        fs::remove_dir_all(root.join("src/new")).unwrap();
        sources.note(root.join("src/new"));
        assert!(!sources.watched.contains(&deep));
        assert!(sources.watched.contains(&root.join("src")));
    }

    #[tokio::test]
    async fn only_inputs_end_a_build_and_the_rest_is_not_lost() {
        let directory = project();
        let root = directory.path();
        let mut sources = sources(root);
        sources.note(root.join("assets/a.txt"));
        tokio::select! {
            biased;
            _ = sources.input_changed() => panic!("not an input"),
            () = std::future::ready(()) => {}
        }
        assert_eq!(sources.changed().await, [root.join("assets/a.txt")]);
        sources.note(root.join("src/main.rs"));
        assert_eq!(sources.input_changed().await, [root.join("src/main.rs")]);
    }

    #[test]
    fn what_is_left_alone_counts_as_an_input_only() {
        let directory = project();
        let root = directory.path();
        let mut sources = sources(root);
        sources.note(root.join("assets/a.txt"));
        sources.note(root.join("src/main.rs"));
        sources.leave_alone();
        assert_eq!(sources.pending, [root.join("src/main.rs")]);
        assert!(!sources.concerns(&root.join("assets/a.txt")));
        sources.interest.files.insert(root.join("assets/a.txt"));
        assert!(sources.concerns(&root.join("assets/a.txt")));
    }

    #[tokio::test]
    async fn the_first_change_is_known_before_all_are() {
        let directory = project();
        let root = directory.path();
        let mut sources = sources(root);
        let (first, second) = (root.join("src/main.rs"), root.join("src/generated.rs"));
        fs::write(&first, "1").unwrap();
        sources.stirred().await;
        fs::write(&second, "2").unwrap();
        assert_eq!(sources.changed().await, [first, second]);
    }
}
