//! What the environment says on tracing.

use crate::environment;
use crate::switch::switch;

/// The settings of Powertools, and whether this is Lambda.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    /// Whether anything is traced.
    pub(super) enabled: bool,
    /// Whether the message of an error stands in the span. `POWERTOOLS_TRACER_CAPTURE_ERROR`.
    pub(super) capture_error: bool,
    /// Whether a response may stand in the span. `POWERTOOLS_TRACER_CAPTURE_RESPONSE`.
    pub(super) capture_response: bool,
}

impl Settings {
    /// Of this process.
    pub(super) fn current() -> Self {
        let on_lambda = environment::current().function_name.is_some();
        Self::read(on_lambda, |name| std::env::var(name).ok())
    }

    pub(super) fn read(on_lambda: bool, get: impl Fn(&str) -> Option<String>) -> Self {
        let flag = |name: &str| get(name).as_deref().and_then(switch);
        let disabled = flag("POWERTOOLS_TRACE_DISABLED").unwrap_or(false);
        Self {
            enabled: on_lambda && !disabled,
            capture_error: flag("POWERTOOLS_TRACER_CAPTURE_ERROR").unwrap_or(true),
            capture_response: flag("POWERTOOLS_TRACER_CAPTURE_RESPONSE").unwrap_or(true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lambda_is_traced_and_only_if_nobody_objects() {
        for (on_lambda, disabled, enabled) in [
            (true, None, true),
            (true, Some("false"), true),
            (true, Some("0"), true),
            (true, Some("True"), false),
            (true, Some("1"), false),
            (true, Some("nonsense"), true),
            (false, None, false),
            (false, Some("false"), false),
        ] {
            let settings = Settings::read(on_lambda, |name| {
                disabled
                    .filter(|_| name == "POWERTOOLS_TRACE_DISABLED")
                    .map(str::to_owned)
            });
            assert_eq!(settings.enabled, enabled, "{disabled:?}");
        }
    }

    #[test]
    fn errors_and_responses_are_captured_unless_their_variable_says_no() {
        for (value, captured) in [
            (None, true),
            (Some("true"), true),
            (Some("1"), true),
            (Some("False"), false),
            (Some("0"), false),
            (Some("off"), false),
            (Some("nonsense"), true),
        ] {
            let with = |variable: &str| {
                Settings::read(true, |name| {
                    value.filter(|_| name == variable).map(str::to_owned)
                })
            };
            let expected = |capture_error, capture_response| Settings {
                enabled: true,
                capture_error,
                capture_response,
            };
            let of_errors = with("POWERTOOLS_TRACER_CAPTURE_ERROR");
            assert_eq!(of_errors, expected(captured, true), "{value:?}");
            let of_responses = with("POWERTOOLS_TRACER_CAPTURE_RESPONSE");
            assert_eq!(of_responses, expected(true, captured), "{value:?}");
        }
    }
}
