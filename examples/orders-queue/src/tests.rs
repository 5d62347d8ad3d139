//! What the batch does around the warehouse: at once, in time, one by one.

use kiln::batch::SqsMessage;
use kiln::{Diagnostic, testing};
use tokio::sync::Barrier;

use super::*;

/// A batch with a message per body; the ids are `message-0`, `message-1`, …
fn batch(bodies: impl IntoIterator<Item = String>) -> LambdaEvent<SqsEvent> {
    let mut batch = SqsEvent::default();
    for (index, body) in bodies.into_iter().enumerate() {
        let mut record = SqsMessage::default();
        record.message_id = Some(format!("message-{index}"));
        record.body = Some(body);
        batch.records.push(record);
    }
    testing::event(batch)
}

fn order(order_id: &str) -> String {
    format!(
        r#"{{"orderId":"{order_id}","customer":"ada",
            "lines":[{{"sku":"KILN-MUG","quantity":1,"unitPriceCents":1250}}]}}"#
    )
}

fn failures(response: &SqsBatchResponse) -> Vec<&str> {
    response
        .batch_item_failures
        .iter()
        .map(|failure| failure.item_identifier.as_str())
        .collect()
}

/// A warehouse that answers nobody until a given number of orders is there.
struct Together(Barrier);

impl Warehouse for Together {
    async fn reserve(&self, order: &Order) -> Result<Reservation, Refusal> {
        self.0.wait().await;
        Ok(Reservation {
            order_id: order.order_id.clone(),
            pieces: 1,
        })
    }
}

#[tokio::test(start_paused = true)]
async fn records_are_handled_side_by_side() {
    let warehouse = Together(Barrier::new(CONCURRENCY));
    let orders = (0..CONCURRENCY).map(|number| order(&format!("ord-{number}")));
    // One after another they would wait for each other until the time is up.
    let response = handle(&warehouse, batch(orders)).await.unwrap();
    assert_eq!(failures(&response), Vec::<&str>::new());
}

#[tokio::test(start_paused = true)]
async fn what_is_not_done_in_time_is_reported() {
    /// A warehouse that is quick for one order and never answers for another.
    struct Slow;

    impl Warehouse for Slow {
        async fn reserve(&self, order: &Order) -> Result<Reservation, Refusal> {
            if order.order_id == "slow" {
                std::future::pending::<()>().await;
            }
            Ok(Reservation {
                order_id: order.order_id.clone(),
                pieces: 1,
            })
        }
    }

    let orders = batch([order("quick"), order("slow"), order("quick-too")]);
    let response = handle(&Slow, orders).await.unwrap();
    assert_eq!(failures(&response), ["message-1"]);
}

#[tokio::test]
async fn each_failure_is_reported_alone() {
    let no_lines = r#"{"orderId":"ord-2","customer":"ada","lines":[]}"#;
    let unknown_article = order("ord-3").replace("KILN-MUG", "KILN-SPOON");
    let bodies = [
        order("ord-1"),
        "not json".to_owned(),
        no_lines.to_owned(),
        unknown_article,
        order("ord-4"),
    ];
    let mut batch = batch(bodies);
    batch.payload.records.push({
        let mut record = SqsMessage::default();
        record.message_id = Some("without-body".to_owned());
        record
    });
    let response = handle(&StockRoom::opening_stock(), batch).await.unwrap();
    assert_eq!(
        failures(&response),
        ["message-1", "message-2", "message-3", "without-body"]
    );
}

#[tokio::test]
async fn a_failure_without_an_id_fails_the_batch() {
    for id in [None, Some(String::new())] {
        let mut batch = batch([order("ord-1"), "not json".to_owned()]);
        batch.payload.records[1].message_id = id;
        let error = handle(&StockRoom::opening_stock(), batch)
            .await
            .unwrap_err();
        let diagnostic = Diagnostic::from(error);
        assert_eq!(diagnostic.error_type, "NoIdentifier");
        assert!(diagnostic.error_message.contains("record 1"));
    }
}

#[tokio::test]
async fn an_empty_batch_has_no_failures() {
    let response = handle(&StockRoom::opening_stock(), batch([]))
        .await
        .unwrap();
    assert!(response.batch_item_failures.is_empty());
}
