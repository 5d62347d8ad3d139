//! What an ELF file says about where it runs.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use object::elf::{self, FileHeader64, VER_FLG_WEAK};
use object::read::elf::{FileHeader as _, ProgramHeader as _};
use object::{Endianness, ReadCache, ReadRef};
use serde::Serialize;

use crate::target::{Architecture, GlibcVersion};

/// The facts about an executable that decide whether Lambda can run it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ArtifactFacts {
    /// Size of the file in bytes.
    pub size: u64,
    /// The processor it is for.
    pub architecture: Architecture,
    /// The newest glibc symbol version it cannot start without. `None` when it needs no versioned
    /// glibc symbol: it is linked statically, or against another C library.
    pub glibc: Option<GlibcVersion>,
    /// The shared libraries it loads at start (`DT_NEEDED`), in the order it names them.
    pub needed: Vec<String>,
    /// The program loader it asks for (`PT_INTERP`); `None` when it is linked statically.
    pub interpreter: Option<String>,
}

/// Why a file's facts could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ElfError {
    /// The file could not be opened.
    #[error("cannot open `{path}`")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why the system refused.
        source: io::Error,
    },
    /// The file is no ELF file, or a damaged one.
    #[error("cannot read `{path}` as an ELF executable")]
    Parse {
        /// The file.
        path: PathBuf,
        /// What is wrong with its bytes.
        source: object::read::Error,
    },
    /// A sound file for a machine that Lambda does not have.
    #[error("`{path}` is not for a processor of AWS Lambda (ELF machine {machine})")]
    Machine {
        /// The file.
        path: PathBuf,
        /// `e_machine` of its header.
        machine: u16,
    },
}

impl ElfError {
    /// The way out.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Open { .. } => None,
            Self::Parse { .. } | Self::Machine { .. } => {
                Some("build for Linux with `--arm64` or `--x86-64`".to_owned())
            }
        }
    }
}

impl ArtifactFacts {
    /// Reads the facts of the executable at `path`. Only its headers and dynamic section are read,
    /// so it takes no longer for a big file.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened, is not a 64-bit ELF file, or is for another processor.
    pub fn read(path: &Path) -> Result<Self, ElfError> {
        let file = File::open(path).map_err(|source| ElfError::Open {
            path: path.to_owned(),
            source,
        })?;
        let cache = ReadCache::new(file);
        match parse(&cache) {
            Ok(Parsed::Facts(facts)) => Ok(facts),
            Ok(Parsed::OtherMachine(machine)) => Err(ElfError::Machine {
                path: path.to_owned(),
                machine,
            }),
            Err(source) => Err(ElfError::Parse {
                path: path.to_owned(),
                source,
            }),
        }
    }
}

pub(crate) enum Parsed {
    Facts(ArtifactFacts),
    OtherMachine(u16),
}

pub(crate) fn parse<'data, R: ReadRef<'data>>(data: R) -> object::read::Result<Parsed> {
    // Both of Lambda's processors are 64-bit; a 32-bit header is an error here.
    let header = FileHeader64::<Endianness>::parse(data)?;
    let endian = header.endian()?;
    let machine = header.e_machine.get(endian);
    let architecture = match machine {
        elf::EM_X86_64 => Architecture::X86_64,
        elf::EM_AARCH64 => Architecture::Arm64,
        other => return Ok(Parsed::OtherMachine(other.0)),
    };

    let mut interpreter = None;
    for segment in header.program_headers(endian, data)? {
        if let Some(path) = segment.interpreter(endian, data)? {
            interpreter = Some(String::from_utf8_lossy(path).into_owned());
        }
    }

    let sections = header.sections(endian, data)?;
    let dynamic = sections.dynamic_table(endian, data)?;
    let mut needed = Vec::new();
    for entry in &dynamic {
        if entry.tag == elf::DT_NEEDED {
            needed.push(String::from_utf8_lossy(dynamic.string(entry)?).into_owned());
        }
    }

    let mut glibc = None;
    if let Some((mut files, strings)) = sections.gnu_verneed(endian, data)? {
        let strings = sections.strings(endian, data, strings)?;
        while let Some((_, mut versions)) = files.next()? {
            while let Some(version) = versions.next()? {
                // The loader starts a program without the versions that only weak symbols want
                // (`std` tries newer functions that way), so these do not count.
                let weak = version.vna_flags.get(endian).contains(VER_FLG_WEAK);
                if !weak {
                    glibc = glibc.max(glibc_version(version.name(endian, strings)?));
                }
            }
        }
    }

    Ok(Parsed::Facts(ArtifactFacts {
        size: data.len().unwrap_or(0),
        architecture,
        glibc,
        needed,
        interpreter,
    }))
}

/// The glibc release that a symbol version stands for.
fn glibc_version(name: &[u8]) -> Option<GlibcVersion> {
    match name {
        // A marker, not a number: packed relative relocations, understood since 2.36.
        // Source: the NEWS file of glibc 2.36, "DT_RELR".
        b"GLIBC_ABI_DT_RELR" => Some(GlibcVersion {
            major: 2,
            minor: 36,
        }),
        _ => std::str::from_utf8(name)
            .ok()?
            .strip_prefix("GLIBC_")?
            .parse()
            .ok(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;

    /// This very test program: a real executable of the host.
    static OURSELVES: LazyLock<Vec<u8>> =
        LazyLock::new(|| std::fs::read(std::env::current_exe().unwrap()).unwrap());

    #[test]
    fn symbol_versions_are_told_apart() {
        let version = |major, minor| Some(GlibcVersion { major, minor });
        let cases = [
            (&b"GLIBC_2.34"[..], version(2, 34)),
            (b"GLIBC_2.2.5", version(2, 2)),
            (b"GLIBC_ABI_DT_RELR", version(2, 36)),
            (b"GLIBC_PRIVATE", None),
            (b"GCC_3.0", None),
            (b"GLIBCXX_3.4.30", None),
            (b"\xff", None),
        ];
        for (name, expected) in cases {
            assert_eq!(glibc_version(name), expected, "{}", name.escape_ascii());
        }
    }

    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[test]
    fn a_real_executable_tells_its_facts() {
        let path = std::env::current_exe().unwrap();
        let facts = ArtifactFacts::read(&path).unwrap();
        assert_eq!(facts.size, std::fs::metadata(&path).unwrap().len());
        assert_eq!(facts.architecture.rust_name(), std::env::consts::ARCH);
        assert!(facts.needed.contains(&"libc.so.6".to_owned()), "{facts:?}");
        assert!(
            facts
                .interpreter
                .is_some_and(|path| path.contains("/ld-linux"))
        );
        assert!(facts.glibc.is_some_and(|version| version.major == 2));
    }

    #[test]
    fn other_files_are_refused_by_name() {
        let directory = tempfile::tempdir().unwrap();
        let text = directory.path().join("bootstrap");
        std::fs::write(&text, "#!/bin/sh\n").unwrap();
        let error = ArtifactFacts::read(&text).unwrap_err();
        assert!(matches!(error, ElfError::Parse { .. }));
        assert!(error.to_string().contains("bootstrap"), "{error}");
        let missing = ArtifactFacts::read(&directory.path().join("none")).unwrap_err();
        assert!(matches!(missing, ElfError::Open { .. }));

        let mut foreign = OURSELVES.clone();
        // `e_machine` of the header: RISC-V.
        foreign[18] = 243;
        foreign[19] = 0;
        let path = directory.path().join("foreign");
        std::fs::write(&path, foreign).unwrap();
        let error = ArtifactFacts::read(&path).unwrap_err();
        assert!(matches!(error, ElfError::Machine { machine: 243, .. }));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..4096)) {
            let _ = parse(bytes.as_slice());
        }

        #[test]
        fn damaged_executables_never_panic(
            length in 0_usize..1 << 16,
            damage in prop::collection::vec((0_usize..4096, any::<u8>()), 1..32),
        ) {
            // Whole but for the damage, so that sections at the end of the file are reached too.
            let mut whole = OURSELVES.clone();
            for (place, byte) in &damage {
                whole[*place] = *byte;
            }
            let _ = parse(whole.as_slice());
            let _ = parse(&whole[..length]);
        }
    }
}
