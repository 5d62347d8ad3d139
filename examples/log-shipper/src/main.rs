//! The extension's entry: registration, then the loop, until the environment ends.

use std::convert::Infallible;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;

use lambda_extension::{
    Error, Extension, LambdaEvent, LambdaLog, LogBuffering, NextEvent, SharedService, service_fn,
};
use log_shipper::Shipper;
use tokio::sync::Notify;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_extension::tracing::init_default_subscriber();
    let shipper = Arc::new(Shipper::from_env()?);
    let ended = Arc::new(Notify::new());

    let of_logs = Arc::clone(&shipper);
    let logs = SharedService::new(service_fn(move |batch: Vec<LambdaLog>| {
        let shipper = Arc::clone(&of_logs);
        async move {
            shipper.add(&batch);
            shipper.ship().await;
            Ok::<(), Infallible>(())
        }
    }));
    let of_events = Arc::clone(&ended);
    let events = service_fn(move |event: LambdaEvent| {
        let (shipper, ended) = (Arc::clone(&shipper), Arc::clone(&of_events));
        async move {
            if matches!(event.next, NextEvent::Shutdown(_)) {
                // What came last, or could not be sent before.
                shipper.ship().await;
                ended.notify_one();
            }
            Ok::<(), Infallible>(())
        }
    });
    let extension = Extension::new()
        .with_events(&["SHUTDOWN"])
        .with_events_processor(events)
        // Not the type `extension`: a subscriber to its own lines would talk to itself for ever.
        .with_log_types(&["platform", "function"])
        // Lambda collects lines for this long: its shortest, so that little waits when it freezes.
        .with_log_buffering(LogBuffering {
            timeout_ms: 25,
            ..LogBuffering::default()
        })
        .with_log_port_number(free_port()?)
        .with_logs_processor(logs);
    tokio::select! {
        failed = extension.run() => failed,
        // Who has nothing left to do ends the environment's shutdown sooner.
        () = ended.notified() => Ok(()),
    }
}

/// A port that is free here: another extension may have the usual one.
fn free_port() -> Result<u16, Error> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    Ok(listener.local_addr()?.port())
}
