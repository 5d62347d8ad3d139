//! The function: everything that happens once per environment, then one report after another.

use kiln::{Error, compute};

fn main() -> Result<(), Error> {
    kiln::builder()
        // Threads start here, during init, which runs at full speed, rather than in the first report.
        .init(async || compute::init())
        .run(|_: &'static (), event| risk_report::handle(event))
}
