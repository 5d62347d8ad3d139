//! The type of an error in a box.
//!
//! What `?` puts into a `kiln::Error` has lost its type, and all that `lambda_runtime` can name is the
//! box, in the compiler's words. The errors of this crate are known here; those of others are not, and
//! have one name for all of them.

use std::any::Any;
use std::error::Error as StdError;

use lambda_runtime::{Diagnostic, Error};

use super::LambdaError as _;

/// The `errorType` of an error in a box that is none of this crate's: what other languages report of
/// an error that is only that.
const BOXED: &str = "Error";

/// What Lambda is told of an error: of this crate's its own type, also in a box.
pub(crate) fn diagnostic<E: Into<Diagnostic> + 'static>(error: E) -> Diagnostic {
    match unboxed(&error) {
        Some(boxed) => of_this_crate(boxed).unwrap_or_else(|| Diagnostic {
            error_type: BOXED.to_owned(),
            error_message: boxed.to_string(),
        }),
        None => error.into(),
    }
}

fn unboxed(error: &dyn Any) -> Option<&(dyn StdError + 'static)> {
    match error.downcast_ref::<Error>() {
        Some(error) => Some(error.as_ref()),
        None => error.downcast_ref::<Box<dyn StdError>>().map(AsRef::as_ref),
    }
}

macro_rules! first_of {
    ($error:ident: $($(#[$condition:meta])? $kind:ty,)+) => {
        $(
            $(#[$condition])?
            {
                if let Some(known) = $error.downcast_ref::<$kind>() {
                    return Some(known.diagnostic());
                }
            }
        )+
    };
}

/// All that are of one type. Those round an error of the function's have its type for a parameter.
fn of_this_crate(error: &(dyn StdError + 'static)) -> Option<Diagnostic> {
    first_of! { error:
        crate::deadline::DeadlineExceeded,
        #[cfg(feature = "batch")] crate::batch::BatchError,
        #[cfg(feature = "batch")] crate::batch::UnreadableRecord,
        #[cfg(feature = "compute")] crate::compute::ComputeError,
        #[cfg(feature = "flags")] crate::flags::FlagError,
        #[cfg(feature = "http")] crate::http::InvalidOrigin,
        #[cfg(feature = "idempotency")] crate::idempotency::IdempotencyError,
        #[cfg(feature = "idempotency")] crate::idempotency::SettingsError,
        #[cfg(feature = "idempotency")] crate::idempotency::StoreError,
        #[cfg(feature = "metrics")] crate::metrics::MetricError,
        #[cfg(feature = "parameters")] crate::parameters::ParameterError,
        #[cfg(feature = "tracing-otlp")] crate::tracing::OtlpError,
    }
    None
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::deadline::DeadlineExceeded;

    #[test]
    fn a_box_hides_no_error_of_this_crate() {
        let sent: Error = DeadlineExceeded.into();
        let kept: Box<dyn StdError> = DeadlineExceeded.into();
        for diagnostic in [diagnostic(sent), diagnostic(kept)] {
            assert_eq!(diagnostic, DeadlineExceeded.into());
        }
    }

    #[test]
    fn what_is_not_known_in_a_box_has_one_name() {
        let declined = diagnostic(Error::from("the card was declined"));
        assert_eq!(declined.error_type, "Error");
        assert_eq!(declined.error_message, "the card was declined");
    }

    #[test]
    fn what_is_in_no_box_is_as_lambda_runtime_has_it() {
        assert_eq!(diagnostic("text"), Diagnostic::from("text"));
        assert_eq!(diagnostic(DeadlineExceeded), DeadlineExceeded.into());
    }

    /// The types that `lambda_error!` is given in this file or below this directory.
    fn declared(path: &Path, found: &mut Vec<String>) {
        if path.is_dir() {
            for entry in fs::read_dir(path).unwrap() {
                declared(&entry.unwrap().path(), found);
            }
            return;
        }
        let source = fs::read_to_string(path).unwrap();
        for declaration in source.split("lambda_error! {\n").skip(1) {
            let (kind, _) = declaration.split_once(':').unwrap();
            found.push(kind.trim().to_owned());
        }
    }

    #[test]
    fn every_error_of_this_crate_is_known() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut kinds = Vec::new();
        declared(&source, &mut kinds);
        assert!(kinds.len() >= 10, "{kinds:?}");
        for kind in kinds {
            assert!(
                include_str!("boxed.rs").contains(&format!("::{kind},\n")),
                "{kind}"
            );
        }
    }
}
