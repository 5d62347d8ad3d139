//! Executables of this machine, and of others that an emulator runs.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::Command;

/// How to start an executable.
#[derive(Debug)]
pub struct Program {
    /// The command, or why there is none.
    pub command: io::Result<Command>,
    /// What the user should know of it.
    pub notice: Option<String>,
}

/// A processor that Lambda functions are built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Processor {
    Arm64,
    X86_64,
}

/// What the first bytes of a file say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// This machine runs it, or says why not.
    Native,
    /// It is for another processor.
    Foreign(Processor),
    /// Nothing that a kernel starts. It has to be refused by us: the C library would hand it to a shell,
    /// which complains of its first line.
    Unknown,
}

impl Processor {
    fn of_this_machine() -> Option<Self> {
        match std::env::consts::ARCH {
            "aarch64" => Some(Self::Arm64),
            "x86_64" => Some(Self::X86_64),
            _ => None,
        }
    }

    /// As Lambda calls it.
    fn name(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X86_64 => "x86_64",
        }
    }

    /// As QEMU and cross compilers call it.
    fn gnu_name(self) -> &'static str {
        match self {
            Self::Arm64 => "aarch64",
            Self::X86_64 => "x86_64",
        }
    }
}

/// Longest header that is looked at: up to `e_machine` of ELF.
const HEADER: u64 = 20;

impl Program {
    /// How to start `outside`, which the process will know as `inside`. An emulator is looked for on
    /// our own `PATH`, among those that the process will see.
    pub(crate) fn new(outside: &Path, inside: &Path, sees: impl Fn(&Path) -> bool) -> Self {
        let processor = match format_of(outside) {
            Ok(Format::Native) => return Self::native(inside),
            Ok(Format::Foreign(processor)) => processor,
            Ok(Format::Unknown) => return Self::refused(None),
            Err(error) => {
                return Self {
                    command: Err(error),
                    notice: None,
                };
            }
        };
        let name = processor.gnu_name();
        let names = [format!("qemu-{name}-static"), format!("qemu-{name}")];
        let path = std::env::var_os("PATH").unwrap_or_default();
        let directories = std::env::split_paths(&path);
        let mut candidates =
            directories.flat_map(|directory| names.each_ref().map(|name| directory.join(name)));
        let Some(emulator) =
            candidates.find(|path| path.is_absolute() && path.is_file() && sees(path))
        else {
            // The kernel may know one that is on nobody's path.
            let handler = format!("/proc/sys/fs/binfmt_misc/qemu-{name}");
            if std::fs::read_to_string(handler).is_ok_and(|text| text.starts_with("enabled")) {
                return Self::native(inside);
            }
            return Self::refused(Some(format!(
                "the bootstrap is built for {}, and this machine has no `qemu-{name}` to run it: \
                 install the package `qemu-user` (Debian: `qemu-user-static`), or build it for this \
                 machine",
                processor.name()
            )));
        };
        let notice = format!(
            "the bootstrap is built for {}: it runs under `{}`, slower than on a machine of its own",
            processor.name(),
            emulator.display()
        );
        let mut command = Command::new(emulator);
        // Libraries of that processor, where a cross compiler has brought them.
        let libraries = PathBuf::from(format!("/usr/{name}-linux-gnu"));
        if libraries.is_dir() {
            command.arg("-L").arg(libraries);
        }
        command.arg("-0").arg(inside).arg(inside);
        Self {
            command: Ok(command),
            notice: Some(notice),
        }
    }

    fn native(inside: &Path) -> Self {
        Self {
            command: Ok(Command::new(inside)),
            notice: None,
        }
    }

    fn refused(notice: Option<String>) -> Self {
        Self {
            command: Err(io::Error::from_raw_os_error(libc::ENOEXEC)),
            notice,
        }
    }
}

fn format_of(path: &Path) -> io::Result<Format> {
    let file = match File::open(path) {
        Ok(file) => file,
        // It may still be executed, without being read.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(Format::Native),
        Err(error) => return Err(error),
    };
    let metadata = file.metadata()?;
    let executable = {
        use std::os::unix::fs::PermissionsExt as _;
        metadata.is_file() && metadata.permissions().mode() & 0o111 != 0
    };
    if !executable {
        // The system says the same; an emulator would not look.
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let mut header = Vec::new();
    file.take(HEADER).read_to_end(&mut header)?;
    Ok(format(&header, Processor::of_this_machine()))
}

fn format(header: &[u8], machine: Option<Processor>) -> Format {
    if header.starts_with(b"#!") {
        return Format::Native;
    }
    if !header.starts_with(b"\x7fELF") {
        // Other systems have other formats.
        return match cfg!(target_os = "linux") {
            true => Format::Unknown,
            false => Format::Native,
        };
    }
    // `e_machine`; both processors are little-endian on Lambda.
    let (Some(order), Some(code)) = (header.get(5), header.get(18..20)) else {
        return Format::Unknown;
    };
    let processor = match (order, code) {
        (1, [183, 0]) => Processor::Arm64,
        (1, [62, 0]) => Processor::X86_64,
        // A 32-bit program, say: some machines run them.
        _ => return Format::Native,
    };
    match machine {
        Some(machine) if machine == processor => Format::Native,
        _ => Format::Foreign(processor),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The beginning of an ELF file of 64 bits.
    fn elf(machine: u8) -> Vec<u8> {
        let mut header = b"\x7fELF\x02\x01\x01".to_vec();
        header.resize(18, 0);
        header.extend([machine, 0]);
        header
    }

    #[test]
    fn the_first_bytes_say_who_runs_it() {
        let on_x86 = |header: &[u8]| format(header, Some(Processor::X86_64));
        assert_eq!(on_x86(&elf(62)), Format::Native);
        assert_eq!(on_x86(&elf(183)), Format::Foreign(Processor::Arm64));
        assert_eq!(on_x86(&elf(3)), Format::Native);
        assert_eq!(on_x86(b"#!/bin/sh\n"), Format::Native);
        let on_arm = format(&elf(62), Some(Processor::Arm64));
        assert_eq!(on_arm, Format::Foreign(Processor::X86_64));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_nothing_starts_is_known() {
        let on_x86 = |header: &[u8]| format(header, Some(Processor::X86_64));
        for header in [&b""[..], b"echo hello\n", b"\x7fELF\x02\x01", b"MZ\x90"] {
            assert_eq!(on_x86(header), Format::Unknown, "{header:?}");
        }
    }
}
