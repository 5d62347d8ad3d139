//! What libFuzzer writes about a run.

/// Something that an input broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The panic's message, or libFuzzer's word for it.
    pub what: String,
    /// The file that it was kept in.
    pub input: Option<String>,
}

/// The number of executions; `None` when the run did not get so far.
pub fn executions(log: &str) -> Option<u64> {
    value(log, "stat::number_of_executed_units:")?.parse().ok()
}

/// How many inputs reached code that none had reached.
pub fn new_inputs(log: &str) -> u64 {
    let count = value(log, "stat::new_units_added:");
    count.and_then(|count| count.parse().ok()).unwrap_or(0)
}

/// What a run that ended with a finding says of it.
pub fn finding(log: &str) -> Finding {
    let mut lines = log.lines();
    // The place stands in the line of a panic and its message in the next.
    let panic = lines.find(|line| line.contains("panicked at "));
    let what = match (panic, lines.next()) {
        (Some(panic), Some(message)) => {
            let place = panic.split("panicked at ").nth(1).unwrap_or_default();
            format!("{message} ({})", place.trim_end_matches(':'))
        }
        _ => {
            // `==123== ERROR: libFuzzer: timeout after 10 seconds`
            let error = value(log, "ERROR: libFuzzer:");
            error.unwrap_or("libFuzzer does not say what").to_owned()
        }
    };
    Finding {
        what,
        input: value(log, "Test unit written to ").map(str::to_owned),
    }
}

/// What stands behind a word in the first line that has it.
fn value<'l>(log: &'l str, word: &str) -> Option<&'l str> {
    let line = log.lines().find(|line| line.contains(word))?;
    Some(line.split(word).nth(1)?.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_told_in_numbers() {
        let log = "#512\tpulse  cov: 1\nDone 3560789 runs in 21 second(s)\n\
            stat::number_of_executed_units: 3560789\n\
            stat::average_exec_per_sec:     169561\n\
            stat::new_units_added:          6267\n";
        assert_eq!(executions(log), Some(3_560_789));
        assert_eq!(new_inputs(log), 6_267);
        assert_eq!((executions(""), new_inputs("")), (None, 0));
    }

    #[test]
    fn a_finding_is_told_in_its_own_words() {
        let log = "\nthread '<unnamed>' (7) panicked at crates/a/src/b.rs:7:9:\nit is broken\n\
            ==9== ERROR: libFuzzer: deadly signal\n\
            artifact_prefix='f/'; Test unit written to f/crash-0a\nBase64: YQ==\n";
        assert_eq!(
            finding(log),
            Finding {
                what: "it is broken (crates/a/src/b.rs:7:9)".to_owned(),
                input: Some("f/crash-0a".to_owned()),
            }
        );
        let log = "==9== ERROR: libFuzzer: timeout after 10 seconds\n";
        assert_eq!(finding(log).what, "timeout after 10 seconds");
        assert_eq!(finding("").input, None);
    }
}
