//! `#[lambda_error(type = "…", retryable, status = 404)]`.

use proc_macro2::Span;
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned as _;
use syn::{Attribute, Error, LitBool, LitInt, LitStr, Result, Token};

const ALLOWED: &str = "expected `type = \"…\"`, `retryable`, `status = 404` or `transparent`";

/// What an attribute says, and only that.
#[derive(Clone, Default)]
pub struct Settings {
    pub error_type: Option<String>,
    pub retryable: Option<bool>,
    pub status: Option<u16>,
    /// Where it says so.
    pub transparent: Option<Span>,
}

impl Settings {
    pub fn read(attributes: &[Attribute]) -> Result<Self> {
        let mut settings = Self::default();
        let ours = |attribute: &&Attribute| attribute.path().is_ident("lambda_error");
        for attribute in attributes.iter().filter(ours) {
            // `#[lambda_error]` alone says nothing.
            let list = attribute
                .meta
                .require_list()
                .map_err(|_| Error::new(attribute.span(), format!("{ALLOWED} in parentheses")))?;
            list.parse_nested_meta(|meta| settings.read_one(&meta))?;
        }
        settings.check()?;
        Ok(settings)
    }

    fn read_one(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        if meta.path.is_ident("type") {
            let text: LitStr = meta.value()?.parse()?;
            set(&mut self.error_type, error_type(&text)?, meta)
        } else if meta.path.is_ident("retryable") {
            let is_retryable = if meta.input.peek(Token![=]) {
                meta.value()?.parse::<LitBool>()?.value
            } else {
                true
            };
            set(&mut self.retryable, is_retryable, meta)
        } else if meta.path.is_ident("status") {
            let number: LitInt = meta.value()?.parse()?;
            set(&mut self.status, status(&number)?, meta)
        } else if meta.path.is_ident("transparent") {
            set(&mut self.transparent, meta.path.span(), meta)
        } else {
            Err(meta.error(ALLOWED))
        }
    }

    fn check(&self) -> Result<()> {
        let says_more =
            self.error_type.is_some() || self.retryable.is_some() || self.status.is_some();
        match self.transparent {
            Some(span) if says_more => Err(Error::new(
                span,
                "`transparent` takes type, retryable and status from the error it wraps; say either",
            )),
            _ => Ok(()),
        }
    }

    /// With what is not said here as it is there. The error that is wrapped says everything itself.
    pub fn or(self, shared: &Self) -> Self {
        if self.transparent.is_some() {
            return self;
        }
        Self {
            error_type: self.error_type.or_else(|| shared.error_type.clone()),
            retryable: self.retryable.or(shared.retryable),
            status: self.status.or(shared.status),
            transparent: None,
        }
    }
}

fn set<T>(setting: &mut Option<T>, value: T, meta: &ParseNestedMeta<'_>) -> Result<()> {
    match setting.replace(value) {
        None => Ok(()),
        Some(_) => Err(meta.error("said twice")),
    }
}

fn error_type(text: &LitStr) -> Result<String> {
    let value = text.value();
    let is_name = !value.is_empty()
        && !value.contains(|letter: char| letter.is_whitespace() || letter.is_control());
    if is_name {
        Ok(value)
    } else {
        let message =
            "an error type is a name, such as \"OrderNotFound\": without blanks, not empty";
        Err(Error::new(text.span(), message))
    }
}

fn status(number: &LitInt) -> Result<u16> {
    match number.base10_parse() {
        Ok(status @ 400..=599) => Ok(status),
        _ => Err(Error::new(
            number.span(),
            "the status of an error is from 400 to 599",
        )),
    }
}
