//! What asking for a feature flag costs: from the document that is kept and checked, and by hand, where
//! each invocation fetches the document, or at least parses it.

use std::hint::black_box;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use kiln::flags::FeatureFlags;
use kiln::parameters::{Extension, Parameters, Provider as _, Query};
use serde_json::{Value, json};

use super::stand_in::{LATENCY, StandIn};
use super::{failed, on_one_thread};
use crate::error::BenchError;
use crate::figures::{Plan, round};
use crate::report::{Row, Section};
use crate::statistics::{median, microseconds};

/// 20 features, 25 rules, 30 conditions.
const DOCUMENT: &str = include_str!("flags.json");
const NAME: &str = "/shop/features";
const KEPT: u32 = 20_000;
const PARSED: u32 = 2_000;
const FETCHED: u32 = 50;
/// One flag is asked for by a rule with `MODULO_RANGE`, the other has a value.
const FLAG: &str = "new checkout";
const VALUE: &str = "page size";

/// One round's numbers, µs each.
#[derive(Debug)]
struct Reading {
    flag: f64,
    value: f64,
    all: f64,
    first: f64,
    /// Calls of the store in [`FETCHED`] invocations.
    calls: f64,
}

pub(in crate::figures) fn measure(plan: &Plan) -> Result<Section, BenchError> {
    let (mut ours, mut parsed, mut fetched) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..plan.runs {
        round("flags", number, plan.runs);
        ours.push(on_one_thread(measure_ours())??);
        parsed.push(measure_parsed()?);
        fetched.push(on_one_thread(measure_fetched())??);
    }
    let of = |pick: fn(&Reading) -> f64, readings: &[Reading]| median(readings.iter().map(pick));
    let row = |name: &str, unit, pick, by_hand: &[Reading]| {
        Row::new(name, unit).by_hand(of(pick, &ours), of(pick, by_hand))
    };
    Ok(Section {
        figure: String::new(),
        title: "feature flags of an invocation (bare: the document fetched, or only parsed, each time)",
        rows: vec![
            row("a flag; by hand fetched", "µs", |it| it.flag, &fetched),
            row("a flag; by hand parsed", "µs", |it| it.flag, &parsed),
            row("a value; by hand fetched", "µs", |it| it.value, &fetched),
            row("a value; by hand parsed", "µs", |it| it.value, &parsed),
            row("all that are on; by hand fetched", "µs", |it| it.all, &fetched),
            row("all that are on; by hand parsed", "µs", |it| it.all, &parsed),
            row("the first flag; by hand fetched", "µs", |it| it.first, &fetched),
            row("calls of the store in 50 invocations", "calls", |it| it.calls, &fetched),
        ],
        notes: vec![
            format!(
                "medians of {} rounds, on one thread; 20 features with 30 conditions; the store answers \
                 over HTTP on localhost, after {} ms",
                plan.runs,
                LATENCY.as_millis()
            ),
            "by hand: the document as a `serde_json::Value`, with the twelve actions that it has and no others; \
             nothing is checked, and all answers are compared with the library's"
                .to_owned(),
        ],
    })
}

fn customer() -> Value {
    json!({
        "account": "pri-4217", "app_version": 312, "basket_cents": 4_490, "country": "DE",
        "email": "ada@example.com", "is_beta": false, "orders": 12, "tier": "gold", "user_id": 4_217
    })
}

/// The store, and the library's way to it.
async fn store() -> Result<(StandIn, Extension), BenchError> {
    let answer = json!({ "Parameter": { "Value": DOCUMENT } }).to_string();
    let server = StandIn::serve(&answer, |_| ()).await;
    let server = server.map_err(BenchError::Machine)?;
    let extension = Extension::ssm().at(server.address.port(), "token");
    Ok((server, extension))
}

async fn measure_ours() -> Result<Reading, BenchError> {
    let (server, extension) = store().await?;
    let new = || FeatureFlags::stored(Parameters::new(extension.clone()), NAME);
    let (flags, customer) = (new(), customer());
    agree(&flags, &customer).await?;
    for _ in 0..FETCHED {
        flags.enabled(&customer).await.map_err(failed)?;
    }
    // With the first.
    let calls = f64::from(server.requests());
    Ok(Reading {
        flag: time(KEPT, || flags.is_enabled(FLAG, &customer, false)).await?,
        value: time(KEPT, || flags.value(VALUE, &customer, 10_u32)).await?,
        all: time(KEPT, || flags.enabled(&customer)).await?,
        first: time(FETCHED, || async {
            new().is_enabled(FLAG, &customer, false).await
        })
        .await?,
        calls,
    })
}

/// Whether what is compared does the same.
async fn agree(flags: &FeatureFlags, customer: &Value) -> Result<(), BenchError> {
    let document = parse(DOCUMENT.as_bytes())?;
    let flag = flags.is_enabled(FLAG, customer, false).await;
    let value = flags.value(VALUE, customer, 10_u64).await;
    let mut all = flags.enabled(customer).await.map_err(failed)?;
    let mut by_hand = by_hand::enabled(&document, customer);
    // A `Value` may have sorted the features.
    all.sort();
    by_hand.sort();
    let same = flag.map_err(failed)? == by_hand::is_enabled(&document, FLAG, customer, false)
        && value.map_err(failed)? == by_hand::number(&document, VALUE, customer, 10)
        && all == by_hand;
    match same {
        true => Ok(()),
        false => Err(failed("the flags are not those evaluated by hand")),
    }
}

async fn measure_fetched() -> Result<Reading, BenchError> {
    let (server, extension) = store().await?;
    let (query, customer) = (Query::new(NAME), customer());
    let document = || async {
        let document = extension.fetch(&query).await.map_err(failed)?;
        parse(document.as_bytes())
    };
    let flag = || async {
        let document = document().await?;
        let enabled = by_hand::is_enabled(&document, FLAG, &customer, false);
        Ok::<_, BenchError>(enabled)
    };
    let before = server.requests();
    let all = || async { Ok::<_, BenchError>(by_hand::enabled(&document().await?, &customer)) };
    let all = time(FETCHED, all).await?;
    let calls = f64::from(server.requests() - before);
    let value = || async {
        let document = document().await?;
        Ok::<_, BenchError>(by_hand::number(&document, VALUE, &customer, 10))
    };
    let each = time(FETCHED, flag).await?;
    Ok(Reading {
        flag: each,
        value: time(FETCHED, value).await?,
        all,
        // None is different.
        first: each,
        calls,
    })
}

fn measure_parsed() -> Result<Reading, BenchError> {
    let customer = customer();
    let document = || parse(black_box(DOCUMENT).as_bytes());
    let flag = || Ok(by_hand::is_enabled(&document()?, FLAG, &customer, false));
    let value = || Ok(by_hand::number(&document()?, VALUE, &customer, 10));
    let all = || Ok(by_hand::enabled(&document()?, &customer));
    Ok(Reading {
        flag: time_of(flag)?,
        value: time_of(value)?,
        all: time_of(all)?,
        first: 0.0,
        calls: 0.0,
    })
}

/// µs per call.
async fn time<T, E, F: Future<Output = Result<T, E>>>(
    calls: u32,
    call: impl Fn() -> F,
) -> Result<f64, BenchError>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let began = Instant::now();
    for _ in 0..calls {
        black_box(call().await.map_err(failed)?);
    }
    Ok(microseconds(began.elapsed()) / f64::from(calls))
}

/// The same of what does not wait.
fn time_of<T>(call: impl Fn() -> Result<T, BenchError>) -> Result<f64, BenchError> {
    let began = Instant::now();
    for _ in 0..PARSED {
        black_box(call()?);
    }
    Ok(microseconds(began.elapsed()) / f64::from(PARSED))
}

fn parse(document: &[u8]) -> Result<Value, BenchError> {
    serde_json::from_slice(document).map_err(failed)
}

/// As it is written by hand: through the document, member by member.
mod by_hand {
    use super::*;

    const SECONDS_PER_DAY: u64 = 86_400;
    /// The first of January 1970 was a Thursday.
    const DAYS: [&str; 7] = [
        "THURSDAY",
        "FRIDAY",
        "SATURDAY",
        "SUNDAY",
        "MONDAY",
        "TUESDAY",
        "WEDNESDAY",
    ];

    pub(super) fn is_enabled(doc: &Value, feature: &str, customer: &Value, default: bool) -> bool {
        let value = doc.get(feature).and_then(|it| evaluate(it, customer));
        value.and_then(Value::as_bool).unwrap_or(default)
    }

    pub(super) fn number(doc: &Value, feature: &str, customer: &Value, default: u64) -> u64 {
        let value = doc.get(feature).and_then(|it| evaluate(it, customer));
        value.and_then(Value::as_u64).unwrap_or(default)
    }

    pub(super) fn enabled(doc: &Value, customer: &Value) -> Vec<String> {
        let features = doc.as_object().into_iter().flatten();
        let enabled = features.filter(|(_, feature)| match evaluate(feature, customer) {
            None | Some(Value::Null | Value::Bool(false)) => false,
            Some(Value::String(text)) => !text.is_empty(),
            Some(_) => true,
        });
        enabled.map(|(name, _)| name.clone()).collect()
    }

    fn evaluate<'d>(feature: &'d Value, customer: &Value) -> Option<&'d Value> {
        let rules = feature.get("rules").and_then(Value::as_object);
        for rule in rules.into_iter().flat_map(|rules| rules.values()) {
            let mut conditions = rule.get("conditions")?.as_array()?.iter();
            if conditions.all(|condition| is_met(condition, customer).unwrap_or(false)) {
                return rule.get("when_match");
            }
        }
        feature.get("default")
    }

    fn is_met(condition: &Value, customer: &Value) -> Option<bool> {
        let value = condition.get("value")?;
        let key = condition.get("key")?.as_str()?;
        let attribute = || customer.get(key);
        let number = |value: &Value| value.as_i64();
        Some(match condition.get("action")?.as_str()? {
            "EQUALS" => attribute()? == value,
            "NOT_EQUALS" => attribute()? != value,
            "IN" => value.as_array()?.contains(attribute()?),
            "NOT_IN" => !value.as_array()?.contains(attribute()?),
            "STARTSWITH" => attribute()?.as_str()?.starts_with(value.as_str()?),
            "ENDSWITH" => attribute()?.as_str()?.ends_with(value.as_str()?),
            "KEY_LESS_THAN_VALUE" => number(attribute()?)? < number(value)?,
            "KEY_GREATER_THAN_VALUE" => number(attribute()?)? > number(value)?,
            "KEY_GREATER_THAN_OR_EQUAL_VALUE" => number(attribute()?)? >= number(value)?,
            "MODULO_RANGE" => {
                let rest = number(attribute()?)?.checked_rem_euclid(number(value.get("BASE")?)?)?;
                (number(value.get("START")?)?..=number(value.get("END")?)?).contains(&rest)
            }
            "SCHEDULE_BETWEEN_TIME_RANGE" => {
                let minute = seconds() % SECONDS_PER_DAY / 60;
                let (start, end) = (time(value.get("START")?)?, time(value.get("END")?)?);
                match start <= end {
                    true => (start..=end).contains(&minute),
                    false => minute >= start || minute <= end,
                }
            }
            "SCHEDULE_BETWEEN_DAYS_OF_WEEK" => {
                let day = usize::try_from(seconds() / SECONDS_PER_DAY % 7).ok()?;
                let today = DAYS.get(day)?;
                value
                    .get("DAYS")?
                    .as_array()?
                    .iter()
                    .any(|day| day == today)
            }
            _ => return None,
        })
    }

    /// UTC.
    fn seconds() -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.unwrap_or(Duration::ZERO).as_secs()
    }

    /// The minute of the day.
    fn time(value: &Value) -> Option<u64> {
        let (hours, minutes) = value.as_str()?.split_once(':')?;
        Some(hours.parse::<u64>().ok()? * 60 + minutes.parse::<u64>().ok()?)
    }
}
