//! The mounts of this machine, for kernels that change them one by one.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use rustix::mount::MountFlags;

/// Mount points with their flags, in the order they were mounted.
#[derive(Debug)]
pub(super) struct Mounts(Vec<(PathBuf, MountFlags)>);

impl Mounts {
    pub(super) fn read() -> io::Result<Self> {
        Ok(Self::parse(&fs::read("/proc/self/mountinfo")?))
    }

    /// Reads `mountinfo` as proc_pid_mountinfo(5) has it.
    fn parse(text: &[u8]) -> Self {
        let lines = text.split(|byte| *byte == b'\n');
        let mount = |line: &[u8]| {
            let mut fields = line.split(|byte| *byte == b' ').skip(4);
            let path = PathBuf::from(OsString::from_vec(unescape(fields.next()?)));
            let options = fields.next()?.split(|byte| *byte == b',');
            let flags = options.filter_map(flag);
            Some((path, flags.fold(MountFlags::empty(), MountFlags::union)))
        };
        Self(lines.filter_map(mount).collect())
    }

    /// The mount that a directory is in, as an empty path, and those below it; with their flags,
    /// which an ordinary user must leave as they are.
    pub(super) fn at_and_below(&self, path: &Path) -> Vec<(PathBuf, MountFlags)> {
        let around = self.0.iter().rev().filter(|(at, _)| path.starts_with(at));
        let around = around.max_by_key(|(at, _)| at.components().count());
        let around = around.map_or(MountFlags::empty(), |(_, flags)| *flags);
        let mut found = vec![(PathBuf::new(), around)];
        for (at, flags) in &self.0 {
            match at.strip_prefix(path) {
                Ok(below) if !below.as_os_str().is_empty() => {
                    found.push((below.to_owned(), *flags));
                }
                _ => {}
            }
        }
        found
    }
}

fn flag(option: &[u8]) -> Option<MountFlags> {
    Some(match option {
        b"nosuid" => MountFlags::NOSUID,
        b"nodev" => MountFlags::NODEV,
        b"noexec" => MountFlags::NOEXEC,
        b"noatime" => MountFlags::NOATIME,
        b"nodiratime" => MountFlags::NODIRATIME,
        b"relatime" => MountFlags::RELATIME,
        _ => return None,
    })
}

/// Blanks, tabs, line breaks and backslashes are written as three octal digits.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, after @ ..] = rest {
        let escaped = after
            .get(..3)
            .filter(|_| *first == b'\\')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        bytes.push(escaped.unwrap_or(*first));
        rest = match escaped {
            Some(_) => after.get(3..).unwrap_or_default(),
            None => after,
        };
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_read_with_their_flags_and_blanks() {
        let mounts = Mounts::parse(
            b"21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
              22 21 0:5 / /home rw,nosuid,nodev,noatime - ext4 /dev/sda2 rw\n\
              23 22 0:6 / /home/a\\040disk rw,noexec master:1 - vfat /dev/sdb rw\n\
              24 21 0:7 / /homes rw - tmpfs tmpfs rw\n",
        );
        let nosuid = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOATIME;
        let disk = PathBuf::from("a disk");
        let expected = vec![(PathBuf::new(), nosuid), (disk, MountFlags::NOEXEC)];
        assert_eq!(mounts.at_and_below(Path::new("/home")), expected);
        let expected = vec![(PathBuf::new(), nosuid)];
        assert_eq!(mounts.at_and_below(Path::new("/home/me")), expected);
        let expected = vec![(PathBuf::new(), MountFlags::RELATIME)];
        assert_eq!(mounts.at_and_below(Path::new("/usr")), expected);
    }
}
