use proptest::prelude::*;

use super::*;

const ID: &str = "8f5e2b1c-3d4e-4f6a-9b7c-0d1e2f3a4b5c";

#[test]
fn paths_are_operations() {
    for (method, path, operation) in [
        (
            "POST",
            "/2020-01-01/extension/register",
            Some(Operation::Register),
        ),
        (
            "GET",
            "/2020-01-01/extension/event/next",
            Some(Operation::Next),
        ),
        (
            "POST",
            "/2020-01-01/extension/init/error",
            Some(Operation::InitError),
        ),
        (
            "POST",
            "/2020-01-01/extension/exit/error",
            Some(Operation::ExitError),
        ),
        ("GET", "/2020-01-01/extension/register", None),
        ("GET", "/2020-01-01/extension/event/next/", None),
        ("GET", "/2020-01-01/extension", None),
        ("GET", "/2018-06-01/extension/event/next", None),
        ("GET", "", None),
    ] {
        assert_eq!(Operation::parse(method, path), operation, "{method} {path}");
    }
}

#[test]
fn registrations_are_read() {
    use EventType::{Invoke, Shutdown};
    for (kind, body, events) in [
        (
            Kind::External,
            r#"{"events":["INVOKE","SHUTDOWN"]}"#,
            vec![Invoke, Shutdown],
        ),
        (
            Kind::External,
            r#"{"events":["SHUTDOWN","INVOKE","SHUTDOWN"]}"#,
            vec![Invoke, Shutdown],
        ),
        (Kind::External, r#"{"events":[]}"#, vec![]),
        (Kind::External, r#"{"events":null}"#, vec![]),
        (
            Kind::External,
            r#"{"configurationKeys":[],"more":1}"#,
            vec![],
        ),
        (Kind::Internal, r#"{"events":["INVOKE"]}"#, vec![Invoke]),
        (Kind::Internal, "null", vec![]),
    ] {
        let registration = Registration::parse("ext", kind, None, body.as_bytes()).unwrap();
        assert_eq!(registration.events, events, "{body}");
        assert!(!registration.account_id);
    }
    for (features, account_id) in [
        (Some("accountId"), true),
        (Some("other, accountId"), true),
        (Some("AccountId"), false),
        (Some(""), false),
        (None, false),
    ] {
        let registration = Registration::parse("ext", Kind::External, features, b"{}").unwrap();
        assert_eq!(registration.account_id, account_id, "{features:?}");
    }
}

#[test]
fn registrations_are_refused() {
    let refused =
        |kind, body: &str| Registration::parse("ext", kind, None, body.as_bytes()).unwrap_err();
    assert_eq!(
        refused(Kind::External, r#"{"events":["invoke"]}"#).body(),
        "{\"errorMessage\":\"invoke: ErrorInvalidEventType\",\"errorType\":\"Extension.InvalidEventType\"}\n"
    );
    assert_eq!(
        refused(Kind::Internal, r#"{"events":["INVOKE","SHUTDOWN"]}"#).body(),
        "{\"errorMessage\":\"SHUTDOWN: ShutdownEventNotSupportedForInternalExtension\",\"errorType\":\"Extension.InvalidEventType\"}\n"
    );
    assert_eq!(
        refused(Kind::External, r#"{"configurationKeys":["a"]}"#).body(),
        "{\"errorMessage\":\"configurationKeys are deprecated; use environment variables instead\",\"errorType\":\"InvalidRequestFormat\"}\n"
    );
    for body in ["[]", r#"[["INVOKE"],null]"#, "1", r#""events""#] {
        let no_object = Answer::InvalidRequestFormat("the body is not a JSON object".to_owned());
        assert_eq!(refused(Kind::External, body), no_object, "{body}");
    }
    for body in ["", "nope", "[]", "{\"events\":[1]}", "{} {}"] {
        let answer = refused(Kind::External, body);
        assert_eq!(answer.status(), 403, "{body}");
        assert!(
            matches!(answer, Answer::InvalidRequestFormat(_)),
            "{body}: {answer:?}"
        );
    }
}

#[test]
fn an_answer_to_a_registration_has_the_services_form() {
    let mut answer = RegisterAnswer {
        function_name: "f",
        function_version: "$LATEST",
        handler: "bootstrap",
        account_id: None,
    };
    assert_eq!(
        answer.body(),
        "{\"functionName\":\"f\",\"functionVersion\":\"$LATEST\",\"handler\":\"bootstrap\"}\n"
    );
    answer.account_id = Some("000000000000");
    assert_eq!(
        answer.body(),
        "{\"functionName\":\"f\",\"functionVersion\":\"$LATEST\",\"handler\":\"bootstrap\",\"accountId\":\"000000000000\"}\n"
    );
    assert_eq!(
        RegisterAnswer::headers(ID)[0],
        ("lambda-extension-identifier", ID)
    );
}

#[test]
fn refusals_are_the_services() {
    for (answer, message, error_type) in [
        (
            Answer::EmptyName,
            "Empty extension name",
            "Extension.InvalidExtensionName",
        ),
        (
            Answer::InvalidStateTransition {
                from: AgentState::Registered,
                to: AgentState::Registered,
                agent: "ext".to_owned(),
            },
            "State transition from Registered to Registered failed for extension ext. Error: State transition is not allowed",
            "Extension.InvalidExtensionState",
        ),
        (
            Answer::AlreadyRegistered,
            "Extension with this name already registered",
            "Extension.InvalidExtensionState",
        ),
        (
            Answer::RegistrationClosed,
            "Extension registration closed already",
            "Extension.RegistrationClosed",
        ),
        (
            Answer::TooManyExtensions,
            "Extension limit (10) reached",
            "Extension.TooManyExtensions",
        ),
        (
            Answer::MissingIdentifier,
            "Missing Lambda-Extension-Identifier header",
            "Extension.MissingExtensionIdentifier",
        ),
        (
            Answer::InvalidIdentifier,
            "Invalid Lambda-Extension-Identifier",
            "Extension.InvalidExtensionIdentifier",
        ),
        (
            Answer::UnknownExtension(ID.to_owned()),
            "Unknown extension 8f5e2b1c-3d4e-4f6a-9b7c-0d1e2f3a4b5c",
            "Extension.UnknownExtensionIdentifier",
        ),
        (
            Answer::UnknownReporter,
            "Unknown Lambda-Extension-Identifier",
            "Extension.UnknownExtensionIdentifier",
        ),
        (
            Answer::MissingErrorType,
            "Lambda-Extension-Function-Error-Type not found",
            "Extension.MissingHeader",
        ),
    ] {
        assert_eq!(answer.status(), 403);
        assert_eq!(
            answer.body(),
            format!("{{\"errorMessage\":\"{message}\",\"errorType\":\"{error_type}\"}}\n")
        );
    }
    assert_eq!(Answer::Accepted.body(), "{\"status\":\"OK\"}\n");
    assert_eq!(
        (
            Answer::Accepted.status(),
            Answer::NotFound.status(),
            Answer::Closing.status()
        ),
        (202, 404, 500)
    );
}

#[test]
fn states_take_their_operations() {
    use AgentState::{
        ExitError, Exited, InitError, LaunchError, Ready, Registered, Running, ShutdownFailed,
        Started,
    };
    let states = [
        Started,
        Registered,
        Ready,
        Running,
        InitError,
        ExitError,
        ShutdownFailed,
        Exited,
        LaunchError,
    ];
    for (operation, from, to) in [
        (Operation::Register, &[Started][..], Registered),
        (Operation::Next, &[Registered, Running], Ready),
        (Operation::InitError, &[Registered, InitError], InitError),
        (
            Operation::ExitError,
            &[Registered, Ready, Running, ExitError],
            ExitError,
        ),
    ] {
        for state in states {
            let after = state.after(operation, "ext");
            if from.contains(&state) {
                assert_eq!(after, Ok(to));
            } else {
                assert_eq!(
                    after,
                    Err(Answer::InvalidStateTransition {
                        from: state,
                        to,
                        agent: "ext".to_owned()
                    })
                );
            }
        }
    }
}

#[test]
fn headers_are_checked() {
    assert_eq!(extension_name(Some("ext")), Ok("ext"));
    assert_eq!(extension_name(Some("")), Err(Answer::EmptyName));
    assert_eq!(extension_name(None), Err(Answer::EmptyName));
    assert_eq!(identifier(Some(ID)), Ok(ID));
    assert_eq!(identifier(None), Err(Answer::MissingIdentifier));
    assert_eq!(identifier(Some("")), Err(Answer::MissingIdentifier));
    for not_a_uuid in ["ext", &ID[1..], &ID.replace('-', "0"), &format!("{ID}0")] {
        assert_eq!(identifier(Some(not_a_uuid)), Err(Answer::InvalidIdentifier));
    }
    for (header, operation, kept) in [
        ("Extension.NoGood", Operation::InitError, "Extension.NoGood"),
        (
            "Runtime.NoGood",
            Operation::InitError,
            "Extension.InitError",
        ),
        ("Extension.x", Operation::ExitError, "Extension.ExitError"),
    ] {
        assert_eq!(error_type(Some(header), operation), Ok(kept));
    }
    for missing in [None, Some("")] {
        assert_eq!(
            error_type(missing, Operation::ExitError),
            Err(Answer::MissingErrorType)
        );
    }
}

proptest! {
    #[test]
    fn whatever_comes_is_answered_in_json(
        path in ".{0,60}",
        body in proptest::collection::vec(any::<u8>(), 0..100),
        text in ".{0,40}",
    ) {
        let _ = Operation::parse("POST", &path);
        let answers = [
            Registration::parse("ext", Kind::External, Some(&text), &body).err(),
            identifier(Some(&text)).err(),
            error_type(Some(&text), Operation::InitError).err(),
            AgentState::Exited.after(Operation::Next, &text).err(),
            Some(Answer::InvalidEventType(text)),
        ];
        for answer in answers.into_iter().flatten() {
            let body: serde_json::Value = serde_json::from_str(&answer.body()).unwrap();
            prop_assert!(body["errorMessage"].is_string() && body["errorType"].is_string());
        }
    }
}
