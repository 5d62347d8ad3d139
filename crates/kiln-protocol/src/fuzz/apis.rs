//! What runtimes and extensions send.

use kiln_fuzz::{Input, text};

use super::is_refusal;
use crate::extensions_api::{self, AgentState, Kind, Registration};
use crate::runtime_api::{self, ResponseMode, sanitise_error_type};
use crate::telemetry_api::{self, Api, Destination, Subscription};
use crate::telemetry_record::InitializationType;

/// `METHOD PATH`: a path is one operation of one API at most, and says which.
pub(super) fn paths(bytes: &[u8]) {
    let Some((method, path)) = text(bytes).and_then(|text| text.split_once(' ')) else {
        return;
    };
    let runtime = runtime_api::Operation::parse(method, path);
    let extension = extensions_api::Operation::parse(method, path);
    let telemetry = Api::parse(method, path);
    let found = [runtime.is_some(), extension.is_some(), telemetry.is_some()];
    assert!(found.iter().filter(|found| **found).count() <= 1);
    if let Some(operation) = runtime {
        use runtime_api::Operation as O;
        let (expected, rest) = match operation {
            O::Ping => ("GET", "ping".to_owned()),
            O::Next => ("GET", "runtime/invocation/next".to_owned()),
            O::Response(id) => ("POST", format!("runtime/invocation/{id}/response")),
            O::Error(id) => ("POST", format!("runtime/invocation/{id}/error")),
            O::InitError => ("POST", "runtime/init/error".to_owned()),
            O::RestoreNext => ("GET", "runtime/restore/next".to_owned()),
            O::RestoreError => ("POST", "runtime/restore/error".to_owned()),
        };
        assert_eq!(method, expected);
        assert_eq!(path, format!("{}/{rest}", runtime_api::PREFIX));
    }
}

/// What is left of an error type is one of the service's own or has its form, and stays as it is
/// when it comes again.
pub(super) fn error_types(bytes: &[u8]) {
    let Some(header) = text(bytes) else { return };
    let has_form = |kept: &str| {
        kept.split_once('.').is_some_and(|(category, reason)| {
            matches!(category, "Runtime" | "Function" | "Extension")
                && reason.bytes().all(|byte| byte.is_ascii_alphabetic())
                && reason.len() > 1
        })
    };
    let kept = sanitise_error_type(header);
    assert!(has_form(kept), "{kept}");
    assert_eq!(sanitise_error_type(kept), kept);
    for operation in [
        extensions_api::Operation::InitError,
        extensions_api::Operation::ExitError,
    ] {
        match extensions_api::error_type(Some(header), operation) {
            Ok(kept) => assert!(has_form(kept), "{kept}"),
            Err(refused) => is_refusal(&refused.body()),
        }
    }
    if let Err(refused) = ResponseMode::parse(Some(header)) {
        is_refusal(&refused.body());
    }
}

/// A registration: name, features and identifier each on a line, then the body.
pub(super) fn extension_requests(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (name, features, identifier) = (input.text_line(), input.text_line(), input.text_line());
    if let Err(refused) = extensions_api::identifier(identifier) {
        is_refusal(&refused.body());
    }
    let name = match extensions_api::extension_name(name) {
        Ok(name) => name,
        Err(refused) => return is_refusal(&refused.body()),
    };
    for kind in [Kind::External, Kind::Internal] {
        match Registration::parse(name, kind, features, input.rest()) {
            Ok(registration) => {
                assert_eq!(registration.name, name);
                assert!(
                    registration.events.is_sorted_by(|one, other| one < other),
                    "each once, in order"
                );
                let internal = registration.events.iter().map(|event| event.name());
                let mut shutdown = internal.filter(|event| *event == "SHUTDOWN");
                assert!(kind == Kind::External || shutdown.next().is_none());
            }
            Err(refused) => {
                assert_eq!(refused.status(), 403);
                is_refusal(&refused.body());
            }
        }
    }
    // The texts of refusals carry what was sent.
    let refused = AgentState::Exited.after(extensions_api::Operation::Next, name);
    is_refusal(&refused.expect_err("what ended takes no calls").body());
}

/// A subscription that is taken is within the documented bounds, and one that is not is told why.
pub(super) fn subscriptions(bytes: &[u8]) {
    for api in [Api::Telemetry, Api::Logs] {
        for initialization in [
            InitializationType::OnDemand,
            InitializationType::LambdaManagedInstances,
        ] {
            match Subscription::parse(api, initialization, bytes) {
                Ok(subscription) => is_within_bounds(&subscription),
                Err(refused) => {
                    assert!(matches!(refused, telemetry_api::Answer::Invalid(_)));
                    is_refusal(&refused.body());
                }
            }
        }
    }
}

fn is_within_bounds(subscription: &Subscription) {
    let Subscription {
        types,
        buffering,
        destination,
        ..
    } = subscription;
    assert!((1..=3).contains(&types.len()));
    assert!((1_000..=10_000).contains(&buffering.max_items));
    assert!((262_144..=1_048_576).contains(&buffering.max_bytes));
    assert!((25..=30_000).contains(&buffering.timeout.as_millis()));
    let port = match destination {
        Destination::Tcp { port } => port,
        Destination::Http { port, path } => {
            assert!(
                path.parse::<http::uri::PathAndQuery>().is_ok() && path.starts_with('/'),
                "{path}"
            );
            port
        }
    };
    assert!(![0, 9_001].contains(port));
}
