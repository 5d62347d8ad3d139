//! The task that delivers to one subscriber.

use std::sync::Arc;
use std::time::Duration;

use kiln_protocol::telemetry_api::Subscription;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::batch::Batch;
use super::connection::{Failure, Transport};
use super::outbox::{Found, Outbox};

/// How often a batch is tried. AWS documents that it tries again, not how often.
pub(super) const ATTEMPTS: u32 = 4;
/// How long to wait before the second attempt; twice as long before each further one, so that a
/// subscriber whose server comes up a little after its subscription loses nothing.
pub(super) const BACKOFF: Duration = Duration::from_millis(100);
/// How long a subscriber may take to acknowledge a batch, in time that it is not frozen.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Delivers what comes into the outbox, until the task is aborted.
pub(super) async fn run<T: Transport>(
    transport: T,
    outbox: Arc<Outbox>,
    frozen: watch::Receiver<bool>,
) {
    let mut delivery = Delivery {
        transport,
        outbox,
        awake: Awake(frozen),
    };
    let mut subscription = delivery.outbox.subscription();
    let mut batch = Batch::default();
    loop {
        if batch.is_full(&subscription) {
            delivery.send(&mut batch, &subscription).await;
            continue;
        }
        match delivery.outbox.look(batch.enough(&subscription)) {
            Found::Item(item) => batch.add(item, &subscription),
            Found::Replaced => {
                while !batch.is_empty() {
                    delivery.send(&mut batch, &subscription).await;
                }
                subscription = delivery.outbox.subscription();
            }
            Found::Nothing { flushing: true } if !batch.is_empty() => {
                delivery.send(&mut batch, &subscription).await;
            }
            Found::Nothing { .. } => match batch.deadline(&subscription) {
                None => delivery.outbox.woken().await,
                Some(deadline) if deadline <= Instant::now() => {
                    delivery.send(&mut batch, &subscription).await;
                }
                // What has come in the meantime goes along: look again.
                Some(deadline) => tokio::select! {
                    () = delivery.outbox.woken() => {}
                    () = sleep_until(deadline) => {}
                },
            },
        }
    }
}

struct Delivery<T> {
    transport: T,
    outbox: Arc<Outbox>,
    awake: Awake,
}

impl<T: Transport> Delivery<T> {
    /// Sends the batch, again where need be, and settles its items.
    async fn send(&mut self, batch: &mut Batch, subscription: &Subscription) {
        let (items, body) = batch.take(subscription);
        let Some(body) = body else {
            self.outbox.acknowledged(items);
            return;
        };
        let mut backoff = BACKOFF;
        for attempt in 1.. {
            self.awake.wait().await;
            let sending = self.transport.send(&subscription.destination, body.clone());
            let result = tokio::select! {
                biased;
                result = sending => result,
                () = self.awake.sleep(PATIENCE) => Err(Failure::TimedOut(PATIENCE)),
            };
            match result {
                Ok(()) => {
                    self.outbox.acknowledged(items);
                    return;
                }
                Err(failure) if attempt >= ATTEMPTS => {
                    self.outbox.failed(items, failure.to_string());
                    return;
                }
                Err(_) => sleep(backoff).await,
            }
            backoff *= 2;
        }
    }
}

/// The subscriber's time, which stands still while it is frozen.
struct Awake(watch::Receiver<bool>);

impl Awake {
    /// Waits until the subscriber runs.
    async fn wait(&mut self) {
        self.until(false).await;
    }

    async fn until(&mut self, state: bool) {
        if self.0.wait_for(|frozen| *frozen == state).await.is_err() {
            // The environment has ended, and has aborted this task.
            std::future::pending().await
        }
    }

    /// Waits for so much of the subscriber's time.
    async fn sleep(&mut self, mut left: Duration) {
        loop {
            self.wait().await;
            let began = Instant::now();
            tokio::select! {
                () = sleep(left) => return,
                () = self.until(true) => {}
            }
            left = left.saturating_sub(began.elapsed());
        }
    }
}
