//! A child that runs in our memory, and its signals.

use std::ffi::{c_int, c_void};
use std::io;

/// Enough for system calls, also without optimization.
const STACK: usize = 128 * 1_024;

/// Runs `run` with `job` in a child that has our memory, and what `flags` say, in common with us; goes on
/// when it has executed a program or ended. Returns its id.
///
/// # Safety
/// `run` makes system calls with what was prepared before, and nothing else: it allocates nothing and takes
/// no lock, because it does not know what other threads were in the middle of. It touches nothing but what
/// `job` points to.
pub(crate) unsafe fn in_our_memory(
    run: extern "C" fn(*mut c_void) -> c_int,
    job: *mut c_void,
    flags: c_int,
) -> io::Result<c_int> {
    // Of 16 bytes each: that is how both processors want it aligned.
    let mut stack = vec![0_u128; STACK / size_of::<u128>()];
    let top = stack.as_mut_ptr_range().end;
    let flags = flags | libc::CLONE_VM | libc::CLONE_VFORK;
    let blocked = Blocked::all();
    // SAFETY: the child runs on a stack of its own, which outlives it as the job does: with CLONE_VFORK we
    // go on when it has executed a program or ended. No handler of ours runs in it, since all signals are
    // blocked. It has copies of our working directory, root and namespaces, since it does not share
    // CLONE_FS: what it changes is its own. The rest the caller has promised.
    let child = unsafe { libc::clone(run, top.cast(), flags, job) };
    // Read at once: what follows may set it again.
    let refused = io::Error::last_os_error();
    drop(blocked);
    match child {
        ..=0 => Err(refused),
        child => Ok(child),
    }
}

/// All signals, blocked on this thread until it is dropped: their handlers are ours, and must not run in
/// a child that has our memory and nothing else of us.
struct Blocked(libc::sigset_t);

impl Blocked {
    fn all() -> Self {
        // SAFETY: a set of signals is plain data, for which zeros are a value; the calls write to the
        // sets they are given and keep neither.
        unsafe {
            let mut all: libc::sigset_t = std::mem::zeroed();
            let mut before: libc::sigset_t = std::mem::zeroed();
            libc::sigfillset(&raw mut all);
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
            Self(before)
        }
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        // SAFETY: reads the set, which was written by `all`.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, std::ptr::null_mut());
        }
    }
}

/// For a child: every signal does what it does by default, and none is blocked.
pub(crate) fn reset_in_child() {
    /// `struct sigaction` of the kernel, which has the handler first; larger than any it knows.
    #[repr(C, align(8))]
    struct Action([u8; 64]);

    let default = Action([0; 64]);
    for signal in 1..=SIGNALS {
        // SAFETY: reads the action, which lives until the call returns. By the system call: the C
        // library keeps two signals to itself, which may be ignored here as well. A child without
        // CLONE_SIGHAND has a table of its own; the two that cannot be changed are refused.
        unsafe {
            libc::syscall(
                libc::SYS_rt_sigaction,
                signal,
                &raw const default,
                std::ptr::null_mut::<Action>(),
                SET_BYTES,
            );
        }
    }
    // SAFETY: the set is plain data, for which zeros are a value; the calls keep nothing of it.
    unsafe {
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
    }
}

/// How many signals there are on the processors of Lambda, and the bytes of a set of them.
const SIGNALS: libc::c_int = 64;
const SET_BYTES: usize = 8;
