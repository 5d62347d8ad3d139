//! The init hook, and what Lambda is told when it fails.

use std::any::Any;
use std::fmt::Debug;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use lambda_runtime::Diagnostic;
use lambda_runtime_api_client::body::Body;
use lambda_runtime_api_client::{BoxError, PooledClient, build_request};

use super::panics::{INIT_PANICKED, Panic};
use super::start::StartError;
use crate::errors;

/// Awaits the hook; a failure is logged and reported, and ends the function.
pub(super) async fn run<S, E, F>(hook: impl FnOnce() -> F) -> Result<S, StartError>
where
    F: Future<Output = Result<S, E>>,
    E: Into<Diagnostic> + Debug + 'static,
{
    // In a block, so that a hook that panics before it returns its future is caught as well.
    let outcome = AssertUnwindSafe(async { hook().await }).catch_unwind();
    let diagnostic = match settle(outcome.await) {
        Ok(state) => return Ok(state),
        Err(diagnostic) => diagnostic,
    };
    if let Err(error) = report(&diagnostic).await {
        ::tracing::error!(%error, "could not report the failure of the init to Lambda");
    }
    Err(StartError::Init(diagnostic))
}

/// Logs a failure. Apart, so that errors need not be `Send`.
fn settle<S, E>(outcome: Result<Result<S, E>, Box<dyn Any + Send>>) -> Result<S, Diagnostic>
where
    E: Into<Diagnostic> + Debug + 'static,
{
    match outcome {
        Ok(Ok(state)) => Ok(state),
        Ok(Err(error)) => {
            let debug = format!("{error:?}");
            let diagnostic = errors::diagnostic(error);
            log(&diagnostic, &debug, None);
            Err(diagnostic)
        }
        Err(payload) => {
            let panic = Panic::caught(&*payload);
            let diagnostic = Diagnostic {
                error_type: INIT_PANICKED.to_owned(),
                error_message: format!("the init hook panicked: {}", panic.message),
            };
            log(&diagnostic, &diagnostic.error_message, Some(&panic));
            Err(diagnostic)
        }
    }
}

fn log(diagnostic: &Diagnostic, error: &str, panic: Option<&Panic>) {
    ::tracing::error!(
        error_type = diagnostic.error_type,
        error_message = diagnostic.error_message,
        error,
        panicked_at = panic.and_then(|panic| panic.location.as_deref()),
        backtrace = panic.and_then(|panic| panic.backtrace.as_deref()),
        "the init failed"
    );
}

/// [Initialization error](https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-initerror).
async fn report(diagnostic: &Diagnostic) -> Result<(), BoxError> {
    let request = build_request()
        .method(http::Method::POST)
        .uri("/2018-06-01/runtime/init/error")
        .header(
            "lambda-runtime-function-error-type",
            category(&diagnostic.error_type),
        )
        .body(Body::from(serde_json::to_vec(diagnostic)?))?;
    PooledClient::builder().build().call(request).await?;
    Ok(())
}

/// The header's form is `Category.Reason`; Lambda replaces what is not made of letters.
fn category(error_type: &str) -> String {
    let is_name = error_type.starts_with(|first: char| first.is_ascii_uppercase())
        && error_type
            .chars()
            .all(|letter| letter.is_ascii_alphabetic());
    if is_name {
        format!("Function.{error_type}")
    } else {
        "Runtime.InitError".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_that_lambda_keeps_is_its_own_category() {
        for (error_type, header) in [
            ("TableMissing", "Function.TableMissing"),
            ("InitPanicked", "Function.InitPanicked"),
            ("table_missing", "Runtime.InitError"),
            ("Http2Refused", "Runtime.InitError"),
            ("alloc::boxed::Box<dyn Error>", "Runtime.InitError"),
            ("", "Runtime.InitError"),
        ] {
            assert_eq!(category(error_type), header, "{error_type}");
        }
    }
}
