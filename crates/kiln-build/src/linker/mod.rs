//! How a target is linked on this machine.
//!
//! [`LinkFacts::gather`] looks at the machine and the project, [`choose`] decides from those facts
//! alone, [`LinkPlan::apply`] carries the decision out on a [`CargoBuild`](crate::cargo::CargoBuild).
//! Nothing is ever installed: what is missing becomes an error that names the one command.
//!
//! | way | when | what it needs |
//! | --- | --- | --- |
//! | [`Way::Host`] | host and target agree | nothing; the artefact's glibc is checked afterwards |
//! | [`Way::Configured`] | cargo's configuration names a linker for the target | that linker |
//! | [`Way::Zig`] | any target, with C code or without | zig, and the Rust target |
//! | [`Way::Musl`] | no C code among the dependencies | the Rust musl target, nothing else |

mod c_code;
mod choose;
mod compiler;
mod facts;
mod plan;

pub use c_code::{CCode, Evidence};
pub use choose::choose;
pub use compiler::Compiler;
pub use facts::{LinkFacts, LinkRequest, TooNew, Toolchain, Zig};
pub use plan::{LinkError, LinkPlan, Way};

/// The command behind `zig cc` and its kin, run by the wrapper scripts that cargo-zigbuild writes.
///
/// Those scripts call the running program again as `<program> zig cc -- …`, and a symbolic link to
/// it named `ar`, so a program that builds with zig must pass both on to
/// [`execute`](ZigTool::execute).
pub use cargo_zigbuild::Zig as ZigTool;
