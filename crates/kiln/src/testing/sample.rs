//! The sample events of `kiln event`.

use serde::de::DeserializeOwned;

/// A sample event, as `kiln event` prints it: by its name there, such as `sqs` or `apigw-v1`.
///
/// # Panics
/// When there is none of this name, with the names there are; when it does not deserialize into the
/// type, with where it does not.
///
/// # Example
///
/// ```
/// use kiln::testing;
/// use serde_json::Value;
///
/// let event: Value = testing::sample("sqs");
/// assert_eq!(event["Records"][0]["eventSource"], "aws:sqs");
/// ```
#[track_caller]
pub fn sample<T: DeserializeOwned>(name: &str) -> T {
    match serde_json::from_str(sample_text(name)) {
        Ok(event) => event,
        Err(error) => panic!(
            "the sample event `{name}` is no `{}`: {error}",
            std::any::type_name::<T>()
        ),
    }
}

/// The text of a [`sample`] event: indented JSON.
///
/// # Panics
/// When there is none of this name, with the names there are.
///
/// # Example
///
/// ```
/// assert!(kiln::testing::sample_text("s3").contains("ObjectCreated:Put"));
/// ```
#[track_caller]
pub fn sample_text(name: &str) -> &'static str {
    match SAMPLES.iter().find(|(known, _)| *known == name) {
        Some((_, text)) => text,
        None => {
            let names: Vec<&str> = samples().collect();
            panic!(
                "there is no sample event `{name}`; there are {}",
                names.join(", ")
            )
        }
    }
}

/// The names of all [`sample`] events.
///
/// # Example
///
/// ```
/// assert!(kiln::testing::samples().any(|name| name == "dynamodb"));
/// ```
pub fn samples() -> impl Iterator<Item = &'static str> {
    SAMPLES.iter().map(|(name, _)| *name)
}

macro_rules! samples {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("samples/", $name, ".json")))),*]
    };
}

static SAMPLES: &[(&str, &str)] = samples![
    "alb",
    "apigw-v1",
    "cloudwatch-logs",
    "cognito-pre-signup",
    "cognito",
    "dynamodb",
    "eventbridge",
    "extension-invoke",
    "extension-logs",
    "extension-telemetry",
    "function-url",
    "http",
    "iot",
    "json",
    "kafka",
    "kinesis",
    "s3-in-sqs",
    "s3",
    "schedule",
    "ses",
    "sns-in-sqs",
    "sns",
    "sqs",
    "websocket",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    #[test]
    fn every_file_is_a_sample_and_json() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/src/testing/samples");
        let files: BTreeSet<String> = std::fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        assert_eq!(files, samples().map(ToOwned::to_owned).collect());
        for name in samples() {
            let _: Value = sample(name);
        }
    }

    #[test]
    #[should_panic(expected = "there is no sample event `fax`; there are alb, ")]
    fn an_unknown_one_is_refused_with_those_there_are() {
        sample_text("fax");
    }

    #[test]
    #[should_panic(expected = "the sample event `sqs` is no `u32`: invalid type: map")]
    fn another_type_is_refused_with_its_name() {
        sample::<u32>("sqs");
    }
}
