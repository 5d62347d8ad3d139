//! Zig's side of a build: the linker wrappers call this program again.
//!
//! cargo-zigbuild writes scripts that run `<this program> zig cc -- …` for the linker and the C
//! compiler, and a symbolic link named `ar` that points here.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use kiln_build::linker::ZigTool;

use crate::failure::{Exit, Failure};

/// Runs a wrapped tool.
pub fn run(tool: &ZigTool) -> Result<Exit, Failure> {
    tool.execute().map_err(Failure::usage)?;
    Ok(Exit::Done)
}

/// Answers in place of the command line when this program was called by the name of a tool.
pub fn called_as_tool(args: &[OsString]) -> Option<ExitCode> {
    let (program, args) = args.split_first()?;
    if Path::new(program).file_stem()? != "ar" {
        return None;
    }
    let args = args
        .iter()
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect();
    let exit = run(&ZigTool::Ar { args }).unwrap_or_else(|failure| {
        crate::output::failure(&failure);
        failure.exit
    });
    Some(exit.into())
}
