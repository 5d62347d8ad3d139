use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use kiln_protocol::telemetry_api::{Buffering, Destination};
use kiln_protocol::telemetry_record::{InitializationType, Instance, Phase as InitPhase};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::connection::Failure;
use super::*;

#[path = "tests/properties.rs"]
mod properties;
#[path = "tests/wire.rs"]
mod wire;

/// What a subscriber does with a batch.
#[derive(Clone, Copy, Debug)]
enum Reaction {
    Take,
    Refuse,
    TakeAfter(Duration),
    Hang,
}

/// A subscriber that reacts as it is told, and takes what it is given when it is told nothing.
#[derive(Clone, Debug, Default)]
struct Receiver(Arc<Mutex<Received>>);

#[derive(Debug, Default)]
struct Received {
    script: VecDeque<Reaction>,
    tries: usize,
    batches: Vec<(Instant, String)>,
}

impl Receiver {
    fn will(&self, reactions: impl IntoIterator<Item = Reaction>) {
        self.0.lock().unwrap().script.extend(reactions);
    }

    fn tries(&self) -> usize {
        self.0.lock().unwrap().tries
    }

    fn batches(&self) -> Vec<(Instant, Vec<Value>)> {
        let received = self.0.lock().unwrap();
        let parse = |(at, body): &(Instant, String)| (*at, serde_json::from_str(body).unwrap());
        received.batches.iter().map(parse).collect()
    }

    fn sizes(&self) -> Vec<usize> {
        self.batches()
            .iter()
            .map(|(_, batch)| batch.len())
            .collect()
    }

    fn records(&self) -> Vec<Value> {
        self.batches().into_iter().flat_map(|it| it.1).collect()
    }

    /// Lines by their text, other records by their type.
    fn told(&self) -> Vec<String> {
        let told = |record: Value| match &record["record"] {
            Value::String(line) => line.clone(),
            _ => record["type"].as_str().unwrap().to_owned(),
        };
        self.records().into_iter().map(told).collect()
    }
}

impl Transport for Receiver {
    async fn send(&mut self, _: &Destination, body: Bytes) -> Result<(), Failure> {
        let reaction = {
            let mut received = self.0.lock().unwrap();
            received.tries += 1;
            received.script.pop_front().unwrap_or(Reaction::Take)
        };
        match reaction {
            Reaction::Take => {}
            Reaction::Refuse => {
                return Err(Failure::Status(http::StatusCode::INTERNAL_SERVER_ERROR));
            }
            Reaction::TakeAfter(time) => sleep(time).await,
            Reaction::Hang => std::future::pending().await,
        }
        let body = String::from_utf8(body.to_vec()).unwrap();
        let now = Instant::now();
        self.0.lock().unwrap().batches.push((now, body));
        Ok(())
    }
}

fn subscription(types: &[Category]) -> Subscription {
    Subscription {
        schema: Schema::Telemetry20220701,
        types: types.to_vec(),
        buffering: Buffering {
            max_items: 1_000,
            max_bytes: 262_144,
            timeout: Duration::from_millis(100),
        },
        destination: Destination::Http {
            port: 8080,
            path: "/".to_owned(),
        },
    }
}

fn subscribe(telemetry: &Telemetry, name: &str, subscription: Subscription) -> Receiver {
    let receiver = Receiver::default();
    let answer = telemetry.subscribe_by(receiver.clone(), Api::Telemetry, name, subscription);
    assert_eq!(answer, Answer::Subscribed);
    receiver
}

fn init_start() -> Record {
    Record::InitStart {
        initialization_type: InitializationType::OnDemand,
        phase: InitPhase::Init,
        instance: Instance::default(),
        tracing: None,
    }
}

fn start(id: &str) -> Record {
    Record::Start {
        request_id: id.to_owned(),
        function_arn: None,
        version: None,
        tenant_id: None,
        tracing: None,
    }
}

fn say(telemetry: &Telemetry, text: &str) {
    telemetry.function_line(SystemTime::UNIX_EPOCH, text, false);
}

fn tell(telemetry: &Telemetry, record: Record) {
    telemetry.record(SystemTime::UNIX_EPOCH, record);
}

async fn flush(telemetry: &Telemetry) {
    let patience = Instant::now() + Duration::from_secs(3_600);
    assert!(telemetry.flush(patience).await);
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_sees_its_environment_from_the_beginning() {
    let telemetry = Telemetry::new();
    tell(&telemetry, init_start());
    say(&telemetry, "init");
    let first = subscribe(&telemetry, "first", subscription(&ALL));
    tell(
        &telemetry,
        subscribed(Api::Telemetry, "first", &[Category::Platform]),
    );
    telemetry.extension_line(SystemTime::UNIX_EPOCH, "ready", false);
    let second = subscribe(&telemetry, "second", subscription(&[Category::Function]));
    telemetry.close_subscriptions();
    say(&telemetry, "work");
    flush(&telemetry).await;
    assert_eq!(
        first.told(),
        [
            "platform.initStart",
            "init",
            "platform.telemetrySubscription",
            "ready",
            "work"
        ]
    );
    assert_eq!(second.told(), ["init", "work"]);
    assert_eq!(
        first.records()[1],
        json!({"time": "1970-01-01T00:00:00.000Z", "type": "function", "record": "init"})
    );
    assert_eq!(telemetry.take_lost(), []);
}

#[tokio::test(start_paused = true)]
async fn a_schema_gets_its_records_only() {
    let telemetry = Telemetry::new();
    tell(&telemetry, init_start());
    let receiver = Receiver::default();
    let logs = Subscription {
        schema: Schema::Logs20200815,
        ..subscription(&[Category::Platform])
    };
    telemetry.subscribe_by(receiver.clone(), Api::Logs, "old", logs);
    tell(&telemetry, start("1"));
    tell(
        &telemetry,
        Record::End {
            request_id: "1".to_owned(),
        },
    );
    flush(&telemetry).await;
    assert_eq!(receiver.told(), ["platform.start", "platform.end"]);
}

#[test]
fn nothing_is_kept_for_nobody() {
    let telemetry = Telemetry::new();
    assert!(ALL.into_iter().all(|it| telemetry.wants(it)));
    say(&telemetry, "init");
    telemetry.close_subscriptions();
    assert!(!ALL.into_iter().any(|it| telemetry.wants(it)));
    // Outside of a runtime, even.
    say(&telemetry, "work");
    assert!(telemetry.lock().history.entries.is_empty());
}

#[tokio::test(start_paused = true)]
async fn only_what_somebody_asked_for_is_wanted() {
    let telemetry = Telemetry::new();
    let _receiver = subscribe(&telemetry, "e", subscription(&[Category::Function]));
    telemetry.close_subscriptions();
    assert_eq!(
        ALL.map(|category| telemetry.wants(category)),
        [false, true, false]
    );
    telemetry.end();
    assert!(!telemetry.wants(Category::Function));
}

#[tokio::test(start_paused = true)]
async fn a_batch_goes_when_its_time_is_up() {
    let telemetry = Telemetry::new();
    let receiver = subscribe(&telemetry, "e", subscription(&ALL));
    let began = Instant::now();
    say(&telemetry, "1");
    sleep(Duration::from_millis(60)).await;
    say(&telemetry, "2");
    sleep(Duration::from_millis(60)).await;
    say(&telemetry, "3");
    sleep(Duration::from_millis(300)).await;
    let times: Vec<_> = receiver
        .batches()
        .iter()
        .map(|(at, batch)| (at.duration_since(began).as_millis(), batch.len()))
        .collect();
    assert_eq!(times, [(100, 2), (220, 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_goes_when_it_has_its_items() {
    let telemetry = Telemetry::new();
    let receiver = subscribe(&telemetry, "e", subscription(&ALL));
    for number in 0..2_500 {
        say(&telemetry, &number.to_string());
        if number % 100 == 0 {
            tokio::task::yield_now().await;
        }
    }
    sleep(Duration::from_millis(1)).await;
    assert_eq!(receiver.sizes(), [1_000, 1_000]);
    sleep(Duration::from_millis(100)).await;
    assert_eq!(receiver.sizes(), [1_000, 1_000, 500]);
    let expected: Vec<_> = (0..2_500).map(|number| number.to_string()).collect();
    assert_eq!(receiver.told(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_batch_goes_when_it_has_its_bytes_and_has_no_more() {
    let telemetry = Telemetry::new();
    let receiver = subscribe(&telemetry, "e", subscription(&ALL));
    // Six bytes each, in JSON.
    let line = "\u{1}".repeat(10_000);
    for _ in 0..13 {
        say(&telemetry, &line);
        tokio::task::yield_now().await;
    }
    sleep(Duration::from_millis(1)).await;
    assert_eq!(receiver.sizes(), [4, 4, 4]);
    // One that is greater than any batch goes alone.
    say(&telemetry, &"\u{1}".repeat(256 * 1024));
    say(&telemetry, "small");
    flush(&telemetry).await;
    assert_eq!(receiver.sizes(), [4, 4, 4, 1, 1, 1]);
    let received = receiver.0.lock().unwrap();
    let bodies = received.batches.iter().map(|(_, body)| body.len());
    assert_eq!(bodies.filter(|length| *length > 262_144).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_is_tried_again_then_dropped_and_told() {
    let telemetry = Telemetry::new();
    let receiver = subscribe(&telemetry, "e", subscription(&ALL));
    receiver.will([Reaction::Refuse, Reaction::Refuse, Reaction::Refuse]);
    say(&telemetry, "stubborn");
    flush(&telemetry).await;
    assert_eq!(
        (receiver.tries(), receiver.told()),
        (4, vec!["stubborn".to_owned()])
    );
    assert_eq!(telemetry.take_lost(), []);

    receiver.will([Reaction::Refuse; 4]);
    say(&telemetry, "lost");
    say(&telemetry, "too");
    sleep(Duration::from_secs(60)).await;
    // Nobody is told of a loss by itself, again and again.
    assert_eq!(receiver.tries(), 8);
    say(&telemetry, "found");
    flush(&telemetry).await;
    assert_eq!(
        receiver.told(),
        ["stubborn", "platform.logsDropped", "found"]
    );
    let gap = &receiver.records()[1]["record"];
    assert_eq!(gap["droppedRecords"], 2);
    assert_eq!(gap["droppedBytes"], 7);
    assert_eq!(
        gap["reason"],
        "Consumer seems to have fallen behind as it has not acknowledged receipt of logs."
    );
    let lost = telemetry.take_lost();
    assert_eq!(
        lost[0].to_string(),
        "extension `e` did not get 2 telemetry records (7 bytes): it answered 500 Internal Server Error"
    );
    assert_eq!(telemetry.take_lost(), []);
}

#[tokio::test(start_paused = true)]
async fn a_flush_tells_of_a_loss() {
    let telemetry = Telemetry::new();
    let receiver = subscribe(&telemetry, "e", subscription(&ALL));
    receiver.will([Reaction::Refuse; 4]);
    say(&telemetry, "lost");
    flush(&telemetry).await;
    assert_eq!(receiver.told(), Vec::<String>::new());
    flush(&telemetry).await;
    assert_eq!(receiver.told(), ["platform.logsDropped"]);
}

/// The gap that a failed batch leaves is not counted in the place of a record behind it.
#[tokio::test(start_paused = true)]
async fn a_flush_waits_for_what_is_behind_a_gap() {
    let telemetry = Telemetry::new();
    let two = Subscription {
        buffering: Buffering {
            max_items: 2,
            ..Buffering::default()
        },
        ..subscription(&ALL)
    };
    let receiver = subscribe(&telemetry, "e", two);
    receiver.will([Reaction::Refuse; 4]);
    receiver.will([Reaction::Take, Reaction::TakeAfter(Duration::from_secs(1))]);
    for line in ["1", "2", "3", "4"] {
        say(&telemetry, line);
    }
    flush(&telemetry).await;
    assert_eq!(receiver.told(), ["platform.logsDropped", "3", "4"]);
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_that_hangs_costs_nobody_else_anything() {
    let limits = Limits {
        queue: 100_000,
        ..Limits::default()
    };
    let telemetry = Telemetry::with_limits(limits);
    let hangs = subscribe(&telemetry, "hangs", subscription(&[Category::Function]));
    hangs.will([Reaction::Hang; 100]);
    let works = subscribe(&telemetry, "works", subscription(&ALL));
    for number in 0..1_000 {
        say(&telemetry, &number.to_string());
        tokio::time::advance(Duration::from_millis(1)).await;
    }
    tell(&telemetry, start("id"));
    sleep(Duration::from_secs(1)).await;
    assert_eq!(works.told().len(), 1_001);
    assert!(
        !telemetry
            .flush(Instant::now() + Duration::from_secs(1))
            .await
    );
    {
        let state = telemetry.lock();
        let outbox = &state.subscribers[0].outbox;
        assert!(outbox.take_lost("").is_some_and(|lost| lost.records > 500));
    }
    telemetry.end();
    let lost = telemetry.take_lost();
    assert_eq!((lost.len(), lost[0].subscriber.as_str()), (1, "hangs"));
    assert_eq!(hangs.told(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_leaves_a_gap_where_it_was_and_has_room_for_the_platform() {
    let limits = Limits {
        queue: 10_000,
        ..Limits::default()
    };
    let telemetry = Telemetry::with_limits(limits);
    let receiver = subscribe(&telemetry, "e", subscription(&ALL));
    receiver.will([Reaction::TakeAfter(Duration::from_secs(1))]);
    say(&telemetry, "first");
    sleep(Duration::from_millis(150)).await;
    for _ in 0..100 {
        say(&telemetry, "four");
    }
    tell(&telemetry, start("id"));
    flush(&telemetry).await;
    say(&telemetry, "last");
    flush(&telemetry).await;
    let told = receiver.told();
    let delivered = told.iter().filter(|it| *it == "four").count();
    assert!((5..100).contains(&delivered), "{delivered}");
    assert_eq!(
        told[delivered + 1..],
        ["platform.logsDropped", "platform.start", "last"]
    );
    let gap = &receiver.records()[delivered + 1]["record"];
    assert_eq!(gap["droppedRecords"], 100 - delivered);
    assert_eq!(gap["droppedBytes"], 4 * (100 - delivered));
    let lost = telemetry.take_lost();
    assert_eq!(lost[0].records, 100 - delivered as u64);
    assert_eq!(lost[0].reason, "they came faster than it took them");
}

#[tokio::test(start_paused = true)]
async fn the_history_is_bounded_and_says_what_it_has_not() {
    let limits = Limits {
        history: 10_000,
        ..Limits::default()
    };
    let telemetry = Telemetry::with_limits(limits);
    for number in 0..100 {
        say(&telemetry, &format!("{number:04}"));
        telemetry.extension_line(SystemTime::UNIX_EPOCH, "other", false);
    }
    tell(&telemetry, start("id"));
    let receiver = subscribe(
        &telemetry,
        "e",
        subscription(&[Category::Platform, Category::Function]),
    );
    say(&telemetry, "now");
    flush(&telemetry).await;
    let told = receiver.told();
    let delivered = told.iter().take_while(|it| it.starts_with('0')).count();
    assert_eq!(
        told[delivered..],
        ["platform.start", "platform.logsDropped", "now"]
    );
    let gap = &receiver.records()[delivered + 1]["record"];
    assert_eq!(gap["droppedRecords"], 100 - delivered);
}

#[tokio::test(start_paused = true)]
async fn the_frozen_are_waited_for() {
    let telemetry = Telemetry::new();
    let receiver = subscribe(&telemetry, "e", subscription(&ALL));
    receiver.will([Reaction::TakeAfter(Duration::from_secs(3_000))]);
    say(&telemetry, "1");
    sleep(Duration::from_secs(1)).await;
    telemetry.freeze();
    say(&telemetry, "2");
    // Far longer than anybody's patience; the answer comes while the subscriber is frozen here, and
    // is as good as any.
    sleep(Duration::from_secs(3_600)).await;
    assert_eq!(
        (receiver.tries(), receiver.told()),
        (1, vec!["1".to_owned()])
    );
    assert!(
        !telemetry
            .flush(Instant::now() + Duration::from_secs(60))
            .await
    );
    assert_eq!(receiver.tries(), 1);
    telemetry.thaw();
    flush(&telemetry).await;
    assert_eq!(receiver.told(), ["1", "2"]);

    // In its own time, it has so much of it and no more.
    receiver.will([Reaction::Hang]);
    say(&telemetry, "3");
    sleep(Duration::from_secs(5)).await;
    telemetry.freeze();
    sleep(Duration::from_secs(3_600)).await;
    telemetry.thaw();
    sleep(Duration::from_secs(4)).await;
    assert_eq!(receiver.tries(), 3);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(receiver.told(), ["1", "2", "3"]);
}

#[tokio::test(start_paused = true)]
async fn a_second_subscription_replaces_the_first() {
    let telemetry = Telemetry::new();
    say(&telemetry, "init");
    let receiver = subscribe(&telemetry, "e", subscription(&ALL));
    sleep(Duration::from_millis(150)).await;
    tell(&telemetry, start("1"));
    say(&telemetry, "pending");
    let again = Subscription {
        buffering: Buffering {
            timeout: Duration::from_secs(10),
            ..Buffering::default()
        },
        ..subscription(&[Category::Function])
    };
    let other = Receiver::default();
    let answer = telemetry.subscribe_by(other.clone(), Api::Telemetry, "e", again);
    assert_eq!(answer, Answer::Subscribed);
    let began = Instant::now();
    tell(&telemetry, start("2"));
    say(&telemetry, "new");
    sleep(Duration::from_secs(20)).await;
    let batches = receiver.batches();
    let (at, _) = batches.last().unwrap();
    assert_eq!(at.duration_since(began), Duration::from_secs(10));
    assert_eq!(receiver.told(), ["init", "pending", "new"]);
    assert_eq!(other.tries(), 0);
    assert_eq!(telemetry.take_lost(), []);
}

#[tokio::test(start_paused = true)]
async fn subscriptions_are_refused_when_they_must_be() {
    let telemetry = Telemetry::new();
    let _receiver = subscribe(&telemetry, "e", subscription(&ALL));
    let put = |api, name| telemetry.subscribe(api, name, subscription(&ALL));
    assert_eq!(put(Api::Logs, "e"), Answer::OtherApiInUse(Api::Telemetry));
    assert_eq!(put(Api::Logs, "other"), Answer::Subscribed);
    telemetry.close_subscriptions();
    assert_eq!(put(Api::Telemetry, "e"), Answer::Closed(Api::Telemetry));
    assert_eq!(put(Api::Logs, "late"), Answer::Closed(Api::Logs));
    // A reset kills them, and a new init begins.
    telemetry.reopen();
    assert!(telemetry.lock().subscribers.is_empty());
    assert_eq!(put(Api::Logs, "e"), Answer::Subscribed);
    telemetry.end();
    assert_eq!(put(Api::Telemetry, "e"), Answer::Closing);
    telemetry.reopen();
    assert_eq!(put(Api::Telemetry, "e"), Answer::Closing);
}
