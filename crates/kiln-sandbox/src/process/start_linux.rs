//! Starting a process without a copy of ourselves.
//!
//! Between fork and exec a process of an environment does what the standard library knows nothing of,
//! and with such steps it forks: a copy of the page tables of the whole of Kiln, and a fault for each page
//! that Kiln touches afterwards, together some 0.4 ms of every cold start. Here the child runs in our
//! memory until it executes the program (`CLONE_VM | CLONE_VFORK`, as `posix_spawn` does it), with
//! everything prepared before.

use std::ffi::{CString, OsStr, c_char, c_int, c_void};
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitStatus};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Resource, Rlimit, Signal, WaitId, WaitIdOptions, setrlimit,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::child::{in_our_memory, reset_in_child};
use super::{Manners, ProcessLimits};
use crate::filesystem::Entry;

/// A process that was started, to wait for. Dropped before it has ended, it is killed.
#[derive(Debug)]
pub struct Started {
    process: AsyncFd<OwnedFd>,
    reaped: bool,
}

/// What the child works with, and where it leaves why it failed.
struct Job<'a> {
    program: *const c_char,
    arguments: &'a [*const c_char],
    variables: &'a [*const c_char],
    directory: Option<&'a CString>,
    streams: [&'a OwnedFd; 3],
    entry: &'a Entry,
    parent: Option<Pid>,
    limits: [Option<(Resource, Rlimit)>; 4],
    lets_us_finish: bool,
    failed: Option<Errno>,
}

/// Starts the program of `command`, with its arguments, its variables alone and its directory, as the
/// leader of a process group of its own.
pub(super) fn start(
    command: Command,
    output: [OwnedFd; 2],
    entry: &Entry,
    manners: Manners,
) -> io::Result<(Pid, Started)> {
    let program = text(command.get_program())?;
    let arguments = std::iter::once(Ok(program.clone())).chain(command.get_args().map(text));
    let arguments = arguments.collect::<io::Result<Vec<_>>>()?;
    let variables = command.get_envs().filter_map(|(name, value)| {
        let mut pair = name.to_owned();
        pair.push("=");
        pair.push(value?);
        Some(text(&pair))
    });
    let variables = variables.collect::<io::Result<Vec<_>>>()?;
    let directory = command.get_current_dir().map(|path| text(path.as_os_str()));
    let directory = directory.transpose()?;
    let nothing = rustix::fs::open(
        c"/dev/null",
        OFlags::RDONLY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    // Above what they are to become: one must not take the place of another.
    let nothing = rustix::io::fcntl_dupfd_cloexec(&nothing, 3)?;
    let [stdout, stderr] = output;
    let mut job = Job {
        program: program.as_ptr(),
        arguments: &pointers(&arguments),
        variables: &pointers(&variables),
        directory: directory.as_ref(),
        streams: [&nothing, &stdout, &stderr],
        entry,
        parent: Some(rustix::process::getpid()),
        limits: manners
            .limits
            .map(ProcessLimits::resolve)
            .unwrap_or_default(),
        lets_us_finish: manners.lets_us_finish,
        failed: None,
    };
    // SAFETY: `become_it` makes system calls with what the job has, and touches nothing else. It sets all
    // signals to their defaults before it lets any through.
    let child = unsafe { in_our_memory(become_it, (&raw mut job).cast(), libc::SIGCHLD)? };
    let pid = Pid::from_raw(child)
        .ok_or_else(|| io::Error::other("the process ended before it had an id"))?;
    if let Some(errno) = job.failed {
        // It has ended, and nobody else waits for it.
        let _ = rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty());
        return Err(errno.into());
    }
    let started = rustix::process::pidfd_open(pid, PidfdFlags::NONBLOCK)
        .map_err(io::Error::from)
        .and_then(|process| {
            // SAFETY: the descriptor must stay the registered one until it is deregistered. It is owned
            // by the `AsyncFd`, which deregisters it before closing it, and nobody takes or swaps it.
            let process = unsafe { AsyncFd::register_with_interest(process, Interest::READABLE)? };
            Ok(process)
        });
    match started {
        Ok(process) => {
            let reaped = false;
            Ok((pid, Started { process, reaped }))
        }
        Err(error) => {
            // Nobody would learn of its end.
            let _ = rustix::process::kill_process(pid, Signal::KILL);
            let _ = rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty());
            Err(error)
        }
    }
}

fn text(text: &OsStr) -> io::Result<CString> {
    Ok(CString::new(text.as_bytes())?)
}

/// As `execve` wants them: the last is none.
fn pointers(texts: &[CString]) -> Vec<*const c_char> {
    let all = texts.iter().map(|text| text.as_ptr());
    all.chain([std::ptr::null()]).collect()
}

extern "C" fn become_it(job: *mut c_void) -> c_int {
    // SAFETY: the pointer is that of `start`, which waits for us and leaves the job alone until then.
    let job = unsafe { &mut *job.cast::<Job<'_>>() };
    if let Err(errno) = prepare(job) {
        job.failed = Some(errno);
        return 127;
    }
    // SAFETY: the pointers are those of texts that `start` holds, ended by a null each.
    unsafe {
        libc::execve(job.program, job.arguments.as_ptr(), job.variables.as_ptr());
    }
    job.failed = Errno::from_io_error(&io::Error::last_os_error()).or(Some(Errno::INVAL));
    127
}

fn prepare(job: &Job<'_>) -> Result<(), Errno> {
    for (stream, place) in job.streams.into_iter().zip(0..) {
        // SAFETY: gives the stream its number, whatever had it; the descriptors are the child's own.
        if unsafe { libc::dup2(stream.as_raw_fd(), place) } < 0 {
            return Err(Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::BADF));
        }
    }
    rustix::process::setpgid(None, None)?;
    job.entry.enter()?;
    if let Some(directory) = job.directory {
        rustix::process::chdir(directory.as_c_str())?;
    }
    // After a change of namespaces, which clears it.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    // The parent may have died before the line above took effect.
    if rustix::process::getppid() != job.parent {
        return Err(Errno::INTR);
    }
    if job.lets_us_finish {
        super::platform::be_patient();
    }
    for (resource, limit) in job.limits.into_iter().flatten() {
        setrlimit(resource, limit)?;
    }
    leave_the_rest();
    reset_in_child();
    Ok(())
}

/// What whoever started Kiln has left open is none of the program's.
fn leave_the_rest() {
    let first: libc::c_uint = 3;
    // SAFETY: marks descriptors of the child's own table to be closed when it executes the program. A
    // kernel before 5.11 refuses: then they are passed on, as they were to us.
    unsafe {
        libc::syscall(
            libc::SYS_close_range,
            first,
            libc::c_uint::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        );
    }
}

impl Started {
    /// Waits for its end.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        loop {
            let mut ready = self.process.readable().await?;
            match reap(self.process.get_ref())? {
                Some(status) => {
                    self.reaped = true;
                    return Ok(status);
                }
                None => ready.clear_ready(),
            }
        }
    }
}

fn reap(process: &OwnedFd) -> io::Result<Option<ExitStatus>> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
    let ended = rustix::process::waitid(WaitId::PidFd(process.as_fd()), options)?;
    Ok(ended.map(|ended| {
        // As `wait` has it: the code in the second byte, or the signal in the first.
        let raw = match (ended.exit_status(), ended.terminating_signal()) {
            (Some(code), _) => (code & 0xff) << 8,
            (None, signal) => signal.unwrap_or(libc::SIGKILL) & 0x7f,
        };
        ExitStatus::from_raw(raw)
    }))
}

impl Drop for Started {
    fn drop(&mut self) {
        if !self.reaped {
            let process = self.process.get_ref();
            let _ = rustix::process::pidfd_send_signal(process, Signal::KILL);
            // It may take a moment to end; what is left of it then goes with us.
            let _ = reap(process);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn script(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    /// Starts it; returns it with what it writes.
    fn run(command: Command) -> io::Result<(Pid, Started, io::PipeReader)> {
        let (reader, writer) = io::pipe()?;
        let output = [OwnedFd::from(writer.try_clone()?), writer.into()];
        let (pid, started) = start(command, output, &Entry::default(), Manners::default())?;
        Ok((pid, started, reader))
    }

    #[tokio::test]
    async fn a_process_has_what_it_was_given_and_nothing_of_ours() {
        // Somebody has left us something that is not to be passed on.
        let (left, _other_end) = io::pipe().unwrap();
        rustix::io::fcntl_setfd(&left, rustix::io::FdFlags::empty()).unwrap();
        let mut command = script(&format!(
            "env; pwd; cat; [ -e /proc/$$/fd/{} ] && echo passed on; \
             grep -E '^Sig(Blk|Ign)' /proc/self/status; echo end >&2",
            left.as_raw_fd()
        ));
        command.env("GIVEN", "this").current_dir("/");
        let (pid, mut started, mut reader) = run(command).unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(started.wait().await.unwrap().code(), Some(0));
        let found: Vec<_> = text.lines().filter(|line| !line.starts_with('_')).collect();
        let nothing = "0000000000000000";
        let (blocked, ignored) = (format!("SigBlk:\t{nothing}"), format!("SigIgn:\t{nothing}"));
        // What a shell adds of its own accord.
        let found: Vec<_> = found
            .into_iter()
            .filter(|line| !line.starts_with("PWD="))
            .collect();
        assert_eq!(found, ["GIVEN=this", "/", &blocked, &ignored, "end"]);
        assert!(
            rustix::process::test_kill_process(pid).is_err(),
            "it is reaped"
        );
    }

    #[tokio::test]
    async fn ends_are_told_as_they_are() {
        for (text, code, signal) in [
            ("exit 0", Some(0), None),
            ("exit 7", Some(7), None),
            ("kill -TERM $$", None, Some(libc::SIGTERM)),
            ("kill -KILL $$", None, Some(libc::SIGKILL)),
        ] {
            let (_, mut started, _reader) = run(script(text)).unwrap();
            let status = started.wait().await.unwrap();
            assert_eq!((status.code(), status.signal()), (code, signal), "{text}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_started_says_why_and_leaves_nothing() {
        for (program, errno) in [
            ("/nonexistent", Errno::NOENT),
            ("/etc/passwd", Errno::ACCESS),
            ("/", Errno::ACCESS),
        ] {
            let error = run(Command::new(program)).unwrap_err();
            assert_eq!(
                error.raw_os_error(),
                Some(errno.raw_os_error()),
                "{program}"
            );
        }
        let mut nowhere = script("true");
        nowhere.current_dir("/nonexistent");
        let error = run(nowhere).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(run(Command::new("with a \0 in it")).is_err());
    }

    #[tokio::test]
    async fn dropped_it_is_killed() {
        let (_, started, mut reader) = run(script("exec sleep 600")).unwrap();
        drop(started);
        // The end of what it writes is its own end.
        let mut text = String::new();
        tokio::task::spawn_blocking(move || reader.read_to_string(&mut text))
            .await
            .unwrap()
            .unwrap();
    }
}
