//! Who runs, and who started it.

/// The parent of a process; none when it has ended, even if nobody has noticed yet.
fn parent(pid: i32) -> Option<i32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before it, in parentheses, may hold anything.
    let (name, fields) = stat.rsplit_once(')')?;
    // Kiln's own hands for a moment, with which it makes a file system: nothing of a function's.
    if name.ends_with("(kiln-files") {
        return None;
    }
    let mut fields = fields.split_whitespace();
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    fields.next()?.parse().ok()
}

/// Whether a process has not ended, zombies left out.
pub fn is_running(pid: i32) -> bool {
    parent(pid).is_some()
}

/// The processes that this one has started and that have not ended.
pub(crate) fn children(pid: i32) -> Vec<i32> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|child| parent(*child) == Some(pid))
        .collect()
}

/// Its children, their children, and so on.
pub fn descendants(pid: i32) -> Vec<i32> {
    let mut found = children(pid);
    let mut next = 0;
    while let Some(&pid) = found.get(next) {
        found.extend(children(pid));
        next += 1;
    }
    found
}
