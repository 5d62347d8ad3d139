//! The decision itself: facts in, plan out.

use super::compiler::Compiler;
use super::facts::{LinkFacts, TooNew};
use super::plan::{LinkError, LinkPlan, Way, ZIG_COMMAND, target_command};
use crate::target::{CLibrary, LambdaTarget};

/// Decides how to link. Pure: everything it knows is in `facts`.
///
/// Left to itself it takes the first of these that works:
///
/// 1. the host toolchain, when it links for the target (unless an earlier attempt showed that the
///    host's glibc is too new);
/// 2. the linker that cargo's configuration names for the target: somebody set that up;
/// 3. zig, when it is found and the Rust target is installed;
/// 4. musl with `rust-lld`, when no dependency carries C code, its Rust target is installed, and
///    the user did not insist on glibc by naming a `-gnu` target.
///
/// For a target that is musl by the user's choice, the fourth comes before the third.
///
/// # Errors
///
/// When none works. The error names the one command that helps.
pub fn choose(facts: &LinkFacts) -> Result<LinkPlan, LinkError> {
    match facts.compiler {
        Compiler::Auto => automatic(facts),
        Compiler::Cargo => cargo(facts),
        Compiler::Zig => zig(facts, "`--compiler zig` asks for it".to_owned()),
        Compiler::Musl => musl(facts, "`--compiler musl` asks for it".to_owned()),
    }
}

fn automatic(facts: &LinkFacts) -> Result<LinkPlan, LinkError> {
    if facts.host_agrees() && facts.too_new.is_none() {
        return Ok(plan(
            facts,
            Way::Host,
            format!("this machine is `{}` itself", facts.host),
        ));
    }
    if let Some(linker) = &facts.configured_linker
        && facts.too_new.is_none()
    {
        let reason = format!("cargo is configured to use `{}`", linker.display());
        return installed(facts, plan(facts, Way::Configured, reason));
    }

    let because = match &facts.too_new {
        Some(TooNew { program, needs }) => format!(
            "linked on this machine `{program}` needs glibc {needs}, newer than {}",
            facts.target.newest_glibc()
        ),
        None => format!("this machine is `{}`", facts.host),
    };
    let zig_works = facts.zig.is_some() && facts.has_target(facts.target);
    let musl_works = facts.c_code.is_none()
        && facts.rust_lld
        && facts.has_target(musl_sibling(facts.target))
        && !facts.insists_on_glibc();

    if facts.target.library == CLibrary::Musl {
        if musl_works {
            return musl(facts, "no dependency carries C code".to_owned());
        }
        if zig_works {
            return zig(facts, because);
        }
    } else {
        if zig_works {
            return zig(facts, because);
        }
        if musl_works {
            let lacking = match facts.zig {
                Some(_) => format!(
                    "the Rust target `{}` is not installed",
                    facts.target.triple()
                ),
                None => "zig was not found".to_owned(),
            };
            return musl(
                facts,
                format!("{because}, {lacking}, and no dependency carries C code"),
            );
        }
    }
    Err(nothing_works(facts))
}

/// The one command that makes one of the ways work.
fn nothing_works(facts: &LinkFacts) -> LinkError {
    let pure = facts.c_code.is_none() && facts.rust_lld && !facts.insists_on_glibc();
    let musl = musl_sibling(facts.target);
    if facts.zig.is_some() {
        return LinkError::TargetMissing {
            triple: facts.target.triple(),
        };
    }
    let command = if pure && !facts.has_target(musl) {
        target_command(&musl.triple())
    } else if facts.has_target(facts.target) {
        ZIG_COMMAND.to_owned()
    } else {
        format!(
            "{ZIG_COMMAND} && {}",
            target_command(&facts.target.triple())
        )
    };
    match &facts.too_new {
        Some(too_new) => LinkError::GlibcTooNew {
            too_new: too_new.clone(),
            newest: facts.target.newest_glibc(),
            way_out: format!("run `{command}` and build again"),
        },
        None => LinkError::NoLinker {
            target: facts.target.triple(),
            c_code: facts.c_code.clone().map(Box::new),
            command,
        },
    }
}

fn cargo(facts: &LinkFacts) -> Result<LinkPlan, LinkError> {
    if let Some(too_new) = &facts.too_new {
        return Err(LinkError::GlibcTooNew {
            too_new: too_new.clone(),
            newest: facts.target.newest_glibc(),
            way_out: "use `--compiler zig`, which links against any glibc version".to_owned(),
        });
    }
    let reason = "`--compiler cargo` asks for it".to_owned();
    if facts.host_agrees() {
        return Ok(plan(facts, Way::Host, reason));
    }
    // The host's linker takes any target of its own processor: musl's start-up objects come with
    // Rust, and C code is the user's business with this flag.
    let same_machine = facts.host.contains("-linux-")
        && facts.host.split('-').next() == Some(facts.target.architecture.rust_name());
    if facts.configured_linker.is_none() && !same_machine {
        return Err(LinkError::OtherMachine {
            target: facts.target.triple(),
            host: facts.host.clone(),
        });
    }
    installed(facts, plan(facts, Way::Configured, reason))
}

fn zig(facts: &LinkFacts, reason: String) -> Result<LinkPlan, LinkError> {
    let Some(zig) = &facts.zig else {
        return Err(LinkError::ZigMissing);
    };
    installed(
        facts,
        plan(facts, Way::Zig, format!("{reason}, zig is `{zig}`")),
    )
}

fn musl(facts: &LinkFacts, reason: String) -> Result<LinkPlan, LinkError> {
    if let Some(c_code) = &facts.c_code {
        return Err(LinkError::CCode(Box::new(c_code.clone())));
    }
    if !facts.rust_lld {
        return Err(LinkError::RustLldMissing);
    }
    let plan = LinkPlan {
        way: Way::Musl,
        target: musl_sibling(facts.target),
        reason,
    };
    installed(facts, plan)
}

fn plan(facts: &LinkFacts, way: Way, reason: String) -> LinkPlan {
    LinkPlan {
        way,
        target: facts.target,
        reason,
    }
}

/// Says that the Rust target is missing before cargo does in five hundred lines.
fn installed(facts: &LinkFacts, plan: LinkPlan) -> Result<LinkPlan, LinkError> {
    if facts.has_target(plan.target) {
        Ok(plan)
    } else {
        Err(LinkError::TargetMissing {
            triple: plan.target.triple(),
        })
    }
}

const fn musl_sibling(target: LambdaTarget) -> LambdaTarget {
    LambdaTarget::musl(target.architecture)
}

#[cfg(test)]
mod tests {
    use super::super::c_code::{CCode, Evidence};
    use super::super::facts::Zig;
    use super::*;
    use crate::target::{Architecture, GlibcVersion};

    const HOST: &str = "x86_64-unknown-linux-gnu";
    const X86: LambdaTarget = LambdaTarget::gnu(Architecture::X86_64);
    const ARM: LambdaTarget = LambdaTarget::gnu(Architecture::Arm64);
    const ARM_MUSL: LambdaTarget = LambdaTarget::musl(Architecture::Arm64);

    /// A pure-Rust project on an x86 machine with nothing but its own toolchain.
    fn bare(target: LambdaTarget) -> LinkFacts {
        LinkFacts {
            compiler: Compiler::Auto,
            target,
            named: false,
            host: HOST.to_owned(),
            too_new: None,
            configured_linker: None,
            installed: vec![X86],
            zig: None,
            rust_lld: true,
            c_code: None,
        }
    }

    fn too_new() -> Option<TooNew> {
        Some(TooNew {
            program: "api".to_owned(),
            needs: GlibcVersion {
                major: 2,
                minor: 39,
            },
        })
    }

    fn zig() -> Option<Zig> {
        Some(Zig::new("/usr/bin/zig".into(), Vec::new()))
    }

    fn ring() -> Option<CCode> {
        Some(CCode {
            package: "ring".to_owned(),
            version: "0.17.14".to_owned(),
            evidence: Evidence::BuildDependency("cc".to_owned()),
        })
    }

    #[test]
    fn the_first_way_that_works_is_taken() {
        let cases = [
            ("the host itself", bare(X86), Way::Host, X86),
            (
                "the host itself, though zig is there",
                LinkFacts {
                    zig: zig(),
                    ..bare(X86)
                },
                Way::Host,
                X86,
            ),
            (
                "a configured cross linker",
                LinkFacts {
                    configured_linker: Some("aarch64-linux-gnu-gcc".into()),
                    installed: vec![X86, ARM, ARM_MUSL],
                    zig: zig(),
                    ..bare(ARM)
                },
                Way::Configured,
                ARM,
            ),
            (
                "zig for another processor",
                LinkFacts {
                    zig: zig(),
                    installed: vec![ARM, ARM_MUSL],
                    ..bare(ARM)
                },
                Way::Zig,
                ARM,
            ),
            (
                "zig with C code",
                LinkFacts {
                    zig: zig(),
                    installed: vec![ARM, ARM_MUSL],
                    c_code: ring(),
                    ..bare(ARM)
                },
                Way::Zig,
                ARM,
            ),
            (
                "musl without zig",
                LinkFacts {
                    installed: vec![ARM, ARM_MUSL],
                    ..bare(ARM)
                },
                Way::Musl,
                ARM_MUSL,
            ),
            (
                "musl when only its target is installed",
                LinkFacts {
                    zig: zig(),
                    installed: vec![ARM_MUSL],
                    ..bare(ARM)
                },
                Way::Musl,
                ARM_MUSL,
            ),
            (
                "musl by the user's choice, though zig is there",
                LinkFacts {
                    zig: zig(),
                    named: true,
                    installed: vec![ARM_MUSL],
                    ..bare(ARM_MUSL)
                },
                Way::Musl,
                ARM_MUSL,
            ),
            (
                "musl by the user's choice, with C code",
                LinkFacts {
                    zig: zig(),
                    named: true,
                    installed: vec![ARM_MUSL],
                    c_code: ring(),
                    ..bare(ARM_MUSL)
                },
                Way::Zig,
                ARM_MUSL,
            ),
            (
                "zig after the host's glibc was too new",
                LinkFacts {
                    zig: zig(),
                    too_new: too_new(),
                    ..bare(X86)
                },
                Way::Zig,
                X86,
            ),
            (
                "musl after the host's glibc was too new",
                LinkFacts {
                    too_new: too_new(),
                    installed: vec![X86, LambdaTarget::musl(Architecture::X86_64)],
                    ..bare(X86)
                },
                Way::Musl,
                LambdaTarget::musl(Architecture::X86_64),
            ),
            (
                "plain cargo when asked for",
                LinkFacts {
                    compiler: Compiler::Cargo,
                    named: true,
                    installed: vec![LambdaTarget::musl(Architecture::X86_64)],
                    ..bare(LambdaTarget::musl(Architecture::X86_64))
                },
                Way::Configured,
                LambdaTarget::musl(Architecture::X86_64),
            ),
            (
                "zig when asked for, on the host itself",
                LinkFacts {
                    compiler: Compiler::Zig,
                    zig: zig(),
                    ..bare(X86)
                },
                Way::Zig,
                X86,
            ),
            (
                "musl when asked for",
                LinkFacts {
                    compiler: Compiler::Musl,
                    zig: zig(),
                    installed: vec![ARM, ARM_MUSL],
                    ..bare(ARM)
                },
                Way::Musl,
                ARM_MUSL,
            ),
        ];
        for (case, facts, way, target) in cases {
            let plan = choose(&facts).unwrap_or_else(|error| panic!("{case}: {error}"));
            assert_eq!((plan.way, plan.target), (way, target), "{case}");
            assert!(!plan.reason.is_empty(), "{case}");
        }
    }

    #[test]
    fn what_is_missing_becomes_one_command() {
        let arm = "aarch64-unknown-linux-gnu";
        let arm_musl = "aarch64-unknown-linux-musl";
        let cases = [
            (
                "nothing, pure Rust",
                bare(ARM),
                format!("run `rustup target add {arm_musl}`"),
            ),
            (
                "nothing, with C code",
                LinkFacts {
                    c_code: ring(),
                    ..bare(ARM)
                },
                format!("run `pip install ziglang && rustup target add {arm}`"),
            ),
            (
                "no zig, with C code",
                LinkFacts {
                    c_code: ring(),
                    installed: vec![ARM, ARM_MUSL],
                    ..bare(ARM)
                },
                "run `pip install ziglang`".to_owned(),
            ),
            (
                "no zig, and glibc insisted on",
                LinkFacts {
                    named: true,
                    installed: vec![ARM, ARM_MUSL],
                    ..bare(ARM)
                },
                "run `pip install ziglang`".to_owned(),
            ),
            (
                "no Rust target",
                LinkFacts {
                    zig: zig(),
                    ..bare(ARM)
                },
                format!("run `rustup target add {arm}`"),
            ),
            (
                "no Rust target for zig when asked for",
                LinkFacts {
                    compiler: Compiler::Zig,
                    zig: zig(),
                    ..bare(ARM)
                },
                format!("run `rustup target add {arm}`"),
            ),
            (
                "no zig when asked for",
                LinkFacts {
                    compiler: Compiler::Zig,
                    installed: vec![ARM],
                    ..bare(ARM)
                },
                "run `pip install ziglang`".to_owned(),
            ),
            (
                "no musl target when asked for",
                LinkFacts {
                    compiler: Compiler::Musl,
                    ..bare(ARM)
                },
                format!("run `rustup target add {arm_musl}`"),
            ),
            (
                "glibc too new, no zig, with C code",
                LinkFacts {
                    too_new: too_new(),
                    c_code: ring(),
                    ..bare(X86)
                },
                "run `pip install ziglang` and build again".to_owned(),
            ),
            (
                "glibc too new with plain cargo",
                LinkFacts {
                    compiler: Compiler::Cargo,
                    too_new: too_new(),
                    ..bare(X86)
                },
                "use `--compiler zig`, which links against any glibc version".to_owned(),
            ),
            (
                "plain cargo for another processor",
                LinkFacts {
                    compiler: Compiler::Cargo,
                    installed: vec![ARM],
                    ..bare(ARM)
                },
                "use `--compiler zig`, which brings a C compiler for every target".to_owned(),
            ),
            (
                "musl when asked for, with C code",
                LinkFacts {
                    compiler: Compiler::Musl,
                    installed: vec![ARM_MUSL],
                    c_code: ring(),
                    ..bare(ARM)
                },
                "use `--compiler zig`, which brings a C compiler for every target".to_owned(),
            ),
        ];
        for (case, facts, hint) in cases {
            let error = choose(&facts).expect_err(case);
            assert_eq!(error.hint(), Some(hint), "{case}: {error}");
        }
    }

    #[test]
    fn the_program_that_needs_too_new_a_glibc_is_named() {
        let facts = LinkFacts {
            too_new: too_new(),
            ..bare(X86)
        };
        assert_eq!(
            choose(&facts).unwrap_err().to_string(),
            "`api` needs glibc 2.39, and the function will find 2.34; this machine's glibc is too \
             new to link against"
        );
    }

    #[test]
    fn the_package_with_c_code_is_named() {
        let facts = LinkFacts {
            c_code: ring(),
            installed: vec![ARM],
            ..bare(ARM)
        };
        assert_eq!(
            choose(&facts).unwrap_err().to_string(),
            "nothing on this machine links for `aarch64-unknown-linux-gnu`: zig was not found, and \
             `ring 0.17.14` builds C code (with `cc`), which needs a C compiler"
        );
    }
}
