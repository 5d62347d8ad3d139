//! What a build is for: architecture, Rust target and the oldest glibc it must run on.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// A processor architecture that Lambda offers.
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/foundation-arch.html>.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum Architecture {
    /// 64-bit x86, called `x86_64` by Lambda.
    #[serde(rename = "x86_64")]
    X86_64,
    /// 64-bit Arm, called `arm64` by Lambda.
    #[serde(rename = "arm64")]
    Arm64,
}

impl Architecture {
    /// The architecture in Rust's target names.
    #[must_use]
    pub const fn rust_name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "aarch64",
        }
    }

    /// Where the program loader of glibc lies, on Lambda as on every common Linux.
    /// Source: the processor supplements of the System V ABI, "Program Interpreter".
    #[must_use]
    pub const fn loader(self) -> &'static str {
        match self {
            Self::X86_64 => "/lib64/ld-linux-x86-64.so.2",
            Self::Arm64 => "/lib/ld-linux-aarch64.so.1",
        }
    }

    /// The architecture of a Rust target, if Lambda offers it.
    #[must_use]
    pub fn of_triple(triple: &str) -> Option<Self> {
        match triple.split('-').next()? {
            "x86_64" => Some(Self::X86_64),
            "aarch64" => Some(Self::Arm64),
            _ => None,
        }
    }
}

impl fmt::Display for Architecture {
    /// As Lambda writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        })
    }
}

/// A release of the GNU C library, by its first two numbers: symbol versions name no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GlibcVersion {
    /// The first number, 2 since 1997.
    pub major: u16,
    /// The second number.
    pub minor: u16,
}

impl GlibcVersion {
    /// That of Amazon Linux 2023, on which `provided.al2023` is built.
    /// Source: <https://docs.aws.amazon.com/linux/al2023/ug/glibc-gcc-and-binutils.html>.
    pub const AMAZON_LINUX_2023: Self = Self {
        major: 2,
        minor: 34,
    };
}

impl fmt::Display for GlibcVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl Serialize for GlibcVersion {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for GlibcVersion {
    type Err = TargetError;

    /// Reads `2.34`, and `2.2.5` as 2.2.
    fn from_str(text: &str) -> Result<Self, TargetError> {
        let mut numbers = text.split('.').map(|number| {
            // `u16::from_str` takes a sign, a version has none.
            number
                .bytes()
                .all(|byte| byte.is_ascii_digit())
                .then(|| number.parse::<u16>().ok())
                .flatten()
        });
        let parsed = (
            numbers.next(),
            numbers.next(),
            numbers.next(),
            numbers.next(),
        );
        match parsed {
            (Some(Some(major)), Some(Some(minor)), None | Some(Some(_)), None) => {
                Ok(Self { major, minor })
            }
            _ => Err(TargetError::Glibc(text.to_owned())),
        }
    }
}

/// Which C library a target links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CLibrary {
    /// The one of the system that runs the function, linked dynamically.
    Gnu,
    /// musl, linked statically.
    Musl,
}

/// A Rust target that Lambda can run, and the oldest glibc it must run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LambdaTarget {
    /// The processor.
    pub architecture: Architecture,
    /// The C library.
    pub library: CLibrary,
    /// The glibc that was asked for. `None` for the default, that of `provided.al2023`.
    pub glibc: Option<GlibcVersion>,
}

impl LambdaTarget {
    /// The target with glibc at its default version.
    #[must_use]
    pub const fn gnu(architecture: Architecture) -> Self {
        Self {
            architecture,
            library: CLibrary::Gnu,
            glibc: None,
        }
    }

    /// The target with musl.
    #[must_use]
    pub const fn musl(architecture: Architecture) -> Self {
        Self {
            architecture,
            library: CLibrary::Musl,
            glibc: None,
        }
    }

    /// The name of the Rust target, without a glibc version.
    #[must_use]
    pub fn triple(&self) -> String {
        let library = match self.library {
            CLibrary::Gnu => "gnu",
            CLibrary::Musl => "musl",
        };
        format!("{}-unknown-linux-{library}", self.architecture.rust_name())
    }

    /// The newest glibc symbol version an artefact may need.
    #[must_use]
    pub fn newest_glibc(&self) -> GlibcVersion {
        self.glibc.unwrap_or(GlibcVersion::AMAZON_LINUX_2023)
    }

    /// The target as cargo-zigbuild wants it, with the glibc version as a suffix.
    #[must_use]
    pub fn with_glibc(&self) -> String {
        match self.library {
            CLibrary::Gnu => format!("{}.{}", self.triple(), self.newest_glibc()),
            CLibrary::Musl => self.triple(),
        }
    }
}

impl fmt::Display for LambdaTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.triple())?;
        match self.glibc {
            Some(version) => write!(f, ".{version}"),
            None => Ok(()),
        }
    }
}

impl FromStr for LambdaTarget {
    type Err = TargetError;

    /// Reads `aarch64-unknown-linux-gnu`, and `x86_64-unknown-linux-gnu.2.26` with a glibc version.
    fn from_str(text: &str) -> Result<Self, TargetError> {
        let (triple, glibc) = match text.split_once('.') {
            Some((triple, version)) => (triple, Some(version)),
            None => (text, None),
        };
        let unsupported = || TargetError::Unsupported(triple.to_owned());
        let architecture = Architecture::of_triple(triple).ok_or_else(unsupported)?;
        let target = [Self::gnu(architecture), Self::musl(architecture)]
            .into_iter()
            .find(|target| target.triple() == triple)
            .ok_or_else(unsupported)?;
        match (target.library, glibc) {
            (_, None) => Ok(target),
            (CLibrary::Gnu, Some(version)) => Ok(Self {
                glibc: Some(version.parse()?),
                ..target
            }),
            (CLibrary::Musl, Some(version)) => Err(TargetError::GlibcWithoutGlibc {
                triple: triple.to_owned(),
                version: version.to_owned(),
            }),
        }
    }
}

/// Why a target cannot be built for Lambda.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// Lambda does not run this target.
    #[error("target `{0}` does not run on AWS Lambda")]
    Unsupported(String),
    /// Not a glibc version.
    #[error("`{0}` is not a glibc version")]
    Glibc(String),
    /// A glibc version on a target that has no glibc.
    #[error("target `{triple}` does not link glibc, so version `{version}` means nothing there")]
    GlibcWithoutGlibc {
        /// The target.
        triple: String,
        /// The version.
        version: String,
    },
}

impl TargetError {
    /// The way out.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unsupported(_) => "use `--arm64`, `--x86-64`, or `--target` with \
                `{x86_64,aarch64}-unknown-linux-{gnu,musl}`"
                .to_owned(),
            Self::Glibc(_) => {
                "write the version after the target: `x86_64-unknown-linux-gnu.2.26`".to_owned()
            }
            Self::GlibcWithoutGlibc { triple, .. } => format!("use `--target {triple}`"),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn targets_are_read_and_written() {
        let glibc = |major, minor| Some(GlibcVersion { major, minor });
        let cases = [
            (
                "x86_64-unknown-linux-gnu",
                Architecture::X86_64,
                CLibrary::Gnu,
                None,
            ),
            (
                "aarch64-unknown-linux-musl",
                Architecture::Arm64,
                CLibrary::Musl,
                None,
            ),
            (
                "aarch64-unknown-linux-gnu.2.26",
                Architecture::Arm64,
                CLibrary::Gnu,
                glibc(2, 26),
            ),
        ];
        for (text, architecture, library, glibc) in cases {
            let target: LambdaTarget = text.parse().unwrap();
            assert_eq!(
                target,
                LambdaTarget {
                    architecture,
                    library,
                    glibc
                }
            );
            assert_eq!(target.to_string(), text);
        }
        assert_eq!(
            LambdaTarget::gnu(Architecture::X86_64).with_glibc(),
            "x86_64-unknown-linux-gnu.2.34"
        );
    }

    #[test]
    fn what_lambda_cannot_run_is_refused_by_name() {
        let cases = [
            (
                "wasm32-wasip2",
                "target `wasm32-wasip2` does not run on AWS Lambda",
            ),
            (
                "x86_64-apple-darwin",
                "target `x86_64-apple-darwin` does not run on AWS Lambda",
            ),
            ("", "target `` does not run on AWS Lambda"),
            (
                "x86_64-unknown-linux-gnu.new",
                "`new` is not a glibc version",
            ),
            ("x86_64-unknown-linux-gnu.2", "`2` is not a glibc version"),
            (
                "x86_64-unknown-linux-gnu.2.+1",
                "`2.+1` is not a glibc version",
            ),
            (
                "x86_64-unknown-linux-musl.2.26",
                "target `x86_64-unknown-linux-musl` does not link glibc, so version `2.26` means nothing there",
            ),
        ];
        for (text, message) in cases {
            let error = text.parse::<LambdaTarget>().unwrap_err();
            assert_eq!(error.to_string(), message);
            assert!(error.hint().is_some());
        }
    }

    #[test]
    fn glibc_versions_compare_by_number() {
        let version = |text: &str| text.parse::<GlibcVersion>().unwrap();
        assert!(version("2.4") < version("2.34"));
        assert_eq!(version("2.2.5"), version("2.2"));
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "\\PC*") {
            let _ = text.parse::<LambdaTarget>();
            let _ = text.parse::<GlibcVersion>();
        }

        #[test]
        fn glibc_versions_survive_a_round_trip(major: u16, minor: u16) {
            let version = GlibcVersion { major, minor };
            prop_assert_eq!(version.to_string().parse::<GlibcVersion>().unwrap(), version);
        }
    }
}
