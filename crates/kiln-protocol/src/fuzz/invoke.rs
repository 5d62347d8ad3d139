//! What callers of Invoke send.

use http::HeaderValue;
use kiln_fuzz::{Input, text};
use serde_json::Value;

use crate::function::{FunctionArn, FunctionReference, is_account, is_name};
use crate::invoke::{MAX_CLIENT_CONTEXT, check_payload, client_context, request_id, tenant_id};
use crate::trace;

/// A reference on the first line, a `Qualifier` parameter on the second: what is understood is
/// well-formed and the same when it is written as an ARN.
pub(super) fn function_references(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (Some(reference), parameter) = (input.text_line(), input.text_line()) else {
        return;
    };
    let Ok(reference) = reference.parse::<FunctionReference>() else {
        return;
    };
    assert!(is_name(&reference.name));
    assert!(reference.account.as_deref().is_none_or(is_account));
    let given = reference.qualifier.clone();
    let reference = match reference.with_qualifier(parameter) {
        Ok(reference) => reference,
        Err(refused) => {
            assert_eq!(refused.status(), 400);
            return;
        }
    };
    assert!(given.is_none() || given == reference.qualifier);
    let arn = FunctionArn {
        region: "us-east-1".to_owned(),
        account: reference.account.clone().unwrap_or("000000000000".into()),
        name: reference.name.clone(),
        qualifier: reference.qualifier.clone(),
    };
    let again: FunctionReference = arn.to_string().parse().expect("an ARN is a reference");
    assert_eq!(
        (again.name, again.qualifier),
        (reference.name, reference.qualifier)
    );
}

/// What a function is given of a client context is JSON, and fits in the header it travels in.
pub(super) fn client_contexts(bytes: &[u8]) {
    let Some(value) = text(bytes) else { return };
    match client_context(value) {
        Ok(context) => {
            assert!(value.len() <= MAX_CLIENT_CONTEXT);
            serde_json::from_str::<serde::de::IgnoredAny>(&context).expect("a context is JSON");
            assert!(
                HeaderValue::from_bytes(context.as_bytes()).is_ok(),
                "no header takes {context:?}"
            );
        }
        Err(refused) => assert_eq!(refused.code(), "InvalidRequestContentException"),
    }
    let _ = request_id(value);
    let _ = (tenant_id(Some(value), true), tenant_id(Some(value), false));
}

/// Whatever can be read as JSON is taken, and what is refused is refused with a body.
pub(super) fn payloads(bytes: &[u8]) {
    match check_payload(bytes) {
        Ok(()) => assert!(text(bytes).is_some(), "JSON is UTF-8"),
        Err(refused) => {
            assert!(serde_json::from_slice::<Value>(bytes).is_err());
            assert_eq!(refused.status(), 400);
            assert!(refused.body().is_object());
        }
    }
}

/// A trace header has its shape for every moment and every number, and is one of HTTP's.
pub(super) fn trace_headers(bytes: &[u8]) {
    let mut number = [0; 24];
    for (place, byte) in number.iter_mut().zip(bytes) {
        *place = *byte;
    }
    let (seconds, random) = number.split_at(8);
    let seconds = u64::from_be_bytes(seconds.try_into().unwrap_or_default());
    let random = u128::from_be_bytes(random.try_into().unwrap_or_default());
    let header = trace::new_header(seconds, random);
    let parts: Vec<&str> = header.split(['=', '-', ';']).collect();
    let ["Root", "1", time, unique, "Parent", parent, "Sampled", "0"] = parts.as_slice() else {
        panic!("{header}");
    };
    assert_eq!((time.len(), unique.len(), parent.len()), (8, 24, 16));
    for part in [time, unique, parent] {
        assert!(part.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
}
