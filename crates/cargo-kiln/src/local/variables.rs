//! Environment variables that Lambda would not take, refused before anything runs.

use kiln_project::Variables;
use kiln_protocol::environment_variables::{check, is_for_local_runs, is_reserved};

use crate::failure::Failure;

/// Checks a function's variables, and those of the shell that `--pass-env` adds, as AWS checks those of
/// a configuration. Credentials and region are the exception: a function that runs here reaches AWS with
/// the user's.
///
/// # Errors
/// AWS's refusal, with where the offender was written.
pub fn check_variables(
    function: &str,
    configured: &Variables,
    passed: &[(String, String)],
) -> Result<(), Failure> {
    let of_ours = |name: &str| is_reserved(name) && !is_for_local_runs(name);
    let reserved: Vec<(&str, String)> = configured
        .iter()
        .map(|(name, setting)| (name.as_str(), setting.origin.to_string()))
        .chain(
            passed
                .iter()
                .map(|(name, _)| (name.as_str(), "--pass-env".to_owned())),
        )
        .filter(|(name, _)| of_ours(name))
        .collect();
    if let Err(error) = check(reserved.iter().map(|(name, _)| (*name, ""))) {
        let refusal = Failure::usage(format!("`{function}`: {}", error.message()));
        return Err(reserved.iter().fold(refusal, |refusal, (name, origin)| {
            refusal.hint(format!(
                "remove `{name}` ({origin}): only Lambda sets it, and so does kiln"
            ))
        }));
    }
    // What the shell passes on is not there on AWS, and neither is what is for local runs.
    let there = || {
        configured
            .iter()
            .filter(|(name, _)| !is_for_local_runs(name))
    };
    for (name, setting) in there() {
        if let Err(error) = check([(name.as_str(), "")].into_iter()) {
            let message = format!("`{function}`: {}", error.message());
            return Err(Failure::usage(message).hint(format!(
                "rename `{name}` ({}): a name begins with a letter, and has two characters or more",
                setting.origin
            )));
        }
    }
    check(there().map(|(name, setting)| (name.as_str(), setting.value.as_str()))).map_err(|error| {
        // AWS adds what it has measured. Values may be secrets, and output gets pasted.
        let message = error.message();
        let told = message.split(" String measured").next().unwrap_or_default();
        Failure::usage(format!("`{function}`: {told}"))
            .hint("keep large values in a file, in a parameter store or in a bucket")
    })
}

#[cfg(test)]
mod tests {
    use kiln_project::{Origin, Setting};

    use super::*;

    fn refusal(configured: &[(&str, &str)], passed: &[&str]) -> Option<Failure> {
        let configured = configured.iter().map(|(name, value)| {
            let setting = Setting {
                value: (*value).to_owned(),
                origin: Origin::Flag("--env-var"),
            };
            ((*name).to_owned(), setting)
        });
        let passed: Vec<_> = passed
            .iter()
            .map(|name| ((*name).to_owned(), "x".repeat(5_000)))
            .collect();
        check_variables("orders", &configured.collect(), &passed).err()
    }

    #[test]
    fn what_only_lambda_sets_is_refused_in_its_words() {
        let failure = refusal(&[("_HANDLER", "x"), ("TABLE", "x")], &["PWD"]).unwrap();
        assert_eq!(
            failure.to_string(),
            "`orders`: Lambda was unable to configure your environment variables because the \
             environment variables you have provided contains reserved keys that are currently not \
             supported for modification. Reserved keys used in this request: _HANDLER, PWD"
        );
        assert_eq!(
            failure.hints,
            [
                "remove `_HANDLER` (--env-var): only Lambda sets it, and so does kiln",
                "remove `PWD` (--pass-env): only Lambda sets it, and so does kiln",
            ]
        );
    }

    #[test]
    fn names_and_size_are_lambdas() {
        let failure = refusal(&[("X", "1")], &[]).unwrap();
        assert!(
            failure.to_string().contains("Map keys must satisfy"),
            "{failure}"
        );
        assert!(failure.hints[0].starts_with("rename `X` (--env-var)"));
        let failure = refusal(&[("SECRET", &"x".repeat(5_000))], &[]).unwrap();
        let text = failure.to_string();
        assert!(text.ends_with("exceeded the 4KB limit."), "{text}");
    }

    #[test]
    fn credentials_a_region_and_what_the_shell_has_may_be_brought() {
        let own = [
            ("AWS_ACCESS_KEY_ID", "AKIA"),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_PROFILE", "dev"),
            ("TZ", "Europe/Berlin"),
            ("AWS_LAMBDA_LOG_LEVEL", "debug"),
        ];
        assert!(refusal(&own, &["AWS_SESSION_TOKEN", "HOME", "_"]).is_none());
    }
}
