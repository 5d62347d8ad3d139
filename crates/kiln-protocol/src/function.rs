//! How callers name functions: names, qualifiers, ARNs.
//!
//! Source: the `FunctionName` parameter of the
//! [Invoke](https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html) operation.

use std::fmt;
use std::str::FromStr;

use crate::error::ServiceError;

/// The version a function has when nobody published one, and the default qualifier.
pub const LATEST: &str = "$LATEST";

/// A function as a caller wrote it: a name, `name:qualifier`, a partial or a full ARN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionReference {
    /// The function's name.
    pub name: String,
    /// A version or an alias, when one was given.
    pub qualifier: Option<String>,
    /// The account in the ARN, when one was given.
    pub account: Option<String>,
}

/// Text that names no function.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a function name, `name:qualifier` or function ARN")]
pub struct InvalidFunctionReference(pub String);

impl FromStr for FunctionReference {
    type Err = InvalidFunctionReference;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidFunctionReference(text.to_owned());
        let parts: Vec<&str> = text.split(':').collect();
        let (account, name, qualifier) = match parts.as_slice() {
            [name] => (None, *name, None),
            // `account:function:name` is a partial ARN; `name:qualifier` has two parts only.
            [account, "function", name] => (Some(*account), *name, None),
            [account, "function", name, qualifier] => (Some(*account), *name, Some(*qualifier)),
            [name, qualifier] => (None, *name, Some(*qualifier)),
            [
                "arn",
                _partition,
                "lambda",
                _region,
                account,
                "function",
                name,
            ] => (Some(*account), *name, None),
            [
                "arn",
                _partition,
                "lambda",
                _region,
                account,
                "function",
                name,
                qualifier,
            ] => (Some(*account), *name, Some(*qualifier)),
            _ => return Err(invalid()),
        };
        let named =
            is_name(name) && qualifier.is_none_or(is_qualifier) && account.is_none_or(is_account);
        if !named {
            return Err(invalid());
        }
        Ok(Self {
            name: name.to_owned(),
            qualifier: qualifier.map(str::to_owned),
            account: account.map(str::to_owned),
        })
    }
}

impl FunctionReference {
    /// Joins the qualifier of the path with that of the `Qualifier` parameter.
    ///
    /// # Errors
    /// When both are given and differ, with the text the service answers.
    pub fn with_qualifier(mut self, parameter: Option<&str>) -> Result<Self, ServiceError> {
        match (self.qualifier.as_deref(), parameter) {
            (Some(derived), Some(given)) if derived != given => {
                Err(ServiceError::InvalidParameterValue(
                    "The derived qualifier from the function name does not match the specified qualifier."
                        .to_owned(),
                ))
            }
            (None, Some(given)) if !is_qualifier(given) => {
                Err(ServiceError::InvalidParameterValue(format!(
                    "Invalid qualifier: {given}"
                )))
            }
            (None, Some(given)) => {
                self.qualifier = Some(given.to_owned());
                Ok(self)
            }
            _ => Ok(self),
        }
    }
}

/// `[a-zA-Z0-9-_]+`, at most 64 characters (the `FunctionName` constraint).
pub fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// `|[a-zA-Z0-9$_-]+`, at most 128 characters (the `Qualifier` constraint); `.` occurs in
/// `$LATEST.PUBLISHED`.
fn is_qualifier(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 128
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'$' | b'_' | b'-' | b'.'))
}

/// Twelve digits.
pub fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A function's Amazon Resource Name, qualified or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionArn {
    /// Region, such as `us-east-1`.
    pub region: String,
    /// Account id, 12 digits.
    pub account: String,
    /// Function name.
    pub name: String,
    /// Version or alias, when the ARN has one.
    pub qualifier: Option<String>,
}

impl fmt::Display for FunctionArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            region,
            account,
            name,
            qualifier,
        } = self;
        write!(f, "arn:aws:lambda:{region}:{account}:function:{name}")?;
        if let Some(qualifier) = qualifier {
            write!(f, ":{qualifier}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_way_to_name_a_function_is_understood() {
        for (text, name, qualifier, account) in [
            ("orders", "orders", None, None),
            ("_", "_", None, None),
            ("orders:live", "orders", Some("live"), None),
            ("orders:$LATEST", "orders", Some("$LATEST"), None),
            (
                "123456789012:function:orders",
                "orders",
                None,
                Some("123456789012"),
            ),
            (
                "123456789012:function:orders:7",
                "orders",
                Some("7"),
                Some("123456789012"),
            ),
            (
                "arn:aws:lambda:us-east-1:123456789012:function:orders",
                "orders",
                None,
                Some("123456789012"),
            ),
            (
                "arn:aws-cn:lambda:cn-north-1:123456789012:function:orders:live",
                "orders",
                Some("live"),
                Some("123456789012"),
            ),
        ] {
            let reference: FunctionReference = text.parse().unwrap();
            assert_eq!(reference.name, name, "{text}");
            assert_eq!(reference.qualifier.as_deref(), qualifier, "{text}");
            assert_eq!(reference.account.as_deref(), account, "{text}");
        }
    }

    #[test]
    fn what_names_no_function_is_refused() {
        for text in [
            "",
            ":",
            "a b",
            "orders:",
            ":live",
            "ä",
            "arn:aws:s3:::bucket",
            "a:b:c:d:e",
            &"x".repeat(65),
        ] {
            assert!(text.parse::<FunctionReference>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_second_qualifier_must_agree_with_the_first() {
        let reference: FunctionReference = "orders:live".parse().unwrap();
        assert!(reference.clone().with_qualifier(Some("live")).is_ok());
        let error = reference.with_qualifier(Some("beta")).unwrap_err();
        assert_eq!(
            error.message(),
            "The derived qualifier from the function name does not match the specified qualifier."
        );
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_an_arn_round_trips(
            text in ".{0,80}",
            name in "[a-zA-Z0-9_-]{1,64}",
            qualifier in proptest::option::of("[a-zA-Z0-9_-]{1,20}"),
        ) {
            let _ = text.parse::<FunctionReference>();
            let arn = FunctionArn {
                region: "eu-central-1".to_owned(),
                account: "123456789012".to_owned(),
                name: name.clone(),
                qualifier: qualifier.clone(),
            };
            let reference: FunctionReference = arn.to_string().parse().unwrap();
            prop_assert_eq!(reference.name, name);
            prop_assert_eq!(reference.qualifier, qualifier);
        }
    }
}
