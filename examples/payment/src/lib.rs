//! A payment that is made once, however often it is asked for: `POST` to the function's URL, with the
//! header `Idempotency-Key` and the payment in JSON.
//!
//! - The second request with a key gets the first one's receipt, marked as replayed, and no card is
//!   charged: also while the first is under way, and in another execution environment.
//! - Order and amount must not change: the same key with another payment is refused.
//! - A charge that fails leaves nothing behind, so that a retry charges.
//!
//! All of it is `kiln::idempotency`; the function says what the key is, and how a card is charged.

use kiln::LambdaError;
use kiln::http::lambda_http::Request;
use kiln::idempotency::{Idempotency, MissingKey, RunError, SettingsError, Store};
use kiln::logging::info;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

mod bank;

pub use bank::Bank;

/// What a customer owes.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Payment {
    /// The order.
    pub order_id: String,
    /// The amount, in cents.
    pub cents: u64,
    /// The card, as the bank knows it.
    pub card_token: String,
}

/// What a customer gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// The order.
    pub order_id: String,
    /// The charge, as the bank calls it.
    pub charge_id: String,
    /// The amount, in cents.
    pub cents: u64,
    /// Whether it is the receipt of an earlier request.
    pub replayed: bool,
}

/// Why a card is not charged: callers read type and message of what is theirs to mend.
#[derive(Debug, thiserror::Error, LambdaError)]
pub enum PaymentError {
    /// The request carries no payment.
    #[error("the body is no payment: {0}")]
    #[lambda_error(type = "invalid-payment", status = 400)]
    Unreadable(serde_json::Error),
    /// There is nothing to pay.
    #[error("the amount of order `{0}` is zero")]
    #[lambda_error(type = "no-amount", status = 422)]
    NoAmount(String),
    /// The bank says no.
    #[error("the card of order `{0}` was declined")]
    #[lambda_error(type = "card-declined", status = 402)]
    Declined(String),
    /// The bank cannot be asked, or its answer not be read.
    #[error("the bank does not answer")]
    #[lambda_error(type = "BankDown", status = 502, retryable)]
    Bank(#[source] kiln::Error),
}

/// Why the function cannot start.
#[derive(Debug, thiserror::Error, LambdaError)]
pub enum SetupError {
    /// A variable that it needs is not set.
    #[error("`{0}` is not set")]
    MissingVariable(&'static str),
    /// The settings of idempotency make no sense.
    #[error(transparent)]
    #[lambda_error(transparent)]
    Settings(#[from] SettingsError),
}

/// What lives as long as the environment.
#[derive(Debug)]
pub struct Till {
    idempotency: Idempotency,
    bank: Bank,
}

impl Till {
    /// One that keeps its records there, and charges cards at this bank.
    ///
    /// # Errors
    /// When the settings below make no sense.
    pub fn new(store: impl Store, bank: Bank) -> Result<Self, SettingsError> {
        let idempotency = Idempotency::builder(store)
            .name("payment")
            .on_missing_key(MissingKey::Fail)
            .on_replay(|receipt, _record| receipt["replayed"] = true.into())
            .build()?;
        Ok(Self { idempotency, bank })
    }

    /// Takes a payment, once per key.
    ///
    /// # Errors
    /// When there is no key or no payment, the card is not charged, or the key's payment is under way
    /// or was another one.
    pub async fn pay(&self, request: Request) -> Result<Value, RunError<PaymentError>> {
        // The caller makes it up, and sends it again with each retry.
        let key = request.headers().get("idempotency-key");
        let key = key.and_then(|key| key.to_str().ok()).unwrap_or_default();
        let payment: Payment = serde_json::from_slice(request.body())
            .map_err(|error| RunError::Handler(PaymentError::Unreadable(error)))?;
        let same = (&payment.order_id, payment.cents);
        let charge = || self.charge(key, &payment);
        let receipt = self.idempotency.run_validated(key, same, charge).await?;
        Ok(json!(receipt))
    }

    async fn charge(&self, key: &str, payment: &Payment) -> Result<Receipt, PaymentError> {
        if payment.cents == 0 {
            return Err(PaymentError::NoAmount(payment.order_id.clone()));
        }
        let charge_id = self.bank.charge(key, payment).await?;
        info!(order_id = payment.order_id, charge_id, "card charged");
        Ok(Receipt {
            order_id: payment.order_id.clone(),
            charge_id,
            cents: payment.cents,
            replayed: false,
        })
    }
}

#[cfg(test)]
mod tests;
