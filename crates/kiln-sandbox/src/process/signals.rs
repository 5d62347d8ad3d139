//! Signals around a child that runs in our memory.

/// All signals, blocked on this thread until it is dropped: their handlers are ours, and must not run in
/// a child that has our memory and nothing else of us.
pub(crate) struct Blocked(libc::sigset_t);

impl Blocked {
    pub(crate) fn all() -> Self {
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
