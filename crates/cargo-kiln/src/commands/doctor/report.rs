//! What a check finds, and how it is shown.

use anstyle::Style;
use serde::Serialize;

use crate::output;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Ok,
    /// Missing, and needed only by those who know that they need it.
    Note,
    /// Something will not work, though most things do.
    Warning,
    /// Something everybody needs does not work.
    Problem,
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }

    fn style(self) -> Style {
        match self {
            Self::Ok => output::GOOD,
            Self::Note => output::DIM,
            Self::Warning => output::WARNING,
            Self::Problem => output::ERROR,
        }
    }
}

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at, in a word or two.
    pub name: &'static str,
    /// How it ended.
    pub status: Status,
    /// What was found.
    pub found: String,
    /// The one line that makes it right, where something is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cure: Option<String>,
}

impl Check {
    /// All is well.
    pub fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self {
            name,
            status: Status::Ok,
            found: found.into(),
            cure: None,
        }
    }

    /// Something is not as it should be.
    pub fn not_ok(
        name: &'static str,
        status: Status,
        found: impl Into<String>,
        cure: impl Into<String>,
    ) -> Self {
        Self {
            name,
            status,
            found: found.into(),
            cure: Some(cure.into()),
        }
    }
}

/// All checks.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Whether nothing is a problem.
    pub healthy: bool,
    /// The checks, in the order they are shown.
    pub checks: Vec<Check>,
}

impl Report {
    /// The report of these checks.
    pub fn new(checks: Vec<Check>) -> Self {
        Self {
            healthy: checks.iter().all(|check| check.status < Status::Problem),
            checks,
        }
    }

    /// The report for people: a line per check, its cure below it.
    pub fn text(&self) -> String {
        let status_width = Status::Problem.word().len();
        let names = self.checks.iter().map(|check| check.name.len());
        let name_width = names.max().unwrap_or_default();
        let indent = " ".repeat(status_width + name_width + 4);
        let mut lines = Vec::new();
        for check in &self.checks {
            let style = check.status.style();
            // Padding is outside of the styled word: escapes have no width, and `{:<8}` would
            // count them.
            let padding = " ".repeat(status_width - check.status.word().len());
            lines.push(format!(
                "{style}{}{style:#}{padding}  {:<name_width$}  {}",
                check.status.word(),
                check.name,
                check.found.replace('\n', &format!("\n{indent}")),
            ));
            if let Some(cure) = &check.cure {
                let hint = output::HINT;
                lines.push(format!("{indent}{hint}cure:{hint:#} {cure}"));
            }
        }
        lines.join("\n")
    }

    /// The report in one line.
    pub fn summary(&self) -> String {
        let count = |status| self.checks.iter().filter(|it| it.status == status).count();
        let counts = [
            (count(Status::Problem), "problem"),
            (count(Status::Warning), "warning"),
        ];
        let words: Vec<String> = counts
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} {word}{}", if count == 1 { "" } else { "s" }))
            .collect();
        if words.is_empty() {
            "everything is in place".into()
        } else {
            words.join(", ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(statuses: &[Status]) -> Report {
        let check = |status: &Status| Check::not_ok("tool", *status, "two\nlines", "type this");
        Report::new(statuses.iter().map(check).collect())
    }

    #[test]
    fn only_problems_are_unhealthy() {
        use Status::{Note, Ok, Problem, Warning};
        let cases: [(&[Status], bool, &str); 5] = [
            (&[], true, "everything is in place"),
            (&[Ok, Note], true, "everything is in place"),
            (&[Ok, Warning], true, "1 warning"),
            (&[Warning, Problem, Warning], false, "1 problem, 2 warnings"),
            (&[Problem, Problem], false, "2 problems"),
        ];
        for (statuses, healthy, summary) in cases {
            let report = report(statuses);
            assert_eq!(report.healthy, healthy, "{statuses:?}");
            assert_eq!(report.summary(), summary);
        }
    }

    #[test]
    fn lines_are_aligned() {
        let text = anstream::adapter::strip_str(&report(&[Status::Ok]).text()).to_string();
        assert_eq!(
            text,
            "ok       tool  two\n               lines\n               cure: type this"
        );
    }
}
