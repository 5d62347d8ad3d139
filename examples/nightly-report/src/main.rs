//! The function: everything that happens once per environment, then one event after another.

use aws_lambda_events::eventbridge::EventBridgeEvent;
use kiln::{Error, LambdaEvent};
use nightly_report::{Detail, Job, Report, ReportError};

fn main() -> Result<(), Error> {
    kiln::builder()
        .init(async || Ok::<_, Error>(Job::new()?))
        .run(report)
}

async fn report(
    job: &'static Job,
    event: LambdaEvent<EventBridgeEvent<Detail>>,
) -> Result<Report, ReportError> {
    job.report(event)
}
