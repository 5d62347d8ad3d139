//! The user's word on how to link.

use std::str::FromStr;

/// Which way to link, as asked for with `--compiler`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compiler {
    /// Whatever works here, see [`choose`](super::choose()).
    #[default]
    Auto,
    /// Plain cargo with the linker it finds by itself.
    Cargo,
    /// zig as the linker and C compiler.
    Zig,
    /// The self-contained musl target, linked statically with `rust-lld`.
    Musl,
}

/// Why a compiler name is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompilerError {
    /// cargo-lambda's third compiler.
    #[error(
        "`cross` builds inside a container of its own and is not supported; `zig` does the same \
         without one"
    )]
    Cross,
    /// Not a compiler at all.
    #[error("expected `auto`, `cargo`, `zig` or `musl`")]
    Unknown,
}

impl CompilerError {
    /// The way out.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some("leave `--compiler` out to let kiln choose".to_owned())
    }
}

impl FromStr for Compiler {
    type Err = CompilerError;

    /// Reads a name, cargo-lambda's `cargo-zigbuild` among them, whatever its case.
    fn from_str(name: &str) -> Result<Self, CompilerError> {
        match name.to_ascii_lowercase().as_str() {
            "auto" => Ok(Self::Auto),
            "cargo" => Ok(Self::Cargo),
            "zig" | "cargo-zigbuild" | "cargo_zigbuild" | "zigbuild" => Ok(Self::Zig),
            "musl" => Ok(Self::Musl),
            "cross" => Err(CompilerError::Cross),
            _ => Err(CompilerError::Unknown),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read() {
        let cases = [
            ("auto", Ok(Compiler::Auto)),
            ("Cargo", Ok(Compiler::Cargo)),
            ("zig", Ok(Compiler::Zig)),
            ("cargo-zigbuild", Ok(Compiler::Zig)),
            ("musl", Ok(Compiler::Musl)),
            ("cross", Err(CompilerError::Cross)),
            ("gcc", Err(CompilerError::Unknown)),
        ];
        for (name, expected) in cases {
            assert_eq!(name.parse::<Compiler>(), expected, "{name}");
        }
    }
}
