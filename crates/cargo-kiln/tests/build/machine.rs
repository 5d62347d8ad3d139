//! The processors of Lambda, as this machine sees them.

/// A processor by its names.
pub struct Processor {
    /// The flag of `kiln build`.
    pub flag: &'static str,
    /// Lambda's name.
    pub lambda: &'static str,
    /// Rust's name.
    pub rust: &'static str,
}

const ARM: Processor = Processor {
    flag: "--arm64",
    lambda: "arm64",
    rust: "aarch64",
};

const X86: Processor = Processor {
    flag: "--x86-64",
    lambda: "x86_64",
    rust: "x86_64",
};

/// The processor of this machine, and the one that it does not have.
pub const OWN: Processor = if cfg!(target_arch = "aarch64") {
    ARM
} else {
    X86
};
pub const OTHER: Processor = if cfg!(target_arch = "aarch64") {
    X86
} else {
    ARM
};

impl Processor {
    /// The Rust target with this C library, `gnu` or `musl`.
    pub fn target(&self, library: &str) -> String {
        format!("{}-unknown-linux-{library}", self.rust)
    }
}
