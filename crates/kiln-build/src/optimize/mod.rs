//! What a release build gets where the project is silent.
//!
//! | setting | value | why |
//! | --- | --- | --- |
//! | `strip` | `"symbols"` | a cold start loads the executable: half its size is symbols. Left out when the profile asks for debug information, which stripping would remove |
//! | `lto` | `"thin"` | nearly all of what `"fat"` gains in size and speed, for a fraction of its time and memory in the small containers that build functions. Left out with incremental compilation, which excludes it |
//! | `codegen-units` | `1` | smaller and faster code; few functions are big enough to miss the parallelism |
//! | `-C target-cpu` | `x86-64-v3`, `neoverse-n1` | what every Lambda host has: AVX2 on x86-64, Graviton2 or later on Arm |
//!
//! `panic` stays at unwinding: with `abort` the runtime could not report a panic as the
//! function's error. Debug builds get nothing.
//!
//! Sources: <https://docs.aws.amazon.com/lambda/latest/dg/foundation-arch.html> (Arm functions run
//! on Graviton2, a Neoverse N1 with Armv8.2), and "Using AVX2 vectorization in Lambda" at
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-avx2.html>. `x86-64-v3` is the
//! vendor-neutral name of that generation (Haswell and Zen alike).

mod profiles;

use std::error::Error;
use std::path::PathBuf;

use cargo_zigbuild::zig::CliConfig;

use crate::cargo::CargoBuild;
use crate::target::{Architecture, LambdaTarget};

pub use profiles::ProfileSources;

/// The processor that code may be compiled for, see the [module](self)'s table.
const fn baseline_cpu(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::X86_64 => "x86-64-v3",
        Architecture::Arm64 => "neoverse-n1",
    }
}

/// Why the project's profiles and flags could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OptimizeError {
    /// A file is not there, or not readable.
    #[error("cannot read `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why the system refused.
        source: std::io::Error,
    },
    /// A file, or a `--config` argument, is not TOML.
    #[error("cannot parse `{origin}`")]
    Parse {
        /// The file or the argument.
        origin: String,
        /// What is wrong with it.
        source: Box<toml::de::Error>,
    },
    /// The rustflags that cargo would use cannot be told.
    #[error("cannot read the rustflags of cargo's configuration")]
    Rustflags(#[source] Box<dyn Error + Send + Sync>),
}

/// The profile that cargo builds with under these options.
#[must_use]
pub fn selected_profile(options: &cargo_options::Build) -> &str {
    match (&options.common.profile, options.release) {
        (Some(profile), _) => profile,
        (None, true) => "release",
        (None, false) => "dev",
    }
}

/// Whether a profile is `release` or inherits from it.
#[must_use]
pub fn is_release(sources: &ProfileSources, profile: &str) -> bool {
    sources.chain(profile).iter().any(|name| name == "release")
}

/// The `--config` arguments that give `profile` the defaults of the [module](self)'s table, for
/// those settings that it and the profiles it inherits from leave open everywhere. Empty for a
/// profile that does not descend from `release`.
fn profile_defaults(sources: &ProfileSources, profile: &str) -> Vec<String> {
    if !is_release(sources, profile) {
        return Vec::new();
    }
    let chain = sources.chain(profile);
    let open = |key: &str| sources.inherited(&chain, key).is_none();
    let mut arguments = Vec::new();
    let mut set = |key: &str, value: &str| {
        arguments.push(format!("profile.{profile}.{key}={value}"));
    };
    let debug_information = sources
        .inherited(&chain, "debug")
        .is_some_and(|value| match value {
            toml::Value::Boolean(wanted) => wanted,
            toml::Value::Integer(level) => level > 0,
            toml::Value::String(level) => level != "none",
            _ => false,
        });
    if open("strip") && !debug_information {
        set("strip", "\"symbols\"");
    }
    if open("lto") && !sources.incremental(&chain) {
        set("lto", "\"thin\"");
    }
    if open("codegen-units") {
        set("codegen-units", "1");
    }
    arguments
}

/// The rustflags cargo would use, with the [`baseline_cpu`] added. `None` when they name a
/// processor themselves, and nothing is to be changed.
fn with_baseline_cpu(flags: &[String], architecture: Architecture) -> Option<Vec<String>> {
    let names_cpu = |flag: &String| {
        // `-Ctarget-cpu=…`, `-C target-cpu=…` (two flags), `--codegen=target-cpu=…`; rustc takes
        // an underscore for a hyphen.
        let flag = flag
            .trim_start_matches("--codegen")
            .trim_start_matches("-C")
            .trim_start_matches('=')
            .replace('_', "-");
        flag.trim_start().starts_with("target-cpu=")
    };
    if flags.iter().any(names_cpu) {
        return None;
    }
    let mut flags = flags.to_vec();
    flags.push(format!("-Ctarget-cpu={}", baseline_cpu(architecture)));
    Some(flags)
}

/// Gives a release build its defaults; leaves any other build as it is.
///
/// The target must be set on `build` already: rustflags are cargo's for that target, and with
/// `--target` they do not reach build scripts, which run here and not on Lambda.
///
/// # Errors
///
/// When the rustflags of cargo's configuration cannot be read.
pub fn apply(
    build: &mut CargoBuild,
    target: &LambdaTarget,
    sources: &ProfileSources,
    configuration: &cargo_config2::Config,
) -> Result<(), OptimizeError> {
    let profile = selected_profile(&build.options).to_owned();
    if !is_release(sources, &profile) {
        return Ok(());
    }
    let triple = target.triple();
    // cargo takes its rustflags from the first of four places that has any, so one more place
    // would hide the others. Settle what it would use, and hand that over whole.
    let flags = CliConfig::parse(&build.options.config)
        .and_then(|arguments| arguments.rustflags(configuration, &triple))
        .map_err(|error| OptimizeError::Rustflags(error.into()))?
        .unwrap_or_default();
    if let Some(flags) = with_baseline_cpu(&flags.flags, target.architecture) {
        build.environment.push((
            "CARGO_ENCODED_RUSTFLAGS".into(),
            Some(flags.join("\u{1f}").into()),
        ));
    }
    build
        .options
        .config
        .extend(profile_defaults(sources, &profile));
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    #[test]
    fn defaults_fill_what_the_project_leaves_open() {
        /// Manifest, profile, environment, and what is added.
        type Case<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a [&'a str]);
        let all = ["strip=\"symbols\"", "lto=\"thin\"", "codegen-units=1"];
        let cases: [Case<'_>; 14] = [
            ("", "release", &[], &all),
            ("", "dev", &[], &[]),
            ("", "test", &[], &[]),
            ("", "bench", &[], &all),
            (
                "profile.release.lto = \"fat\"",
                "release",
                &[],
                &[all[0], all[2]],
            ),
            (
                "profile.release.lto = false",
                "release",
                &[],
                &[all[0], all[2]],
            ),
            ("profile.dev.lto = true", "release", &[], &all),
            // Debug information that was asked for is not stripped away.
            (
                "profile.release.debug = 1",
                "release",
                &[],
                &[all[1], all[2]],
            ),
            ("profile.release.debug = \"none\"", "release", &[], &all),
            (
                "profile.release.incremental = true",
                "release",
                &[],
                &[all[0], all[2]],
            ),
            (
                "",
                "release",
                &[("CARGO_PROFILE_RELEASE_STRIP", "none")],
                &all[1..],
            ),
            (
                "",
                "release",
                &[("CARGO_INCREMENTAL", "1")],
                &[all[0], all[2]],
            ),
            // Custom profiles, straight and over a middle one that settles a key.
            ("profile.lambda.inherits = \"release\"", "lambda", &[], &all),
            (
                "[profile.lambda]\ninherits = \"slim\"\n[profile.slim]\ninherits = \"release\"\ncodegen-units = 4",
                "lambda",
                &[("CARGO_PROFILE_LAMBDA_STRIP", "none")],
                &[all[1]],
            ),
        ];
        for (manifest, profile, environment, expected) in cases {
            let expected: Vec<String> = expected
                .iter()
                .map(|setting| format!("profile.{profile}.{setting}"))
                .collect();
            let defaults = profile_defaults(&ProfileSources::of(manifest, environment), profile);
            assert_eq!(defaults, expected, "{manifest} {environment:?}");
        }
    }

    #[test]
    fn a_profile_that_is_not_release_or_goes_in_circles_gets_nothing() {
        for manifest in [
            "profile.quick.inherits = \"dev\"",
            "profile.quick.inherits = \"quick\"",
            "[profile.quick]\ninherits = \"other\"\n[profile.other]\ninherits = \"quick\"",
            "",
        ] {
            assert_eq!(
                profile_defaults(&ProfileSources::of(manifest, &[]), "quick"),
                [""; 0]
            );
        }
    }

    #[test]
    fn configuration_files_and_arguments_count() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        std::fs::create_dir(at(".cargo")).unwrap();
        std::fs::write(at("Cargo.toml"), "[workspace]").unwrap();
        std::fs::write(
            at(".cargo/config.toml"),
            "include = [\"more.toml\", { path = \"none.toml\", optional = true }]\n\
             [profile.release]\nlto = \"off\"\n",
        )
        .unwrap();
        std::fs::write(at(".cargo/more.toml"), "profile.release.strip = \"none\"").unwrap();
        let read = |arguments: &[&str]| {
            let arguments: Vec<String> = arguments.iter().map(|one| (*one).to_owned()).collect();
            ProfileSources::read(&at("Cargo.toml"), directory.path(), &arguments, [])
        };
        assert_eq!(
            profile_defaults(&read(&[]).unwrap(), "release"),
            ["profile.release.codegen-units=1"]
        );
        let told = read(&["profile.release.codegen-units=2"]).unwrap();
        assert_eq!(profile_defaults(&told, "release"), [""; 0]);
        assert_eq!(
            read(&["= 2"]).unwrap_err().to_string(),
            "cannot parse `= 2`"
        );
    }

    #[test]
    fn the_strongest_word_on_debug_information_counts() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        std::fs::create_dir(at(".cargo")).unwrap();
        let strips = |arguments: &[&str], variable: Option<&str>| {
            let arguments: Vec<String> = arguments.iter().map(|one| (*one).to_owned()).collect();
            let variable =
                variable.map(|value| ("CARGO_PROFILE_RELEASE_DEBUG".into(), value.into()));
            let sources =
                ProfileSources::read(&at("Cargo.toml"), directory.path(), &arguments, variable);
            profile_defaults(&sources.unwrap(), "release")
                .contains(&"profile.release.strip=\"symbols\"".to_owned())
        };
        // Each beats all before it.
        std::fs::write(at("Cargo.toml"), "profile.release.debug = true").unwrap();
        assert!(!strips(&[], None));
        let config = "include = [\"more.toml\"]";
        std::fs::write(at(".cargo/config.toml"), config).unwrap();
        std::fs::write(at(".cargo/more.toml"), "profile.release.debug = 0").unwrap();
        assert!(strips(&[], None));
        let config = format!("{config}\nprofile.release.debug = 1");
        std::fs::write(at(".cargo/config.toml"), config).unwrap();
        assert!(!strips(&[], None));
        assert!(strips(&[], Some("false")));
        let on = "profile.release.debug=\"line-tables-only\"";
        assert!(!strips(&[on], Some("false")));
        assert!(strips(
            &[on, "profile.release.debug=\"none\""],
            Some("true")
        ));
    }

    #[test]
    fn the_baseline_cpu_joins_the_users_flags() {
        let flags = |flags: &[&str]| -> Vec<String> {
            flags.iter().map(|flag| (*flag).to_owned()).collect()
        };
        let cases: [(&[&str], Option<&[&str]>); 7] = [
            (&[], Some(&["-Ctarget-cpu=neoverse-n1"])),
            (
                &["--cfg", "x"],
                Some(&["--cfg", "x", "-Ctarget-cpu=neoverse-n1"]),
            ),
            (
                &["-Ctarget-feature=+aes"],
                Some(&["-Ctarget-feature=+aes", "-Ctarget-cpu=neoverse-n1"]),
            ),
            (&["-Ctarget-cpu=native"], None),
            (&["-C", "target-cpu=native"], None),
            (&["--codegen=target_cpu=native"], None),
            (&["--codegen", "target-cpu=native"], None),
        ];
        for (given, expected) in cases {
            assert_eq!(
                with_baseline_cpu(&flags(given), Architecture::Arm64),
                expected.map(flags),
                "{given:?}"
            );
        }
    }

    #[test]
    fn rustflags_from_configuration_are_kept_whole() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join(".cargo")).unwrap();
        std::fs::write(
            directory.path().join(".cargo/config.toml"),
            "[target.x86_64-unknown-linux-gnu]\nrustflags = [\"--cfg\", \"from_config\"]\n",
        )
        .unwrap();
        let options = cargo_config2::ResolveOptions::default()
            .env(std::iter::empty::<(OsString, OsString)>());
        let configuration =
            cargo_config2::Config::load_with_options(directory.path(), options).unwrap();
        let mut build = CargoBuild::default();
        build.options.release = true;
        let target = LambdaTarget::gnu(Architecture::X86_64);
        apply(
            &mut build,
            &target,
            &ProfileSources::default(),
            &configuration,
        )
        .unwrap();
        assert_eq!(
            build.environment,
            [(
                "CARGO_ENCODED_RUSTFLAGS".into(),
                Some("--cfg\u{1f}from_config\u{1f}-Ctarget-cpu=x86-64-v3".into())
            )]
        );

        let mut debug = CargoBuild::default();
        apply(
            &mut debug,
            &target,
            &ProfileSources::default(),
            &configuration,
        )
        .unwrap();
        assert!(debug.environment.is_empty() && debug.options.config.is_empty());
    }
}
