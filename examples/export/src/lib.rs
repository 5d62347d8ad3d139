//! A streaming response: `GET /exports/2026-03` is a CSV file whose rows reach the caller as they are
//! read, a page at a time.
//!
//! Collected first, the file would have to fit the function's memory and Lambda's 6 MB, and the
//! caller would wait for its end to see its beginning. Streamed, it may have 200 MB.

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::{Stream, stream};
use kiln::LambdaError;
use kiln::http::Problem;
use kiln::logging::error;

mod ledger;

pub use ledger::{Ledger, LedgerError, Row};

/// The service, for `run_streaming`.
pub fn service(ledger: Ledger) -> Router {
    Router::new()
        .route("/exports/{month}", get(export))
        .with_state(ledger)
}

/// `GET /exports/{month}`
async fn export(
    State(ledger): State<Ledger>,
    Path(month): Path<String>,
) -> Result<Response, ExportError> {
    // What can be refused must be refused now: once the stream has begun, its status is sent.
    if !is_month(&month) {
        return Err(ExportError::Month { month });
    }
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"orders-{month}.csv\""),
        ),
    ];
    Ok((headers, Body::from_stream(csv(ledger, month))).into_response())
}

/// The file, a page of rows per item: a row each would be many small writes.
///
/// The next page is read when the caller has taken the last one. An error ends the stream without its
/// proper end, by which the caller knows that the file is not whole.
fn csv(ledger: Ledger, month: String) -> impl Stream<Item = Result<String, LedgerError>> + Send {
    let heading = stream::iter([Ok("order,customer,cents\n".to_owned())]);
    let pages = stream::try_unfold(Some(0), move |cursor| {
        let (ledger, month) = (ledger.clone(), month.clone());
        async move {
            let Some(cursor) = cursor else {
                return Ok(None);
            };
            let page = ledger.page(&month, cursor).await.inspect_err(|error| {
                error!(month, cursor, "the export breaks off: {error}");
            })?;
            let text: String = page.rows.iter().map(Row::csv).collect();
            Ok(Some((text, page.next)))
        }
    });
    stream::StreamExt::chain(heading, pages)
}

/// `2026-03`
fn is_month(text: &str) -> bool {
    let parse = |(year, month): (&str, &str)| {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let is_year = year.len() == 4 && digits(year);
        is_year && month.len() == 2 && digits(month) && ("01"..="12").contains(&month)
    };
    text.split_once('-').is_some_and(parse)
}

/// Why there is no export.
#[derive(Debug, thiserror::Error, LambdaError)]
pub enum ExportError {
    /// Not a month.
    #[error("`{month}` is no month, such as `2026-03`")]
    #[lambda_error(type = "invalid-month", status = 400)]
    Month {
        /// The text.
        month: String,
    },
}

impl IntoResponse for ExportError {
    fn into_response(self) -> Response {
        Problem::reported(&self).response()
    }
}
