use syn::parse_str;

use super::expand;

fn expanded(input: &str) -> String {
    let tokens = expand(&parse_str(input).unwrap()).unwrap();
    // It must be code, whatever it says.
    let _: syn::File = syn::parse2(tokens.clone()).unwrap();
    tokens.to_string()
}

fn refused(input: &str) -> Vec<String> {
    let error = expand(&parse_str(input).unwrap()).unwrap_err();
    error.into_iter().map(|error| error.to_string()).collect()
}

#[track_caller]
fn assert_says(input: &str, parts: &[&str]) {
    let code = expanded(input).replace(' ', "");
    for part in parts {
        let part = part.replace(' ', "");
        assert!(code.contains(&part), "`{part}` is not in\n{code}");
    }
}

#[test]
fn names_are_types_and_attributes_say_otherwise() {
    assert_says(
        r#"enum OrderError {
            NotFound { id: String },
            #[lambda_error(type = "Throttled", retryable, status = 429)]
            TooMany(u32),
            #[lambda_error(transparent)]
            Store(StoreError),
            #[lambda_error(transparent)]
            Named { source: StoreError },
            r#Type,
        }"#,
        &[
            r#"Self::NotFound{..}=>"NotFound""#,
            r#"Self::TooMany{..}=>"Throttled""#,
            "Self::Store{0:inner}=>::kiln::LambdaError::error_type(inner)",
            "Self::Named{source:inner}=>::kiln::LambdaError::http_status(inner)",
            "Self::TooMany{..}=>true",
            "Self::NotFound{..}=>false",
            "Self::TooMany{..}=>::kiln::errors::__status(429u16)",
            "Self::NotFound{..}=>::kiln::errors::__status(500u16)",
            r#"=>"Type""#,
            "From<OrderError>for::kiln::Diagnostic",
        ],
    );
}

#[test]
fn an_enum_speaks_for_its_variants() {
    assert_says(
        r#"#[lambda_error(retryable, status = 503)]
        enum StoreError {
            Down,
            #[lambda_error(retryable = false)]
            Gone,
            #[lambda_error(transparent)]
            Other(Other),
        }"#,
        &[
            "Self::Down{..}=>true",
            "Self::Gone{..}=>false",
            "Self::Gone{..}=>::kiln::errors::__status(503u16)",
            "Self::Other{0:inner}=>::kiln::LambdaError::is_retryable(inner)",
        ],
    );
}

#[test]
fn structs_and_generic_ones() {
    assert_says("struct Declined;", &[r#"Self{..}=>"Declined""#]);
    assert_says(
        r#"#[lambda_error(transparent)] struct Wrapped(Inner);"#,
        &["Self{0:inner}=>::kiln::LambdaError::error_type(inner)"],
    );
    assert_says(
        "struct Of<'a, T: Clone>(&'a T) where T: Send;",
        &[
            "impl<'a, T: Clone> ::kiln::LambdaError for Of<'a, T> where T: Send, Of<'a, T>: ::core::error::Error",
        ],
    );
    assert_says("enum Never {}", &["match*self{}"]);
}

#[test]
fn what_is_wrong_says_what_is_allowed() {
    let allowed = "expected `type = \"…\"`, `retryable`, `status = 404` or `transparent`";
    for (attribute, message) in [
        ("#[lambda_error(kind = \"A\")]", allowed),
        (
            "#[lambda_error]",
            "expected `type = \"…\"`, `retryable`, `status = 404` or `transparent` in parentheses",
        ),
        ("#[lambda_error(type = 4)]", "expected string literal"),
        (
            "#[lambda_error(type = \"\")]",
            "an error type is a name, such as \"OrderNotFound\": without blanks, not empty",
        ),
        (
            "#[lambda_error(type = \"Not found\")]",
            "an error type is a name, such as \"OrderNotFound\": without blanks, not empty",
        ),
        ("#[lambda_error(type)]", "expected `=`"),
        (
            "#[lambda_error(status = 200)]",
            "the status of an error is from 400 to 599",
        ),
        (
            "#[lambda_error(status = 70000)]",
            "the status of an error is from 400 to 599",
        ),
        (
            "#[lambda_error(status = \"404\")]",
            "expected integer literal",
        ),
        ("#[lambda_error(retryable = 1)]", "expected boolean literal"),
        ("#[lambda_error(retryable, retryable)]", "said twice"),
        (
            "#[lambda_error(type = \"A\")] #[lambda_error(type = \"B\")]",
            "said twice",
        ),
        (
            "#[lambda_error(transparent, status = 404)]",
            "`transparent` takes type, retryable and status from the error it wraps; say either",
        ),
    ] {
        assert_eq!(
            refused(&format!("{attribute} struct A(B);")),
            [message],
            "{attribute}"
        );
        assert_eq!(
            refused(&format!("enum E {{ {attribute} A(B) }}")),
            [message],
            "{attribute}"
        );
    }
}

#[test]
fn transparent_needs_one_field() {
    let message = "`transparent` needs exactly one field, the error it wraps";
    for fields in ["", "(A, B)", "{ a: A, b: B }"] {
        let input = format!("enum E {{ #[lambda_error(transparent)] A {fields} }}");
        assert_eq!(refused(&input), [message], "{fields}");
    }
    assert_eq!(
        refused("#[lambda_error(transparent)] enum E { A(B) }"),
        ["`transparent` is for a variant or a struct with one field, not for an enum"]
    );
    assert_eq!(
        refused("union U { a: u32 }"),
        ["`LambdaError` can be derived for enums and structs"]
    );
}

#[test]
fn all_mistakes_are_told_at_once() {
    let input = "enum E { #[lambda_error(status = 1)] A, #[lambda_error(kind)] B, C }";
    assert_eq!(refused(input).len(), 2);
}

#[test]
fn a_mistake_is_told_where_it_is() {
    let input = "enum E {\n    A,\n    #[lambda_error(status = 1)]\n    B,\n}";
    let error = expand(&parse_str(input).unwrap()).unwrap_err();
    let start = error.span().start();
    assert_eq!((start.line, start.column), (3, 28));
}
