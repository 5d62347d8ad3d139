//! What `perf script` prints, and what of it is whose work.

/// A look at a processor.
#[derive(Debug)]
pub struct Sample<'t> {
    /// Whose turn it was; 0 when nobody's.
    pub pid: u32,
    /// What it was in, innermost first.
    frames: Vec<Frame<'t>>,
}

#[derive(Debug)]
struct Frame<'t> {
    symbol: &'t str,
    object: &'t str,
}

/// What a part of a service's time goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// System calls that write to sockets, with what the loopback does at once.
    Writing,
    /// Those that read.
    Reading,
    /// Asking which sockets have something.
    Polling,
    /// Waking who waits for it, and changing from one thread to the next.
    Scheduling,
    /// Everything else in the kernel.
    Kernel,
    /// hyper, httparse and http.
    Http,
    /// tokio and mio.
    Tokio,
    /// Our own.
    Kiln,
    /// Looking at the clock.
    Clock,
    /// Allocation, copying, the standard library.
    Rest,
}

impl Part {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Writing => "writing to sockets (kernel)",
            Self::Reading => "reading from sockets (kernel)",
            Self::Polling => "asking for ready sockets (kernel)",
            Self::Scheduling => "waking and switching (kernel)",
            Self::Kernel => "the rest of the kernel",
            Self::Http => "HTTP (hyper, httparse, http)",
            Self::Tokio => "tokio and mio",
            Self::Kiln => "Kiln's own code",
            Self::Clock => "looking at the clock",
            Self::Rest => "allocation, copying, the rest",
        }
    }
}

/// The samples that `perf script -F comm,pid,ip,sym,dso` prints: a line with name and process, then a
/// line for each frame, then an empty one.
pub fn samples(script: &str) -> Vec<Sample<'_>> {
    let mut samples: Vec<Sample<'_>> = Vec::new();
    for line in script.lines() {
        let frame = line.starts_with([' ', '\t']);
        match samples.last_mut() {
            Some(sample) if frame => sample.frames.extend(parse_frame(line)),
            // The name before it may have blanks.
            _ => samples.extend(line.split_whitespace().next_back().and_then(|pid| {
                let (pid, frames) = (pid.parse().ok()?, Vec::new());
                Some(Sample { pid, frames })
            })),
        }
    }
    samples
}

fn parse_frame(line: &str) -> Option<Frame<'_>> {
    let (_, rest) = line.trim().split_once(' ')?;
    // Names of symbols have blanks and parentheses; that of the object comes last.
    let (symbol, object) = rest.rsplit_once(" (").unwrap_or((rest, ""));
    let object = object.trim_end_matches(')');
    Some(Frame { symbol, object })
}

impl Frame<'_> {
    fn in_kernel(&self) -> bool {
        // Modules have their own name in brackets.
        self.object.starts_with('[') && self.object != "[unknown]" && self.object != "[vdso]"
    }
}

impl Sample<'_> {
    /// What it counts for. What the kernel does with interrupts off is seen where it lets them in again.
    pub fn part(&self) -> Part {
        match self.frames.first() {
            Some(leaf) if leaf.in_kernel() => self.kernel_part(),
            // Code of the kernel that a process runs itself, to look at the clock.
            Some(leaf) if leaf.object == "[vdso]" || leaf.symbol.contains("clock_gettime") => {
                Part::Clock
            }
            Some(leaf) => user_part(leaf.symbol),
            None => Part::Rest,
        }
    }

    fn kernel_part(&self) -> Part {
        let kernel = self.frames.iter().take_while(|frame| frame.in_kernel());
        let symbols: Vec<&str> = kernel.map(|frame| frame.symbol).collect();
        let any = |names: &[&str]| {
            let mut symbols = symbols.iter();
            symbols.any(|symbol| names.iter().any(|name| symbol.starts_with(name)))
        };
        // Within others: whoever writes to a socket wakes its reader.
        let scheduler = [
            "try_to_wake_up",
            "schedule",
            "__schedule",
            "ttwu_",
            "wake_up_q",
            "__wake_up",
            "ep_poll_callback",
            "sock_def_readable",
        ];
        if any(&scheduler) {
            return Part::Scheduling;
        }
        // Compilers leave out some of the callers: whichever of them is left will do.
        let writing = [
            "sock_write_iter",
            "sock_sendmsg",
            "__sys_send",
            "do_writev",
            "ksys_write",
        ];
        let reading = [
            "sock_read_iter",
            "sock_recvmsg",
            "__sys_recv",
            "do_readv",
            "ksys_read",
        ];
        let polling = ["do_epoll_wait", "ep_poll", "ep_send_events"];
        let parts = [
            (Part::Writing, writing.as_slice()),
            (Part::Reading, &reading),
            (Part::Polling, &polling),
        ];
        let mut parts = parts.into_iter();
        parts
            .find(|(_, names)| any(names))
            .map_or(Part::Kernel, |(part, _)| part)
    }

    /// The name of what it was in, without what it was generic over.
    pub fn symbol(&self) -> &str {
        self.frames.first().map_or("?", |frame| frame.symbol)
    }
}

/// By the crate that comes first in the name: generic code belongs to who wrote it.
fn user_part(symbol: &str) -> Part {
    let crates = [
        ("hyper", Part::Http),
        ("httparse", Part::Http),
        ("http::", Part::Http),
        ("http_body", Part::Http),
        ("tokio::", Part::Tokio),
        ("mio::", Part::Tokio),
        ("kiln", Part::Kiln),
    ];
    let found = crates
        .into_iter()
        .filter_map(|(name, part)| Some((symbol.find(name)?, part)));
    found
        .min_by_key(|(place, _)| *place)
        .map_or(Part::Rest, |(_, part)| part)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = "\
tokio-rt-worker 15743
\tffffffff81b6ccb0 _copy_to_iter ([kernel.kallsyms])
\tffffffff81e31688 __sys_recvfrom ([kernel.kallsyms])
\tffffffff81e31750 __x64_sys_recvfrom ([kernel.kallsyms])
\tffffffff81000130 entry_SYSCALL_64_after_hwframe ([kernel.kallsyms])
\t          10a974 __libc_recv (/usr/lib/libc.so.6)

a name with blanks 7
\tffffffff82203249 try_to_wake_up ([kernel.kallsyms])
\tffffffff82203249 do_writev ([kernel.kallsyms])
\t           fde9d __GI___writev (/usr/lib/libc.so.6)

kiln 7
\t          31e552 <hyper::proto::h1::conn::Conn<I, B, T> as tokio::X>::poll (shim) (/usr/bin/kiln)

kiln 7
\t          31e552 kiln_service::pool::Pool::submit (/usr/bin/kiln)
\t               8 [unknown] ([unknown])

kiln 7
\t          16db75 __memmove_avx512_unaligned_erms (/usr/lib/libc.so.6)

kiln 7
\tffffffff82203249 tcp_v4_rcv ([kernel.kallsyms])
\tffffffff81e2eed9 sock_write_iter ([kernel.kallsyms])
\tffffffff821ef691 do_syscall_64 ([kernel.kallsyms])

kiln 7
\t             7f1 [unknown] ([vdso])

swapper 0
\tffffffff821f5127 pv_native_safe_halt ([kernel.kallsyms])

";

    #[test]
    fn every_sample_has_an_owner_and_a_part() {
        let samples = samples(SCRIPT);
        let parts: Vec<(u32, Part)> = samples
            .iter()
            .map(|sample| (sample.pid, sample.part()))
            .collect();
        assert_eq!(
            parts,
            [
                (15743, Part::Reading),
                (7, Part::Scheduling),
                (7, Part::Http),
                (7, Part::Kiln),
                (7, Part::Rest),
                (7, Part::Writing),
                (7, Part::Clock),
                (0, Part::Kernel),
            ]
        );
    }
}
