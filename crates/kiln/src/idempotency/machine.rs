//! The state machine: begin, run, complete or delete.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::time::{Duration, UNIX_EPOCH};

use futures_util::FutureExt as _;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::error::{IdempotencyError, RunError};
use super::key;
use super::record::{Record, Status, milliseconds};
use super::settings::{Idempotency, Inner, MissingKey, StoreFailure};
use super::store::{Saved, StoreError};
use crate::deadline::{Deadline, Then, Unanswered};
use crate::invocation;

/// How often an inconsistent state is looked at again.
const MOST_RETRIES: u32 = 2;

/// What is to run, and what it is told from other work by.
pub(super) struct Request {
    pub(super) key: Value,
    /// What must not change as long as the key counts.
    pub(super) payload: Option<Value>,
    /// Until when the work may be in progress.
    pub(super) deadline: Deadline,
}

/// How an execution begins.
enum Beginning {
    /// Its record is saved: it runs.
    Protected(Record),
    /// Another one has completed.
    Replay(Record),
}

impl Idempotency {
    /// Runs the work, unless work with the same key was done before: then the answer is that.
    ///
    /// The key is what tells one request from another, such as an order's id; it may be anything that
    /// can be written as JSON.
    ///
    /// # Cancellation
    /// Dropped while the work runs, it leaves the record in progress until the deadline of the
    /// invocation; [the module](super) says why.
    ///
    /// # Panics
    /// A panic of the work goes on, once the record is deleted.
    ///
    /// # Errors
    /// The work's own, or an [`IdempotencyError`].
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::idempotency::{Idempotency, MemoryStore};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let idempotency = Idempotency::new(MemoryStore::new());
    /// for attempt in 1..=3 {
    ///     let ran_at: u8 = idempotency
    ///         .run("ord-1001", || async move { Ok::<_, kiln::Error>(attempt) })
    ///         .await?;
    ///     assert_eq!(ran_at, 1);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn run<R, E, F>(
        &self,
        key: impl Serialize,
        work: impl FnOnce() -> F,
    ) -> Result<R, RunError<E>>
    where
        R: Serialize + DeserializeOwned,
        F: Future<Output = Result<R, E>>,
    {
        self.run_with(key, None::<()>, work).await
    }

    /// The same, and refuses a key that was used before with another payload: an amount, say.
    ///
    /// # Cancellation, panics
    /// As [`run`](Self::run).
    ///
    /// # Errors
    /// As [`run`](Self::run), and [`IdempotencyError::PayloadMismatch`].
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::idempotency::{Idempotency, IdempotencyError, MemoryStore, RunError};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let idempotency = Idempotency::new(MemoryStore::new());
    /// let charge = |cents: u32| idempotency.run_validated("ord-1001", cents, move || async move {
    ///     Ok::<_, kiln::Error>(cents)
    /// });
    /// assert_eq!(charge(4490).await?, 4490);
    /// assert_eq!(charge(4490).await?, 4490);
    /// let other = charge(10).await;
    /// assert!(matches!(other, Err(RunError::Idempotency(IdempotencyError::PayloadMismatch { .. }))));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn run_validated<R, E, F>(
        &self,
        key: impl Serialize,
        payload: impl Serialize,
        work: impl FnOnce() -> F,
    ) -> Result<R, RunError<E>>
    where
        R: Serialize + DeserializeOwned,
        F: Future<Output = Result<R, E>>,
    {
        self.run_with(key, Some(payload), work).await
    }

    async fn run_with<R, E, F>(
        &self,
        key: impl Serialize,
        payload: Option<impl Serialize>,
        work: impl FnOnce() -> F,
    ) -> Result<R, RunError<E>>
    where
        R: Serialize + DeserializeOwned,
        F: Future<Output = Result<R, E>>,
    {
        if self.inner.is_disabled {
            return work().await.map_err(RunError::Handler);
        }
        let request = Request {
            key: json(key)?,
            payload: payload.map(json).transpose()?,
            deadline: of_invocation(),
        };
        self.handle(request, work).await
    }

    /// Runs what is requested, or finds that it was done.
    pub(super) async fn handle<R, E, F>(
        &self,
        request: Request,
        work: impl FnOnce() -> F,
    ) -> Result<R, RunError<E>>
    where
        R: Serialize + DeserializeOwned,
        F: Future<Output = Result<R, E>>,
    {
        let inner = &*self.inner;
        if key::is_nothing(&request.key) {
            return match inner.on_missing_key {
                MissingKey::Fail => Err(IdempotencyError::MissingKey.into()),
                MissingKey::RunUnprotected => {
                    tracing::warn!("the event has no idempotency key, and is not protected");
                    work().await.map_err(RunError::Handler)
                }
            };
        }
        let id = format!("{}{}", inner.prefix, inner.hash.of(&request.key));
        let validation = request.payload.map(|payload| inner.hash.of(&payload));
        let deadline = request.deadline;
        match inner.begin(id, validation, deadline).await {
            Ok(Beginning::Replay(record)) => Ok(inner.replay(record)?),
            Ok(Beginning::Protected(record)) => inner.execute(record, deadline, work).await,
            Err(IdempotencyError::PersistenceLayer(error)) if inner.runs_without_store(&error) => {
                work().await.map_err(RunError::Handler)
            }
            Err(error) => Err(error.into()),
        }
    }
}

impl Inner {
    /// Saves the record of an execution that begins, or finds that of another one.
    async fn begin(
        &self,
        id: String,
        validation: Option<String>,
        deadline: Deadline,
    ) -> Result<Beginning, IdempotencyError> {
        const TO_DO: &str = "save the record of an execution that begins";
        // Work without protection needs time too.
        let then = match self.on_store_failure {
            StoreFailure::RunUnprotected => Then::GoOn,
            StoreFailure::Fail => Then::Fail,
        };
        let mut record = Record::in_progress(id, 0);
        record.validation = validation;
        let mut retries = 0;
        loop {
            let now = self.clock.since_epoch();
            let existing = self.cache().get(&record.id, now);
            let existing = match existing {
                Some(existing) => existing,
                None => {
                    record.expiration = (now + self.expires_after).as_secs();
                    record.in_progress_expiration = in_progress_until(deadline, now);
                    let saved = self.store.save_in_progress(&record, now);
                    match in_time(deadline, then, saved).await {
                        Ok(Ok(Saved::New)) => return Ok(Beginning::Protected(record)),
                        Ok(Ok(Saved::Exists(existing))) => existing,
                        Ok(Err(error)) => return Err(IdempotencyError::PersistenceLayer(error)),
                        // It may be saved all the same: then the key is blocked until the deadline.
                        Err(unanswered) => {
                            let error = StoreError::new(TO_DO, unanswered);
                            return Err(IdempotencyError::PersistenceLayer(error));
                        }
                    }
                }
            };
            // Read again: the store may have taken its time.
            let now = self.clock.since_epoch();
            if existing.has_expired(now) || existing.is_overdue(now) {
                // Between the store's look at it and ours.
                if retries == MOST_RETRIES {
                    return Err(IdempotencyError::InconsistentState { id: record.id });
                }
                retries += 1;
                continue;
            }
            if existing.status == Status::InProgress {
                return Err(IdempotencyError::AlreadyInProgress { id: record.id });
            }
            if record.validation.is_some() && record.validation != existing.validation {
                return Err(IdempotencyError::PayloadMismatch { id: record.id });
            }
            self.cache().insert(existing.clone());
            return Ok(Beginning::Replay(existing));
        }
    }

    /// Runs the work whose record is saved.
    async fn execute<R, E, F>(
        &self,
        mut record: Record,
        deadline: Deadline,
        work: impl FnOnce() -> F,
    ) -> Result<R, RunError<E>>
    where
        R: Serialize,
        F: Future<Output = Result<R, E>>,
    {
        // What the work has captured is dropped with it, and the panic goes on.
        let result = AssertUnwindSafe(async { work().await })
            .catch_unwind()
            .await;
        let response = match result {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                self.give_up(&record, deadline).await;
                return Err(RunError::Handler(error));
            }
            Err(panic) => {
                self.give_up(&record, deadline).await;
                resume_unwind(panic)
            }
        };
        let data = serde_json::to_string(&response).map_err(IdempotencyError::UnusableResponse)?;
        record.status = Status::Completed;
        record.data = Some(data);
        record.expiration = (self.clock.since_epoch() + self.expires_after).as_secs();
        let saved = self.store.save_completed(&record);
        match in_time(deadline, Then::Fail, saved).await {
            Ok(Ok(())) => self.cache().insert(record),
            Ok(Err(error)) if self.runs_without_store(&error) => {}
            Ok(Err(error)) => return Err(IdempotencyError::PersistenceLayer(error).into()),
            // Whether it is saved is not known, and the work is done: an error would have the caller
            // try again, and the work run twice where the record is not there.
            Err(unanswered) => {
                tracing::warn!(
                    id = record.id,
                    error = %unanswered,
                    "the answer may not be stored, and is given: its key may stay in progress until the deadline"
                );
                // It is the answer all the same: duplicates that come to this environment get it.
                self.cache().insert(record);
            }
        }
        Ok(response)
    }

    /// Deletes the record of work that has failed.
    async fn give_up(&self, record: &Record, deadline: Deadline) {
        self.cache().remove(&record.id);
        let deleted = self.store.delete(&record.id);
        // The caller needs the handler's error. The key is blocked until the deadline.
        match in_time(deadline, Then::Fail, deleted).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "a failed execution stays in progress"),
            Err(unanswered) => {
                tracing::warn!(error = %unanswered, "a failed execution may stay in progress");
            }
        }
    }

    /// The stored answer.
    fn replay<R: DeserializeOwned>(&self, record: Record) -> Result<R, IdempotencyError> {
        // Without the error's text, which may quote the answer.
        let unreadable = |id: &str| IdempotencyError::UnreadableResponse { id: id.to_owned() };
        let data = record.data.as_deref().unwrap_or("null");
        let response = match &self.on_replay {
            None => serde_json::from_str(data).ok(),
            Some(hook) => {
                let mut value =
                    serde_json::from_str(data).map_err(|_error| unreadable(&record.id))?;
                hook(&mut value, &record);
                serde_json::from_value(value).ok()
            }
        };
        response.ok_or_else(|| unreadable(&record.id))
    }

    /// Whether it goes on although the store has failed; says so.
    fn runs_without_store(&self, error: &StoreError) -> bool {
        let goes_on = self.on_store_failure == StoreFailure::RunUnprotected;
        if goes_on {
            tracing::warn!(%error, "idempotency is not protected");
        }
        goes_on
    }
}

/// What a store answers within its part of the invocation's time, or of what a deadline layer leaves.
async fn in_time<F: Future>(
    of_invocation: Deadline,
    then: Then,
    answer: F,
) -> Result<F::Output, Unanswered> {
    let deadline = Deadline::current().earliest(of_invocation);
    deadline.patiently(then, Duration::MAX, answer).await
}

/// When Lambda ends the invocation. Not what a deadline layer leaves of it: it drops the work, and what
/// that has spawned, or does without awaiting, goes on.
fn of_invocation() -> Deadline {
    invocation::current().map_or(Deadline::NEVER, |invocation| invocation.deadline())
}

/// Until when an execution may be in progress, in milliseconds since 1970: as long as the invocation
/// has left, which may be nothing.
fn in_progress_until(deadline: Deadline, now: Duration) -> Option<u64> {
    let until = deadline.time();
    if until.is_none() {
        tracing::warn!(
            "outside of an invocation there is no deadline: an execution that is killed blocks its key"
        );
    }
    let until = until?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Some(milliseconds(until.max(now)))
}

pub(super) fn json(value: impl Serialize) -> Result<Value, IdempotencyError> {
    serde_json::to_value(value).map_err(IdempotencyError::UnusableKey)
}

#[cfg(test)]
mod tests;
