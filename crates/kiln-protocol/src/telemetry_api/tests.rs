use proptest::prelude::*;
use serde_json::json;

use super::*;

fn parse(body: &Value) -> Result<Subscription, Answer> {
    Subscription::parse(
        Api::Telemetry,
        InitializationType::OnDemand,
        body.to_string().as_bytes(),
    )
}

/// A request with one member changed, by JSON pointer.
fn with(pointer: &str, value: Value) -> Value {
    let mut body = json!({
        "schemaVersion": "2022-12-13",
        "types": ["platform", "function"],
        "buffering": {"maxItems": 1000, "maxBytes": 262_144, "timeoutMs": 100},
        "destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain:8080/x?y=1"},
    });
    match body.pointer_mut(pointer) {
        Some(member) => *member = value,
        None => panic!("{pointer}"),
    }
    body
}

#[test]
fn paths_are_apis() {
    for (method, path, api) in [
        ("PUT", "/2022-07-01/telemetry", Some(Api::Telemetry)),
        ("PUT", "/2022-07-01/telemetry/", Some(Api::Telemetry)),
        ("PUT", "/2020-08-15/logs", Some(Api::Logs)),
        ("POST", "/2020-08-15/logs", None),
        ("PUT", "/2022-07-01/logs", None),
    ] {
        assert_eq!(Api::parse(method, path), api, "{method} {path}");
    }
}

#[test]
fn a_subscription_is_read() {
    assert_eq!(
        parse(&with("/types", json!(["function", "platform", "function"]))),
        Ok(Subscription {
            schema: Schema::Telemetry20221213,
            types: vec![Category::Function, Category::Platform],
            buffering: Buffering {
                max_items: 1_000,
                max_bytes: 262_144,
                timeout: Duration::from_millis(100),
            },
            destination: Destination::Http {
                port: 8080,
                path: "/x?y=1".to_owned(),
            },
        })
    );
}

#[test]
fn what_is_missing_has_the_documented_default() {
    let least = json!({
        "types": ["extension"],
        "buffering": {"maxItems": null},
        "destination": {"protocol": "TCP", "port": 1},
    });
    let subscription = parse(&least).unwrap();
    assert_eq!(subscription.schema, Schema::Telemetry20220701);
    assert_eq!(
        subscription.buffering,
        Buffering {
            max_items: 10_000,
            max_bytes: 262_144,
            timeout: Duration::from_millis(1_000),
        }
    );
    assert_eq!(subscription.destination, Destination::Tcp { port: 1 });
    let default_of = |api, initialization| {
        Subscription::parse(api, initialization, least.to_string().as_bytes())
            .unwrap()
            .schema
    };
    assert_eq!(
        default_of(Api::Logs, InitializationType::OnDemand),
        Schema::Logs20200815
    );
    assert_eq!(
        default_of(Api::Telemetry, InitializationType::LambdaManagedInstances),
        Schema::Telemetry20250129
    );
}

#[test]
fn destinations_are_in_the_sandbox() {
    for (uri, destination) in [
        ("http://sandbox.localdomain:8080", Some((8080, "/"))),
        ("http://sandbox:8080/", Some((8080, "/"))),
        (
            "http://SANDBOX.localdomain:65535/a/b",
            Some((65535, "/a/b")),
        ),
        ("http://sandbox.localdomain/x", Some((80, "/x"))),
        ("http://sandbox.localdomain:9001", None),
        ("http://sandbox.localdomain:65536", None),
        ("http://sandbox.localdomain:0", None),
        ("http://localhost:8080", None),
        ("http://sandbox.localdomain.example:8080", None),
        ("https://sandbox.localdomain:8080", None),
        ("sandbox.localdomain:8080", None),
        ("", None),
    ] {
        let read = parse(&with("/destination/URI", json!(uri)));
        match (read, destination) {
            (Ok(subscription), Some((port, path))) => assert_eq!(
                subscription.destination,
                Destination::Http {
                    port,
                    path: path.to_owned()
                },
                "{uri}"
            ),
            (Err(Answer::Invalid(message)), None) => {
                assert!(message.starts_with("destination.URI "), "{message}");
            }
            (read, _) => panic!("{uri}: {read:?}"),
        }
    }
}

#[test]
fn a_refusal_names_the_field() {
    for (pointer, value, names) in [
        ("", json!([]), "the body"),
        ("/schemaVersion", json!("2021-03-18"), "schemaVersion"),
        ("/schemaVersion", json!(1), "schemaVersion"),
        ("/types", json!([]), "types"),
        ("/types", json!(null), "types"),
        ("/types", json!("platform"), "types"),
        ("/types/0", json!("Platform"), "types"),
        ("/types/0", json!(1), "types"),
        ("/buffering", json!([]), "buffering"),
        ("/buffering/maxItems", json!(999), "buffering.maxItems"),
        ("/buffering/maxItems", json!(10_001), "buffering.maxItems"),
        ("/buffering/maxBytes", json!(262_143), "buffering.maxBytes"),
        (
            "/buffering/maxBytes",
            json!(1_048_577),
            "buffering.maxBytes",
        ),
        ("/buffering/timeoutMs", json!(24), "buffering.timeoutMs"),
        ("/buffering/timeoutMs", json!(30_001), "buffering.timeoutMs"),
        ("/buffering/timeoutMs", json!(-1), "buffering.timeoutMs"),
        ("/buffering/timeoutMs", json!("25"), "buffering.timeoutMs"),
        ("/destination", json!(null), "destination"),
        ("/destination", json!({}), "destination.protocol"),
        (
            "/destination/protocol",
            json!("http"),
            "destination.protocol",
        ),
        ("/destination/protocol", json!("TCP"), "destination.port"),
        ("/destination/URI", json!(null), "destination.URI"),
        (
            "/destination",
            json!({"protocol": "TCP", "port": 9001}),
            "destination.port",
        ),
        (
            "/destination",
            json!({"protocol": "TCP", "port": 0}),
            "destination.port",
        ),
        (
            "/destination",
            json!({"protocol": "TCP", "port": 65_536}),
            "destination.port",
        ),
    ] {
        let answer = parse(&with(pointer, value.clone())).unwrap_err();
        assert_eq!(answer.status(), 400);
        let Answer::Invalid(message) = &answer else {
            panic!("{answer:?}")
        };
        assert!(message.starts_with(names), "{pointer} {value}: {message}");
    }
}

#[test]
fn managed_instances_and_the_logs_api_have_schemas_of_their_own() {
    for (api, initialization, version, taken) in [
        (
            Api::Telemetry,
            InitializationType::OnDemand,
            "2025-01-29",
            true,
        ),
        (
            Api::Telemetry,
            InitializationType::LambdaManagedInstances,
            "2025-01-29",
            true,
        ),
        (
            Api::Telemetry,
            InitializationType::LambdaManagedInstances,
            "2022-12-13",
            false,
        ),
        (
            Api::Telemetry,
            InitializationType::OnDemand,
            "2020-08-15",
            false,
        ),
        (Api::Logs, InitializationType::OnDemand, "2020-08-15", true),
        (Api::Logs, InitializationType::OnDemand, "2021-03-18", true),
        (Api::Logs, InitializationType::OnDemand, "2022-07-01", false),
    ] {
        let body = with("/schemaVersion", json!(version)).to_string();
        assert_eq!(
            Subscription::parse(api, initialization, body.as_bytes()).is_ok(),
            taken,
            "{api:?} {initialization:?} {version}"
        );
    }
}

#[test]
fn answers_are_the_services() {
    for (answer, status, body) in [
        (Answer::Subscribed, 200, "\"OK\""),
        (
            Answer::Invalid("types is empty".to_owned()),
            400,
            r#"{"errorMessage":"types is empty","errorType":"ValidationError"}"#,
        ),
        (
            Answer::OtherApiInUse(Api::Logs),
            400,
            r#"{"errorMessage":"the extension is subscribed to the Logs API","errorType":"ValidationError"}"#,
        ),
        (
            Answer::Closed(Api::Telemetry),
            403,
            "{\"errorMessage\":\"Telemetry API subscription is closed\",\"errorType\":\"Telemetry.SubscriptionClosed\"}\n",
        ),
        (
            Answer::Closed(Api::Logs),
            403,
            "{\"errorMessage\":\"Logs API subscription is closed\",\"errorType\":\"Logs.SubscriptionClosed\"}\n",
        ),
        (
            Answer::NotSupported(Api::Telemetry),
            202,
            "{\"errorMessage\":\"Telemetry API is not supported\",\"errorType\":\"Telemetry.NotSupported\"}\n",
        ),
        (
            Answer::NotSupported(Api::Logs),
            202,
            "{\"errorMessage\":\"Logs API is not supported\",\"errorType\":\"Logs.NotSupported\"}\n",
        ),
        (
            Answer::Closing,
            500,
            "{\"errorMessage\":\"Internal Server Error\",\"errorType\":\"InternalServerError\"}\n",
        ),
    ] {
        assert_eq!((answer.status(), answer.body().as_str()), (status, body));
    }
}

proptest! {
    #[test]
    fn values_are_taken_within_their_ranges_only(
        items in 0_u64..20_000, bytes in 0_u64..2_000_000, timeout in 0_u64..40_000, port: u16
    ) {
        let mut body = with("/buffering", json!({"maxItems": items, "maxBytes": bytes, "timeoutMs": timeout}));
        body["destination"] = json!({"protocol": "TCP", "port": port});
        let valid = (1_000..=10_000).contains(&items)
            && (262_144..=1_048_576).contains(&bytes)
            && (25..=30_000).contains(&timeout)
            && ![0, 9001].contains(&port);
        prop_assert_eq!(parse(&body).is_ok(), valid);
    }

    #[test]
    fn whatever_comes_is_answered_in_json(
        text in ".{0,80}", bytes in proptest::collection::vec(any::<u8>(), 0..100)
    ) {
        let _ = Api::parse("PUT", &text);
        let requests = [
            bytes,
            with("/destination/URI", json!(text)).to_string().into_bytes(),
            with("/schemaVersion", json!(text)).to_string().into_bytes(),
        ];
        for request in requests {
            if let Err(answer) =
                Subscription::parse(Api::Telemetry, InitializationType::OnDemand, &request)
            {
                let body: Value = serde_json::from_str(&answer.body()).unwrap();
                prop_assert_eq!(&body["errorType"], "ValidationError");
            }
        }
    }
}
