//! The user's word on how to link.

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
