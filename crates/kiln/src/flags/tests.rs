//! Each action, each thing that can be wrong, and the order of rules.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const NOW: SystemTime = SystemTime::UNIX_EPOCH;

/// A document with one feature that is on where the condition is met.
fn document(condition: &Value) -> String {
    let feature = json!({"default": false, "rules": {"r": {
        "when_match": true, "conditions": [condition]
    }}});
    json!({ "f": feature }).to_string()
}

fn schema(condition: &Value) -> Result<Schema, FlagError> {
    Schema::parse(document(condition).as_bytes())
}

fn is_met(condition: &Value, attributes: &Value, now: SystemTime) -> bool {
    let schema = schema(condition).unwrap();
    *schema.evaluate("f", attributes, now).unwrap() == json!(true)
}

#[test]
fn each_action_says_what_it_says() {
    let range = json!({"BASE": 100, "START": 0, "END": 19});
    for (action, attribute, value, met) in [
        ("EQUALS", json!("a"), json!("a"), true),
        ("EQUALS", json!("a"), json!("b"), false),
        ("EQUALS", json!(1), json!(1.0), true),
        ("EQUALS", json!(1), json!("1"), false),
        ("EQUALS", json!(true), json!(1), false),
        ("EQUALS", json!(0), json!(0), true),
        ("EQUALS", json!(false), json!(false), true),
        (
            "EQUALS",
            json!([1, {"a": 2.0}]),
            json!([1.0, {"a": 2}]),
            true,
        ),
        ("EQUALS", json!({"a": 1}), json!({"a": 1, "b": 2}), false),
        ("NOT_EQUALS", json!("a"), json!("b"), true),
        ("NOT_EQUALS", json!("a"), json!("a"), false),
        ("NOT_EQUALS", json!(1), json!("a"), true),
        ("NOT_EQUALS", json!(null), json!("a"), true),
        ("KEY_GREATER_THAN_VALUE", json!(2), json!(1), true),
        ("KEY_GREATER_THAN_VALUE", json!(1), json!(1), false),
        ("KEY_GREATER_THAN_VALUE", json!(1.5), json!(1), true),
        ("KEY_GREATER_THAN_VALUE", json!("b"), json!("a"), true),
        ("KEY_GREATER_THAN_VALUE", json!("2"), json!(1), false),
        ("KEY_GREATER_THAN_VALUE", json!(null), json!(1), false),
        (
            "KEY_GREATER_THAN_VALUE",
            json!(9_007_199_254_740_993_u64),
            json!(9_007_199_254_740_992_u64),
            true,
        ),
        ("KEY_GREATER_THAN_OR_EQUAL_VALUE", json!(1), json!(1), true),
        ("KEY_GREATER_THAN_OR_EQUAL_VALUE", json!(0), json!(1), false),
        ("KEY_LESS_THAN_VALUE", json!(0), json!(1), true),
        ("KEY_LESS_THAN_VALUE", json!(1), json!(1), false),
        ("KEY_LESS_THAN_VALUE", json!(-1), json!(u64::MAX), true),
        ("KEY_LESS_THAN_VALUE", json!([0]), json!(1), false),
        ("KEY_LESS_THAN_OR_EQUAL_VALUE", json!(1), json!(1), true),
        ("KEY_LESS_THAN_OR_EQUAL_VALUE", json!(2), json!(1), false),
        ("STARTSWITH", json!("abc"), json!("ab"), true),
        ("STARTSWITH", json!("abc"), json!("bc"), false),
        ("STARTSWITH", json!(12), json!("1"), false),
        ("STARTSWITH", json!("12"), json!(1), false),
        ("ENDSWITH", json!("abc"), json!("bc"), true),
        ("ENDSWITH", json!("abc"), json!("ab"), false),
        ("ENDSWITH", json!(null), json!("ab"), false),
        ("IN", json!("a"), json!(["a", "b"]), true),
        ("IN", json!("c"), json!(["a", "b"]), false),
        ("IN", json!("b"), json!("abc"), true),
        ("IN", json!(1), json!("123"), false),
        ("IN", json!(1), json!(1), false),
        ("NOT_IN", json!("c"), json!(["a", "b"]), true),
        ("NOT_IN", json!("a"), json!(["a", "b"]), false),
        ("NOT_IN", json!(1), json!("23"), false),
        ("KEY_IN_VALUE", json!(1), json!([1.0]), true),
        ("KEY_IN_VALUE", json!("a"), json!({"a": 1}), true),
        ("KEY_IN_VALUE", json!(null), json!(["a"]), false),
        ("KEY_NOT_IN_VALUE", json!("c"), json!(["a"]), true),
        ("KEY_NOT_IN_VALUE", json!("a"), json!(["a"]), false),
        ("KEY_NOT_IN_VALUE", json!("a"), json!(1), false),
        ("VALUE_IN_KEY", json!(["a", "b"]), json!("a"), true),
        ("VALUE_IN_KEY", json!(["b"]), json!("a"), false),
        ("VALUE_IN_KEY", json!("abc"), json!("b"), true),
        ("VALUE_IN_KEY", json!(123), json!("2"), false),
        ("VALUE_NOT_IN_KEY", json!(["b"]), json!("a"), true),
        ("VALUE_NOT_IN_KEY", json!(["a"]), json!("a"), false),
        ("VALUE_NOT_IN_KEY", json!(123), json!("4"), false),
        ("ANY_IN_VALUE", json!(["a", "x"]), json!(["a", "b"]), true),
        ("ANY_IN_VALUE", json!(["x"]), json!(["a", "b"]), false),
        ("ANY_IN_VALUE", json!([]), json!(["a"]), false),
        ("ANY_IN_VALUE", json!("a"), json!(["a"]), false),
        (
            "ALL_IN_VALUE",
            json!(["a", "b"]),
            json!(["a", "b", "c"]),
            true,
        ),
        ("ALL_IN_VALUE", json!(["a", "x"]), json!(["a", "b"]), false),
        ("ALL_IN_VALUE", json!([]), json!(["a"]), true),
        ("ALL_IN_VALUE", json!("a"), json!(["a"]), false),
        ("NONE_IN_VALUE", json!(["x"]), json!(["a", "b"]), true),
        ("NONE_IN_VALUE", json!(["a", "x"]), json!(["a"]), false),
        ("NONE_IN_VALUE", json!([]), json!(["a"]), true),
        ("NONE_IN_VALUE", json!("x"), json!(["a"]), false),
        ("MODULO_RANGE", json!(119), range.clone(), true),
        ("MODULO_RANGE", json!(120), range.clone(), false),
        ("MODULO_RANGE", json!(0), range.clone(), true),
        ("MODULO_RANGE", json!(-1), range.clone(), false),
        ("MODULO_RANGE", json!(-100), range.clone(), true),
        ("MODULO_RANGE", json!(u64::MAX), range.clone(), true),
        ("MODULO_RANGE", json!("119"), range.clone(), false),
        ("MODULO_RANGE", json!(null), range, false),
    ] {
        let condition = json!({"action": action, "key": "k", "value": value});
        let is = is_met(&condition, &json!({ "k": attribute }), NOW);
        assert_eq!(is, met, "{attribute} {action} {value}");
        // Whatever the action: what is not there meets nothing.
        assert!(!is_met(&condition, &json!({}), NOW), "{action}");
        assert!(!is_met(&condition, &json!("no object"), NOW), "{action}");
    }
}

#[test]
fn the_time_is_that_of_its_zone() {
    const TIME: (&str, &str) = ("SCHEDULE_BETWEEN_TIME_RANGE", "CURRENT_TIME");
    const DATE: (&str, &str) = ("SCHEDULE_BETWEEN_DATETIME_RANGE", "CURRENT_DATETIME");
    const DAYS: (&str, &str) = ("SCHEDULE_BETWEEN_DAYS_OF_WEEK", "CURRENT_DAY_OF_WEEK");
    let between = |start: &str, end: &str| json!({"START": start, "END": end});
    let in_zone =
        |start: &str, end: &str, zone: &str| json!({"START": start, "END": end, "TIMEZONE": zone});
    let days = |days: &[&str], zone: &str| json!({"DAYS": days, "TIMEZONE": zone});
    for ((action, key), value, now, met) in [
        (
            TIME,
            between("09:00", "17:00"),
            "2026-11-27T09:00:00Z",
            true,
        ),
        (
            TIME,
            between("09:00", "17:00"),
            "2026-11-27T08:59:59Z",
            false,
        ),
        // The whole minute.
        (
            TIME,
            between("09:00", "17:00"),
            "2026-11-27T17:00:59Z",
            true,
        ),
        (
            TIME,
            between("09:00", "17:00"),
            "2026-11-27T17:01:00Z",
            false,
        ),
        // Over midnight.
        (
            TIME,
            between("20:00", "04:00"),
            "2026-11-27T23:00:00Z",
            true,
        ),
        (
            TIME,
            between("20:00", "04:00"),
            "2026-11-27T03:59:00Z",
            true,
        ),
        (
            TIME,
            between("20:00", "04:00"),
            "2026-11-27T12:00:00Z",
            false,
        ),
        (
            TIME,
            between("10:30", "10:10"),
            "2026-11-27T10:40:00Z",
            false,
        ),
        // In Berlin it is an hour later, in summer two.
        (
            TIME,
            in_zone("09:00", "17:00", "Europe/Berlin"),
            "2026-11-27T08:00:00Z",
            true,
        ),
        (
            TIME,
            in_zone("09:00", "17:00", "Europe/Berlin"),
            "2026-11-27T07:30:00Z",
            false,
        ),
        (
            TIME,
            in_zone("09:00", "17:00", "Europe/Berlin"),
            "2026-07-27T07:30:00Z",
            true,
        ),
        (
            TIME,
            in_zone("09:00", "17:00", "UTC"),
            "2026-07-27T07:30:00Z",
            false,
        ),
        (
            DATE,
            between("2026-11-27T00:00:00", "2026-11-27T23:59:59"),
            "2026-11-27T23:59:59Z",
            true,
        ),
        (
            DATE,
            between("2026-11-27T00:00:00", "2026-11-27T23:59:59"),
            "2026-11-28T00:00:00Z",
            false,
        ),
        (
            DATE,
            between("2026-11-27", "2026-11-28"),
            "2026-11-28T00:00:00Z",
            true,
        ),
        (
            DATE,
            in_zone("2026-11-27T00:00", "2026-11-28T00:00", "America/New_York"),
            "2026-11-28T04:00:00Z",
            true,
        ),
        (
            DATE,
            in_zone("2026-11-27T00:00", "2026-11-28T00:00", "America/New_York"),
            "2026-11-27T04:00:00Z",
            false,
        ),
        (
            DAYS,
            json!({"DAYS": ["FRIDAY"]}),
            "2026-11-27T12:00:00Z",
            true,
        ),
        (
            DAYS,
            json!({"DAYS": ["SATURDAY", "SUNDAY"]}),
            "2026-11-27T12:00:00Z",
            false,
        ),
        (
            DAYS,
            days(&["SATURDAY"], "Asia/Tokyo"),
            "2026-11-27T15:00:00Z",
            true,
        ),
    ] {
        let condition = json!({"action": action, "key": key, "value": value});
        let now: jiff::Timestamp = now.parse().unwrap();
        let is = is_met(&condition, &json!({}), now.into());
        assert_eq!(is, met, "{action} {value} at {now}");
    }
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let rule = |rule: &str| format!(r#"{{"f": {{"default": true, "rules": {{"r": {rule}}}}}}}"#);
    for (document, problem) in [
        ("", "the feature flags are not JSON (line 1, column 0)"),
        (
            "{\n\"f\": }",
            "the feature flags are not JSON (line 2, column 6)",
        ),
        ("[]", "the feature flags: they are no object"),
        (
            r#"{"f": 1}"#,
            "feature `f`: it is no object with anything in it",
        ),
        (
            r#"{"f": {}}"#,
            "feature `f`: it is no object with anything in it",
        ),
        (
            r#"{"f": {"rules": {}}}"#,
            "feature `f`: it has no `default`",
        ),
        (
            r#"{"f": {"default": null, "boolean_type": false}}"#,
            "feature `f`: it has no `default`",
        ),
        (
            r#"{"f": {"default": "on"}}"#,
            "feature `f`: its `default` is neither `true` nor `false`, and `boolean_type` is not `false`",
        ),
        (
            r#"{"f": {"default": true, "boolean_type": 1}}"#,
            "feature `f`: its `boolean_type` is neither `true` nor `false`",
        ),
        (
            r#"{"f": {"default": true, "rules": [1]}}"#,
            "feature `f`: its `rules` are no object",
        ),
        (
            r#"{"f": {"default": true, "rules": {"": {}}}}"#,
            "rule `` of feature `f`: its name is empty",
        ),
        (
            &rule("{}"),
            "rule `r` of feature `f`: it is no object with anything in it",
        ),
        (
            &rule(r#"{"when_match": 1}"#),
            "rule `r` of feature `f`: its `when_match` is neither `true` nor `false`",
        ),
        (
            &rule(r#"{"when_match": true, "conditions": []}"#),
            "rule `r` of feature `f`: its `conditions` are no list with anything in it",
        ),
    ] {
        let error = Schema::parse(document.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), problem, "{document}");
    }
}

#[test]
fn a_condition_is_checked_before_it_is_used() {
    let time = |value: Value| json!({"action": "SCHEDULE_BETWEEN_TIME_RANGE", "key": "CURRENT_TIME", "value": value});
    let date = |start: &str| {
        json!({"action": "SCHEDULE_BETWEEN_DATETIME_RANGE", "key": "CURRENT_DATETIME",
            "value": {"START": start, "END": "2026-11-28T00:00:00"}})
    };
    let days = |value: Value| json!({"action": "SCHEDULE_BETWEEN_DAYS_OF_WEEK", "key": "CURRENT_DAY_OF_WEEK", "value": value});
    let modulo = |value: Value| json!({"action": "MODULO_RANGE", "key": "k", "value": value});
    for (condition, problem) in [
        (json!(1), "it is no object"),
        (json!({}), "it is empty"),
        (json!({"key": "k", "value": 1}), "it has no `action`"),
        (
            json!({"action": 1, "key": "k", "value": 1}),
            "its `action` is no string",
        ),
        (
            json!({"action": "LIKE", "key": "k", "value": 1}),
            "there is no action `LIKE`",
        ),
        (
            json!({"action": "EQUALS", "value": 1}),
            "its `key` is no string with anything in it",
        ),
        (
            json!({"action": "EQUALS", "key": "", "value": 1}),
            "its `key` is no string with anything in it",
        ),
        (json!({"action": "EQUALS", "key": "k"}), "it has no `value`"),
        (
            json!({"action": "EQUALS", "key": "k", "value": null}),
            "it has no `value`",
        ),
        (
            json!({"action": "ANY_IN_VALUE", "key": "k", "value": "a"}),
            "the `value` of `ANY_IN_VALUE` is no list",
        ),
        (
            json!({"action": "SCHEDULE_BETWEEN_TIME_RANGE", "key": "k", "value": {}}),
            "the `key` of `SCHEDULE_BETWEEN_TIME_RANGE` is not `CURRENT_TIME`",
        ),
        (
            time(json!([])),
            "the `value` of `SCHEDULE_BETWEEN_TIME_RANGE` is no object",
        ),
        (
            time(json!({"END": "09:00"})),
            "the `value` has no string `START`",
        ),
        (
            time(json!({"START": "09:00", "END": 9})),
            "the `value` has no string `END`",
        ),
        (
            time(json!({"START": "24:00", "END": "09:00"})),
            "`START` is no time such as `17:30`",
        ),
        (
            time(json!({"START": "9:00", "END": "09:00"})),
            "`START` is no time such as `17:30`",
        ),
        (
            time(json!({"START": "+9:00", "END": "09:00"})),
            "`START` is no time such as `17:30`",
        ),
        (
            time(json!({"START": "09:00", "END": "17:00", "TIMEZONE": "Europe/Atlantis"})),
            "time zone `Europe/Atlantis` is not known",
        ),
        (
            time(json!({"START": "09:00", "END": "17:00", "TIMEZONE": 1})),
            "`TIMEZONE` is no string",
        ),
        (
            date("tomorrow"),
            "`START` is no date and time such as `2026-11-27T17:30:00`",
        ),
        (
            date("2026-11-27T00:00:00Z"),
            "`START` has a time zone: that is `TIMEZONE`",
        ),
        (
            date("2026-11-27T00:00:00+02:00"),
            "`START` has a time zone: that is `TIMEZONE`",
        ),
        (days(json!({})), "`DAYS` is no list"),
        (
            days(json!({"DAYS": ["Friday"]})),
            "`DAYS` has something in it that is no day such as `MONDAY`",
        ),
        (
            modulo(json!({"START": 0, "END": 1})),
            "the `value` of `MODULO_RANGE` has no whole number `BASE`",
        ),
        (
            modulo(json!({"BASE": 10, "START": 0.5, "END": 1})),
            "the `value` of `MODULO_RANGE` has no whole number `START`",
        ),
        (
            modulo(json!({"BASE": 10, "START": 5, "END": 10})),
            "`MODULO_RANGE` wants 0 <= `START` <= `END` < `BASE`",
        ),
        (
            modulo(json!({"BASE": 0, "START": 0, "END": 0})),
            "`MODULO_RANGE` wants 0 <= `START` <= `END` < `BASE`",
        ),
    ] {
        let error = schema(&condition).unwrap_err();
        let place = "condition 1 of rule `r` of feature `f`: ";
        assert_eq!(
            error.to_string(),
            format!("{place}{problem}"),
            "{condition}"
        );
    }
}

/// As in Powertools, so that a document is good for functions in any language or in none.
#[test]
fn no_zone_is_utc_and_no_days_are_never() {
    let friday: jiff::Timestamp = "2026-11-27T12:00:00Z".parse().unwrap();
    let friday = SystemTime::from(friday);
    for (value, met) in [
        (json!({"DAYS": ["FRIDAY"], "TIMEZONE": null}), true),
        (json!({"DAYS": ["FRIDAY"], "TIMEZONE": ""}), true),
        (json!({"DAYS": []}), false),
    ] {
        let condition = json!({
            "action": "SCHEDULE_BETWEEN_DAYS_OF_WEEK", "key": "CURRENT_DAY_OF_WEEK", "value": value,
        });
        assert_eq!(is_met(&condition, &json!({}), friday), met, "{value}");
    }
}

#[test]
fn rules_are_tried_in_the_order_of_the_document_and_all_conditions_must_be_met() {
    // Names that sort the other way round.
    let document = br#"{"f": {"default": "none", "boolean_type": false, "rules": {
        "z": {"when_match": "both", "conditions": [
            {"action": "EQUALS", "key": "a", "value": 1},
            {"action": "EQUALS", "key": "b", "value": 1}]},
        "a": {"when_match": "one", "conditions": [{"action": "EQUALS", "key": "a", "value": 1}]}
    }}}"#;
    let schema = Schema::parse(document).unwrap();
    for (attributes, value) in [
        (json!({"a": 1, "b": 1}), "both"),
        (json!({"a": 1, "b": 2}), "one"),
        (json!({"a": 1}), "one"),
        (json!({"b": 1}), "none"),
    ] {
        let found = schema.evaluate("f", &attributes, NOW);
        assert_eq!(found, Some(&json!(value)), "{attributes}");
    }
}

#[test]
fn rules_may_be_left_out_in_several_ways() {
    for rules in ["null", "{}", "[]"] {
        let document = format!(r#"{{"f": {{"default": true, "rules": {rules}}}}}"#);
        let schema = Schema::parse(document.as_bytes()).unwrap();
        assert!(schema.enabled(&Value::Null, NOW).eq(["f"]));
    }
}

#[tokio::test]
async fn values_have_types() {
    let document = br#"{
        "on": {"default": true},
        "limits": {"default": {"orders": 5}, "boolean_type": false},
        "list": {"default": [], "boolean_type": false}
    }"#;
    let flags = FeatureFlags::fixed(Schema::parse(document).unwrap());
    let nobody = Value::Null;
    assert!(flags.value("on", &nobody, false).await.unwrap());
    assert!(flags.is_enabled("missing", &nobody, true).await.unwrap());
    let error = flags.is_enabled("limits", &nobody, true).await;
    assert_eq!(
        error.unwrap_err().to_string(),
        "the value of feature `limits` is no `bool`"
    );
    let error = flags.value("limits", &nobody, 5_u32).await;
    assert_eq!(
        error.unwrap_err().to_string(),
        "the value of feature `limits` is no `u32`"
    );
    assert_eq!(flags.enabled(&nobody).await.unwrap(), ["on", "limits"]);
}

/// Seconds that pass when told.
#[cfg(feature = "parameters")]
#[derive(Clone, Debug, Default)]
struct Time(std::sync::Arc<std::sync::atomic::AtomicU64>);

#[cfg(feature = "parameters")]
impl Time {
    fn pass(&self, seconds: u64) {
        self.0
            .fetch_add(seconds, std::sync::atomic::Ordering::SeqCst);
    }
}

#[cfg(feature = "parameters")]
impl crate::clock::Clock for Time {
    fn now(&self) -> SystemTime {
        NOW + Duration::from_secs(self.0.load(std::sync::atomic::Ordering::SeqCst))
    }
}

#[cfg(feature = "parameters")]
#[tokio::test]
async fn a_store_that_is_down_leaves_the_callers_value_and_a_wrong_document_is_told() {
    use crate::parameters::{InMemory, ParameterError, Parameters};

    let store = InMemory::from([("flags", r#"{"f": {"default": true}}"#)]);
    let time = Time::default();
    let flags = FeatureFlags::stored(Parameters::new(store.clone()), "flags").clock(time.clone());
    let nobody = Value::Null;
    store.set_down(true);
    // It is asked once in five seconds, however many flags there are.
    assert!(!flags.is_enabled("f", &nobody, false).await.unwrap());
    time.pass(4);
    assert!(flags.enabled(&nobody).await.unwrap().is_empty());
    assert_eq!(store.fetches(), 1);
    time.pass(1);
    assert!(flags.enabled(&nobody).await.unwrap().is_empty());
    assert_eq!(store.fetches(), 2);
    let down = ParameterError::unavailable("flags", "it is down");
    assert_eq!(flags.schema().await.unwrap_err(), FlagError::Store(down));

    store.set_down(false);
    assert!(!flags.is_enabled("f", &nobody, false).await.unwrap());
    time.pass(5);
    assert!(flags.is_enabled("f", &nobody, false).await.unwrap());
    assert_eq!(store.fetches(), 4);
    assert!(flags.is_enabled("f", &nobody, false).await.unwrap());
    assert_eq!(store.fetches(), 4);

    store.set("flags", r#"{"f": {"default": 1}}"#);
    let flags = flags.max_age(Duration::ZERO);
    let error = flags.is_enabled("f", &nobody, false).await.unwrap_err();
    assert!(matches!(error, FlagError::Schema { .. }), "{error}");
    store.set("flags", r#"{"shop": {"f": {"default": true}}}"#);
    let flags = flags.envelope(["shop"]);
    assert!(flags.is_enabled("f", &nobody, false).await.unwrap());
}

/// JSON of any form, made of words that mean something here.
fn json_value() -> impl Strategy<Value = Value> {
    let words = [
        "default",
        "rules",
        "conditions",
        "action",
        "key",
        "value",
        "when_match",
        "boolean_type",
        "EQUALS",
        "IN",
        "MODULO_RANGE",
        "BASE",
        "START",
        "END",
        "TIMEZONE",
        "DAYS",
        "SCHEDULE_BETWEEN_TIME_RANGE",
        "CURRENT_TIME",
        "SCHEDULE_BETWEEN_DATETIME_RANGE",
        "CURRENT_DATETIME",
        "20:00",
        "2026-11-27T00:00:00",
        "ü-10",
        "",
    ];
    let word = proptest::sample::select(words.to_vec());
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::btree_map(word.clone(), inner, 0..6).prop_map(|members| {
                members
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect()
            }),
        ]
    })
}

proptest! {
    #[test]
    fn no_document_makes_it_panic(document in json_value(), attributes in json_value()) {
        if let Ok(schema) = Schema::parse(document.to_string().as_bytes()) {
            for name in schema.names() {
                schema.evaluate(name, &attributes, NOW);
            }
        }
    }

    #[test]
    fn no_condition_makes_it_panic(
        action in proptest::sample::select(vec![
            "EQUALS", "KEY_LESS_THAN_VALUE", "STARTSWITH", "IN", "VALUE_IN_KEY", "ANY_IN_VALUE",
            "MODULO_RANGE", "SCHEDULE_BETWEEN_TIME_RANGE", "SCHEDULE_BETWEEN_DATETIME_RANGE",
            "SCHEDULE_BETWEEN_DAYS_OF_WEEK",
        ]),
        value in json_value(),
        attribute in json_value(),
    ) {
        let condition = json!({"action": action, "key": "k", "value": value});
        if let Ok(schema) = schema(&condition) {
            schema.evaluate("f", &json!({"k": attribute}), NOW);
        }
    }

    #[test]
    fn no_text_makes_it_panic(document in ".*") {
        let _ = Schema::parse(document.as_bytes());
    }

    #[test]
    fn the_first_of_many_rules_wins(names in proptest::collection::hash_set("[a-z]{1,8}", 1..20)) {
        let mut rules = String::new();
        let names: Vec<String> = names.into_iter().collect();
        for name in &names {
            let separator = if rules.is_empty() { "" } else { "," };
            let condition = r#"{"action": "EQUALS", "key": "k", "value": 1}"#;
            write!(rules, r#"{separator}"{name}": {{"when_match": "{name}", "conditions": [{condition}]}}"#).unwrap();
        }
        let document = format!(r#"{{"f": {{"default": "", "boolean_type": false, "rules": {{{rules}}}}}}}"#);
        let schema = Schema::parse(document.as_bytes()).unwrap();
        let found = schema.evaluate("f", &json!({"k": 1}), NOW);
        prop_assert_eq!(found, Some(&json!(names[0])));
    }
}
