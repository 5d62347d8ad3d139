//! The function that is written three times.

use std::path::PathBuf;

use super::super::{Plan, finish};
use crate::error::BenchError;

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// With the library as it comes.
    Kiln,
    /// With the library and no features.
    Lean,
    /// On plain `lambda_runtime`, with `#[tokio::main]` and its default subscriber.
    Plain,
}

impl Written {
    /// Builds it in release, apart from the others: together, they would share features.
    pub fn build(self, plan: &Plan) -> Result<PathBuf, BenchError> {
        let name = match self {
            Self::Kiln => "start-kiln",
            Self::Lean => "start-lean",
            Self::Plain => "start-plain",
        };
        // Beside the fixture functions.
        let workspace = plan.functions.with_file_name("start");
        let arguments = ["build", "--release", "--locked", "--package", name];
        finish(&mut plan.tools.cargo(&workspace, &arguments))?;
        Ok(plan.function(name))
    }
}
