//! `kiln tour`

use crate::failure::{Exit, Failure};

/// Flags of `kiln tour`.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the command.
pub fn run(_args: Args) -> Result<Exit, Failure> {
    Ok(Exit::Done)
}
