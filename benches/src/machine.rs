//! The facts of the machine: figures mean nothing without them.

use std::fs;
use std::process::Command;

use serde::Serialize;

use crate::figures::Plan;
use crate::tool::Tool;

/// Where and with what the figures were measured.
#[derive(Debug, Serialize)]
pub struct Facts {
    processor: String,
    cores: usize,
    memory_mb: u64,
    kernel: String,
    /// Processes that wanted to run, on average over the minute before: 0 on an idle machine.
    load_before: f64,
    rustc: String,
    kiln: String,
    cargo_lambda: String,
    runs: u32,
}

/// Collects them. What cannot be found out is `unknown`, or zero.
pub fn facts(plan: &Plan) -> Facts {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let version = |mut command: Command| {
        let output = command.output().ok();
        let text = output.and_then(|output| String::from_utf8(output.stdout).ok());
        known(text.unwrap_or_default().trim())
    };
    let mut rustc = Command::new("rustc");
    rustc.arg("--version");
    let load = read("/proc/loadavg");
    let memory_kb: u64 = field(&read("/proc/meminfo"), "MemTotal")
        .and_then(|memory| memory.strip_suffix(" kB")?.parse().ok())
        .unwrap_or_default();
    Facts {
        processor: known(&field(&read("/proc/cpuinfo"), "model name").unwrap_or_default()),
        cores: std::thread::available_parallelism().map_or(0, usize::from),
        memory_mb: memory_kb / 1_024,
        kernel: known(read("/proc/sys/kernel/osrelease").trim()),
        load_before: load
            .split_whitespace()
            .next()
            .and_then(|load| load.parse().ok())
            .unwrap_or_default(),
        rustc: version(rustc),
        kiln: version(plan.tools.command(Tool::Kiln, &["--version"])),
        cargo_lambda: version(plan.tools.command(Tool::CargoLambda, &["--version"])),
        runs: plan.runs,
    }
}

impl Facts {
    /// The facts, a line each.
    pub fn lines(&self) -> Vec<String> {
        vec![
            format!(
                "{} × {}, {} MB, Linux {}",
                self.cores, self.processor, self.memory_mb, self.kernel
            ),
            format!("load before the run: {:.2}", self.load_before),
            format!("{}; {} beside {}", self.rustc, self.kiln, self.cargo_lambda),
            format!("medians of {} runs", self.runs),
        ]
    }
}

fn known(text: &str) -> String {
    if text.is_empty() { "unknown" } else { text }.to_owned()
}

/// The value of the first line `name : value`.
fn field(text: &str, name: &str) -> Option<String> {
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = lines.find(|(key, _)| key.trim() == name)?;
    Some(value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let text = "MemTotalX: 1 kB\nMemTotal:       24063 kB\nmodel name\t: A: B\n";
        assert_eq!(field(text, "MemTotal").as_deref(), Some("24063 kB"));
        assert_eq!(field(text, "model name").as_deref(), Some("A: B"));
        assert_eq!(field(text, "Mem"), None);
    }
}
