//! What AWS answers with instead of a value, as an error of ours.

use std::error::Error;

use super::ParameterError;

/// What was asked for, and the permission it takes.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) name: &'a str,
    pub(super) permission: &'a str,
}

/// By what the services answer with.
pub(super) fn classify(call: Call<'_>, status: u16, code: &str, message: &str) -> ParameterError {
    let said = match (code, message) {
        ("", "") => format!("status {status}"),
        (code, "") => code.to_owned(),
        ("", message) => message.to_owned(),
        (code, message) => format!("{code}: {message}"),
    };
    match code {
        "ParameterNotFound" | "ParameterVersionNotFound" | "ResourceNotFoundException" => {
            ParameterError::not_found(call.name)
        }
        "AccessDeniedException" | "AccessDenied" => {
            let permission = permission(message).unwrap_or(call.permission);
            ParameterError::access_denied(call.name, permission)
        }
        code if code.contains("Throttl") => unavailable(call, &said),
        "TooManyRequestsException" => unavailable(call, &said),
        // DynamoDB's throttling.
        "ProvisionedThroughputExceededException" | "RequestLimitExceeded" => {
            unavailable(call, &said)
        }
        "InternalServerError" | "InternalServiceError" | "InternalServerException" => {
            unavailable(call, &said)
        }
        _ if status == 429 || status >= 500 => unavailable(call, &said),
        _ => ParameterError::refused(call.name, said),
    }
}

/// `… is not authorized to perform: kms:Decrypt on resource …`: reading a parameter takes more than
/// one, and the answer says which is missing.
fn permission(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("not authorized to perform: ")?;
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != ':');
    let permission = rest.get(..end.unwrap_or(rest.len()))?;
    permission.contains(':').then_some(permission)
}

pub(super) fn unavailable(call: Call<'_>, reason: &str) -> ParameterError {
    ParameterError::unavailable(call.name, reason)
}

/// An error with its causes.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_states_say_what_to_do() {
        let call = Call {
            name: "x",
            permission: "ssm:GetParameter",
        };
        let denied = "User: arn:aws:sts::123456789012:assumed-role/r/f is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:eu-west-1:123456789012:key/k because no identity-based policy allows the kms:Decrypt action";
        let not_found = ParameterError::not_found("x");
        let unavailable = |reason| ParameterError::unavailable("x", reason);
        for (status, code, message, expected) in [
            (400, "ParameterNotFound", "", not_found.clone()),
            (400, "ParameterVersionNotFound", "", not_found.clone()),
            (400, "ResourceNotFoundException", "gone", not_found),
            (
                400,
                "AccessDeniedException",
                denied,
                ParameterError::access_denied("x", "kms:Decrypt"),
            ),
            (
                400,
                "AccessDeniedException",
                "no",
                ParameterError::access_denied("x", "ssm:GetParameter"),
            ),
            (
                400,
                "ThrottlingException",
                "Rate exceeded",
                unavailable("ThrottlingException: Rate exceeded"),
            ),
            (
                500,
                "InternalServerError",
                "",
                unavailable("InternalServerError"),
            ),
            (503, "", "", unavailable("status 503")),
            (
                400,
                "ProvisionedThroughputExceededException",
                "",
                unavailable("ProvisionedThroughputExceededException"),
            ),
            (
                400,
                "ValidationException",
                "a name has no spaces",
                ParameterError::refused("x", "ValidationException: a name has no spaces"),
            ),
        ] {
            assert_eq!(classify(call, status, code, message), expected, "{code}");
        }
    }
}
