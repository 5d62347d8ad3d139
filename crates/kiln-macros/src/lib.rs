//! The derive macros of the library `kiln`; use them from there.

mod lambda_error;

use proc_macro::TokenStream;

/// Derives `kiln::LambdaError` for an error, and lets a handler return it.
///
/// The error type is the name of the variant, or that of the struct. An attribute says otherwise:
///
/// ```text
/// #[lambda_error(type = "…", retryable, status = 404)]
/// ```
///
/// - `type = "…"`: the `errorType` that Lambda reports, which alarms and Step Functions match on.
/// - `retryable`, `retryable = false`: whether the same event may succeed when it is tried again.
/// - `status = 404`: the status for a caller over HTTP, 400 to 599.
/// - `transparent`: all three are those of the one field, another `LambdaError`.
///
/// On an enum it is for the variants that do not say otherwise themselves.
#[proc_macro_derive(LambdaError, attributes(lambda_error))]
pub fn lambda_error(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    lambda_error::expand(&input)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
