//! What macOS tells of a process: `proc_pid_rusage` and `proc_listchildpids`, of the user's own.

use std::ffi::c_void;
use std::mem::{MaybeUninit, size_of, size_of_val};
use std::time::Duration;

use super::{Mark, Pid};

/// Whether CPU time and memory of a process can be found out here.
pub(crate) const AVAILABLE: bool = true;

fn usage(pid: Pid) -> Option<libc::rusage_info_v4> {
    let mut usage = MaybeUninit::<libc::rusage_info_v4>::zeroed();
    // SAFETY: with this flavor the call writes one `rusage_info_v4`, to which the pointer is valid
    // and exclusive; the cast is how the header declares the parameter. All-zero bytes are a valid
    // value of a structure of integers, written or not.
    unsafe {
        let failed = libc::proc_pid_rusage(
            pid.as_raw_nonzero().get(),
            libc::RUSAGE_INFO_V4,
            usage.as_mut_ptr().cast::<libc::rusage_info_t>(),
        );
        (failed == 0).then(|| usage.assume_init())
    }
}

/// CPU time of all threads of a process.
#[expect(deprecated, reason = "another crate for one stable function")]
pub(crate) fn cpu_time(pid: Pid) -> Option<Duration> {
    let usage = usage(pid)?;
    let mut base = libc::mach_timebase_info { numer: 0, denom: 0 };
    // SAFETY: writes one structure, to which the pointer is valid and exclusive.
    let failed = unsafe { libc::mach_timebase_info(&raw mut base) } != 0;
    if failed || base.denom == 0 {
        return None;
    }
    let units = u128::from(usage.ri_user_time) + u128::from(usage.ri_system_time);
    let nanoseconds = units * u128::from(base.numer) / u128::from(base.denom);
    Some(Duration::from_nanos(u64::try_from(nanoseconds).ok()?))
}

/// Resident memory of a process, bytes.
pub(crate) fn resident(pid: Pid) -> Option<u64> {
    Some(usage(pid)?.ri_resident_size)
}

/// A process's own part of its memory: what Activity Monitor shows.
pub(crate) fn proportional(pid: Pid) -> Option<u64> {
    Some(usage(pid)?.ri_phys_footprint)
}

/// The most memory a process has had, bytes.
pub(crate) fn peak(pid: Pid) -> Option<u64> {
    Some(usage(pid)?.ri_lifetime_max_phys_footprint)
}

/// When a process started, in a unit of the kernel's: together with its id, its identity.
pub(crate) fn start_time(pid: Pid) -> Option<u64> {
    Some(usage(pid)?.ri_proc_start_abstime)
}

/// This moment, as [`start_time`] counts: of no use where nobody is [`marked`].
pub(crate) fn moment() -> Option<u64> {
    None
}

/// The children of a process.
pub(crate) fn children(pid: Pid, found: &mut Vec<Pid>) {
    // More than AWS lets a function have.
    let mut buffer = [0_i32; 2_048];
    // SAFETY: the call writes at most the given number of bytes to the buffer, which has them.
    let count = unsafe {
        libc::proc_listchildpids(
            pid.as_raw_nonzero().get(),
            buffer.as_mut_ptr().cast::<c_void>(),
            i32::try_from(size_of_val(&buffer)).unwrap_or(i32::MAX),
        )
    };
    // Whether it counts processes or bytes depends on the version; unused places hold zero.
    let count = usize::try_from(count).unwrap_or_default();
    let children = buffer.iter().take(count.min(buffer.len()));
    found.extend(children.filter_map(|pid| Pid::from_raw(*pid)));
}

/// Processes of this user whose environment holds a variable: macOS does not tell.
pub(crate) fn marked(_marks: &[(Mark, u64)]) -> Vec<Pid> {
    const { assert!(size_of::<libc::pid_t>() == size_of::<i32>()) };
    Vec::new()
}
