//! What the environment asks of the log.

use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;

use super::level;
use crate::switch::switch;

/// How a line is written.
///
/// # Example
///
/// ```
/// use kiln::logging::{Captured, Format, Logging, info};
/// use tracing_subscriber::prelude::*;
///
/// for (format, begin) in [(Format::Json, r#"{"level":"INFO","#), (Format::Text, "20")] {
///     let lines = Captured::default();
///     let layer = Logging::new().format(format).writer(lines.clone()).layer();
///     let subscriber = tracing_subscriber::registry().with(layer);
///     tracing::subscriber::with_default(subscriber, || info!("hello"));
///     assert!(lines.lines()[0].starts_with(begin));
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// A JSON object per line, for CloudWatch Logs Insights and Lambda's filter.
    Json,
    /// Words, for a terminal.
    Text,
}

/// What code has said, which comes before most variables.
#[derive(Debug, Default)]
pub(super) struct Explicit {
    pub(super) level: Option<Level>,
    pub(super) service: Option<String>,
    pub(super) sample_rate: Option<f64>,
    pub(super) log_event: Option<bool>,
    pub(super) format: Option<Format>,
}

/// What carries the Runtime API under every function: its own details are those of no function.
///
/// Beginnings of targets, as all of them are: `lambda_runtime` is `lambda_runtime_api_client` too.
const CARRIERS: [&str; 2] = ["hyper_util", "lambda_runtime"];

/// What holds for this process.
#[derive(Debug)]
pub(super) struct Settings {
    /// The level by target.
    pub(super) levels: Targets,
    /// Of the [`CARRIERS`], those that no directive names: nothing of them is a detail.
    carriers: Vec<&'static str>,
    /// The most talkative level that Lambda lets through.
    pub(super) ceiling: LevelFilter,
    pub(super) service: String,
    /// The share of invocations whose DEBUG lines are written, 0 to 1.
    pub(super) sample_rate: f64,
    pub(super) log_event: bool,
    pub(super) format: Format,
    /// What was set and means nothing.
    pub(super) ignored: Vec<String>,
}

impl Settings {
    /// Reads the variables through `get`.
    pub(super) fn read(get: impl Fn(&str) -> Option<String>, explicit: Explicit) -> Self {
        // A variable that is there and empty is one that somebody has taken back.
        let get = |name: &str| get(name).filter(|value| !value.trim().is_empty());
        let mut ignored = Vec::new();
        let mut level_in = |variable: &str| {
            let value = get(variable)?;
            let level = level::parse(&value);
            if level.is_none() {
                ignored.push(format!("{variable}={value}"));
            }
            level
        };
        let by_lambda = level_in("AWS_LAMBDA_LOG_LEVEL");
        let by_powertools = level_in("POWERTOOLS_LOG_LEVEL");
        let rust_log = RustLog::parse(&get("RUST_LOG").unwrap_or_default(), &mut ignored);
        let level = by_lambda
            .or(explicit.level.map(LevelFilter::from_level))
            .or(by_powertools)
            .or(rust_log.level)
            .unwrap_or(LevelFilter::INFO);
        let ceiling = by_lambda.unwrap_or(LevelFilter::TRACE);
        let carriers: Vec<&str> = CARRIERS
            .into_iter()
            .filter(|carrier| {
                let mut named = rust_log.targets.iter();
                !named.any(|(target, _)| carrier.starts_with(target.as_str()))
            })
            .collect();
        let quiet = level.min(LevelFilter::INFO);
        let quiet = carriers
            .iter()
            .map(|carrier| ((*carrier).to_owned(), quiet));
        let named = rust_log.targets.into_iter();
        let named = named.map(|(target, level)| (target, level.min(ceiling)));

        let sample_rate = explicit.sample_rate.or_else(|| {
            let value = get("POWERTOOLS_LOGGER_SAMPLE_RATE")?;
            let rate = value.trim().parse().ok().filter(|rate| is_rate(*rate));
            if rate.is_none() {
                ignored.push(format!("POWERTOOLS_LOGGER_SAMPLE_RATE={value}"));
            }
            rate
        });
        let format = explicit.format.or_else(|| {
            let value = get("KILN_LOGGER_FORMAT")?;
            match value.trim() {
                text if text.eq_ignore_ascii_case("text") => Some(Format::Text),
                json if json.eq_ignore_ascii_case("json") => Some(Format::Json),
                _ => {
                    ignored.push(format!("KILN_LOGGER_FORMAT={value}"));
                    None
                }
            }
        });
        let on_lambda = get("AWS_LAMBDA_FUNCTION_NAME").is_some();
        Self {
            levels: Targets::new()
                .with_targets(quiet.chain(named))
                .with_default(level),
            carriers,
            ceiling,
            service: explicit
                .service
                .or_else(|| get("POWERTOOLS_SERVICE_NAME"))
                .unwrap_or_else(|| "service_undefined".to_owned()),
            sample_rate: sample_rate
                .filter(|rate| is_rate(*rate))
                .unwrap_or_default(),
            log_event: explicit.log_event.unwrap_or_else(|| {
                let value = get("POWERTOOLS_LOGGER_LOG_EVENT").unwrap_or_default();
                switch(value.trim()) == Some(true)
            }),
            format: format.unwrap_or(if on_lambda {
                Format::Json
            } else {
                Format::Text
            }),
            ignored,
        }
    }
}

impl Settings {
    /// Whether a record is of what carries the Runtime API, and nobody has asked for it by name.
    pub(super) fn is_carrier(&self, target: &str) -> bool {
        let mut carriers = self.carriers.iter();
        carriers.any(|carrier| target.starts_with(carrier))
    }
}

fn is_rate(rate: f64) -> bool {
    (0.0..=1.0).contains(&rate)
}

/// `RUST_LOG`, without what takes a regular expression to match.
#[derive(Debug, Default)]
struct RustLog {
    level: Option<LevelFilter>,
    targets: Vec<(String, LevelFilter)>,
}

impl RustLog {
    fn parse(text: &str, ignored: &mut Vec<String>) -> Self {
        let mut found = Self::default();
        for directive in text.split(',').map(str::trim).filter(|one| !one.is_empty()) {
            let (target, level) = match directive.split_once('=') {
                Some((target, level)) => (target.trim(), level::parse(level)),
                None => match level::parse(directive) {
                    Some(level) => {
                        found.level = Some(level);
                        continue;
                    }
                    // A target alone is wanted whole.
                    None => (directive, Some(LevelFilter::TRACE)),
                },
            };
            match level.filter(|_| !target.contains(['[', ']', '{', '}', '"', ' '])) {
                Some(level) => found.targets.push((target.to_owned(), level)),
                None => ignored.push(format!("RUST_LOG={directive}")),
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)], explicit: Explicit) -> Settings {
        let get = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Settings::read(get, explicit)
    }

    #[test]
    fn the_level_comes_from_lambda_then_code_then_powertools_then_rust_log() {
        let lambda = ("AWS_LAMBDA_LOG_LEVEL", "ERROR");
        let powertools = ("POWERTOOLS_LOG_LEVEL", "debug");
        let rust = ("RUST_LOG", "hyper=trace,warn");
        let code = || Explicit {
            level: Some(Level::TRACE),
            ..Explicit::default()
        };
        for (variables, explicit, expected) in [
            (&[lambda, powertools, rust][..], code(), LevelFilter::ERROR),
            (&[powertools, rust], code(), LevelFilter::TRACE),
            (&[powertools, rust], Explicit::default(), LevelFilter::DEBUG),
            (&[rust], Explicit::default(), LevelFilter::WARN),
            (&[], Explicit::default(), LevelFilter::INFO),
            (
                &[("POWERTOOLS_LOG_LEVEL", " ")],
                Explicit::default(),
                LevelFilter::INFO,
            ),
            (
                &[("AWS_LAMBDA_LOG_LEVEL", "FATAL")],
                code(),
                LevelFilter::OFF,
            ),
        ] {
            let settings = read(variables, explicit);
            assert_eq!(
                settings.levels.default_level(),
                Some(expected),
                "{variables:?}"
            );
        }
    }

    #[test]
    fn targets_have_levels_of_their_own_below_lambdas() {
        let rust = ("RUST_LOG", "hyper=trace, orders::db=warn ,quiet=off,whole");
        let settings = read(&[rust], Explicit::default());
        for (target, level, enabled) in [
            ("hyper::client", Level::TRACE, true),
            ("orders::db::pool", Level::INFO, false),
            ("orders::web", Level::INFO, true),
            ("quiet", Level::ERROR, false),
            ("whole", Level::TRACE, true),
        ] {
            assert_eq!(
                settings.levels.would_enable(target, &level),
                enabled,
                "{target}"
            );
        }
        let capped = read(
            &[rust, ("AWS_LAMBDA_LOG_LEVEL", "WARN")],
            Explicit::default(),
        );
        assert!(!capped.levels.would_enable("hyper", &Level::INFO));
        assert!(capped.levels.would_enable("hyper", &Level::WARN));
    }

    #[test]
    fn what_carries_the_runtime_api_has_no_details_unless_it_is_named() {
        const POOL: &str = "hyper_util::client::legacy::pool";
        const CLIENT: &str = "lambda_runtime_api_client";
        let debug = ("POWERTOOLS_LOG_LEVEL", "debug");
        for (variables, target, level, enabled) in [
            (&[debug][..], POOL, Level::DEBUG, false),
            (&[debug], POOL, Level::INFO, true),
            (&[debug], CLIENT, Level::DEBUG, false),
            (&[debug], "lambda_runtime::runtime", Level::DEBUG, false),
            (&[debug], "hyper", Level::DEBUG, true),
            (&[debug], "orders", Level::DEBUG, true),
            (&[("RUST_LOG", "trace")], POOL, Level::DEBUG, false),
            (&[("RUST_LOG", "error")], POOL, Level::WARN, false),
            (
                &[("RUST_LOG", "hyper_util=debug")],
                POOL,
                Level::DEBUG,
                true,
            ),
            (
                &[("RUST_LOG", "hyper_util=debug")],
                CLIENT,
                Level::DEBUG,
                false,
            ),
            // A directive is the beginning of targets.
            (&[("RUST_LOG", "hyper=debug")], POOL, Level::DEBUG, true),
            (&[("RUST_LOG", "hyper_util=off")], POOL, Level::ERROR, false),
            (
                &[("RUST_LOG", "hyper_util::client=debug")],
                POOL,
                Level::DEBUG,
                true,
            ),
        ] {
            let settings = read(variables, Explicit::default());
            assert_eq!(
                settings.levels.would_enable(target, &level),
                enabled,
                "{variables:?} {target}"
            );
        }
    }

    #[test]
    fn what_means_nothing_is_told() {
        let settings = read(
            &[
                ("AWS_LAMBDA_LOG_LEVEL", "LOUD"),
                ("POWERTOOLS_LOGGER_SAMPLE_RATE", "half"),
                ("KILN_LOGGER_FORMAT", "xml"),
                ("RUST_LOG", "info,orders[span]=debug,db=loud"),
            ],
            Explicit::default(),
        );
        assert_eq!(
            settings.ignored,
            [
                "AWS_LAMBDA_LOG_LEVEL=LOUD",
                "RUST_LOG=orders[span]=debug",
                "RUST_LOG=db=loud",
                "POWERTOOLS_LOGGER_SAMPLE_RATE=half",
                "KILN_LOGGER_FORMAT=xml",
            ]
        );
        assert_eq!(settings.sample_rate, 0.0);
    }

    #[test]
    fn a_rate_is_a_share() {
        for (rate, taken) in [
            ("0.1", 0.1),
            ("1", 1.0),
            ("1.1", 0.0),
            ("-1", 0.0),
            ("NaN", 0.0),
            ("inf", 0.0),
        ] {
            let settings = read(
                &[("POWERTOOLS_LOGGER_SAMPLE_RATE", rate)],
                Explicit::default(),
            );
            assert_eq!(settings.sample_rate, taken, "{rate}");
        }
    }

    #[test]
    fn lambda_reads_json_and_people_read_text() {
        let lambda = ("AWS_LAMBDA_FUNCTION_NAME", "orders");
        for (variables, format) in [
            (&[][..], Format::Text),
            (&[lambda], Format::Json),
            // What Lambda sets unless told otherwise says nothing of what anybody wants.
            (&[lambda, ("AWS_LAMBDA_LOG_FORMAT", "Text")], Format::Json),
            (&[lambda, ("KILN_LOGGER_FORMAT", "text")], Format::Text),
            (&[("KILN_LOGGER_FORMAT", "JSON")], Format::Json),
        ] {
            assert_eq!(
                read(variables, Explicit::default()).format,
                format,
                "{variables:?}"
            );
        }
    }

    #[test]
    fn the_event_is_not_logged_unless_asked_for() {
        for (value, logged) in [
            ("", false),
            ("0", false),
            ("false", false),
            ("true", true),
            ("1", true),
        ] {
            let settings = read(
                &[("POWERTOOLS_LOGGER_LOG_EVENT", value)],
                Explicit::default(),
            );
            assert_eq!(settings.log_event, logged, "{value}");
        }
    }
}
