//! The function: flags are read once per environment, then one event after another.

use kiln::Error;
use nightly_report::Job;

fn main() -> Result<(), Error> {
    kiln::builder().init(Job::new).run(Job::report)
}
