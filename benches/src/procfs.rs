//! Reading `/proc`: who descends from whom, CPU time, memory.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

/// The kernel's unit of CPU time in `/proc`: `USER_HZ`, 100 on every architecture Linux runs on.
const TICK: Duration = Duration::from_millis(10);

/// What `/proc/PID/stat` says of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stat {
    name: String,
    zombie: bool,
    parent: u32,
    cpu: Duration,
}

/// A living process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// Its name as the kernel has it: at most 15 bytes.
    pub name: String,
}

/// The living descendants of a process, itself and zombies left out.
pub fn descendants(ancestor: u32) -> Vec<Process> {
    let below = below(ancestor).into_iter();
    below
        .filter(|(_, stat)| !stat.zombie)
        .map(|(pid, stat)| Process {
            pid,
            name: stat.name,
        })
        .collect()
}

/// How many descendants of a process have ended, and nobody has asked what became of them.
pub fn zombies(ancestor: u32) -> usize {
    let below = below(ancestor);
    below.iter().filter(|(_, stat)| stat.zombie).count()
}

/// How many living descendants of a process are of a function: they have its name, or, where each
/// function's executable is called `bootstrap`, its name among their variables.
pub fn of_function(ancestor: u32, name: &str) -> usize {
    let family = descendants(ancestor);
    let variable = format!("AWS_LAMBDA_FUNCTION_NAME={name}");
    let is_its = |process: &&Process| {
        process.name == name
            || process.name == "bootstrap" && has_variable(process.pid, variable.as_bytes())
    };
    family.iter().filter(is_its).count()
}

fn has_variable(pid: u32, variable: &[u8]) -> bool {
    let variables = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    variables.split(|byte| *byte == 0).any(|it| it == variable)
}

/// How many descriptors a process has open; none when it has ended.
pub fn descriptors(pid: u32) -> usize {
    entries(&format!("/proc/{pid}/fd"))
}

/// How many threads a process has; none when it has ended.
pub fn threads(pid: u32) -> usize {
    entries(&format!("/proc/{pid}/task"))
}

fn entries(directory: &str) -> usize {
    fs::read_dir(directory).map_or(0, Iterator::count)
}

fn below(ancestor: u32) -> Vec<(u32, Stat)> {
    let mut children: BTreeMap<u32, Vec<(u32, Stat)>> = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // It may have ended since the directory was read.
        if let Some(stat) = stat(pid) {
            children.entry(stat.parent).or_default().push((pid, stat));
        }
    }
    let mut found = Vec::new();
    let mut ancestors = vec![ancestor];
    while let Some(parent) = ancestors.pop() {
        for (pid, stat) in children.remove(&parent).unwrap_or_default() {
            ancestors.push(pid);
            found.push((pid, stat));
        }
    }
    found
}

/// CPU time a process has used, in all its threads; zero when it has ended.
pub fn cpu_time(pid: u32) -> Duration {
    stat(pid).map_or(Duration::ZERO, |stat| stat.cpu)
}

/// CPU time a process's living threads have used, to the nanosecond but for what runs at the moment.
pub fn run_time(pid: u32) -> Duration {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"));
    let run_time = |task: fs::DirEntry| {
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse().ok()
    };
    let tasks = tasks.into_iter().flatten().flatten();
    tasks.filter_map(run_time).map(Duration::from_nanos).sum()
}

/// Resident memory of a process, kB; `None` when it has ended.
pub fn resident_kb(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line?.trim().strip_suffix(" kB")?.parse().ok()
}

fn stat(pid: u32) -> Option<Stat> {
    parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

fn parse(stat: &str) -> Option<Stat> {
    // The name is in parentheses and may contain any of the characters around it.
    let (head, fields) = stat.rsplit_once(") ")?;
    let (_, name) = head.split_once(" (")?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let field = |index: usize| fields.get(index)?.parse::<u32>().ok();
    Some(Stat {
        name: name.to_owned(),
        zombie: fields.first() == Some(&"Z"),
        parent: field(1)?,
        // `utime` and `stime`, fields 14 and 15 of the manual page.
        cpu: TICK * (field(11)? + field(12)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_look_like_the_rest() {
        let line = "42 (a) R (b) Z 7 42 42 0 -1 4194560 1 2 3 4 150 25 5 6 20 0 1 0 99 0 0";
        let stat = parse(line).unwrap();
        assert_eq!(stat.name, "a) R (b");
        assert!(stat.zombie);
        assert_eq!(stat.parent, 7);
        assert_eq!(stat.cpu, Duration::from_millis(1_750));
        assert_eq!(parse("42 (a"), None);
        assert_eq!(parse("42 (a) R 1"), None);
    }

    #[test]
    fn this_process_is_there() {
        let me = std::process::id();
        assert!(resident_kb(me).unwrap() > 100);
        assert!(threads(me) > 0);
        let before = descriptors(me);
        let file = fs::File::open("/proc/self/stat").unwrap();
        assert!(descriptors(me) > 0 && before > 0);
        drop(file);
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let found = descendants(me);
        assert!(of_function(me, "sleep") >= 1);
        child.kill().unwrap();
        child.wait().unwrap();
        let pids: Vec<u32> = found.iter().map(|process| process.pid).collect();
        assert!(pids.contains(&child.id()), "{found:?}");
    }
}
