//! What is set by environment variables, with the names Powertools has for them.

use std::time::Duration;

/// How long a value is served from memory unless said otherwise, as in Powertools.
pub(super) const MAX_AGE: Duration = Duration::from_secs(300);

const MAX_AGE_VARIABLE: &str = "POWERTOOLS_PARAMETERS_MAX_AGE";

/// `POWERTOOLS_PARAMETERS_MAX_AGE`, in seconds.
pub(super) fn max_age(get: impl Fn(&str) -> Option<String>) -> Duration {
    let Some(set) = get(MAX_AGE_VARIABLE) else {
        return MAX_AGE;
    };
    set.trim().parse().map_or_else(
        |_| {
            tracing::warn!(
                "`{MAX_AGE_VARIABLE}` is `{set}`, which is no number of seconds: 300 it is"
            );
            MAX_AGE
        },
        Duration::from_secs,
    )
}

/// `POWERTOOLS_PARAMETERS_SSM_DECRYPT`, in any of the words that Powertools takes.
#[cfg(any(feature = "parameters-ssm", feature = "parameters-extension"))]
pub(super) fn decrypt(get: impl Fn(&str) -> Option<String>) -> bool {
    const DECRYPT_VARIABLE: &str = "POWERTOOLS_PARAMETERS_SSM_DECRYPT";
    let Some(set) = get(DECRYPT_VARIABLE) else {
        return false;
    };
    crate::switch::switch(set.trim()).unwrap_or_else(|| {
        tracing::warn!(
            "`{DECRYPT_VARIABLE}` is `{set}`, neither `true` nor `false`: it is `false`"
        );
        false
    })
}

/// A variable of this process.
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_a_number_of_seconds() {
        for (set, seconds) in [
            (None, 300),
            (Some("5"), 5),
            (Some(" 5 "), 5),
            (Some("0"), 0),
            (Some("-1"), 300),
            (Some("5 min"), 300),
            (Some(""), 300),
        ] {
            let age = max_age(|_| set.map(str::to_owned));
            assert_eq!(age, Duration::from_secs(seconds), "{set:?}");
        }
    }

    #[cfg(any(feature = "parameters-ssm", feature = "parameters-extension"))]
    #[test]
    fn decryption_is_asked_for_in_words() {
        for (set, decrypts) in [
            (None, false),
            (Some("true"), true),
            (Some("True"), true),
            (Some("1"), true),
            (Some("off"), false),
            (Some("certainly"), false),
        ] {
            assert_eq!(decrypt(|_| set.map(str::to_owned)), decrypts, "{set:?}");
        }
    }
}
