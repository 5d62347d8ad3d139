//! The figures, for people and for programs.

use std::fmt;

use serde::Serialize;

use crate::machine::Facts;

/// What to keep in mind, said before any number.
const CAVEATS: [&str; 3] = [
    "ratios within one run mean something; numbers of different machines, or of a busy one, do not",
    "callers, service and functions share the processors: at several connections they compete",
    "peers are given the flags that suit them best (cargo-lambda: --release, --concurrency); see each note",
];

/// How figures are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people: as soon as each is measured.
    Text,
    /// For programs: one JSON document at the end.
    Json,
}

/// All that was measured.
#[derive(Debug, Serialize)]
pub struct Report {
    machine: Facts,
    caveats: [&'static str; 3],
    /// What was measured, one figure each.
    pub sections: Vec<Section>,
}

/// One figure and what belongs to it.
#[derive(Debug, Serialize)]
pub struct Section {
    /// Its name on the command line.
    pub figure: String,
    /// What it is, in words.
    pub title: &'static str,
    /// Its numbers.
    pub rows: Vec<Row>,
    /// What to know about how they came to be.
    pub notes: Vec<String>,
}

/// A number, of each tool.
#[derive(Debug, Default, Serialize)]
pub struct Row {
    name: String,
    unit: &'static str,
    kiln: Option<Reading>,
    cargo_lambda: Option<Reading>,
    /// The Runtime Interface Emulator's.
    emulator: Option<Reading>,
    /// The same without any tool.
    bare: Option<Reading>,
    /// Kiln's in relation to cargo-lambda's.
    ratio: Option<f64>,
    target: Option<String>,
    met: Option<bool>,
}

/// What was read off.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Reading {
    /// A number.
    Number(f64),
    /// What happened instead of a number.
    Words(String),
}

/// What a row is to be.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    /// Kiln's number.
    AtMost(f64),
    /// Kiln's number in relation to cargo-lambda's.
    RatioAtMost(f64),
    /// The same, where more is better.
    RatioAtLeast(f64),
    /// Kiln's number, above that of every peer that has one.
    AheadOfAll,
}

impl From<f64> for Reading {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl Reading {
    fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Words(_) => None,
        }
    }
}

impl Row {
    /// A row in a unit, such as `ms`, without numbers yet.
    pub fn new(name: impl Into<String>, unit: &'static str) -> Self {
        Self {
            name: name.into(),
            unit,
            ..Self::default()
        }
    }

    /// Both tools' readings.
    pub fn tools(mut self, kiln: impl Into<Reading>, cargo_lambda: impl Into<Reading>) -> Self {
        self.kiln = Some(kiln.into());
        self.cargo_lambda = Some(cargo_lambda.into());
        self.ratio = self.relate();
        self
    }

    /// The library's reading, and that of the same written by hand, which stands where nothing does.
    pub fn by_hand(mut self, kiln: impl Into<Reading>, by_hand: impl Into<Reading>) -> Self {
        self.kiln = Some(kiln.into());
        self.bare = Some(by_hand.into());
        let numbers = self.kiln.as_ref().and_then(Reading::number);
        let numbers = numbers.zip(self.bare.as_ref().and_then(Reading::number));
        let ratio = numbers.map(|(kiln, by_hand)| kiln / by_hand);
        self.ratio = ratio.filter(|ratio| ratio.is_finite());
        self
    }

    /// Kiln's reading alone, where there is nothing to compare.
    pub fn kiln(mut self, kiln: impl Into<Reading>) -> Self {
        self.kiln = Some(kiln.into());
        self
    }

    /// The Runtime Interface Emulator's reading.
    pub fn emulator(mut self, emulator: impl Into<Reading>) -> Self {
        self.emulator = Some(emulator.into());
        self
    }

    /// The reading without a tool.
    pub fn bare(mut self, bare: impl Into<Reading>) -> Self {
        self.bare = Some(bare.into());
        self
    }

    /// What it is to be; set the readings first.
    pub fn target(mut self, target: Target) -> Self {
        let kiln = self.kiln.as_ref().and_then(Reading::number);
        let (text, met) = match target {
            Target::AtMost(most) => (
                format!("≤ {} {}", number(most), self.unit),
                kiln.map(|kiln| kiln <= most),
            ),
            Target::RatioAtMost(most) => {
                (format!("≤ {most} ×"), self.ratio.map(|ratio| ratio <= most))
            }
            Target::RatioAtLeast(least) => (
                format!("≥ {least} ×"),
                self.ratio.map(|ratio| ratio >= least),
            ),
            Target::AheadOfAll => {
                let peers = [&self.cargo_lambda, &self.emulator];
                let mut best = peers.into_iter().flatten().filter_map(Reading::number);
                let ahead = kiln.map(|kiln| best.all(|peer| kiln > peer));
                ("ahead of all".to_owned(), ahead)
            }
        };
        self.target = Some(text);
        self.met = met;
        self
    }

    fn relate(&self) -> Option<f64> {
        let ratio = self.kiln.as_ref()?.number()? / self.cargo_lambda.as_ref()?.number()?;
        ratio.is_finite().then_some(ratio)
    }

    fn verdict(&self) -> String {
        let Some(target) = &self.target else {
            return String::new();
        };
        match self.met {
            Some(true) => format!("{target}  met"),
            Some(false) => format!("{target}  MISSED"),
            None => format!("{target}  not to be told"),
        }
    }
}

impl Report {
    /// A report without figures yet.
    pub fn new(machine: Facts) -> Self {
        Self {
            machine,
            caveats: CAVEATS,
            sections: Vec::new(),
        }
    }

    /// What comes before the figures: the machine's facts, and what to keep in mind.
    pub fn preamble(&self) -> String {
        let facts = self.machine.lines().into_iter();
        let caveats = self.caveats.iter().map(|caveat| format!("- {caveat}"));
        facts.chain(caveats).collect::<Vec<_>>().join("\n")
    }

    /// All of it, as a JSON document.
    pub fn json(&self) -> String {
        // Strings, numbers and lists of them: nothing here that JSON could refuse.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{}: {}", self.figure, self.title)?;
        let line = |cells: [&str; 7]| {
            let [name, kiln, other, emulator, bare, ratio, target] = cells;
            let line = format!(
                "  {name:<50} {kiln:>12} {other:>14} {emulator:>12} {bare:>12} {ratio:>7}  {target}"
            );
            line.trim_end().to_owned()
        };
        writeln!(
            f,
            "{}",
            line([
                "",
                "kiln",
                "cargo-lambda",
                "emulator",
                "bare",
                "ratio",
                "target"
            ])
        )?;
        for row in &self.rows {
            let cell = |reading: &Option<Reading>| match reading {
                Some(Reading::Number(value)) => format!("{} {}", number(*value), row.unit),
                Some(Reading::Words(words)) => words.clone(),
                None => String::new(),
            };
            let ratio = row
                .ratio
                .map_or_else(String::new, |ratio| format!("{ratio:.2} ×"));
            let readings = [&row.kiln, &row.cargo_lambda, &row.emulator, &row.bare];
            let [kiln, other, emulator, bare] = &readings.map(cell);
            writeln!(
                f,
                "{}",
                line([
                    &row.name,
                    kiln,
                    other,
                    emulator,
                    bare,
                    &ratio,
                    &row.verdict()
                ])
            )?;
        }
        for note in &self.notes {
            writeln!(f, "  note: {note}")?;
        }
        Ok(())
    }
}

/// Three digits or so: more than that is noise.
fn number(value: f64) -> String {
    let size = value.abs();
    if size < 10.0 {
        format!("{value:.2}")
    } else if size < 100.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_met_or_missed_or_neither() {
        let row = || Row::new("warm", "ms").tools(1.0, 4.0);
        for (target, text) in [
            (Target::AtMost(1.0), "≤ 1.00 ms  met"),
            (Target::AtMost(0.5), "≤ 0.50 ms  MISSED"),
            (Target::RatioAtMost(0.6), "≤ 0.6 ×  met"),
            (Target::RatioAtMost(0.2), "≤ 0.2 ×  MISSED"),
            (Target::RatioAtLeast(0.2), "≥ 0.2 ×  met"),
            (Target::RatioAtLeast(3.0), "≥ 3 ×  MISSED"),
            (Target::AheadOfAll, "ahead of all  MISSED"),
        ] {
            assert_eq!(row().target(target).verdict(), text);
        }
        let failed = Row::new("warm", "ms").tools(1.0, Reading::Words("no answer".to_owned()));
        let verdict = failed.target(Target::RatioAtMost(0.6)).verdict();
        assert_eq!(verdict, "≤ 0.6 ×  not to be told");
        for (emulator, text) in [(3.0, "ahead of all  met"), (5.0, "ahead of all  MISSED")] {
            let row = Row::new("calls", "/s").tools(4.0, 2.0).emulator(emulator);
            assert_eq!(row.target(Target::AheadOfAll).verdict(), text);
        }
    }

    #[test]
    fn a_section_reads_as_a_table() {
        let section = Section {
            figure: "warm".to_owned(),
            title: "calls one after the other",
            rows: vec![
                Row::new("p50", "µs")
                    .tools(212.4, 424.8)
                    .emulator(920.0)
                    .bare(99.96)
                    .target(Target::RatioAtMost(0.6)),
            ],
            notes: vec!["both warm".to_owned()],
        };
        let text = section.to_string();
        let lines: Vec<Vec<&str>> = text
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(
            lines,
            [
                vec![],
                vec!["warm:", "calls", "one", "after", "the", "other"],
                vec![
                    "kiln",
                    "cargo-lambda",
                    "emulator",
                    "bare",
                    "ratio",
                    "target"
                ],
                vec![
                    "p50", "212", "µs", "425", "µs", "920", "µs", "100.0", "µs", "0.50", "×", "≤",
                    "0.6", "×", "met"
                ],
                vec!["note:", "both", "warm"],
            ]
        );
    }
}
