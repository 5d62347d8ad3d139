//! What a build reports in the end.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kiln_build::target::{Architecture, GlibcVersion};
use serde::Serialize;

use crate::output::{self, DIM};

/// The report of a build, as `--format json` prints it.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// The programs, in the order of their names.
    pub programs: Vec<ProgramSummary>,
    /// Time from the start of kiln to its end, in milliseconds.
    pub duration_ms: u64,
}

/// One program of the report.
#[derive(Debug, Serialize)]
pub struct ProgramSummary {
    /// Name of the function or extension.
    pub name: String,
    /// `function` or `extension`.
    pub kind: &'static str,
    /// The artefact.
    pub path: PathBuf,
    /// Size of the executable in bytes.
    pub size: u64,
    /// Size of all content of the artefact in bytes, included files among it.
    pub content_size: u64,
    /// Size of the zip in bytes; null where none was made or measured.
    pub zip_size: Option<u64>,
    /// The processor it is for.
    pub architecture: Architecture,
    /// The Rust target it was built for, with the glibc version that was asked for.
    pub target: String,
    /// The cargo profile it was built with.
    pub profile: String,
    /// How it was linked: `host`, `configured`, `zig` or `musl`.
    pub linker: &'static str,
    /// Why it was linked that way.
    pub linker_reason: String,
    /// The newest glibc it needs; null for a static executable.
    pub glibc: Option<GlibcVersion>,
    /// The shared libraries it needs.
    pub needed: Vec<String>,
    /// Time from the start of cargo until the artefact was ready, packaging included and other
    /// programs' packaging left out, in milliseconds.
    pub duration_ms: u64,
}

/// Milliseconds of a duration.
pub fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Summary {
    /// Prints the report as a table.
    pub fn print(&self, directory: &Path) {
        let head = [
            "function", "size", "zipped", "arch", "glibc", "time", "path",
        ];
        let rows: Vec<[String; 7]> = self
            .programs
            .iter()
            .map(|program| program.row(directory))
            .collect();
        let mut lines = aligned(&head.map(ToOwned::to_owned), &rows).into_iter();
        if let Some(head) = lines.next() {
            output::data(format!("{DIM}{head}{DIM:#}"));
        }
        lines.for_each(output::data);
    }
}

impl ProgramSummary {
    fn row(&self, directory: &Path) -> [String; 7] {
        let none = || "-".to_owned();
        let path = self.path.strip_prefix(directory).unwrap_or(&self.path);
        [
            self.name.clone(),
            size(self.size),
            self.zip_size.map_or_else(none, size),
            self.architecture.to_string(),
            self.glibc
                .map_or_else(|| "static".to_owned(), |version| version.to_string()),
            time(self.duration_ms),
            path.display().to_string(),
        ]
    }
}

/// Lines of columns as wide as their widest cell; numbers would not gain from more.
fn aligned<const N: usize>(head: &[String; N], rows: &[[String; N]]) -> Vec<String> {
    let mut widths = [0; N];
    for row in std::iter::once(head).chain(rows) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    std::iter::once(head)
        .chain(rows)
        .map(|row| {
            let cells: Vec<String> = row
                .iter()
                .zip(widths)
                .map(|(cell, width)| format!("{cell:width$}"))
                .collect();
            cells.join("  ").trim_end().to_owned()
        })
        .collect()
}

/// A size as people read it. Lambda's limits are in these units too.
pub fn size(bytes: u64) -> String {
    const KIB: u64 = 1024;
    const MIB: u64 = KIB * KIB;
    // Tenths, rounded half up, in integers.
    let tenths = |unit: u64| (bytes * 10 + unit / 2) / unit;
    match bytes {
        0..KIB => format!("{bytes} B"),
        KIB..MIB => format!("{} KiB", (bytes + KIB / 2) / KIB),
        _ => format!("{}.{} MiB", tenths(MIB) / 10, tenths(MIB) % 10),
    }
}

fn time(milliseconds: u64) -> String {
    match milliseconds {
        0..1000 => format!("{milliseconds} ms"),
        _ => format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_for_people() {
        let sizes = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            (1_500_000, "1.4 MiB"),
            (52_428_800, "50.0 MiB"),
        ];
        for (bytes, expected) in sizes {
            assert_eq!(size(bytes), expected);
        }
        assert_eq!(time(999), "999 ms");
        assert_eq!(time(61_250), "61.2 s");
    }

    #[test]
    fn columns_line_up() {
        let row = |one: &str, other: &str| [one.to_owned(), other.to_owned()];
        assert_eq!(
            aligned(
                &row("function", "size"),
                &[row("a", "1 KiB"), row("longer-name", "-")]
            ),
            ["function     size", "a            1 KiB", "longer-name  -"]
        );
    }
}
