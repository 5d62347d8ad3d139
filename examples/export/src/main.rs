//! The function: streams its answers.

use export::Ledger;
use kiln::Error;

fn main() -> Result<(), Error> {
    kiln::http::run_streaming(export::service(Ledger::default()))
}
