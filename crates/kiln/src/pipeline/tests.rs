use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use lambda_runtime::Diagnostic;
use proptest::prelude::*;
use tokio::task::yield_now;

use super::*;
use crate::deadline::Deadline;
use crate::errors::LambdaError;
use crate::test_invocation::{in_time, invocation};

/// What a stage says.
#[derive(Debug, PartialEq)]
struct Poison;

impl fmt::Display for Poison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("poison")
    }
}

impl std::error::Error for Poison {}

impl LambdaError for Poison {
    fn error_type(&self) -> &str {
        "Poison"
    }
}

/// A number, and the most it has been.
#[derive(Debug, Default)]
struct Gauge {
    now: AtomicU64,
    most: AtomicU64,
}

impl Gauge {
    fn add(self: &Arc<Self>, amount: u64) -> Held {
        let now = self.now.fetch_add(amount, Ordering::SeqCst) + amount;
        self.most.fetch_max(now, Ordering::SeqCst);
        Held {
            gauge: self.clone(),
            amount,
        }
    }

    fn most(&self) -> u64 {
        self.most.load(Ordering::SeqCst)
    }

    fn now(&self) -> u64 {
        self.now.load(Ordering::SeqCst)
    }
}

/// As much of it as something holds while it is there.
struct Held {
    gauge: Arc<Gauge>,
    amount: u64,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.gauge.now.fetch_sub(self.amount, Ordering::SeqCst);
    }
}

/// What an item does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Good,
    Fails(Stage),
    Panics(Stage),
}

#[derive(Clone, Copy, Debug)]
struct Item {
    number: usize,
    bytes: u64,
    fate: Fate,
    /// How long its transfers take, in turns of the runtime.
    turns: u8,
}

impl Item {
    fn pass(self, stage: Stage) -> Result<(), Poison> {
        match self.fate {
            Fate::Fails(at) if at == stage => Err(Poison),
            Fate::Panics(at) if at == stage => std::panic::resume_unwind(Box::new("boom")),
            _ => Ok(()),
        }
    }

    async fn wait(self) {
        for _ in 0..self.turns {
            yield_now().await;
        }
    }
}

/// What was seen of a run.
struct Seen {
    report: Report<usize, Poison>,
    bytes: Arc<Gauge>,
    transfers: Arc<Gauge>,
    begun: usize,
}

const MEMORY: u64 = 100;

/// Brings items through, with a payload that counts its bytes as long as there are any.
async fn bring(items_: Vec<Item>, transfers: usize, stop: bool) -> Seen {
    let (bytes, moving) = (Arc::new(Gauge::default()), Arc::new(Gauge::default()));
    let begun = AtomicUsize::new(0);
    let mut pipeline = items(items_, |item| item.bytes)
        .transfers(transfers)
        .memory(MEMORY);
    if stop {
        pipeline = pipeline.stop_on_failure();
    }
    let report = pipeline
        .download(|item: Item| {
            let (bytes, moving) = (&bytes, &moving);
            begun.fetch_add(1, Ordering::Relaxed);
            async move {
                let _moves = moving.add(1);
                let payload = bytes.add(item.bytes);
                item.wait().await;
                item.pass(Stage::Download).map(|()| (item, payload))
            }
        })
        .compute(|(item, payload): (Item, Held)| {
            item.pass(Stage::Compute).map(|()| (item, payload))
        })
        .upload(async |(item, payload): (Item, Held)| {
            let _moves = moving.add(1);
            item.wait().await;
            drop(payload);
            item.pass(Stage::Upload).map(|()| item.number)
        })
        .run()
        .await;
    let begun = begun.load(Ordering::Relaxed);
    Seen {
        report,
        bytes,
        transfers: moving,
        begun,
    }
}

fn fates() -> impl Strategy<Value = Fate> {
    let stage = || {
        prop_oneof![
            Just(Stage::Download),
            Just(Stage::Compute),
            Just(Stage::Upload)
        ]
    };
    prop_oneof![
        6 => Just(Fate::Good),
        1 => stage().prop_map(Fate::Fails),
        1 => stage().prop_map(Fate::Panics),
    ]
}

fn some_items() -> impl Strategy<Value = Vec<Item>> {
    let item = (0..=MEMORY + 5, fates(), 0..4_u8);
    prop::collection::vec(item, 0..40).prop_map(|all| {
        let all = all.into_iter().enumerate();
        all.map(|(number, (bytes, fate, turns))| Item {
            number,
            bytes,
            fate,
            turns,
        })
        .collect()
    })
}

fn wait_for<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime.unwrap().block_on(in_time(test))
}

proptest! {
    #[test]
    fn each_item_has_its_outcome_at_its_place(all in some_items(), transfers in 1..6_usize) {
        let seen = wait_for(bring(all.clone(), transfers, false));
        prop_assert_eq!(seen.report.outcomes.len(), all.len());
        for (item, outcome) in all.iter().zip(&seen.report.outcomes) {
            if item.bytes > MEMORY {
                let error = outcome.as_ref().unwrap_err();
                let told = match error.cause {
                    Cause::TooLarge { bytes, memory } => Some((bytes, memory)),
                    _ => None,
                };
                prop_assert_eq!(told, Some((item.bytes, MEMORY)));
                prop_assert_eq!((error.index, error.stage), (item.number, None));
                continue;
            }
            match (item.fate, outcome) {
                (Fate::Good, Ok(number)) => prop_assert_eq!(*number, item.number),
                (Fate::Fails(stage), Err(error)) => {
                    prop_assert!(matches!(error.cause, Cause::Failed(Poison)));
                    prop_assert_eq!((error.index, error.stage), (item.number, Some(stage)));
                }
                (Fate::Panics(stage), Err(error)) => {
                    let told = match &error.cause {
                        Cause::Panicked { message } => message,
                        _ => "",
                    };
                    prop_assert_eq!(told, "boom");
                    prop_assert_eq!((error.index, error.stage), (item.number, Some(stage)));
                }
                (fate, outcome) => prop_assert!(false, "{:?} became {:?}", fate, outcome),
            }
        }
    }

    #[test]
    fn no_limit_is_ever_passed(all in some_items(), transfers in 1..6_usize, stop: bool) {
        let seen = wait_for(bring(all, transfers, stop));
        prop_assert!(seen.bytes.most() <= seen.report.peak_bytes);
        prop_assert!(seen.report.peak_bytes <= MEMORY);
        prop_assert!(seen.transfers.most() <= u64::try_from(transfers).unwrap());
        prop_assert_eq!((seen.bytes.now(), seen.transfers.now()), (0, 0));
    }

    #[test]
    fn stopping_begins_nothing_more(all in some_items(), transfers in 1..6_usize) {
        let seen = wait_for(bring(all.clone(), transfers, true));
        prop_assert_eq!(seen.report.outcomes.len(), all.len());
        let stopped = |outcome: &Result<usize, ItemError<Poison>>| {
            matches!(outcome, Err(ItemError { stage: None, cause: Cause::Stopped, .. }))
        };
        // From the first that was stopped, all are; those before it have ended on their own.
        let outcomes = &seen.report.outcomes;
        let first = outcomes.iter().position(stopped).unwrap_or(outcomes.len());
        prop_assert!(outcomes[first..].iter().all(stopped));
        prop_assert!(first == outcomes.len() || outcomes[..first].iter().any(Result::is_err));
        let too_large = outcomes[..first].iter().zip(&all).filter(|(_, item)| item.bytes > MEMORY);
        prop_assert_eq!(seen.begun, first - too_large.count());
    }
}

fn plain(number: usize) -> Item {
    Item {
        number,
        bytes: 1,
        fate: Fate::Good,
        turns: 1,
    }
}

#[test]
fn computing_begins_while_the_rest_downloads() {
    // The second download ends only after the first item has come through.
    let (through, mut first_is_through) = tokio::sync::mpsc::channel(1);
    let waits = tokio::sync::Mutex::new(&mut first_is_through);
    let report = wait_for(async {
        items([0, 1], |_| 1)
            .download(async |number| {
                if number == 1 {
                    waits.lock().await.recv().await;
                }
                Ok::<_, Poison>(number)
            })
            .compute(Ok)
            .upload(async |number: i32| {
                let _ = through.try_send(());
                Ok(number)
            })
            .run()
            .await
    });
    assert_eq!(report.into_results().unwrap(), [0, 1]);
}

#[test]
fn zero_transfers_are_an_error_of_every_item() {
    let seen = wait_for(bring(vec![plain(0), plain(1)], 0, false));
    for (index, outcome) in seen.report.outcomes.iter().enumerate() {
        let error = outcome.as_ref().unwrap_err();
        assert!(matches!(error.cause, Cause::ZeroTransfers));
        assert_eq!((error.index, error.stage), (index, None));
    }
    assert_eq!(seen.begun, 0);
}

#[test]
fn the_deadline_ends_it_and_says_how_far_each_item_was() {
    let report = wait_for(async {
        items(0..5, |_| 1)
            .transfers(2)
            .memory(2)
            // As long as a slow machine may take for the first item.
            .deadline(Deadline::after(Duration::from_secs(2)))
            .download(async |number| {
                if number == 1 {
                    std::future::pending::<()>().await;
                }
                Ok::<_, Poison>(number)
            })
            .compute(Ok)
            .upload(async |number| {
                if number == 2 {
                    std::future::pending::<()>().await;
                }
                Ok(number)
            })
            .run()
            .await
    });
    assert!(matches!(report.outcomes[0], Ok(0)));
    let stages = report.outcomes[1..].iter().map(|outcome| {
        let error = outcome.as_ref().unwrap_err();
        assert!(matches!(error.cause, Cause::DeadlineExceeded));
        assert_eq!(error.error_type(), "DeadlineExceeded");
        error.stage
    });
    let stages: Vec<_> = stages.collect();
    let (download, upload) = (Some(Stage::Download), Some(Stage::Upload));
    assert_eq!(stages, [download, upload, None, None]);
}

#[test]
fn nothing_begins_that_could_not_end() {
    let begun = AtomicUsize::new(0);
    let run = || {
        items([1, 2], |_| 1)
            .lead(Duration::from_secs(60))
            .download(async |number| {
                begun.fetch_add(1, Ordering::Relaxed);
                Ok::<_, Poison>(number)
            })
            .compute(Ok)
            .upload(async |number: i32| Ok(number))
            .run()
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    // Less than the lead, less than the margin, and already past.
    for left in [Duration::from_secs(59), MARGIN / 2, Duration::ZERO] {
        let report = runtime.block_on(invocation(left).scope(run()));
        assert_eq!(report.failures().count(), 2);
        for error in report.failures() {
            assert!(matches!(error.cause, Cause::DeadlineExceeded));
            assert_eq!(error.stage, None);
        }
    }
    assert_eq!(begun.load(Ordering::Relaxed), 0);
    let report = wait_for(run());
    assert_eq!(report.into_results().unwrap(), [1, 2]);
}

#[test]
fn dropping_it_drops_everything() {
    let bytes = Arc::new(Gauge::default());
    wait_for(async {
        let mut running = Box::pin(
            items(0..9, |_| 1)
                .transfers(3)
                .download(async |_| {
                    let payload = bytes.add(1);
                    std::future::pending::<()>().await;
                    Ok::<_, Poison>(payload)
                })
                .compute(Ok)
                .upload(async |payload: Held| Ok(payload.amount))
                .run(),
        );
        assert!(running.as_mut().now_or_never().is_none());
        assert_eq!(bytes.now(), 3);
        drop(running);
        assert_eq!(bytes.now(), 0);
    });
}

#[test]
fn errors_name_item_and_stage() {
    let poisoned = |number, stage| Item {
        fate: Fate::Fails(stage),
        ..plain(number)
    };
    let panics = Item {
        fate: Fate::Panics(Stage::Compute),
        ..plain(1)
    };
    let large = Item {
        bytes: MEMORY + 1,
        ..plain(2)
    };
    let all = vec![poisoned(0, Stage::Upload), panics, large];
    let seen = wait_for(bring(all, 4, false));
    let said: Vec<_> = seen
        .report
        .failures()
        .map(|error| (error.error_type(), error.to_string()))
        .collect();
    let expected = [
        ("Poison", "item 0, upload: poison"),
        ("ItemPanicked", "item 1, compute: panicked: `boom`"),
        (
            "ItemTooLarge",
            "item 2: takes 101 bytes, and the pipeline has `100` for all",
        ),
    ];
    assert_eq!(said, expected.map(|(kind, text)| (kind, text.to_owned())));
    let error = seen.report.into_results().unwrap_err();
    assert_eq!(Diagnostic::from(error).error_type, "Poison");
}

#[test]
fn handlers_can_await_it_on_any_runtime() {
    fn is_send<T: Send>(_: &T) {}
    let client = Arc::new("client");
    let run = items(vec![1], |_| 1)
        .download(|number: u32| {
            let client = client.clone();
            async move { Ok::<_, Poison>((client.len(), number)) }
        })
        .compute(Ok)
        .upload(async |(length, number): (usize, u32)| Ok((length, number)))
        .run();
    is_send(&run);
    assert_eq!(wait_for(run).into_results().unwrap(), [(6, 1)]);
}
