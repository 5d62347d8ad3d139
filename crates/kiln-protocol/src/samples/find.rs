//! Finding a sample by what people type, and a helpful answer when there is none.

use super::catalogue::{Sample, all};

/// How alike two names must be (Jaro-Winkler, 0 to 1) before one is offered for the other: high
/// enough that `sqz` offers `sqs` and that `banana` offers nothing.
const ALIKE: f64 = 0.75;

/// No sample goes by this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no sample event is called `{name}`")]
pub struct UnknownSample {
    /// The name that was asked for.
    pub name: String,
    /// The closest name there is, when one is close.
    pub suggestion: Option<&'static str>,
}

impl UnknownSample {
    /// The closest name, if any, and all names there are.
    pub fn hint(&self) -> Option<String> {
        let names: Vec<&str> = all().iter().map(|sample| sample.name).collect();
        let names = names.join(", ");
        Some(match self.suggestion {
            Some(suggestion) => {
                format!("did you mean `{suggestion}`? The sample events are: {names}")
            }
            None => format!("the sample events are: {names}"),
        })
    }
}

/// Finds a sample by name or alias.
///
/// Case and the choice between `-` and `_` do not matter, and neither do the decorations of the
/// file names that `cargo lambda invoke --data-example` takes: `example-sqs-event.json`,
/// `sqs-event` and `SQS` are all `sqs`.
pub fn find(name: &str) -> Result<&'static Sample, UnknownSample> {
    let wanted = normalized(name);
    let bare = without_decorations(&wanted);
    let by = |wanted: &str| {
        all()
            .iter()
            .find(|sample| sample.names().any(|candidate| candidate == wanted))
    };
    // As typed first: `sns-event` could one day be a name of its own.
    by(&wanted)
        .or_else(|| by(bare))
        .ok_or_else(|| UnknownSample {
            name: name.to_owned(),
            suggestion: closest(bare),
        })
}

/// Lowercase, with dashes.
fn normalized(name: &str) -> String {
    name.trim().to_ascii_lowercase().replace('_', "-")
}

/// Drops `example-` before and `.json` and `-event` behind.
fn without_decorations(name: &str) -> &str {
    let name = name.strip_suffix(".json").unwrap_or(name);
    let name = name.strip_prefix("example-").unwrap_or(name);
    name.strip_suffix("-event").unwrap_or(name)
}

/// The name of the sample with the name or alias most like `wanted`.
fn closest(wanted: &str) -> Option<&'static str> {
    all()
        .iter()
        .flat_map(|sample| sample.names().map(move |name| (name, sample.name)))
        .map(|(name, canonical)| (strsim::jaro_winkler(wanted, name), canonical))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, canonical)| canonical)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_aliases_and_file_names_find_the_sample() {
        for (typed, expected) in [
            ("sqs", "sqs"),
            ("SQS", "sqs"),
            (" sqs ", "sqs"),
            ("sqs-event", "sqs"),
            ("example-sqs-event", "sqs"),
            ("example-sqs-event.json", "sqs"),
            ("example_sqs_event.json", "sqs"),
            ("function_url", "function-url"),
            ("cloudwatch-event", "eventbridge"),
        ] {
            assert_eq!(
                find(typed).map(|sample| sample.name),
                Ok(expected),
                "{typed}"
            );
        }
    }

    #[test]
    fn an_unknown_name_offers_the_closest_and_lists_all() {
        for (typed, suggestion) in [
            ("sqz", Some("sqs")),
            ("kinesys", Some("kinesis")),
            ("dynamo-db", Some("dynamodb")),
            ("banana", None),
            ("", None),
        ] {
            let error = find(typed).expect_err("no such sample");
            assert_eq!(error.suggestion, suggestion, "{typed}");
            assert_eq!(
                error.to_string(),
                format!("no sample event is called `{typed}`")
            );
            let hint = error.hint().expect("there is always a list");
            assert!(
                all().iter().all(|sample| hint.contains(sample.name)),
                "{hint}"
            );
        }
    }

    #[test]
    fn no_name_means_two_samples() {
        let mut names: Vec<&str> = all().iter().flat_map(Sample::names).collect();
        names.sort_unstable();
        let total = names.len();
        names.dedup();
        assert_eq!(names.len(), total);
    }

    #[test]
    fn names_are_in_the_form_they_are_looked_up_in() {
        for name in all().iter().flat_map(Sample::names) {
            assert_eq!(normalized(name), name);
        }
    }
}
