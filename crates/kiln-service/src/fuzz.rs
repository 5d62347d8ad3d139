//! Fuzz targets: what holds for whatever comes in at the edge.

use std::sync::Arc;
use std::time::Duration;

use kiln_fuzz::Target;
use kiln_fuzz::conversation::{in_runtime, status, talk};
use kiln_sandbox::{InvocationReport, LogSource};

use crate::edge::connection;
use crate::{Code, FunctionConfig, Observer, Service, ServiceConfig};

/// The targets of this crate.
pub const TARGETS: &[Target] = &[Target {
    name: "http-edge",
    run: http_edge,
}];

/// How long a service may take to stop.
const PATIENCE: Duration = Duration::from_secs(5);

/// A function `f`, which is started elsewhere, so that callers and the runtime come in by the same
/// edge: nothing panics, connections end, the next request is answered, and the service stops.
fn http_edge(input: &[u8]) {
    in_runtime(async {
        let service = Service::new(ServiceConfig::default(), Arc::new(Nobody));
        let function = FunctionConfig::new("f");
        let deployed = service.deploy(function, Code::External);
        assert!(deployed.is_ok(), "{deployed:?}");
        let serve = |stream| {
            let connection = connection(service.clone(), stream);
            async move { drop(connection.await) }
        };
        let conversation = talk(input, serve).await;

        let dry_run = b"POST /2015-03-31/functions/f/invocations HTTP/1.1\r\n\
            host: x\r\nx-amz-invocation-type: DryRun\r\ncontent-length: 2\r\n\r\n{}";
        let answers = talk(dry_run, serve).await.answers().await;
        let answer = answers.first().map(|received| status(received));
        assert_eq!(answer, Some(Some(204)), "the next request works");

        let closed = tokio::time::timeout(PATIENCE, service.close()).await;
        assert!(closed.is_ok(), "the service does not stop");
        conversation.answers().await;
    });
}

/// Somebody who looks away.
struct Nobody;

impl Observer for Nobody {
    fn log(&self, _function: &str, _source: LogSource, _line: &str) -> bool {
        true
    }
    fn finished(&self, _function: &str, _report: &InvocationReport) {}
}

#[cfg(test)]
mod tests {
    #[test]
    fn corpora_hold() {
        kiln_fuzz::replay(env!("CARGO_MANIFEST_DIR"), super::TARGETS);
    }
}
