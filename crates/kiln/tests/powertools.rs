//! Lines of logs and metrics beside those that Powertools for AWS Lambda (Python) writes.

use std::time::{Duration, SystemTime};

use kiln::invocation::Invocation;
use kiln::logging::{
    Captured, Format, Level, Logging, debug, error, info, info_span, set_correlation_id, warn,
};
use kiln::metrics::{self, Metrics, Unit};
use kiln::testing;
use kiln_testing::powertools::{Compared, compare};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use tracing_subscriber::layer::SubscriberExt as _;

const UNITS: [Unit; 27] = [
    Unit::Seconds,
    Unit::Microseconds,
    Unit::Milliseconds,
    Unit::Bytes,
    Unit::Kilobytes,
    Unit::Megabytes,
    Unit::Gigabytes,
    Unit::Terabytes,
    Unit::Bits,
    Unit::Kilobits,
    Unit::Megabits,
    Unit::Gigabits,
    Unit::Terabits,
    Unit::Percent,
    Unit::Count,
    Unit::BytesPerSecond,
    Unit::KilobytesPerSecond,
    Unit::MegabytesPerSecond,
    Unit::GigabytesPerSecond,
    Unit::TerabytesPerSecond,
    Unit::BitsPerSecond,
    Unit::KilobitsPerSecond,
    Unit::MegabitsPerSecond,
    Unit::GigabitsPerSecond,
    Unit::TerabitsPerSecond,
    Unit::CountPerSecond,
    Unit::None,
];

/// What a function may do with its metrics.
#[derive(Clone, Debug)]
enum Act {
    Add(usize, u8, bool, f64),
    Dimension(u8, String),
    Set(u8, u8, String),
    Metadata(u8, String),
    Single(usize, f64),
    Hours(u64),
}

fn act() -> impl Strategy<Value = Act> {
    let value = prop_oneof![
        -1e12..1e12_f64,
        any::<i32>().prop_map(f64::from),
        Just(-0.0),
        Just(5e-324),
    ];
    let text = "[ -~]{0,20}[!-~]";
    prop_oneof![
        20 => (0..UNITS.len(), 0..3_u8, any::<bool>(), value.clone())
            .prop_map(|(unit, number, high, value)| Act::Add(unit, number, high, value)),
        2 => (any::<u8>(), text).prop_map(|(name, value)| Act::Dimension(name % 14, value)),
        1 => (any::<u8>(), any::<u8>(), text)
            .prop_map(|(one, two, value)| Act::Set(one % 14, two % 14, value)),
        2 => (any::<u8>(), any::<String>()).prop_map(|(name, value)| Act::Metadata(name % 8, value)),
        1 => (0..UNITS.len(), value).prop_map(|(unit, value)| Act::Single(unit, value)),
        1 => (0..300_u64).prop_map(Act::Hours),
    ]
}

/// What is refused is not written. Fourteen dimensions at most: Powertools has 29 for all sets together.
fn perform(act: Act) {
    let _refused = match act {
        Act::Add(unit, number, high, value) => {
            let name = format!("{} {number} {high}", UNITS[unit]);
            match high {
                true => metrics::add_high_resolution(&name, UNITS[unit], value),
                false => metrics::add(&name, UNITS[unit], value),
            }
        }
        Act::Dimension(name, value) => metrics::dimension(&format!("d{name}"), &value),
        Act::Set(one, two, value) => {
            metrics::dimension_set(&[(&format!("d{one}"), &value), (&format!("d{two}"), &value)])
        }
        Act::Metadata(name, value) => metrics::metadata(&format!("m{name}"), value),
        Act::Single(unit, value) => metrics::single("alone", UNITS[unit], value)
            .dimension("stage", "test")
            .write(),
        Act::Hours(hours) => {
            metrics::timestamp(SystemTime::now() - Duration::from_secs(hours * 3_600))
        }
    };
}

#[test]
fn metrics_are_written_as_powertools_writes_them() {
    let lines = Captured::default();
    Metrics::new()
        .namespace("Shop")
        .service("orders")
        .writer(lines.clone())
        .init()
        .unwrap();
    let runner = &mut TestRunner::deterministic();
    for most in [3, 30, 300, 900] {
        let acts = prop::collection::vec(act(), 1..most);
        for _ in 0..20 {
            let acts = acts.new_tree(runner).unwrap().current();
            let of = Invocation::new(testing::context());
            of.sync_scope(|| {
                acts.into_iter().for_each(perform);
                metrics::flush();
            });
        }
    }
    // All units, on one line; and a value a hundred times, which fills one.
    Invocation::new(testing::context()).sync_scope(|| {
        for unit in UNITS {
            metrics::add(unit.as_str(), unit, 1.0).unwrap();
        }
        for number in 0..100 {
            metrics::add("Items", Unit::Count, f64::from(number)).unwrap();
        }
    });
    let lines = lines.lines();
    assert!(lines.len() > 80, "{}", lines.len());
    let metrics = u64::try_from(lines.len()).unwrap();
    assert_eq!(compare(&lines), Compared { metrics, log: 0 });
}

/// What CloudWatch or its readers would make nothing of.
#[test]
fn a_line_that_is_wrong_is_not_let_through() {
    let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let time = time.unwrap().as_millis();
    let right = format!(
        concat!(
            r#"{{"_aws":{{"Timestamp":{time},"CloudWatchMetrics":[{{"Namespace":"Shop","Dimensions":[["service"]],"#,
            r#""Metrics":[{{"Name":"Placed","Unit":"Count"}}]}}]}},"service":"orders","Placed":1}}"#
        ),
        time = time
    );
    let found = compare(&[&right]);
    assert_eq!(found, Compared { metrics: 1, log: 0 });
    let past = &*(time - 1_300_000_000).to_string();
    for (part, wrong) in [
        (r#""Count""#, r#""Counts""#),
        (r#""service":"orders","#, ""),
        (r#"[["service"]]"#, r#"["service"]"#),
        (r#","Placed":1"#, ""),
        (r#""Placed":1"#, r#""Placed":"1""#),
        (r#""Placed":1"#, r#""Placed":NaN"#),
        (r#""Placed":1"#, r#""Placed":1,"Placed":2"#),
        (r#""Unit":"Count""#, r#""Unit":"Count","Resolution":1"#),
        (&*time.to_string(), past),
    ] {
        let line = right.replacen(part, wrong, 1);
        assert_ne!(line, right);
        let compared = std::panic::catch_unwind(|| compare(&[&line]));
        assert!(compared.is_err(), "{line}");
    }
}

#[test]
fn the_log_is_written_as_powertools_writes_it() {
    let lines = Captured::default();
    let layer = Logging::new()
        .service("orders")
        .level(Level::TRACE)
        .format(Format::Json)
        .key("team", "checkout")
        .writer(lines.clone())
        .layer();
    let subscriber = tracing_subscriber::registry().with(layer);
    let runner = &mut TestRunner::deterministic();
    tracing::subscriber::with_default(subscriber, || {
        let of = Invocation::new(testing::context());
        of.sync_scope(|| {
            debug!(n = 1, "at debug");
            info!(level = "a field", timestamp = 0, message_ = "?", "at info");
            warn!(float = f64::NAN, huge = u128::MAX, "at warn");
            set_correlation_id("c-1");
            info_span!("order", id = 7, service = "none").in_scope(|| error!("at error"));
            for _ in 0..100 {
                let (message, value) = any::<(String, String)>()
                    .new_tree(runner)
                    .unwrap()
                    .current();
                info!(value, "{message}");
            }
        });
    });
    let lines = lines.lines();
    let log = u64::try_from(lines.len()).unwrap();
    assert_eq!(log, 104);
    assert_eq!(compare(&lines), Compared { metrics: 0, log });
}
