//! Conditions of the time.

use std::time::SystemTime;

use jiff::civil::{DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::json::Node;

/// When.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Schedule {
    zone: TimeZone,
    span: Span,
}

#[derive(Clone, Debug, PartialEq)]
enum Span {
    /// By the minute, both included.
    Times {
        start: Time,
        end: Time,
    },
    /// Both included.
    Dates {
        start: DateTime,
        end: DateTime,
    },
    Days(Vec<Weekday>),
}

/// Of the value of one action.
type Parser = fn(&Node) -> Result<Span, String>;

impl Schedule {
    /// Checks a condition of the document, if its action is one of the time.
    pub(super) fn parse(action: &str, key: &str, value: &Node) -> Option<Result<Self, String>> {
        let (wanted, span): (_, Parser) = match action {
            "SCHEDULE_BETWEEN_TIME_RANGE" => ("CURRENT_TIME", times),
            "SCHEDULE_BETWEEN_DATETIME_RANGE" => ("CURRENT_DATETIME", dates),
            "SCHEDULE_BETWEEN_DAYS_OF_WEEK" => ("CURRENT_DAY_OF_WEEK", days),
            _ => return None,
        };
        if key != wanted {
            return Some(Err(format!("the `key` of `{action}` is not `{wanted}`")));
        }
        if !matches!(value, Node::Object(_)) {
            return Some(Err(format!("the `value` of `{action}` is no object")));
        }
        let parsed = span(value).and_then(|span| {
            let zone = zone(value)?;
            Ok(Self { zone, span })
        });
        Some(parsed)
    }

    /// Whether it is now.
    pub(super) fn includes(&self, now: SystemTime) -> bool {
        let Ok(now) = Timestamp::try_from(now) else {
            return false;
        };
        let now: Zoned = now.to_zoned(self.zone.clone());
        match &self.span {
            Span::Times { start, end } => {
                let minute = |time: &Time| (time.hour(), time.minute());
                let now = minute(&now.time());
                let (start, end) = (minute(start), minute(end));
                // Over midnight, by the hours alone, as in Powertools: 10:30 to 10:10 is never.
                if end.0 < start.0 {
                    start <= now || now <= end
                } else {
                    start <= now && now <= end
                }
            }
            // By the clock on the wall: an hour that comes twice in autumn counts twice.
            Span::Dates { start, end } => *start <= now.datetime() && now.datetime() <= *end,
            Span::Days(days) => days.contains(&now.weekday()),
        }
    }
}

fn times(value: &Node) -> Result<Span, String> {
    let time = |name: &str| {
        let text = text(value, name)?;
        let parsed = text.split_once(':').and_then(|(hour, minute)| {
            Time::new(two_digits(hour)?, two_digits(minute)?, 0, 0).ok()
        });
        parsed.ok_or_else(|| format!("`{name}` is no time such as `17:30`"))
    };
    Ok(Span::Times {
        start: time("START")?,
        end: time("END")?,
    })
}

fn two_digits(text: &str) -> Option<i8> {
    let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

fn dates(value: &Node) -> Result<Span, String> {
    let date = |name: &str| {
        let text = text(value, name)?;
        let (_, time) = text.split_at_checked(10).unwrap_or((text, ""));
        if time.contains(['+', '-', '[']) || time.ends_with(['Z', 'z']) {
            return Err(format!("`{name}` has a time zone: that is `TIMEZONE`"));
        }
        text.parse::<DateTime>()
            .map_err(|_| format!("`{name}` is no date and time such as `2026-11-27T17:30:00`"))
    };
    Ok(Span::Dates {
        start: date("START")?,
        end: date("END")?,
    })
}

fn days(value: &Node) -> Result<Span, String> {
    let Some(Node::List(days)) = value.get("DAYS") else {
        return Err("`DAYS` is no list".to_owned());
    };
    let day = |node: &Node| {
        Some(match node.as_str()? {
            "MONDAY" => Weekday::Monday,
            "TUESDAY" => Weekday::Tuesday,
            "WEDNESDAY" => Weekday::Wednesday,
            "THURSDAY" => Weekday::Thursday,
            "FRIDAY" => Weekday::Friday,
            "SATURDAY" => Weekday::Saturday,
            "SUNDAY" => Weekday::Sunday,
            _ => return None,
        })
    };
    let days: Option<Vec<Weekday>> = days.iter().map(day).collect();
    days.map(Span::Days)
        .ok_or_else(|| "`DAYS` has something in it that is no day such as `MONDAY`".to_owned())
}

fn text<'a>(value: &'a Node, name: &str) -> Result<&'a str, String> {
    let text = value.get(name).and_then(Node::as_str);
    text.filter(|text| !text.is_empty())
        .ok_or_else(|| format!("the `value` has no string `{name}`"))
}

/// The zone of `TIMEZONE`, or UTC, which needs no database. Null and an empty one are none.
fn zone(value: &Node) -> Result<TimeZone, String> {
    let Some(node) = value.get("TIMEZONE").filter(|node| !node.is_null()) else {
        return Ok(TimeZone::UTC);
    };
    let name = node.as_str().ok_or("`TIMEZONE` is no string")?;
    if name.is_empty() || name == "UTC" {
        return Ok(TimeZone::UTC);
    }
    TimeZone::get(name).map_err(|_| {
        // Lambda's `provided.al2023` has no /usr/share/zoneinfo.
        let hint = if cfg!(feature = "flags-time-zones") {
            ""
        } else {
            " (without the feature `flags-time-zones` only the machine's are, and Lambda has none)"
        };
        format!("time zone `{name}` is not known{hint}")
    })
}
