//! Asking cargo about the workspace.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{ChildStderr, Command, Stdio};
use std::sync::mpsc;

use cargo_metadata::{CargoOpt, Metadata, MetadataCommand};

use crate::error::ProjectError;
use crate::project::LoadOptions;
use crate::value::BuildTarget;

/// Runs `cargo metadata`.
pub(crate) fn metadata(options: &LoadOptions) -> Result<Metadata, ProjectError> {
    find_manifest(options)?;
    let mut command = MetadataCommand::new();
    command.current_dir(&options.current_dir);
    // Its words are read here before they are shown; `CARGO_TERM_COLOR=always` is common in CI.
    command.env("CARGO_TERM_COLOR", "never");
    if let Some(path) = &options.manifest_path {
        command.manifest_path(path);
    }
    if let Some(cargo) = options.environment.get("CARGO") {
        command.cargo_path(cargo);
    }
    if options.no_dependencies {
        command.no_deps();
    }
    if options.all_features {
        command.features(CargoOpt::AllFeatures);
    }
    if options.no_default_features {
        command.features(CargoOpt::NoDefaultFeatures);
    }
    if !options.features.is_empty() {
        command.features(CargoOpt::SomeFeatures(options.features.clone()));
    }
    let flags = [
        ("--offline", options.offline),
        ("--locked", options.locked),
        ("--frozen", options.frozen),
    ];
    let mut others: Vec<String> = flags
        .into_iter()
        .filter(|(_, wanted)| *wanted)
        .map(|(flag, _)| flag.to_owned())
        .collect();
    let given = [
        ("--config", options.config.clone()),
        ("-Z", options.unstable_flags.clone()),
        // Cargo would ask rustc about each platform, for nothing where there is no graph.
        (
            "--filter-platform",
            match options.no_dependencies {
                true => Vec::new(),
                false => platforms(options.target.as_ref()),
            },
        ),
    ];
    for (flag, values) in given {
        for value in values {
            others.extend([flag.to_owned(), value]);
        }
    }
    command.other_options(others);
    run(command.cargo_command(), options)
}

/// Runs the command and reads its answer, handing its progress on line by line.
fn run(mut command: Command, options: &LoadOptions) -> Result<Metadata, ProjectError> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(cargo_metadata::Error::Io)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    // Both pipes are drained at once, or cargo blocks on the one that nobody reads.
    let progress = options.progress;
    let listener = std::thread::spawn(move || listen(stderr, progress));
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut answer = Vec::new();
        let outcome = match stdout {
            Some(mut stdout) => stdout.read_to_end(&mut answer),
            None => Ok(0),
        };
        // Nobody listens any more when patience has run out.
        let _ = sender.send(outcome.map(|_| answer));
    });
    let received = match options.patience {
        Some(patience) => receiver.recv_timeout(patience).ok(),
        None => receiver.recv().ok(),
    };
    let Some(answer) = received else {
        let _ = child.kill();
        let _ = child.wait();
        return Err(ProjectError::CargoHung);
    };
    let answer = answer.map_err(cargo_metadata::Error::Io)?;
    let status = child.wait().map_err(cargo_metadata::Error::Io)?;
    if !status.success() {
        return Err(ProjectError::Cargo {
            message: message(&listener.join().unwrap_or_default()),
        });
    }
    let answer = std::str::from_utf8(&answer).map_err(cargo_metadata::Error::Utf8)?;
    // Wrappers of cargo may write lines of their own first.
    let answer = answer
        .lines()
        .find(|line| line.starts_with('{'))
        .ok_or(cargo_metadata::Error::NoJson)?;
    Ok(MetadataCommand::parse(answer)?)
}

/// Collects what cargo says, handing each line on until it says what is wrong: that is our error's
/// to tell.
fn listen(stderr: Option<ChildStderr>, progress: Option<fn(&str)>) -> String {
    let mut said = String::new();
    let mut failed = false;
    let lines = stderr.into_iter().flat_map(|it| BufReader::new(it).lines());
    for line in lines.map_while(Result::ok) {
        failed |= line.starts_with("error");
        if let Some(progress) = progress.filter(|_| !failed) {
            progress(&line);
        }
        said.push_str(&line);
        said.push('\n');
    }
    said
}

/// The platforms whose dependencies count. Leaving out those of others halves the answer and
/// spares cargo downloading crates that no build here would use.
///
/// Lambda's architectures come with both C libraries: which one is linked is decided by what the
/// dependencies are.
fn platforms(target: Option<&BuildTarget>) -> Vec<String> {
    let own = match std::env::consts::ARCH {
        "x86_64" => Some(BuildTarget::X86_64),
        "aarch64" => Some(BuildTarget::Arm64),
        _ => None,
    };
    let triple = match (target, own) {
        (Some(target), _) => target.triple().to_owned(),
        // Known without asking rustc.
        (None, Some(own)) if cfg!(target_os = "linux") => own.triple().to_owned(),
        (None, _) => return Vec::new(),
    };
    match triple
        .strip_suffix("-unknown-linux-gnu")
        .or(triple.strip_suffix("-unknown-linux-musl"))
    {
        Some(architecture @ ("x86_64" | "aarch64")) => ["gnu", "musl"]
            .map(|library| format!("{architecture}-unknown-linux-{library}"))
            .into(),
        _ => vec![triple],
    }
}

/// Cargo's error without its progress, its warnings, and the word `error:` that whoever renders
/// ours will write.
fn message(stderr: &str) -> String {
    let start = stderr
        .match_indices("error")
        .map(|(at, _)| at)
        .find(|&at| at == 0 || stderr.as_bytes()[at - 1] == b'\n')
        .unwrap_or(0);
    let message = stderr[start..].trim();
    message
        .strip_prefix("error: ")
        .unwrap_or(message)
        .to_owned()
}

/// Says early, and in our words, what cargo would say about a directory without a manifest.
fn find_manifest(options: &LoadOptions) -> Result<(), ProjectError> {
    if let Some(path) = &options.manifest_path {
        let path = options.current_dir.join(path);
        return if path.is_file() {
            Ok(())
        } else {
            Err(ProjectError::NoManifest { path })
        };
    }
    let found = options
        .current_dir
        .ancestors()
        .any(|directory| directory.join("Cargo.toml").is_file());
    if found {
        Ok(())
    } else {
        Err(ProjectError::NotAProject {
            directory: options.current_dir.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_begin_with_the_error() {
        let cases = [
            ("error: no such thing\n", "no such thing"),
            (
                "warning: old key\n    Updating index\nerror: failed to parse\n\nCaused by:\n  x error y\n",
                "failed to parse\n\nCaused by:\n  x error y",
            ),
            ("error[E1]: odd\n", "error[E1]: odd"),
            ("rustup says no\n", "rustup says no"),
        ];
        for (stderr, expected) in cases {
            assert_eq!(message(stderr), expected);
        }
    }

    #[test]
    fn platforms_come_with_both_c_libraries() {
        let arm64 = ["aarch64-unknown-linux-gnu", "aarch64-unknown-linux-musl"];
        let cases: [(&str, &[&str]); 5] = [
            ("arm64", &arm64),
            ("aarch64-unknown-linux-musl", &arm64),
            ("aarch64-unknown-linux-gnu.2.34", &arm64),
            (
                "riscv64gc-unknown-linux-gnu",
                &["riscv64gc-unknown-linux-gnu"],
            ),
            ("targets/custom.json", &["targets/custom.json"]),
        ];
        for (target, expected) in cases {
            assert_eq!(platforms(target.parse().ok().as_ref()), expected);
        }
    }
}
