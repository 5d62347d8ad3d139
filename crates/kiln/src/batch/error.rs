//! Why a batch fails as a whole, and why a record cannot be read.

use std::fmt;

use crate::unreadable;

/// Why a batch fails as a whole: all of its records come back.
///
/// # Example
///
/// ```
/// use kiln::LambdaError as _;
/// use kiln::batch::BatchError;
///
/// let error = BatchError::EveryRecordFailed {
///     records: 3,
///     first_error_type: "OutOfStock".to_owned(),
/// };
/// assert_eq!(error.error_type(), "EveryRecordFailed");
/// assert_eq!(error.to_string(), "all 3 records of the batch failed, the first with `OutOfStock`");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BatchError {
    /// No record has succeeded.
    EveryRecordFailed {
        /// How many there are.
        records: usize,
        /// The type of the first one's error.
        first_error_type: String,
    },
    /// A failed record cannot be reported without its identifier; not to report it would lose it.
    NoIdentifier {
        /// The record, counted from 0.
        index: usize,
    },
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EveryRecordFailed {
                records,
                first_error_type,
            } => write!(
                f,
                "all {records} records of the batch failed, the first with `{first_error_type}`"
            ),
            Self::NoIdentifier { index } => write!(
                f,
                "record {index} of the batch failed and has no identifier to report it by"
            ),
        }
    }
}

impl std::error::Error for BatchError {}

crate::errors::lambda_error! {
    BatchError: |error| (
        match error {
            Self::EveryRecordFailed { .. } => "EveryRecordFailed",
            Self::NoIdentifier { .. } => "NoIdentifier",
        },
        retryable: matches!(error, Self::EveryRecordFailed { .. } | Self::NoIdentifier { .. }),
        status: INTERNAL_SERVER_ERROR
    )
}

/// A record that is not what its handler takes.
///
/// It says what is wrong and where, and never what stands there.
///
/// # Example
///
/// ```
/// use kiln::batch::UnreadableRecord;
///
/// let error = serde_json::from_str::<u8>(r#""a secret""#).unwrap_err();
/// let error = UnreadableRecord::from(error);
/// assert_eq!(error.to_string(), "invalid type: string, expected u8, at line 1, column 10 of the record");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadableRecord {
    what: String,
}

impl UnreadableRecord {
    /// Says what is wrong with it, such as `no body`; for implementations of
    /// [`FromRecord`](super::FromRecord). It is logged: let it not quote the record.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::batch::UnreadableRecord;
    ///
    /// fn quantity(body: &str) -> Result<u8, UnreadableRecord> {
    ///     body.parse().map_err(|_| UnreadableRecord::new("no quantity"))
    /// }
    /// assert_eq!(quantity("a secret").unwrap_err().to_string(), "no quantity");
    /// ```
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into() }
    }
}

impl From<serde_json::Error> for UnreadableRecord {
    fn from(error: serde_json::Error) -> Self {
        let what = unreadable::reason(&error);
        let (line, column) = (error.line(), error.column());
        Self::new(match line {
            // Of a value that was read before, as a message within a message is.
            0 => format!("{what}, in the record"),
            _ => format!("{what}, at line {line}, column {column} of the record"),
        })
    }
}

impl fmt::Display for UnreadableRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for UnreadableRecord {}

crate::errors::lambda_error! {
    UnreadableRecord: |_error| ("UnreadableRecord", retryable: false, status: BAD_REQUEST)
}
