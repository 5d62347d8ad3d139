//! A payment that is made once, however often it is asked for.
//!
//! - The order's id is the idempotency key: the second request with it gets the first one's receipt,
//!   marked as replayed, and no card is charged.
//! - The amount must not change: the same order with another amount is refused.
//! - A charge that fails leaves nothing behind, so that a retry charges.
//!
//! All of it is `kiln::idempotency`; the function says what the key is, and how a card is charged.

use std::sync::atomic::{AtomicU64, Ordering};

use kiln::idempotency::{Idempotency, RunError, SettingsError, Store};
use kiln::{LambdaError, LambdaEvent};
use serde::{Deserialize, Serialize};

/// What a customer owes.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Payment {
    /// The order, which is paid once.
    pub order_id: String,
    /// The amount, in cents.
    pub cents: u64,
    /// The card, as the payment provider knows it.
    pub card_token: String,
}

/// What a customer gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// The order.
    pub order_id: String,
    /// The charge, as the payment provider calls it.
    pub charge_id: String,
    /// The amount, in cents.
    pub cents: u64,
    /// Whether it is the receipt of an earlier request.
    pub replayed: bool,
}

/// Why a card is not charged: callers and alarms see the names as `errorType`.
#[derive(Debug, thiserror::Error, LambdaError)]
pub enum PaymentError {
    /// There is nothing to pay.
    #[error("the amount of order `{0}` is zero")]
    NoAmount(String),
    /// The provider says no.
    #[error("the card of order `{0}` was declined")]
    Declined(String),
}

/// The payment provider: it counts its charges, where another one would be asked over HTTPS.
#[derive(Debug, Default)]
pub struct Provider {
    charges: AtomicU64,
}

impl Provider {
    /// Charges a card; the token `declined` is one of a card without cover.
    async fn charge(&self, payment: &Payment) -> Result<String, PaymentError> {
        if payment.card_token == "declined" {
            return Err(PaymentError::Declined(payment.order_id.clone()));
        }
        let number = self.charges.fetch_add(1, Ordering::Relaxed) + 1;
        Ok(format!("charge-{number}"))
    }
}

/// What lives as long as the environment.
#[derive(Debug)]
pub struct Till {
    idempotency: Idempotency,
    provider: Provider,
}

impl Till {
    /// One that keeps its records there.
    ///
    /// # Errors
    ///
    /// When the settings below make no sense.
    pub fn new(store: impl Store) -> Result<Self, SettingsError> {
        let idempotency = Idempotency::builder(store)
            .name("payment")
            .on_replay(|receipt, _record| receipt["replayed"] = true.into())
            .build()?;
        Ok(Self {
            idempotency,
            provider: Provider::default(),
        })
    }

    /// Takes a payment, once per order.
    ///
    /// # Errors
    ///
    /// When the card is not charged, or the payment is under way, or was made with another amount.
    pub async fn pay(
        &self,
        event: LambdaEvent<Payment>,
    ) -> Result<Receipt, RunError<PaymentError>> {
        let payment = event.payload;
        let charge = || async {
            if payment.cents == 0 {
                return Err(PaymentError::NoAmount(payment.order_id.clone()));
            }
            let charge_id = self.provider.charge(&payment).await?;
            tracing::info!(order_id = payment.order_id, charge_id, "card charged");
            Ok(Receipt {
                order_id: payment.order_id.clone(),
                charge_id,
                cents: payment.cents,
                replayed: false,
            })
        };
        self.idempotency
            .run_validated(&payment.order_id, payment.cents, charge)
            .await
    }
}

#[cfg(test)]
mod tests;
