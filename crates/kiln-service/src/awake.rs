//! Staying awake for a moment where the next message is expected.
//!
//! A thread with nothing to do sleeps, its processor halts, and waking a halted processor takes some
//! 30 us, on virtual machines above all: a warm invocation crosses three such gaps, and waited longer
//! for them than for the function. For a moment after a message went out, the service therefore looks for
//! the next one instead of sleeping. Looking gives way to everything else there is to do, and costs at
//! most [`MOMENT`] of processor time per call; who has not answered by then is waited for asleep.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

/// A warm function answers within some 50 us, and who was answered often calls again within 20.
const MOMENT: Duration = Duration::from_micros(100);

/// Whether somebody stays awake for the callers of a service.
#[derive(Clone, Debug, Default)]
pub(crate) struct Awake(Arc<AtomicBool>);

impl Awake {
    /// Waits for a message, for the first moment awake; then for the next one that may come of it.
    /// `None` when there will be none.
    pub(crate) async fn receive<T>(&self, mut receiver: oneshot::Receiver<T>) -> Option<T> {
        let until = Instant::now() + MOMENT;
        while Instant::now() < until {
            match receiver.try_recv() {
                // Gives way to all other tasks and to the sockets.
                Err(TryRecvError::Empty) => tokio::task::yield_now().await,
                Err(TryRecvError::Closed) => return None,
                Ok(message) => {
                    self.stay();
                    return Some(message);
                }
            }
        }
        receiver.await.ok()
    }

    /// Stays awake for a moment, beside the caller. One is enough for all.
    fn stay(&self) {
        if self.0.swap(true, Ordering::Relaxed) {
            return;
        }
        let this = self.clone();
        tokio::spawn(async move {
            let until = Instant::now() + MOMENT;
            while Instant::now() < until {
                tokio::task::yield_now().await;
            }
            this.0.store(false, Ordering::Relaxed);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn messages_come_early_late_or_not_at_all() {
        let awake = Awake::default();
        let (sender, receiver) = oneshot::channel();
        sender.send(1).unwrap();
        assert_eq!(awake.receive(receiver).await, Some(1));

        let (sender, receiver) = oneshot::channel();
        let late = tokio::spawn(async move {
            tokio::time::sleep(5 * MOMENT).await;
            sender.send(2)
        });
        assert_eq!(awake.receive(receiver).await, Some(2));
        assert_eq!(late.await.unwrap(), Ok(()));

        let (sender, receiver) = oneshot::channel::<u8>();
        drop(sender);
        assert_eq!(awake.receive(receiver).await, None);
    }

    #[tokio::test]
    async fn nobody_stays_awake_for_long() {
        let awake = Awake::default();
        awake.stay();
        awake.stay();
        while awake.0.load(Ordering::Relaxed) {
            tokio::task::yield_now().await;
        }
    }
}
