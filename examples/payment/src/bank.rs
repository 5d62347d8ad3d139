//! Who charges cards.

use reqwest::{Client, StatusCode};
use serde::Deserialize;
use serde_json::json;

use crate::{Payment, PaymentError};

/// The bank, over HTTP.
#[derive(Clone, Debug)]
pub struct Bank {
    client: Client,
    url: String,
}

/// What it answers.
#[derive(Deserialize)]
struct Charge {
    id: String,
}

impl Bank {
    /// The one at this URL.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            client: Client::new(),
            url: url.into(),
        }
    }

    /// Charges a card; returns the charge's id.
    ///
    /// The bank gets the key too: if the environment ends between the charge and its record, the next
    /// attempt asks for the same charge, and not for a second one.
    pub(crate) async fn charge(
        &self,
        key: &str,
        payment: &Payment,
    ) -> Result<String, PaymentError> {
        let body = json!({"cents": payment.cents, "card": payment.card_token});
        let request = self
            .client
            .post(format!("{}/charges", self.url))
            .header("idempotency-key", key)
            .header("content-type", "application/json")
            .body(body.to_string());
        let answer = request.send().await.map_err(down)?;
        if answer.status() == StatusCode::PAYMENT_REQUIRED {
            return Err(PaymentError::Declined(payment.order_id.clone()));
        }
        let answer = answer.error_for_status().map_err(down)?;
        let body = answer.bytes().await.map_err(down)?;
        let Charge { id } = serde_json::from_slice(&body).map_err(down)?;
        Ok(id)
    }
}

fn down(error: impl Into<kiln::Error>) -> PaymentError {
    PaymentError::Bank(error.into())
}
