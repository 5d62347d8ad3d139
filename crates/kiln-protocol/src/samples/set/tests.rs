//! Table tests for each rule of the paths, and properties for all of them.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::samples::{all, find};

/// Sets one path of a value and hands the value back.
fn after(mut event: Value, path: &str, value: &str) -> Value {
    set(&mut event, path, value).unwrap();
    event
}

#[test]
fn values_are_json_where_they_are_json() {
    for (value, expected) in [
        ("7", json!(7)),
        ("2.5", json!(2.5)),
        ("true", json!(true)),
        ("null", json!(null)),
        (r#"{"a": 1}"#, json!({"a": 1})),
        ("[1]", json!([1])),
        (r#""7""#, json!("7")),
        ("grace", json!("grace")),
        ("", json!("")),
        ("{broken", json!("{broken")),
    ] {
        assert_eq!(
            after(json!({}), "member", value)["member"],
            expected,
            "{value}"
        );
    }
}

#[test]
fn a_text_stays_a_text() {
    for (value, expected) in [
        ("7", json!("7")),
        // More digits than a number holds: AWS writes sequence numbers as text for that reason.
        (
            "49590338271490256608559692538361571",
            json!("49590338271490256608559692538361571"),
        ),
        ("false", json!("false")),
        (r#"{"a": 1}"#, json!(r#"{"a":1}"#)),
        ("[1, 2]", json!("[1,2]")),
        (r#""quoted""#, json!("quoted")),
        ("grace", json!("grace")),
        ("null", json!(null)),
    ] {
        let event = after(json!({"body": "before"}), "body", value);
        assert_eq!(event["body"], expected, "{value}");
    }
}

#[test]
fn paths_lead_through_objects_and_arrays_and_create_what_is_missing() {
    for (event, path, expected) in [
        (json!({"a": {"b": 1}}), "a.b", json!({"a": {"b": 7}})),
        (json!({"a": [1, 2]}), "a.1", json!({"a": [1, 7]})),
        (json!({"a": [1, 2]}), "a.2", json!({"a": [1, 2, 7]})),
        (json!({"a": []}), "a.0.b", json!({"a": [{"b": 7}]})),
        (json!({}), "a.b.c", json!({"a": {"b": {"c": 7}}})),
        (json!({"a": null}), "a.b", json!({"a": {"b": 7}})),
        (json!({"a": null}), "a.0", json!({"a": [7]})),
        (json!({"a": null}), "a.1", json!({"a": {"1": 7}})),
        (json!({"0": 1}), "0", json!({"0": 7})),
        (json!([1]), "0", json!([7])),
        (json!(null), "a", json!({"a": 7})),
        (json!({}), r"a\.b.c", json!({"a.b": {"c": 7}})),
        (json!({}), r"a\\.b", json!({r"a\": {"b": 7}})),
        (json!({}), r"a\b", json!({r"a\b": 7})),
        (json!({}), r"a\", json!({r"a\": 7})),
    ] {
        assert_eq!(after(event, path, "7"), expected, "{path}");
    }
}

#[test]
fn members_keep_their_order() {
    let event = after(json!({"b": 1, "a": 2}), "b", "3");
    assert_eq!(event.to_string(), r#"{"b":3,"a":2}"#);
}

#[test]
fn numbers_survive_the_way_through_a_carried_document() {
    for number in [
        "0.1",
        "100000061520288330000.0",
        "1.0000006152028833e+20",
        "9007199254740993",
    ] {
        let event = after(json!({"body": "{}"}), "body.number", number);
        let expected: Value = serde_json::from_str(number).unwrap();
        assert_eq!(get(&event, "body.number"), Some(expected), "{number}");
    }
}

#[test]
fn paths_that_lead_nowhere_are_refused_and_change_nothing() {
    let event = json!({"text": "hello", "number": 1, "flag": true, "items": [1, 2], "none": []});
    for (path, message, hint) in [
        ("", "the path is empty", Some("joined by dots")),
        (
            "a..b",
            "the path `a..b` has an empty segment",
            Some(r"`\.`"),
        ),
        (".a", "the path `.a` has an empty segment", Some(r"`\.`")),
        ("a.", "the path `a.` has an empty segment", Some(r"`\.`")),
        (
            "text.x",
            "`text` is a text without JSON inside: there is no `x` in it",
            Some("set `text`"),
        ),
        (
            "number.x",
            "`number` is a number: there is no `x` in it",
            None,
        ),
        ("flag.0", "`flag` is a boolean: there is no `0` in it", None),
        (
            "items.3",
            "`items` is an array of 2: there is no `3` in it",
            Some("`0` to `1`, and `2` adds one"),
        ),
        (
            "items.x",
            "`items` is an array of 2: there is no `x` in it",
            Some("`2` adds one"),
        ),
        (
            "items.+1",
            "`items` is an array of 2: there is no `+1` in it",
            Some("`2` adds one"),
        ),
        (
            "items.99999999999999999999999",
            "`items` is an array of 2: there is no `99999999999999999999999` in it",
            Some("`2` adds one"),
        ),
        (
            "none.1",
            "`none` is an array of 0: there is no `1` in it",
            Some("`0` adds its first"),
        ),
        (
            "items.1.a",
            "`items.1` is a number: there is no `a` in it",
            None,
        ),
    ] {
        let mut edited = event.clone();
        let error = set(&mut edited, path, "7").expect_err(path);
        assert_eq!(error.to_string(), message);
        assert_eq!(edited, event, "{path}");
        if let Some(hint) = hint {
            let given = error.hint().expect(path);
            assert!(given.contains(hint), "{given}");
        }
    }
}

#[test]
fn an_event_that_is_no_object_is_called_the_event() {
    for (event, message) in [
        (
            json!([]),
            "the event is an array of 0: there is no `a` in it",
        ),
        (
            json!("hello"),
            "the event is a text without JSON inside: there is no `a` in it",
        ),
        (json!(1), "the event is a number: there is no `a` in it"),
    ] {
        let error = set(&mut event.clone(), "a", "7").expect_err(message);
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn a_path_deeper_than_json_is_refused() {
    let path = vec!["a"; DEEPEST + 1].join(".");
    let error = set(&mut json!({}), &path, "7").expect_err("too deep");
    assert_eq!(
        error,
        SetError::TooDeep {
            segments: DEEPEST + 1
        }
    );

    let deepest = after(json!({}), &path[2..], "7").to_string();
    assert!(serde_json::from_str::<Value>(&deepest).is_ok());
}

#[test]
fn path_and_value_that_nest_too_deep_together_are_refused() {
    let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    let path = vec!["a"; 100].join(".");
    for (event, prefix) in [
        (json!({}), ""),
        // Within a text the document begins anew.
        (json!({"body": "{}"}), "body."),
    ] {
        let mut changed = event.clone();
        let path = format!("{prefix}{path}");
        let error = set(&mut changed, &path, &nested(28)).expect_err("too deep");
        assert_eq!(
            error,
            SetError::TooNested {
                path: path.clone(),
                levels: 128
            }
        );
        assert_eq!(changed, event);
        let deepest = after(event, &path, &nested(27)).to_string();
        assert!(serde_json::from_str::<Value>(&deepest).is_ok());
    }
}

#[test]
fn paths_go_on_into_carried_documents() {
    for (kind, path) in [
        ("http", "body.customer"),
        ("apigw-v1", "body.customer"),
        ("alb", "body.customer"),
        ("sqs", "Records.0.body.customer"),
        ("sns", "Records.0.Sns.Message.customer"),
        ("sns-in-sqs", "Records.0.body.Message.customer"),
        ("s3-in-sqs", "Records.0.body.Records.0.s3.object.key"),
        ("kinesis", "Records.1.kinesis.data.lines.0.sku"),
        ("kafka", "records.orders-0.1.value.customer"),
        (
            "cloudwatch-logs",
            "awslogs.data.logEvents.0.message.fields.orderId",
        ),
        ("eventbridge", "detail.customer"),
        ("dynamodb", "Records.0.dynamodb.NewImage.customer.S"),
    ] {
        let before = find(kind).unwrap().value();
        let event = after(before.clone(), path, "new value");
        assert_eq!(get(&event, path), Some(json!("new value")), "{kind}");
        // And back again: nothing else has changed on the way.
        let old = get(&before, path).unwrap();
        let restored = after(event, path, old.as_str().unwrap());
        assert_eq!(unpacked(&restored), unpacked(&before), "{kind}");
    }
}

#[test]
fn a_replaced_document_is_packed_as_the_old_one_was() {
    for (kind, path) in [
        ("sqs", "Records.0.body"),
        ("kinesis", "Records.0.kinesis.data"),
        ("kafka", "records.orders-0.0.value"),
        ("cloudwatch-logs", "awslogs.data"),
    ] {
        let event = after(find(kind).unwrap().value(), path, r#"{"orderId": "ord-7"}"#);
        let inside = get(&event, &format!("{path}.orderId"));
        assert_eq!(inside, Some(json!("ord-7")), "{kind}");
    }
    let event = after(
        find("kinesis").unwrap().value(),
        "Records.0.kinesis.data",
        "aGVsbG8=",
    );
    assert_eq!(
        event["Records"][0]["kinesis"]["data"], "aGVsbG8=",
        "text is taken as it is"
    );
}

/// What is at a path, by the same rules as `set` but read only.
fn get(event: &Value, path: &str) -> Option<Value> {
    let mut current = event.clone();
    for segment in parse(path).unwrap() {
        if let Value::String(text) = &current {
            current = Packing::open(text)?.1;
        }
        current = match &current {
            Value::Object(members) => members.get(&segment)?.clone(),
            Value::Array(items) => items.get(segment.parse::<usize>().ok()?)?.clone(),
            _ => return None,
        };
    }
    Some(current)
}

/// The event with every carried document in the open: packed again it may be other bytes.
fn unpacked(event: &Value) -> Value {
    match event {
        Value::Object(members) => members
            .iter()
            .map(|(key, member)| (key.clone(), unpacked(member)))
            .collect(),
        Value::Array(items) => items.iter().map(unpacked).collect(),
        Value::String(text) => match Packing::open(text) {
            Some((_, document)) => unpacked(&document),
            None => event.clone(),
        },
        _ => event.clone(),
    }
}

/// Events: the samples, and JSON of any shape.
fn any_event() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-c{}\\[\\]\" 0-9]{0,6}".prop_map(Value::from),
        Just(json!(r#"{"a":[1,{"b":"c"}]}"#)),
        Just(json!("eyJhIjpbMSx7ImIiOiJjIn1dfQ==")),
    ];
    let made = leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[a-c.0-2]{1,2}", inner), 0..4)
                .prop_map(|members| members.into_iter().collect::<Value>()),
        ]
    });
    let samples = prop::sample::select(all()).prop_map(|sample| sample.value());
    prop_oneof![4 => made, 1 => samples]
}

/// Paths: likely ones and any text.
fn any_path() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::collection::vec("[a-c0-2]|Records|body|a\\\\\\.b", 1..6)
            .prop_map(|segments| segments.join(".")),
        1 => any::<String>(),
    ]
}

/// Values: JSON of all kinds and any text.
fn any_value() -> impl Strategy<Value = String> {
    prop_oneof![
        any_event().prop_map(|value| value.to_string()),
        any::<String>(),
        "[0-9]{1,30}",
    ]
}

proptest! {
    #[test]
    fn what_is_set_is_there_and_what_is_refused_changes_nothing(
        event in any_event(),
        path in any_path(),
        value in any_value(),
    ) {
        let mut edited = event.clone();
        match set(&mut edited, &path, &value) {
            Err(error) => {
                prop_assert!(!error.to_string().is_empty());
                prop_assert_eq!(edited, event);
            }
            Ok(()) => {
                let old = get(&event, &path).unwrap_or(Value::Null);
                prop_assert_eq!(get(&edited, &path), Some(replacement(&old, &value)));
            }
        }
    }

    #[test]
    fn setting_twice_is_setting_once(
        event in any_event(),
        path in any_path(),
        value in any_value(),
    ) {
        let mut once = event;
        if set(&mut once, &path, &value).is_ok() && get(&once, &path).is_some_and(|new| !new.is_string()) {
            let mut twice = once.clone();
            prop_assert_eq!(set(&mut twice, &path, &value), Ok(()));
            prop_assert_eq!(twice, once);
        }
    }
}
