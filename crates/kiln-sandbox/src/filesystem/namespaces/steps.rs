//! System calls that make a view, prepared as data and carried out in a child that has nothing but
//! our memory and our descriptors in common with us.
//!
//! A thread of Kiln cannot do it itself: who enters a user namespace must be alone in its process. A
//! fork would copy the page tables of the whole of Kiln; a child in our memory costs some 30 µs, and
//! may do what a signal handler may: make system calls with what was prepared before.

use std::ffi::{CStr, CString, c_int, c_void};
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags};
use rustix::thread::{LinkNameSpaceType, UnshareFlags};

use crate::process::child::in_our_memory;

/// One system call, or the few that belong together.
#[derive(Debug)]
pub(super) enum Step<'fd> {
    EnterUser(BorrowedFd<'fd>),
    EnterMounts(BorrowedFd<'fd>),
    NewUser,
    NewMounts,
    /// Writes a file that is there, in one call.
    Write(CString, Vec<u8>),
    /// What is mounted and unmounted outside follows here, and not the other way round: nobody's
    /// memory stick stays busy because a function runs.
    Follow,
    FileSystem {
        kind: &'static CStr,
        at: CString,
        options: CString,
    },
    Bind {
        from: CString,
        to: CString,
    },
    Directory(CString),
    File(CString, Vec<u8>),
    Link {
        to: CString,
        at: CString,
    },
    /// Makes a mount the root, and shows the old one at a directory of it.
    Root {
        new: CString,
        old: CString,
    },
    Unmount(CString),
    RemoveDirectory(CString),
    RemoveFile(CString),
    /// The mount at this path, and with it those below.
    ReadOnly(CString, Depth),
    /// As before Linux 5.12: one mount, with the flags it has.
    ReadOnlyOne(CString, MountFlags),
    /// Opens what the child has become part of.
    Open(&'static CStr),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    One,
    All,
}

/// A step, and what it means when it fails.
#[derive(Debug)]
pub(super) struct Planned<'fd> {
    pub(super) step: Step<'fd>,
    /// Without it there is no view; others are left out when they fail.
    pub(super) required: bool,
}

/// A step that failed, and with it the rest.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) index: usize,
    pub(super) error: io::Error,
}

/// What the child works on, and where it leaves what it has found.
struct Job<'a> {
    steps: &'a [Planned<'a>],
    opened: [RawFd; 2],
    failed: Option<(usize, Errno)>,
}

/// Carries the steps out in a child; returns what they opened.
pub(super) fn run(steps: &[Planned<'_>]) -> Result<Vec<OwnedFd>, Failed> {
    let mut job = Job {
        steps,
        opened: [-1; 2],
        failed: None,
    };
    // SAFETY: `carry_out` makes system calls with what the job has, and touches nothing else.
    let child = unsafe { in_our_memory(carry_out, (&raw mut job).cast(), libc::CLONE_FILES) };
    let child = child.map_err(|error| Failed { index: 0, error })?;
    // It ends without a signal to us; `__WALL` waits for such children.
    // SAFETY: reaps the child; no status is asked for.
    while unsafe { libc::waitpid(child, std::ptr::null_mut(), libc::__WALL) } < 0
        && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
    {}
    let opened = job.opened.into_iter().filter(|fd| *fd >= 0);
    // SAFETY: the child opened them in the table of descriptors that it shares with us, and nobody
    // else knows of them.
    let opened = opened.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
    let opened: Vec<OwnedFd> = opened.collect();
    match job.failed {
        None => Ok(opened),
        Some((index, errno)) => Err(Failed {
            index,
            error: errno.into(),
        }),
    }
}

extern "C" fn carry_out(job: *mut c_void) -> c_int {
    // SAFETY: the pointer is that of `run`, which waits for us and leaves the job alone until then.
    let job = unsafe { &mut *job.cast::<Job<'_>>() };
    // For whoever looks at our processes in this moment: it is not one of a function's.
    let _ = rustix::thread::set_name(c"kiln-files");
    // Modes are meant as they are written.
    rustix::process::umask(Mode::empty());
    let mut opened = job.opened.iter_mut();
    for (index, planned) in job.steps.iter().enumerate() {
        let done = match &planned.step {
            Step::Open(path) => open(path).map(|fd| {
                if let Some(slot) = opened.next() {
                    *slot = fd;
                }
            }),
            step => take(step),
        };
        if let Err(errno) = done
            && planned.required
        {
            job.failed = Some((index, errno));
            break;
        }
    }
    0
}

fn open(path: &CStr) -> Result<RawFd, Errno> {
    let fd = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let raw = fd.as_raw_fd();
    // Whoever started us owns it.
    std::mem::forget(fd);
    Ok(raw)
}

fn take(step: &Step<'_>) -> Result<(), Errno> {
    match step {
        Step::EnterUser(fd) => enter(*fd, LinkNameSpaceType::User),
        Step::EnterMounts(fd) => enter(*fd, LinkNameSpaceType::Mount),
        Step::NewUser => unshare(UnshareFlags::NEWUSER),
        Step::NewMounts => unshare(UnshareFlags::NEWNS),
        Step::Write(path, bytes) => {
            let file = rustix::fs::open(path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
            rustix::io::write(&file, bytes).map(drop)
        }
        Step::Follow => {
            let follow = MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC;
            rustix::mount::mount_change(c"/", follow)
        }
        Step::FileSystem { kind, at, options } => {
            let flags = MountFlags::NOSUID | MountFlags::NODEV;
            rustix::mount::mount(*kind, at, *kind, flags, options.as_c_str())
        }
        Step::Bind { from, to } => rustix::mount::mount_bind_recursive(from, to),
        Step::Directory(path) => rustix::fs::mkdir(path, Mode::from_raw_mode(0o755)),
        Step::File(path, bytes) => {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC;
            let file = rustix::fs::open(path, flags, Mode::from_raw_mode(0o644))?;
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                let written = rustix::io::write(&file, rest)?;
                rest = rest.get(written..).unwrap_or_default();
            }
            Ok(())
        }
        Step::Link { to, at } => rustix::fs::symlink(to, at),
        Step::Root { new, old } => {
            rustix::process::pivot_root(new, old)?;
            rustix::process::chdir(c"/")
        }
        Step::Unmount(path) => rustix::mount::unmount(path, UnmountFlags::DETACH),
        Step::RemoveDirectory(path) => rustix::fs::rmdir(path),
        Step::RemoveFile(path) => rustix::fs::unlink(path),
        Step::ReadOnly(path, depth) => once_unused(|| read_only(path, *depth)),
        Step::ReadOnlyOne(path, flags) => once_unused(|| {
            rustix::mount::mount_remount(path, MountFlags::BIND | MountFlags::RDONLY | *flags, c"")
        }),
        // `carry_out` keeps what it opens.
        Step::Open(_) => Err(Errno::INVAL),
    }
}

/// Write-protects a mount as soon as nobody has a file of it open for writing.
///
/// We have closed what we wrote. But our descriptors are those of all threads of Kiln, and one that
/// started a process meanwhile has given it copies, which live until it executes its program.
fn once_unused(mut protect: impl FnMut() -> Result<(), Errno>) -> Result<(), Errno> {
    const PAUSE: rustix::fs::Timespec = rustix::fs::Timespec {
        tv_sec: 0,
        tv_nsec: 500_000,
    };
    const PAUSES: u32 = 2_000;
    for _ in 0..PAUSES {
        match protect() {
            Err(Errno::BUSY) => {}
            done => return done,
        }
        let _ = rustix::thread::nanosleep(&PAUSE);
    }
    protect()
}

/// Makes the calling process part of a namespace.
pub(super) fn enter(namespace: BorrowedFd<'_>, kind: LinkNameSpaceType) -> Result<(), Errno> {
    rustix::thread::move_into_link_name_space(namespace, Some(kind))
}

fn unshare(flags: UnshareFlags) -> Result<(), Errno> {
    // SAFETY: what it warns of are descriptors, which are not among the flags.
    unsafe { rustix::thread::unshare_unsafe(flags) }
}

fn read_only(path: &CStr, depth: Depth) -> Result<(), Errno> {
    /// `struct mount_attr` of `linux/mount.h`.
    #[repr(C)]
    struct Attributes {
        set: u64,
        clear: u64,
        propagation: u64,
        user: u64,
    }
    let wanted = Attributes {
        set: libc::MOUNT_ATTR_RDONLY,
        clear: 0,
        propagation: 0,
        user: 0,
    };
    let flags = match depth {
        Depth::One => 0,
        Depth::All => libc::AT_RECURSIVE,
    };
    // SAFETY: the path and the attributes live until the call returns, which only reads them.
    let failed = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            CWD.as_raw_fd(),
            path.as_ptr(),
            flags,
            &raw const wanted,
            size_of::<Attributes>(),
        )
    };
    match failed {
        0 => Ok(()),
        _ => Err(Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::INVAL)),
    }
}
