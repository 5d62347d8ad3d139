//! What compiles and links: Rust, its targets, a C linker, rust-lld, zig, and what runs the
//! result of another architecture.

use std::path::PathBuf;

use super::installer::Installer;
use super::report::{Check, Status};
use super::tools::{Answer, Tools};

/// The oldest Rust that `lambda_runtime` builds with.
const OLDEST_RUST: (u32, u32) = (1, 84);

/// The targets that functions are built for.
const TARGETS: [&str; 4] = [
    "x86_64-unknown-linux-gnu",
    "aarch64-unknown-linux-gnu",
    "x86_64-unknown-linux-musl",
    "aarch64-unknown-linux-musl",
];

/// Where Rust is installed.
#[derive(Clone, Debug)]
pub struct Sysroot {
    /// The directory.
    pub path: PathBuf,
    /// The triple of this machine.
    pub host: String,
}

impl Sysroot {
    /// Asks rustc.
    pub fn find(tools: &Tools) -> Option<Self> {
        let path = tools.ask("rustc", &["--print", "sysroot"]);
        let path = path.said()?.trim();
        let facts = tools.ask("rustc", &["-vV"]);
        let mut lines = facts.said()?.lines();
        let host = lines.find_map(|line| line.strip_prefix("host: "))?;
        Some(Self {
            path: path.into(),
            host: host.trim().to_owned(),
        })
    }

    /// The directory of a target.
    fn target(&self, triple: &str) -> PathBuf {
        self.path.join("lib/rustlib").join(triple)
    }
}

/// Rust and cargo, and whether they are recent enough.
pub fn rust(rustc: &Answer, cargo: &Answer) -> Check {
    const NAME: &str = "rust";
    const INSTALL: &str = "install Rust: https://rustup.rs";
    for (tool, answer) in [("rustc", rustc), ("cargo", cargo)] {
        let Some(text) = answer.said() else {
            let cure = match answer {
                Answer::Missing => INSTALL,
                _ => "rustup toolchain install stable",
            };
            let found = format!("`{tool}` {}", answer.trouble());
            return Check::not_ok(NAME, Status::Problem, found, cure);
        };
        let Some(version) = version(text) else {
            let found = format!("`{tool} --version` {}", answer.trouble());
            return Check::not_ok(NAME, Status::Problem, found, INSTALL);
        };
        if version < OLDEST_RUST {
            let (major, minor) = OLDEST_RUST;
            return Check::not_ok(
                NAME,
                Status::Problem,
                format!(
                    "{}; lambda_runtime needs {major}.{minor} or newer",
                    short(text)
                ),
                "rustup update stable",
            );
        }
    }
    let both = [rustc, cargo].map(|answer| short(answer.said().unwrap_or_default()));
    Check::ok(NAME, both.join(", "))
}

/// Major and minor of `tool 1.95.0 (…)`.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split_whitespace().nth(1)?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// `tool 1.95.0` of `tool 1.95.0 (…)`.
fn short(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().take(2).collect();
    words.join(" ")
}

/// The targets whose standard library is installed.
pub fn targets(sysroot: Option<&Sysroot>, rustup: bool) -> Check {
    let installed =
        |triple: &str| sysroot.is_some_and(|sysroot| sysroot.target(triple).join("lib").is_dir());
    targets_found(&TARGETS.map(|triple| (triple, installed(triple))), rustup)
}

/// The check for what is installed.
fn targets_found(targets: &[(&str, bool)], rustup: bool) -> Check {
    const NAME: &str = "targets";
    let those = |wanted: bool| -> Vec<&str> {
        let these = targets.iter().filter(|(_, installed)| *installed == wanted);
        these.map(|(triple, _)| *triple).collect()
    };
    let (here, missing) = (those(true), those(false));
    if missing.is_empty() {
        return Check::ok(NAME, here.join(", "));
    }
    let mut found = format!("not installed: {}", missing.join(", "));
    if !here.is_empty() {
        found = format!("{}\n{found}", here.join(", "));
    }
    let cure = if rustup {
        format!("rustup target add {}", missing.join(" "))
    } else {
        found.push_str("\n(there is no rustup here: Rust comes from elsewhere)");
        "install their rust-std packages where Rust came from, or use https://rustup.rs".into()
    };
    Check::not_ok(NAME, Status::Warning, found, cure)
}

/// The C compiler that cargo links with.
pub fn linker(cc: &Answer, installer: Installer) -> Check {
    const NAME: &str = "linker";
    match cc.said() {
        Some(text) => Check::ok(NAME, format!("cc: {}", first_line(text))),
        None => Check::not_ok(
            NAME,
            Status::Problem,
            format!("`cc` {}; cargo links with it", cc.trouble()),
            installer.c_compiler(),
        ),
    }
}

/// The linker that comes with Rust, with which pure Rust cross-compiles to musl.
pub fn rust_lld(sysroot: Option<&Sysroot>, rustup: bool) -> Check {
    const NAME: &str = "rust-lld";
    let path = sysroot.map(|sysroot| {
        let name = format!("rust-lld{}", std::env::consts::EXE_SUFFIX);
        sysroot.target(&sysroot.host).join("bin").join(name)
    });
    match path {
        Some(path) if path.is_file() => Check::ok(NAME, path.display().to_string()),
        _ => Check::not_ok(
            NAME,
            Status::Warning,
            "not in this Rust; it links pure Rust for another architecture without zig",
            if rustup {
                "rustup toolchain install stable"
            } else {
                "install Rust from https://rustup.rs, which brings it"
            },
        ),
    }
}

/// Zig, as a program of its own or as a Python module.
pub fn zig(program: &Answer, module: &Answer) -> Check {
    const NAME: &str = "zig";
    if let Some(version) = program.said() {
        return Check::ok(NAME, format!("zig {}", first_line(version)));
    }
    if let Some(version) = module.said() {
        let version = first_line(version);
        return Check::ok(NAME, format!("Python's ziglang {version}"));
    }
    // A tool that is there and does not work is worth more words than one that is not.
    let broken = match (program, module) {
        (Answer::Missing, Answer::Hung) => format!("`python3 -m ziglang` {}\n", module.trouble()),
        (Answer::Missing, _) => String::new(),
        _ => format!("`zig` {}\n", program.trouble()),
    };
    Check::not_ok(
        NAME,
        Status::Warning,
        format!(
            "{broken}neither `zig` nor Python's ziglang: C code does not build for another \
             architecture or an older glibc"
        ),
        "pip install ziglang",
    )
}

/// What runs arm64 programs on this machine.
pub fn arm64(host_architecture: &str, emulator: Option<&str>, installer: Installer) -> Check {
    const NAME: &str = "arm64";
    match (host_architecture, emulator) {
        ("aarch64", _) => Check::ok(NAME, "this machine is arm64"),
        (_, Some(emulator)) => Check::ok(NAME, format!("{emulator} runs arm64 functions")),
        (_, None) => Check::not_ok(
            NAME,
            Status::Note,
            "no qemu-aarch64: arm64 functions are built here, and run only on AWS",
            installer.emulator(),
        ),
    }
}

/// The first line, without the blanks around it.
fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Answer {
        Answer::Said(text.into())
    }

    /// Status, what was found and cure of a check.
    fn parts(check: &Check) -> (Status, &str, Option<&str>) {
        (check.status, &check.found, check.cure.as_deref())
    }

    #[test]
    fn rust_has_to_be_there_and_recent() {
        let good = said("cargo 1.95.0 (f2d3ce0bd 2026-03-21)\n");
        let cases = [
            (
                said("rustc 1.95.0 (59807616e 2026-04-14)\n"),
                Status::Ok,
                "rustc 1.95.0, cargo 1.95.0",
                None,
            ),
            (
                said("rustc 1.97.0-nightly (abc 2026-05-01)"),
                Status::Ok,
                "rustc 1.97.0-nightly, cargo 1.95.0",
                None,
            ),
            (
                said("rustc 1.84.0"),
                Status::Ok,
                "rustc 1.84.0, cargo 1.95.0",
                None,
            ),
            (
                said("rustc 1.83.0 (x 2024-11-26)"),
                Status::Problem,
                "rustc 1.83.0; lambda_runtime needs 1.84 or newer",
                Some("rustup update stable"),
            ),
            (
                said("hello"),
                Status::Problem,
                "`rustc --version` answered `hello`",
                Some("install Rust: https://rustup.rs"),
            ),
            (
                Answer::Missing,
                Status::Problem,
                "`rustc` was not found on PATH",
                Some("install Rust: https://rustup.rs"),
            ),
            (
                Answer::Hung,
                Status::Problem,
                "`rustc` did not answer",
                Some("rustup toolchain install stable"),
            ),
            (
                Answer::Failed("\nerror: toolchain 'x' is not installed\n".into()),
                Status::Problem,
                "`rustc` failed: error: toolchain 'x' is not installed",
                Some("rustup toolchain install stable"),
            ),
        ];
        for (rustc, status, found, cure) in cases {
            assert_eq!(parts(&rust(&rustc, &good)), (status, found, cure));
        }
        let check = rust(&said("rustc 1.95.0"), &Answer::Missing);
        assert_eq!(check.found, "`cargo` was not found on PATH");
    }

    #[test]
    fn missing_targets_are_named_in_one_command() {
        let all = [("a", true), ("b", true)];
        assert_eq!(
            parts(&targets_found(&all, true)),
            (Status::Ok, "a, b", None)
        );
        let some = [("a", true), ("b", false), ("c", false)];
        assert_eq!(
            parts(&targets_found(&some, true)),
            (
                Status::Warning,
                "a\nnot installed: b, c",
                Some("rustup target add b c")
            )
        );
        let without = targets_found(&some[1..], false);
        assert!(without.found.contains("no rustup"), "{}", without.found);
        assert!(!without.cure.unwrap().contains("rustup target add"));
    }

    #[test]
    fn targets_and_lld_are_looked_for_in_the_sysroot() {
        let directory = tempfile::tempdir().unwrap();
        let rustlib = directory.path().join("lib/rustlib");
        std::fs::create_dir_all(rustlib.join("aarch64-unknown-linux-musl/lib")).unwrap();
        let sysroot = Sysroot {
            path: directory.path().to_owned(),
            host: "x86_64-unknown-linux-gnu".into(),
        };
        let check = targets(Some(&sysroot), true);
        assert!(check.found.starts_with("aarch64-unknown-linux-musl\n"));
        assert_eq!(rust_lld(Some(&sysroot), true).status, Status::Warning);

        let tools = rustlib.join("x86_64-unknown-linux-gnu/bin");
        std::fs::create_dir_all(&tools).unwrap();
        let name = format!("rust-lld{}", std::env::consts::EXE_SUFFIX);
        std::fs::write(tools.join(name), "").unwrap();
        assert_eq!(rust_lld(Some(&sysroot), true).status, Status::Ok);
        assert_eq!(rust_lld(None, false).status, Status::Warning);
        assert_eq!(targets(None, true).status, Status::Warning);
    }

    #[test]
    fn a_linker_is_needed() {
        let check = linker(
            &said("cc (Debian 12.2.0) 12.2.0\nCopyright"),
            Installer::Apt,
        );
        assert_eq!(
            parts(&check),
            (Status::Ok, "cc: cc (Debian 12.2.0) 12.2.0", None)
        );
        let cures = [
            (Installer::Apt, "sudo apt-get install build-essential"),
            (Installer::Dnf, "sudo dnf install gcc"),
            (Installer::Pacman, "sudo pacman -S gcc"),
            (Installer::Apk, "sudo apk add build-base"),
            (Installer::Mac, "xcode-select --install"),
        ];
        for (installer, cure) in cures {
            let check = linker(&Answer::Missing, installer);
            assert_eq!(
                parts(&check),
                (
                    Status::Problem,
                    "`cc` was not found on PATH; cargo links with it",
                    Some(cure)
                )
            );
        }
    }

    #[test]
    fn zig_is_a_program_or_a_module() {
        let failed = Answer::Failed("No module named ziglang".into());
        let cases = [
            (said("0.15.1\n"), Answer::Missing, Status::Ok, "zig 0.15.1"),
            (
                Answer::Missing,
                said("0.14.0\n"),
                Status::Ok,
                "Python's ziglang 0.14.0",
            ),
            (
                Answer::Hung,
                said("0.14.0\n"),
                Status::Ok,
                "Python's ziglang 0.14.0",
            ),
            (
                Answer::Missing,
                failed.clone(),
                Status::Warning,
                "neither `zig` nor Python's ziglang: C code does not build for another \
                 architecture or an older glibc",
            ),
            (
                Answer::Hung,
                failed,
                Status::Warning,
                "`zig` did not answer\nneither `zig` nor Python's ziglang: C code does not build \
                 for another architecture or an older glibc",
            ),
        ];
        for (program, module, status, found) in cases {
            let check = zig(&program, &module);
            let cure = (status != Status::Ok).then_some("pip install ziglang");
            assert_eq!(parts(&check), (status, found, cure));
        }
    }

    #[test]
    fn arm64_runs_natively_or_emulated() {
        let cases = [
            ("aarch64", None, Status::Ok),
            ("x86_64", Some("qemu-aarch64"), Status::Ok),
            ("x86_64", None, Status::Note),
        ];
        for (architecture, emulator, status) in cases {
            let check = arm64(architecture, emulator, Installer::Apt);
            assert_eq!(check.status, status);
            let cure = (status == Status::Note).then_some("sudo apt-get install qemu-user");
            assert_eq!(check.cure.as_deref(), cure);
        }
    }
}
