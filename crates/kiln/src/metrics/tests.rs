//! Lines against the rules that are published for them.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lambda_runtime::{Context, Diagnostic, LambdaEvent};
use proptest::prelude::*;
use serde_json::{Value, json};
use tower::{Layer as _, ServiceExt as _, service_fn};

use super::config::Config;
use super::sheet::Sheet;
use super::sheets::Sheets;
use super::*;
use crate::clock::Clock;
use crate::invocation::Invocation;

#[derive(Debug)]
struct Noon;

const NOON: Duration = Duration::from_millis(1_795_348_800_007);

impl Clock for Noon {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + NOON
    }
}

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Written {
    fn lines(&self) -> Vec<Value> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(checked).collect()
    }
}

fn metrics() -> Metrics {
    Metrics::new()
        .namespace("Shop")
        .service("orders")
        .clock(Noon)
}

fn configured(metrics: Metrics) -> Arc<Config> {
    Arc::new(metrics.configure(|_| None).unwrap())
}

fn sheet() -> Sheet {
    Sheet::new(&configured(metrics()))
}

/// A line that obeys the specification:
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>
fn checked(line: &str) -> Value {
    assert!(line.len() < 256 * 1024 && !line.contains('\n'));
    assert!(line.starts_with(r#"{"_aws":"#), "{line}");
    let root: Value = serde_json::from_str(line).expect(line);
    let string = |value: &Value, most: usize| {
        let text = value.as_str().expect("a string");
        assert!((1..=most).contains(&text.len()), "{text}");
        text.to_owned()
    };
    let aws = root["_aws"].as_object().unwrap();
    assert_eq!(aws.len(), 2);
    assert!(aws["Timestamp"].is_u64());
    for directive in aws["CloudWatchMetrics"].as_array().unwrap() {
        assert_eq!(directive.as_object().unwrap().len(), 3);
        string(&directive["Namespace"], 255);
        let sets = directive["Dimensions"].as_array().unwrap();
        assert!(!sets.is_empty());
        for set in sets {
            let set = set.as_array().unwrap();
            assert!(set.len() <= 30);
            for name in set {
                let value = &root[string(name, 250)];
                string(value, 1_024);
            }
        }
        let metrics = directive["Metrics"].as_array().unwrap();
        assert!((1..=100).contains(&metrics.len()));
        for metric in metrics {
            for (key, value) in metric.as_object().unwrap() {
                match key.as_str() {
                    "Name" => _ = string(value, 255),
                    "Unit" => assert!(Unit::ALL.iter().any(|unit| unit.as_str() == value)),
                    "StorageResolution" => assert!(value == 1 || value == 60),
                    other => panic!("`{other}` is not specified"),
                }
            }
            match &root[metric["Name"].as_str().unwrap()] {
                Value::Number(_) => {}
                Value::Array(values) => {
                    assert!((1..=100).contains(&values.len()));
                    assert!(values.iter().all(Value::is_number));
                }
                other => panic!("{other} is no value"),
            }
        }
    }
    root
}

fn line(sheet: &mut Sheet) -> Value {
    checked(sheet.take_line().unwrap().trim_end())
}

#[test]
fn a_line_is_as_cloudwatch_wants_it() {
    let mut sheet = sheet();
    sheet.dimension("stage", "prod").unwrap();
    sheet.metadata("order", r#"{"id":1}"#.to_owned()).unwrap();
    for (name, unit, high, value) in [
        ("Placed", Unit::Count, false, 1.0),
        ("Latency", Unit::Milliseconds, true, 12.5),
        ("Placed", Unit::Count, false, 2.0),
    ] {
        assert_eq!(sheet.add(name, unit, high, value), Ok(None));
    }
    assert_eq!(
        sheet.take_line().unwrap(),
        concat!(
            r#"{"_aws":{"Timestamp":1795348800007,"CloudWatchMetrics":[{"Namespace":"Shop","#,
            r#""Dimensions":[["service","stage"]],"Metrics":[{"Name":"Placed","Unit":"Count"},"#,
            r#"{"Name":"Latency","Unit":"Milliseconds","StorageResolution":1}]}]},"#,
            r#""service":"orders","stage":"prod","order":{"id":1},"Placed":[1.0,2.0],"Latency":12.5}"#,
            "\n"
        )
    );
    assert_eq!(sheet.take_line(), None);
}

#[test]
fn a_hundredth_value_or_metric_has_the_line_written() {
    let mut one = sheet();
    one.dimension("stage", "prod").unwrap();
    for number in 1..100 {
        assert_eq!(
            one.add("m", Unit::Count, false, f64::from(number)),
            Ok(None)
        );
    }
    let full = checked(
        one.add("m", Unit::Count, false, 100.0)
            .unwrap()
            .unwrap()
            .trim_end(),
    );
    assert_eq!(full["m"].as_array().unwrap().len(), 100);
    // What comes next has the same dimensions.
    one.add("m", Unit::Count, false, 101.0).unwrap();
    assert_eq!(line(&mut one)["stage"], "prod");

    let mut many = sheet();
    for number in 1..100 {
        assert_eq!(
            many.add(&format!("m{number}"), Unit::Count, false, 0.0),
            Ok(None)
        );
    }
    let full = many.add("m100", Unit::Count, false, 0.0).unwrap().unwrap();
    assert_eq!(
        checked(full.trim_end())["_aws"]["CloudWatchMetrics"][0]["Metrics"]
            .as_array()
            .unwrap()
            .len(),
        100
    );
    assert_eq!(many.take_line(), None);
}

#[test]
fn a_line_stays_below_the_size_of_an_event() {
    let mut sheet = sheet();
    let mut lines = Vec::new();
    for metric in 0..99 {
        for _ in 0..99 {
            lines.extend(
                sheet
                    .add(
                        &format!("m{metric}"),
                        Unit::None,
                        false,
                        -1.234_567_890_123_456_7e-300,
                    )
                    .unwrap(),
            );
        }
    }
    lines.extend(sheet.take_line());
    assert!(lines.len() > 1);
    for line in lines {
        checked(line.trim_end());
    }
}

#[test]
fn dimensions_have_a_limit_of_29_beside_the_service() {
    let mut sheet = sheet();
    for number in 1..=29 {
        sheet.dimension(&format!("d{number}"), "v").unwrap();
    }
    let refused = sheet.dimension("d30", "v").unwrap_err();
    assert_eq!(
        refused,
        MetricError::TooManyDimensions {
            dimension: "d30".to_owned()
        }
    );
    // One that is there already is none more.
    sheet.dimension("d1", "other").unwrap();
    sheet.dimension("service", "other").unwrap();
    sheet.add("m", Unit::Count, false, 1.0).unwrap();
    let line = line(&mut sheet);
    assert_eq!(line["d1"], "other");
    assert_eq!(line["service"], "other");

    let names: Vec<String> = (1..=30).map(|number| format!("d{number}")).collect();
    let set: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "v")).collect();
    assert!(self::sheet().dimension_set(&set).is_err());
    assert!(self::sheet().dimension_set(&set[..29]).is_ok());
}

/// The most of everything that is allowed, in one line: it is written, and an event takes it.
#[test]
fn the_longest_line_stays_below_the_size_of_an_event() {
    let name = |number: usize| format!("{number:03}{}", "\"".repeat(247));
    let mut sheet = sheet();
    let value = "\\".repeat(1_024);
    let metadata = serde_json::to_string(&"m".repeat(60_000)).unwrap();
    sheet.metadata("m", metadata).unwrap();
    for number in 0..29 {
        sheet.dimension(&name(number), &value).unwrap();
    }
    let mut lines = Vec::new();
    for number in 100..1_000 {
        for _ in 0..12 {
            let value = -1.234_567_890_123_456_7e-300;
            lines.extend(sheet.add(&name(number), Unit::None, true, value).unwrap());
        }
    }
    lines.extend(sheet.take_line());
    assert!(lines.iter().all(|line| line.len() < 256 * 1024 - 26));
    let roots: Vec<Value> = lines.iter().map(|line| checked(line.trim_end())).collect();
    let of_line = |root: &Value| {
        let metrics = root["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array();
        let values = |metric: &Value| {
            root[metric["Name"].as_str().unwrap()]
                .as_array()
                .map_or(1, Vec::len)
        };
        metrics.unwrap().iter().map(values).sum::<usize>()
    };
    assert_eq!(roots.iter().map(of_line).sum::<usize>(), 900 * 12);
}

#[test]
fn what_a_line_has_no_room_for_is_refused_with_its_name() {
    let mut sheet = sheet();
    let mut sets = 0;
    let refused = loop {
        let name = format!("customer-{sets}");
        match sheet.dimension_set(&[(&name, "v")]) {
            Ok(()) => sets += 1,
            Err(refused) => break refused,
        }
    };
    assert!(sets > 1_000, "{sets}");
    let name = format!("customer-{sets}");
    assert_eq!(refused, MetricError::LineTooLong { name: name.clone() });
    let text = format!(
        "there is no room for `{name}`: dimensions, their sets and metadata of an invocation have 158 KiB together"
    );
    assert_eq!(refused.to_string(), text);
    let long = "v".repeat(1_024);
    assert!(sheet.dimension("stage", &long).is_err());
    assert!(sheet.metadata("note", format!("\"{long}\"")).is_err());
    // What is there can be said again, and the metrics are written.
    sheet.dimension_set(&[("customer-0", "w")]).unwrap();
    sheet.add("m", Unit::Count, false, 1.0).unwrap();
    let line = line(&mut sheet);
    let written = line["_aws"]["CloudWatchMetrics"][0]["Dimensions"].as_array();
    assert_eq!(written.map(Vec::len), Some(sets));
    assert_eq!(line["customer-0"], "w");
    assert_eq!(
        (&line["stage"], &line["note"]),
        (&Value::Null, &Value::Null)
    );
}

#[test]
fn a_set_is_written_once_in_whatever_order_it_was_said() {
    let mut sheet = sheet();
    sheet.dimension("stage", "prod").unwrap();
    sheet.dimension_set(&[("a", "1"), ("b", "2")]).unwrap();
    sheet.dimension_set(&[("b", "2"), ("a", "1")]).unwrap();
    sheet.dimension_set(&[("stage", "prod")]).unwrap();
    sheet.add("m", Unit::Count, false, 1.0).unwrap();
    assert_eq!(
        line(&mut sheet)["_aws"]["CloudWatchMetrics"][0]["Dimensions"],
        json!([["service", "stage"], ["service", "a", "b"]])
    );
}

#[test]
fn sets_of_dimensions_are_beside_each_other() {
    let mut sheet = sheet();
    sheet.dimension_set(&[("region", "eu-west-1")]).unwrap();
    sheet
        .dimension_set(&[("region", "eu-west-1"), ("customer", "acme")])
        .unwrap();
    sheet.add("m", Unit::Count, false, 1.0).unwrap();
    let sets = |line: &Value| line["_aws"]["CloudWatchMetrics"][0]["Dimensions"].clone();
    let further = json!([["service", "region"], ["service", "region", "customer"]]);
    assert_eq!(sets(&line(&mut sheet)), further);
    // A set that is refused in part is refused.
    assert!(sheet.dimension_set(&[("fine", "v"), ("", "v")]).is_err());
    sheet.add("m", Unit::Count, false, 1.0).unwrap();
    let line = line(&mut sheet);
    assert_eq!(sets(&line), further);
    assert_eq!(line["fine"], Value::Null);

    let mut bare = Sheet::new(&configured(Metrics::new().namespace("Shop")));
    bare.add("m", Unit::Count, false, 1.0).unwrap();
    assert_eq!(sets(&self::line(&mut bare)), json!([[]]));
}

#[test]
fn what_is_refused_leaves_the_rest_as_it_was() {
    let mut sheet = sheet();
    sheet.add("m", Unit::Count, false, 1.0).unwrap();
    sheet.metadata("note", "1".to_owned()).unwrap();
    let long = "x".repeat(70_000);
    for (refused, error) in [
        (
            sheet.add("", Unit::Count, false, 1.0).map(|_| ()),
            "`` is no name for a metric: it is empty",
        ),
        (
            sheet
                .add("m", Unit::Count, false, f64::INFINITY)
                .map(|_| ()),
            "`inf` is no value for the metric `m`: it is not finite",
        ),
        (
            sheet.add("m", Unit::Bytes, false, 1.0).map(|_| ()),
            "the metric `m` was added with another unit or resolution before",
        ),
        (
            sheet.add("m", Unit::Count, true, 1.0).map(|_| ()),
            "the metric `m` was added with another unit or resolution before",
        ),
        (
            sheet.add("service", Unit::Count, false, 1.0).map(|_| ()),
            "`service` is taken: metrics, dimensions and metadata share their names",
        ),
        (
            sheet.add("note", Unit::Count, false, 1.0).map(|_| ()),
            "`note` is taken: metrics, dimensions and metadata share their names",
        ),
        (
            sheet.dimension("m", "v"),
            "`m` is taken: metrics, dimensions and metadata share their names",
        ),
        (
            sheet.metadata("m", "1".to_owned()),
            "`m` is taken: metrics, dimensions and metadata share their names",
        ),
        (
            sheet.metadata("_aws", "1".to_owned()),
            "`_aws` is no name for a metadata: it is that of the format's own member",
        ),
        (
            sheet.metadata("long", long),
            "the value of the metadata `long` is too long: 64 KiB are the most for all of a line",
        ),
        (
            sheet.timestamp(Duration::ZERO),
            "the timestamp is more than 14 days in the past or more than 2 hours in the future",
        ),
    ] {
        assert_eq!(refused.unwrap_err().to_string(), error);
    }
    let line = line(&mut sheet);
    assert_eq!(line["m"], 1.0);
    assert_eq!(
        line["_aws"]["CloudWatchMetrics"][0]["Metrics"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn metadata_has_no_secrets() {
    let payer = json!({"card": {"token": "hunter2"}, "note": r#"{"password":"hunter2"}"#});
    for (key, value) in [("payer", payer), ("api_key", json!("hunter2"))] {
        let json = metadata_json(key, value).unwrap();
        assert!(
            !json.contains("hunter2") && json.contains("[redacted]"),
            "{json}"
        );
    }
    let map: std::collections::HashMap<(u8, u8), u8> = [((1, 2), 3)].into();
    let refused = metadata_json("map", map).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the value of the metadata `map` has no JSON"
    );
}

#[test]
fn default_dimensions_outlive_a_flush() {
    let mut sheet = Sheet::new(&configured(metrics().dimension("stage", "prod")));
    sheet.dimension("order", "o-1").unwrap();
    sheet.metadata("note", "1".to_owned()).unwrap();
    sheet.timestamp(NOON - Duration::from_secs(1)).unwrap();
    sheet.add("m", Unit::Count, false, 1.0).unwrap();
    let first = checked(sheet.finish().unwrap().trim_end());
    assert_eq!(first["_aws"]["Timestamp"], 1_795_348_799_007_u64);
    sheet.add("m", Unit::Count, false, 1.0).unwrap();
    let second = line(&mut sheet);
    assert_eq!(second["stage"], "prod");
    assert_eq!(second["_aws"]["Timestamp"], 1_795_348_800_007_u64);
    assert_eq!(
        (&second["order"], &second["note"]),
        (&Value::Null, &Value::Null)
    );
}

#[test]
fn the_environment_says_what_code_does_not() {
    let get = |name: &str| {
        let value = match name {
            "POWERTOOLS_METRICS_NAMESPACE" => "Env",
            "POWERTOOLS_SERVICE_NAME" => "env",
            "POWERTOOLS_METRICS_FUNCTION_NAME" => "env-function",
            "POWERTOOLS_METRICS_DISABLED" => "true",
            _ => return None,
        };
        Some(value.to_owned())
    };
    let config = Metrics::new().configure(get).unwrap();
    assert_eq!(config.namespace.as_deref(), Some("Env"));
    assert_eq!(
        config.dimensions,
        [("service".to_owned(), "env".to_owned())]
    );
    assert_eq!(config.function_name.as_deref(), Some("env-function"));
    assert!(config.disabled);
    let config = metrics().function_name("mine").configure(get).unwrap();
    assert_eq!(config.namespace.as_deref(), Some("Shop"));
    assert_eq!(config.dimensions[0].1, "orders");
    assert_eq!(config.function_name.as_deref(), Some("mine"));

    let none = |_: &str| None;
    for refused in [
        metrics().namespace("AWS/Mine"),
        metrics().service(""),
        metrics().dimension(":stage", "prod"),
        metrics().dimension("stage", "größe"),
        metrics().function_name(" "),
    ] {
        assert!(refused.configure(none).is_err());
    }
    let mut without = Sheet::new(&configured(Metrics::new()));
    assert_eq!(
        without.add("m", Unit::Count, false, 1.0),
        Err(MetricError::NoNamespace)
    );

    // What is wrong with the environment is said by each metric.
    let get = |name: &str| (name == "POWERTOOLS_SERVICE_NAME").then(|| "größe".to_owned());
    let refused = Metrics::new().namespace("Shop").configure(get).unwrap_err();
    let mut bare = Sheet::new(&Arc::new(Config::bare(refused.clone())));
    assert_eq!(bare.add("m", Unit::Count, false, 1.0), Err(refused.clone()));
    assert_eq!(
        refused.to_string(),
        "the value of the dimension `service` has characters that are not ASCII"
    );
}

/// Handles one invocation with the layer, and returns its answer and what was written.
fn handle(
    layer: MetricsLayer,
    metrics: Metrics,
    handler: impl AsyncFn() -> Result<(), Diagnostic>,
) -> (Option<Result<(), Diagnostic>>, Vec<Value>) {
    let written = Written::default();
    let config = configured(metrics.writer(written.clone()));
    let mut context = Context::default();
    context.env_config = Arc::new(lambda_runtime::Config {
        function_name: "shop-orders".to_owned(),
        ..Default::default()
    });
    let of = Invocation::with_cold_start(context.clone(), true);
    of.parts().insert(Sheets::new(Sheet::new(&config)));
    let service = layer.layer(service_fn(|_: LambdaEvent<()>| handler()));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let handled = of.scope(service.oneshot(LambdaEvent::new((), context)));
    let answer =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runtime.block_on(handled)));
    (answer.ok(), written.lines())
}

fn failed() -> Diagnostic {
    Diagnostic {
        error_type: "Failed".to_owned(),
        error_message: String::new(),
    }
}

#[test]
fn metrics_are_written_however_the_handler_ends() {
    let added = || add("m", Unit::Count, 1.0).unwrap();
    let of = |end: &dyn Fn() -> Result<(), Diagnostic>| {
        let (answer, lines) = handle(MetricsLayer::new(), metrics(), async || {
            added();
            tokio::task::yield_now().await;
            end()
        });
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0]["m"], 1.0);
        answer
    };
    assert!(of(&|| Ok(())).unwrap().is_ok());
    assert_eq!(
        of(&|| Err(failed())).unwrap().unwrap_err().error_type,
        "Failed"
    );
    assert!(of(&|| panic!("as the test wants it")).is_none());
}

#[test]
fn a_cold_start_is_counted_by_function() {
    let layer = MetricsLayer::new().capture_cold_start();
    for (metrics, name) in [
        (metrics(), "shop-orders"),
        (metrics().function_name("mine"), "mine"),
        (metrics().dimension("stage", "prod"), "shop-orders"),
    ] {
        let (_, lines) = handle(layer, metrics, async || Ok(()));
        assert_eq!(lines[0]["ColdStart"], 1.0);
        assert_eq!(lines[0]["function_name"], name);
        let dimensions = &lines[0]["_aws"]["CloudWatchMetrics"][0]["Dimensions"];
        assert_eq!(*dimensions, json!([["service", "function_name"]]));
    }
}

#[test]
fn an_invocation_without_metrics_can_be_a_failure() {
    let layer = MetricsLayer::new().fail_if_empty();
    let (answer, lines) = handle(layer, metrics(), async || Ok(()));
    assert_eq!(answer.unwrap().unwrap_err().error_type, "NoMetrics");
    assert!(lines.is_empty());
    // The handler's own failure is the one to know of.
    let (answer, _) = handle(layer, metrics(), async || Err(failed()));
    assert_eq!(answer.unwrap().unwrap_err().error_type, "Failed");
    // What was written in between counts.
    let (answer, lines) = handle(layer, metrics(), async || {
        add("m", Unit::Count, 1.0).unwrap();
        flush();
        Ok(())
    });
    assert!(answer.unwrap().is_ok());
    assert_eq!(lines.len(), 1);
}

/// What is added during init is with the first invocation, and says nothing of the others.
#[test]
fn metrics_of_an_end_are_none_of_the_next() {
    let sheets = Sheets::new(sheet());
    sheets.lock().add("m", Unit::Count, false, 1.0).unwrap();
    sheets.finish();
    assert!(!sheets.end());
    assert!(sheets.end());
}

#[test]
fn disabled_metrics_are_checked_and_not_written() {
    let written = Written::default();
    let disabled = |name: &str| (name == "POWERTOOLS_METRICS_DISABLED").then(|| "1".to_owned());
    let config = metrics()
        .writer(written.clone())
        .configure(disabled)
        .unwrap();
    let sheets = Sheets::new(Sheet::new(&Arc::new(config)));
    sheets.lock().add("m", Unit::Count, false, 1.0).unwrap();
    assert!(sheets.lock().add("", Unit::Count, false, 1.0).is_err());
    assert!(!sheets.end());
    assert!(written.lines().is_empty());
}

#[derive(Clone, Debug)]
enum Act {
    Add(String, usize, bool, f64),
    Dimension(String, String),
    Set(Vec<(String, String)>),
    Metadata(String, String),
    Flush,
}

fn act() -> impl Strategy<Value = Act> {
    let name = || prop_oneof!["[a-d]", "[ -~]{0,4}", ".{0,3}", Just("_aws".to_owned())];
    prop_oneof![
        8 => (name(), 0..Unit::ALL.len(), any::<bool>(), any::<f64>()).prop_map(|(n, u, h, v)| Act::Add(n, u, h, v)),
        8 => (name(), -9.0..9.0).prop_map(|(n, v)| Act::Add(n, 0, false, v)),
        2 => (name(), name()).prop_map(|(n, v)| Act::Dimension(n, v)),
        1 => prop::collection::vec((name(), name()), 0..4).prop_map(Act::Set),
        1 => (name(), any::<String>()).prop_map(|(n, v)| Act::Metadata(n, v)),
        1 => Just(Act::Flush),
    ]
}

proptest! {
    #[test]
    fn whatever_is_added_every_line_obeys_the_rules_and_no_value_is_lost(acts in prop::collection::vec(act(), 0..300)) {
        let mut sheet = sheet();
        let mut lines = Vec::new();
        let mut values = 0_usize;
        for act in acts {
            match act {
                Act::Add(name, unit, high, value) => {
                    if let Ok(full) = sheet.add(&name, Unit::ALL[unit], high, value) {
                        values += 1;
                        lines.extend(full);
                    }
                }
                Act::Dimension(name, value) => _ = sheet.dimension(&name, &value),
                Act::Set(set) => {
                    let set: Vec<(&str, &str)> = set.iter().map(|(n, v)| (&**n, &**v)).collect();
                    let _ = sheet.dimension_set(&set);
                }
                Act::Metadata(name, value) => _ = sheet.metadata(&name, serde_json::to_string(&value).unwrap()),
                Act::Flush => lines.extend(sheet.finish()),
            }
        }
        lines.extend(sheet.finish());
        let mut written = 0;
        for line in lines {
            let root = checked(line.trim_end());
            for metric in root["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap() {
                let value = &root[metric["Name"].as_str().unwrap()];
                written += value.as_array().map_or(1, Vec::len);
            }
        }
        prop_assert_eq!(written, values);
    }
}
