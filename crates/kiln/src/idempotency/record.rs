//! What is kept of an execution.

use std::fmt;
use std::time::Duration;

/// How far an execution has come.
///
/// # Example
///
/// ```
/// use kiln::idempotency::Status;
///
/// assert_eq!(Status::InProgress.as_str(), "INPROGRESS");
/// assert_eq!(Status::parse("COMPLETED"), Some(Status::Completed));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// It has begun.
    InProgress,
    /// It has succeeded, and left its answer.
    Completed,
    /// It counts no more.
    Expired,
}

impl Status {
    /// As it stands in a store.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::idempotency::{Record, Status};
    ///
    /// let record = Record::in_progress("orders.charge#d41d8cd9", 1_800_000_000);
    /// // For a store of your own.
    /// let columns = (record.id.as_str(), record.status.as_str(), record.expiration);
    /// assert_eq!(columns, ("orders.charge#d41d8cd9", "INPROGRESS", 1_800_000_000));
    /// ```
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "INPROGRESS",
            Self::Completed => "COMPLETED",
            Self::Expired => "EXPIRED",
        }
    }

    /// Reads it; none for any other text.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::idempotency::Status;
    ///
    /// // What a store of your own has read.
    /// assert_eq!(Status::parse("INPROGRESS"), Some(Status::InProgress));
    /// assert_eq!(Status::parse("inprogress"), None);
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let all = [Self::InProgress, Self::Completed, Self::Expired];
        all.into_iter().find(|status| status.as_str() == text)
    }
}

/// What is kept of an execution.
///
/// Its `Debug` leaves the answer out.
///
/// # Example
///
/// ```
/// use kiln::idempotency::Record;
///
/// let mut record = Record::in_progress("orders.charge#d41d8cd9", 1_800_000_000);
/// record.data = Some(r#"{"card": "4111"}"#.to_owned());
/// assert!(!format!("{record:?}").contains("4111"));
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// The idempotency key: `<function>.<name>#<hash>`.
    pub id: String,
    /// How far the execution has come.
    pub status: Status,
    /// When the record counts no more, in seconds since 1970.
    pub expiration: u64,
    /// Until when the execution may be in progress, in milliseconds since 1970.
    pub in_progress_expiration: Option<u64>,
    /// The answer, as JSON.
    pub data: Option<String>,
    /// The hash of the payload that must not change.
    pub validation: Option<String>,
}

impl Record {
    /// Of an execution that begins; it counts until `expiration`, in seconds since 1970.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::idempotency::{Record, Status};
    ///
    /// let record = Record::in_progress("orders.charge#d41d8cd9", 1_800_000_000);
    /// assert_eq!(record.status, Status::InProgress);
    /// assert_eq!(record.data, None);
    /// ```
    pub fn in_progress(id: impl Into<String>, expiration: u64) -> Self {
        Self {
            id: id.into(),
            status: Status::InProgress,
            expiration,
            in_progress_expiration: None,
            data: None,
            validation: None,
        }
    }

    /// Whether it counts no more; `now` is the time since 1970.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::idempotency::Record;
    /// use std::time::Duration;
    ///
    /// let record = Record::in_progress("orders.charge#d41d8cd9", 1_800_000_000);
    /// assert!(!record.has_expired(Duration::from_secs(1_800_000_000)));
    /// assert!(record.has_expired(Duration::from_secs(1_800_000_001)));
    /// ```
    pub fn has_expired(&self, now: Duration) -> bool {
        self.status == Status::Expired || self.expiration < now.as_secs()
    }

    /// Whether its execution must have been killed; `now` is the time since 1970.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::idempotency::Record;
    /// use std::time::Duration;
    ///
    /// let mut record = Record::in_progress("orders.charge#d41d8cd9", 1_800_000_000);
    /// record.in_progress_expiration = Some(1_799_999_030_000);
    /// assert!(!record.is_overdue(Duration::from_secs(1_799_999_000)));
    /// // Past the invocation's deadline, and the record itself counts for long yet.
    /// assert!(record.is_overdue(Duration::from_secs(1_799_999_031)));
    /// ```
    pub fn is_overdue(&self, now: Duration) -> bool {
        let until = self.in_progress_expiration;
        self.status == Status::InProgress && until.is_some_and(|until| until < milliseconds(now))
    }

    /// Whether another execution may take its place: the condition of a store's
    /// [`save_in_progress`](super::Store::save_in_progress). `now` is the time since 1970.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::idempotency::{Record, Status};
    /// use std::time::Duration;
    ///
    /// let now = Duration::from_secs(1_799_999_031);
    /// let mut record = Record::in_progress("orders.charge#d41d8cd9", 1_800_000_000);
    /// record.in_progress_expiration = Some(1_799_999_030_000);
    /// assert!(record.may_be_replaced(now));
    /// // What has succeeded stays until it expires.
    /// record.status = Status::Completed;
    /// assert!(!record.may_be_replaced(now));
    /// ```
    pub fn may_be_replaced(&self, now: Duration) -> bool {
        self.expiration < now.as_secs() || self.is_overdue(now)
    }
}

/// Milliseconds of a time since 1970.
pub(super) fn milliseconds(time: Duration) -> u64 {
    // Half a billion years fit.
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("id", &self.id)
            .field("status", &self.status)
            .field("expiration", &self.expiration)
            .field("in_progress_expiration", &self.in_progress_expiration)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_another_execution_may_take_its_place() {
        let now = Duration::from_millis(1_000_500);
        for (expiration, until, replaced) in [
            (1_000, None, false),
            (1_001, Some(1_000_500), false),
            (1_001, Some(1_000_499), true),
            // Zero is a time like any other: long ago.
            (1_001, Some(0), true),
            (999, None, true),
            (999, Some(2_000_000), true),
        ] {
            let mut record = Record::in_progress("id", expiration);
            record.in_progress_expiration = until;
            assert_eq!(record.may_be_replaced(now), replaced, "{record:?}");
            record.status = Status::Completed;
            assert_eq!(record.may_be_replaced(now), expiration == 999, "{record:?}");
        }
    }
}
