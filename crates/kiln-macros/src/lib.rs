//! The derive macros of the library `kiln`; use them from there.

use proc_macro::TokenStream;

/// Derives `kiln::LambdaError`.
#[proc_macro_derive(LambdaError, attributes(lambda_error))]
pub fn lambda_error(_input: TokenStream) -> TokenStream {
    TokenStream::new()
}
