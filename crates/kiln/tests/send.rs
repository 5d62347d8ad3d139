//! Handlers are `Send`, also around work that is not `Sync`: the AWS SDK's is not.

use std::cell::Cell;
use std::convert::Infallible;

use kiln::batch::{self, SqsEvent, SqsMessage};
use kiln::idempotency::{Idempotency, MemoryStore};
use kiln::{Deadline, io, pipeline, testing};

/// Work with something in it that is not `Sync`, kept across an `await`.
async fn work(number: u32) -> Result<u32, Infallible> {
    let number = Cell::new(number);
    tokio::task::yield_now().await;
    Ok(number.get())
}

fn is_send<F: Future + Send>(handler: F) -> F {
    handler
}

#[tokio::test]
async fn work_need_not_be_sync() {
    let handler = is_send(async {
        let all = io::fan_out([1, 2], 2, work).await.unwrap();
        assert_eq!(all, [1, 2]);

        let report = pipeline::items([1, 2], |_| 1)
            .download(work)
            .compute(Ok)
            .upload(work)
            .run();
        assert_eq!(report.await.into_results().unwrap(), [1, 2]);

        let event: SqsEvent = testing::sample("sqs");
        let response = batch::sqs(event, |_: SqsMessage| async { work(1).await.map(drop) })
            .await
            .unwrap();
        assert_eq!(response.batch_item_failures.len(), 0);

        let idempotency = Idempotency::new(MemoryStore::new());
        assert_eq!(idempotency.run("key", || work(3)).await.unwrap(), 3);

        assert_eq!(
            Deadline::current().within(work(4)).await.unwrap().unwrap(),
            4
        );
    });
    handler.await;
}
