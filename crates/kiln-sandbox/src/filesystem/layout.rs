//! Where a function's files are, outside and inside of its environment.

use std::path::{Path, PathBuf};

/// Where a function finds its code ([Lambda execution
/// environment](https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html)).
pub const TASK_ROOT: &str = "/var/task";
/// Where a function finds its layers.
pub const LAYERS: &str = "/opt";
/// What AWS starts, in the code or in a layer.
pub(super) const BOOTSTRAP: &str = "bootstrap";

/// The files of one release of a function, as they lie on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// What `/var/task` shows.
    pub task_root: PathBuf,
    /// What `/var/task/bootstrap` shows, whatever is there in the task root.
    pub bootstrap: PathBuf,
    /// What `/opt` shows, merged in order: of two files of a name, that of the later one is seen.
    pub layers: Vec<PathBuf>,
    /// Size of `/tmp`, MB.
    pub tmp_mb: u32,
}

impl Layout {
    /// Where a file of the release is seen inside; others are where they are.
    pub(super) fn inside(&self, path: &Path) -> PathBuf {
        if path == self.bootstrap {
            return Path::new(TASK_ROOT).join(BOOTSTRAP);
        }
        // A layer may lie in the task root, and not the other way round.
        let layers = self.layers.iter().rev();
        let layer = layers.filter_map(|layer| Some((path.strip_prefix(layer).ok()?, LAYERS)));
        let task = path.strip_prefix(&self.task_root).ok();
        match layer.chain(task.map(|rest| (rest, TASK_ROOT))).next() {
            // Joined to nothing, a path would get a slash at its end.
            Some((rest, root)) if rest.as_os_str().is_empty() => root.into(),
            Some((rest, root)) => Path::new(root).join(rest),
            None => path.to_owned(),
        }
    }

    /// Where a bootstrap is looked for, in order
    /// ([custom runtimes](https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html)).
    pub(super) fn candidates(&self) -> impl Iterator<Item = PathBuf> {
        let layers = self.layers.iter().rev();
        std::iter::once(self.bootstrap.clone()).chain(layers.map(|layer| layer.join(BOOTSTRAP)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> Layout {
        Layout {
            task_root: "/home/me/orders".into(),
            bootstrap: "/home/me/orders/target/kiln/orders".into(),
            layers: vec!["/home/me/orders/layers/a".into(), "/layers/b".into()],
            tmp_mb: 512,
        }
    }

    #[test]
    fn files_of_a_release_are_seen_where_aws_has_them() {
        for (outside, inside) in [
            ("/home/me/orders/target/kiln/orders", "/var/task/bootstrap"),
            ("/home/me/orders/assets/a.json", "/var/task/assets/a.json"),
            ("/home/me/orders", "/var/task"),
            ("/home/me/orders/layers/a/extensions/x", "/opt/extensions/x"),
            ("/layers/b/lib/libb.so", "/opt/lib/libb.so"),
            ("/layers/b", "/opt"),
            ("/home/me/orders-of-others", "/home/me/orders-of-others"),
            ("/usr/bin/env", "/usr/bin/env"),
        ] {
            let seen = layout().inside(Path::new(outside));
            assert_eq!(seen.to_str(), Some(inside), "{outside}");
        }
    }

    #[test]
    fn a_bootstrap_is_looked_for_in_the_code_then_in_the_layers_the_last_first() {
        let candidates: Vec<PathBuf> = layout().candidates().collect();
        let expected = [
            "/home/me/orders/target/kiln/orders",
            "/layers/b/bootstrap",
            "/home/me/orders/layers/a/bootstrap",
        ];
        assert_eq!(candidates, expected.map(PathBuf::from));
    }
}
