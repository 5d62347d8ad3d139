//! A function that asks a service about many things at once: what does this order cost today? It answers
//! `POST /orders` of an HTTP API.
//!
//! One call after the other costs the sum of their times; all of them at once is more than the service
//! takes. So there is a bound, a time for each, and a retry for what may be better the next time.

use std::time::Duration;

use kiln::LambdaError;
use kiln::http::lambda_http::Request;
use kiln::io::{self, Retry};
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How many calls there are at once: what the service is known to take from one caller.
const AT_ONCE: usize = 16;
/// How long a call may take. The service answers within 200 ms, or not at all.
const TIMEOUT: Duration = Duration::from_secs(1);

/// What is asked: of an order, the articles.
#[derive(Debug, Deserialize)]
pub struct Order {
    /// What is ordered.
    pub lines: Vec<Line>,
}

/// One article of an order.
#[derive(Debug, Deserialize)]
pub struct Line {
    /// The article.
    pub sku: String,
}

/// What is known: each article is in one of the lists, in the order of the request.
#[derive(Debug, Default, PartialEq, Serialize)]
pub struct PriceList {
    /// Those that have a price.
    pub prices: Vec<Price>,
    /// Those whose price could not be had.
    pub unknown: Vec<Unknown>,
}

/// What an article costs.
#[derive(Debug, PartialEq, Serialize)]
pub struct Price {
    sku: String,
    cents: u64,
}

/// Why a price could not be had.
#[derive(Debug, PartialEq, Serialize)]
pub struct Unknown {
    sku: String,
    reason: String,
}

/// What the service answers.
#[derive(Deserialize)]
struct Answer {
    cents: u64,
}

/// Why a call has failed.
#[derive(Debug, thiserror::Error, LambdaError)]
pub enum PriceError {
    /// The service cannot be reached.
    #[error("the price service cannot be reached")]
    #[lambda_error(retryable)]
    Unreachable(#[source] reqwest::Error),
    /// The service cannot tell the price now.
    #[error("the price service answers {0}")]
    #[lambda_error(retryable)]
    Busy(StatusCode),
    /// The service does not know the article.
    #[error("the price service answers {0}")]
    Refused(StatusCode),
    /// It would be another path than that of an article.
    #[error("not letters, digits and dashes")]
    NoSku,
    /// The answer is not what was agreed.
    #[error("the price service's answer cannot be read")]
    Unreadable(#[source] serde_json::Error),
}

/// The request carries no order: what its caller reads.
#[derive(Debug, thiserror::Error, LambdaError)]
#[error("the body is no order: {0}")]
#[lambda_error(type = "invalid-order", status = 400)]
pub struct InvalidOrder(#[from] serde_json::Error);

/// A variable that the function needs is not set: the init fails, and so does the deployment.
#[derive(Debug, thiserror::Error, LambdaError)]
#[error("`{0}` is not set")]
pub struct MissingVariable(pub &'static str);

/// What is made once per environment: the client, with its open connections.
#[derive(Debug)]
pub struct Shop {
    client: reqwest::Client,
    service: String,
}

impl Shop {
    /// A shop whose prices this service knows.
    pub fn new(service: impl Into<String>) -> Self {
        Self {
            client: reqwest::Client::new(),
            service: service.into(),
        }
    }

    /// The same, of the service that the variable `PRICES_URL` names.
    ///
    /// # Errors
    /// When the variable is not set.
    pub async fn from_env() -> Result<Self, MissingVariable> {
        let service = std::env::var("PRICES_URL").map_err(|_| MissingVariable("PRICES_URL"))?;
        Ok(Self::new(service))
    }

    async fn price(&self, sku: String) -> Result<Price, PriceError> {
        let is_of_one = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if sku.is_empty() || !sku.bytes().all(is_of_one) {
            return Err(PriceError::NoSku);
        }
        let url = format!("{}/prices/{sku}", self.service);
        let answer = self.client.get(url).send().await;
        let answer = answer.map_err(PriceError::Unreachable)?;
        match answer.status() {
            status if status.is_success() => {}
            status if status.is_server_error() => return Err(PriceError::Busy(status)),
            status @ StatusCode::TOO_MANY_REQUESTS => return Err(PriceError::Busy(status)),
            status => return Err(PriceError::Refused(status)),
        }
        let body = answer.bytes().await.map_err(PriceError::Unreachable)?;
        let Answer { cents } = serde_json::from_slice(&body).map_err(PriceError::Unreadable)?;
        Ok(Price { sku, cents })
    }
}

/// Answers with the prices that could be had, and says why the others could not.
///
/// # Errors
/// When the body is no order. What fails for an article is in the answer.
pub async fn handle(shop: &Shop, request: Request) -> Result<Value, InvalidOrder> {
    let order: Order = serde_json::from_slice(request.body())?;
    let skus: Vec<String> = order.lines.into_iter().map(|line| line.sku).collect();
    let outcomes = io::fan_out(skus.clone(), AT_ONCE, |sku| shop.price(sku))
        .timeout(TIMEOUT)
        .retry(Retry::default())
        .collect_all()
        .await;
    let mut list = PriceList::default();
    for (sku, outcome) in skus.into_iter().zip(outcomes) {
        match outcome {
            Ok(price) => list.prices.push(price),
            Err(error) => list.unknown.push(Unknown {
                sku,
                reason: error.to_string(),
            }),
        }
    }
    Ok(json!(list))
}
