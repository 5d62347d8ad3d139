//! `#[derive(LambdaError)]`.

mod attribute;
#[cfg(test)]
mod tests;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Attribute, Data, DeriveInput, Error, Fields, Ident, Member, Result, parse_quote};

use attribute::Settings;

/// What `match` asks of a variant, or of the struct.
struct Arm {
    pattern: TokenStream,
    outcome: Outcome,
}

enum Outcome {
    Said {
        error_type: String,
        retryable: bool,
        status: u16,
    },
    /// That of the field, which the pattern binds as `inner`.
    Inner,
}

pub fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let arms = match &input.data {
        Data::Struct(data) => {
            let settings = Settings::read(&input.attrs)?;
            vec![arm(quote!(Self), &input.ident, &data.fields, settings)?]
        }
        Data::Enum(data) => {
            let shared = shared(&input.attrs)?;
            let arms = data.variants.iter().map(|variant| {
                let name = &variant.ident;
                let settings = Settings::read(&variant.attrs)?.or(&shared);
                arm(quote!(Self::#name), name, &variant.fields, settings)
            });
            collect(arms)?
        }
        Data::Union(_) => {
            let message = "`LambdaError` can be derived for enums and structs";
            return Err(Error::new_spanned(&input.ident, message));
        }
    };
    Ok(implementation(input, &arms))
}

/// The settings of an enum, for its variants.
fn shared(attributes: &[Attribute]) -> Result<Settings> {
    let settings = Settings::read(attributes)?;
    match settings.transparent {
        None => Ok(settings),
        Some(span) => Err(Error::new(
            span,
            "`transparent` is for a variant or a struct with one field, not for an enum",
        )),
    }
}

/// All of them, or all their errors: a user mends one after the other, in one go.
fn collect(arms: impl Iterator<Item = Result<Arm>>) -> Result<Vec<Arm>> {
    let mut found = Vec::new();
    let mut errors: Option<Error> = None;
    for arm in arms {
        match (arm, &mut errors) {
            (Ok(arm), _) => found.push(arm),
            (Err(error), Some(errors)) => errors.combine(error),
            (Err(error), none) => *none = Some(error),
        }
    }
    errors.map_or(Ok(found), Err)
}

fn arm(path: TokenStream, name: &Ident, fields: &Fields, settings: Settings) -> Result<Arm> {
    let Some(span) = settings.transparent else {
        // `r#type` is called `type` everywhere else.
        let name = name.to_string();
        return Ok(Arm {
            pattern: quote!(#path { .. }),
            outcome: Outcome::Said {
                error_type: settings
                    .error_type
                    .unwrap_or_else(|| name.trim_start_matches("r#").to_owned()),
                retryable: settings.retryable.unwrap_or(false),
                status: settings.status.unwrap_or(500),
            },
        });
    };
    let mut members = fields.members();
    let (Some(member), None) = (members.next(), members.next()) else {
        let message = "`transparent` needs exactly one field, the error it wraps";
        return Err(Error::new(span, message));
    };
    Ok(Arm {
        pattern: inner(&path, &member),
        outcome: Outcome::Inner,
    })
}

fn inner(path: &TokenStream, member: &Member) -> TokenStream {
    quote!(#path { #member: inner })
}

fn implementation(input: &DeriveInput, arms: &[Arm]) -> TokenStream {
    let error_types = matched(arms, quote!(error_type), |said| match said {
        Outcome::Said { error_type, .. } => Some(error_type.to_token_stream()),
        Outcome::Inner => None,
    });
    let retryable = matched(arms, quote!(is_retryable), |said| match said {
        Outcome::Said { retryable, .. } => Some(retryable.to_token_stream()),
        Outcome::Inner => None,
    });
    let statuses = matched(arms, quote!(http_status), |said| match said {
        Outcome::Said { status, .. } => Some(quote!(::kiln::errors::__status(#status))),
        Outcome::Inner => None,
    });

    let name = &input.ident;
    let mut generics = input.generics.clone();
    let (_, arguments, _) = input.generics.split_for_impl();
    if !generics.params.is_empty() {
        // What a parameter needs for it is the error's own affair.
        let is_error = parse_quote!(#name #arguments: ::core::error::Error);
        generics.make_where_clause().predicates.push(is_error);
    }
    let (parameters, arguments, bounds) = generics.split_for_impl();
    quote! {
        #[automatically_derived]
        impl #parameters ::kiln::LambdaError for #name #arguments #bounds {
            fn error_type(&self) -> &str {
                #error_types
            }
            fn is_retryable(&self) -> bool {
                #retryable
            }
            fn http_status(&self) -> ::kiln::errors::StatusCode {
                #statuses
            }
        }

        #[automatically_derived]
        impl #parameters ::core::convert::From<#name #arguments> for ::kiln::Diagnostic #bounds {
            fn from(error: #name #arguments) -> Self {
                ::kiln::LambdaError::diagnostic(&error)
            }
        }
    }
}

/// A `match` with what is said, or what the method says of the inner error.
fn matched(
    arms: &[Arm],
    method: TokenStream,
    said: impl Fn(&Outcome) -> Option<TokenStream>,
) -> TokenStream {
    if arms.is_empty() {
        return quote!(match *self {});
    }
    let arms = arms.iter().map(|Arm { pattern, outcome }| {
        let value = said(outcome).unwrap_or_else(|| quote!(::kiln::LambdaError::#method(inner)));
        quote!(#pattern => #value)
    });
    quote!(match self { #(#arms,)* })
}
