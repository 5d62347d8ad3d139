//! Once per order, and not for another amount.

use kiln::idempotency::{IdempotencyError, MemoryStore};
use kiln::{Diagnostic, testing};

use super::*;

fn payment(cents: u64, card_token: &str) -> LambdaEvent<Payment> {
    testing::event(Payment {
        order_id: "ord-1001".to_owned(),
        cents,
        card_token: card_token.to_owned(),
    })
}

#[tokio::test]
async fn an_order_is_paid_once() {
    let till = Till::new(MemoryStore::new()).unwrap();
    let first = till.pay(payment(4_490, "tok-ada")).await.unwrap();
    assert!(!first.replayed);
    let second = till.pay(payment(4_490, "tok-ada")).await.unwrap();
    assert!(second.replayed);
    assert_eq!(second.charge_id, first.charge_id);
    assert_eq!(till.provider.charges.into_inner(), 1);
}

#[tokio::test]
async fn the_amount_does_not_change() {
    let till = Till::new(MemoryStore::new()).unwrap();
    till.pay(payment(4_490, "tok-ada")).await.unwrap();
    let error = till.pay(payment(1, "tok-ada")).await.unwrap_err();
    assert!(matches!(
        error,
        RunError::Idempotency(IdempotencyError::PayloadMismatch { .. })
    ));
}

#[tokio::test]
async fn after_a_card_was_declined_another_one_may_pay() {
    let till = Till::new(MemoryStore::new()).unwrap();
    let error = till.pay(payment(4_490, "declined")).await.unwrap_err();
    assert_eq!(Diagnostic::from(error).error_type, "Declined");
    assert!(!till.pay(payment(4_490, "tok-ada")).await.unwrap().replayed);
}
