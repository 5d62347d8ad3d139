//! The Telemetry API and the Logs API of one environment: who is subscribed, and what happened.
//!
//! [`Telemetry::record`] is called in the middle of an invocation. It never waits: a record is put
//! into the queue of each subscriber that wants it, and a task of the subscriber's own writes and
//! delivers it. Queues are bounded; what a subscriber cannot take is dropped, counted, and told to
//! it by a `platform.logsDropped` in the place of the gap. A subscriber that is slow, dead or
//! answers with errors costs nobody but itself.
//!
//! What happened before a subscription is kept until subscriptions close, so that a subscriber sees
//! its environment's init from the beginning, as on AWS.
//!
//! Source: [Telemetry API](https://docs.aws.amazon.com/lambda/latest/dg/telemetry-api.html) and
//! [Logs API](https://docs.aws.amazon.com/lambda/latest/dg/runtimes-logs-api.html). How often
//! delivery is tried and how much is kept is not documented.

mod batch;
mod connection;
mod delivery;
mod outbox;

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use kiln_protocol::telemetry_api::{Answer, Api, Subscription};
use kiln_protocol::telemetry_record::{Category, Line, Record, Schema, SubscriptionState};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use connection::{Link, Transport};
use outbox::{Count, Entry, Outbox};

/// How much is kept, in bytes of memory, records and what keeping them costs included.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// For a subscriber: eight batches of the greatest size.
    queue: usize,
    /// Of what happened before a subscriber subscribed.
    history: usize,
    /// For records of the platform beyond either, which a flood of lines must not crowd out.
    reserve: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            queue: 8 << 20,
            history: 1 << 20,
            reserve: 256 << 10,
        }
    }
}

impl Limits {
    /// The limit that holds for a record.
    fn of(self, limit: usize, category: Category) -> usize {
        match category {
            Category::Platform => limit.saturating_add(self.reserve),
            Category::Function | Category::Extension => limit,
        }
    }
}

/// The subscriptions of one environment, and the records on their way.
///
/// Deliveries end with it. Its methods need a Tokio runtime only for [`subscribe`](Self::subscribe)
/// and [`flush`](Self::flush).
pub struct Telemetry {
    /// The categories somebody wants, one bit each.
    wanted: AtomicU8,
    state: Mutex<State>,
    frozen: watch::Sender<bool>,
    limits: Limits,
}

struct State {
    phase: Phase,
    /// Empty unless subscriptions are open.
    history: History,
    subscribers: Vec<Subscriber>,
    /// Losses of subscribers that are no more.
    lost: Vec<Lost>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Extensions may subscribe.
    Open,
    /// The init phase is over.
    Closed,
    /// The environment is going away.
    Ended,
}

#[derive(Default)]
struct History {
    entries: Vec<Arc<Entry>>,
    cost: usize,
    /// Lines there was no room for. Records of the platform are few during init; those that find
    /// no room are counted all the same, whatever their schema.
    dropped: [Count; 3],
}

struct Subscriber {
    name: String,
    api: Api,
    filter: Filter,
    outbox: Arc<Outbox>,
    delivery: AbortHandle,
}

/// Which records a subscription is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Filter {
    categories: u8,
    schema: Schema,
}

impl Filter {
    fn of(subscription: &Subscription) -> Self {
        Self {
            categories: subscription.types.iter().fold(0, |all, it| all | bit(*it)),
            schema: subscription.schema,
        }
    }

    fn wants(self, record: &Record) -> bool {
        self.has(record.category()) && record.is_in(self.schema)
    }

    fn has(self, category: Category) -> bool {
        self.categories & bit(category) != 0
    }
}

const ALL: [Category; 3] = [Category::Platform, Category::Function, Category::Extension];

fn bit(category: Category) -> u8 {
    1 << index(category)
}

fn index(category: Category) -> usize {
    match category {
        Category::Platform => 0,
        Category::Function => 1,
        Category::Extension => 2,
    }
}

/// What a subscriber did not get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The extension.
    pub subscriber: String,
    /// How many records.
    pub records: u64,
    /// Their bytes: of lines their text, of the platform's records their JSON.
    pub bytes: u64,
    /// Why: what the last failed delivery came to, else that they came too fast.
    pub reason: String,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            subscriber,
            records,
            bytes,
            reason,
        } = self;
        write!(
            f,
            "extension `{subscriber}` did not get {records} telemetry records ({bytes} bytes): {reason}"
        )
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self::new()
    }
}

impl Telemetry {
    /// Telemetry of an environment whose init phase begins: open for subscriptions.
    pub fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    fn with_limits(limits: Limits) -> Self {
        let state = State {
            phase: Phase::Open,
            history: History::default(),
            subscribers: Vec::new(),
            lost: Vec::new(),
        };
        let telemetry = Self {
            wanted: AtomicU8::new(0),
            state: Mutex::new(state),
            frozen: watch::Sender::new(false),
            limits,
        };
        telemetry.update_wanted(&telemetry.lock());
        telemetry
    }

    /// Whether anybody wants, or may yet want, such records: otherwise there is no need to make one.
    pub fn wants(&self, category: Category) -> bool {
        // Set before the first record that matters and cleared after the last: a record that
        // passes while subscriptions close belongs to neither side.
        self.wanted.load(Ordering::Relaxed) & bit(category) != 0
    }

    /// Tells what happened at `time`. Neither waits nor writes; a subscriber without room for it
    /// loses it, and is told how many it lost.
    pub fn record(&self, time: SystemTime, record: Record) {
        if self.wants(record.category()) {
            self.push(Entry { time, record });
        }
    }

    /// Tells a line of the function. `json` says that the function's log format is JSON. Without a
    /// subscriber to lines, the text is not even copied.
    pub fn function_line(&self, time: SystemTime, text: &str, json: bool) {
        self.line(Category::Function, time, text, json, Record::FunctionLine);
    }

    /// Tells a line of an extension, as [`function_line`](Self::function_line) does the function's.
    pub fn extension_line(&self, time: SystemTime, text: &str, json: bool) {
        self.line(Category::Extension, time, text, json, Record::ExtensionLine);
    }

    fn line(
        &self,
        category: Category,
        time: SystemTime,
        text: &str,
        json: bool,
        record: fn(Line) -> Record,
    ) {
        if self.wants(category) {
            let text = text.to_owned();
            let record = record(Line { text, json });
            self.push(Entry { time, record });
        }
    }

    fn push(&self, entry: Entry) {
        let entry = Arc::new(entry);
        let now = Instant::now();
        // The one lock gives every subscriber the same order.
        let mut state = self.lock();
        for subscriber in &state.subscribers {
            if subscriber.filter.wants(&entry.record) {
                subscriber.outbox.push(&entry, now);
            }
        }
        if state.phase == Phase::Open {
            state.history.push(entry, self.limits);
        }
    }

    /// Subscribes an extension, or replaces its subscription: what has not been delivered then goes
    /// where the new one says. A new subscriber gets what has happened since the environment began.
    ///
    /// What else a subscription calls for, the caller does once it was [`Answer::Subscribed`]: tell
    /// [`subscribed`]'s record, which the subscriber gets too.
    pub fn subscribe(&self, api: Api, extension: &str, subscription: Subscription) -> Answer {
        self.subscribe_by(Link::default(), api, extension, subscription)
    }

    fn subscribe_by<T: Transport>(
        &self,
        transport: T,
        api: Api,
        extension: &str,
        subscription: Subscription,
    ) -> Answer {
        let mut state = self.lock();
        match state.phase {
            Phase::Open => {}
            Phase::Closed => return Answer::Closed(api),
            Phase::Ended => return Answer::Closing,
        }
        let filter = Filter::of(&subscription);
        let State {
            subscribers,
            history,
            ..
        } = &mut *state;
        if let Some(subscriber) = subscribers.iter_mut().find(|it| it.name == extension) {
            if subscriber.api != api {
                return Answer::OtherApiInUse(subscriber.api);
            }
            subscriber.filter = filter;
            subscriber.outbox.replace(subscription);
            return Answer::Subscribed;
        }
        let outbox = Arc::new(Outbox::new(subscription, self.limits));
        let now = Instant::now();
        for entry in &history.entries {
            if filter.wants(&entry.record) {
                outbox.push(entry, now);
            }
        }
        for category in ALL {
            if filter.has(category) {
                outbox.push_gap(history.dropped[index(category)]);
            }
        }
        let delivery = delivery::run(transport, Arc::clone(&outbox), self.frozen.subscribe());
        subscribers.push(Subscriber {
            name: extension.to_owned(),
            api,
            filter,
            outbox,
            delivery: tokio::spawn(delivery).abort_handle(),
        });
        Answer::Subscribed
    }

    /// Ends the time of subscriptions: every extension has asked for its first event. Without a
    /// subscriber, nothing is kept from here on.
    pub fn close_subscriptions(&self) {
        let mut state = self.lock();
        if state.phase == Phase::Open {
            state.phase = Phase::Closed;
            state.history = History::default();
            self.update_wanted(&state);
        }
    }

    /// Begins anew, as for the init after a reset: the processes that had subscribed are gone, and
    /// what they have not been sent is lost. [Flush](Self::flush) first.
    pub fn reopen(&self) {
        self.clear(Phase::Open);
    }

    /// Ends all deliveries, with the environment. [Flush](Self::flush) first.
    pub fn end(&self) {
        self.clear(Phase::Ended);
    }

    fn clear(&self, phase: Phase) {
        let mut state = self.lock();
        if state.phase == Phase::Ended {
            return;
        }
        let State {
            subscribers, lost, ..
        } = &mut *state;
        for subscriber in subscribers.drain(..) {
            subscriber.delivery.abort();
            subscriber.outbox.abandon();
            lost.extend(subscriber.outbox.take_lost(&subscriber.name));
        }
        state.phase = phase;
        state.history = History::default();
        self.update_wanted(&state);
    }

    /// The processes are about to be frozen: deliveries pause, and so do the times they are given.
    /// Records are taken as ever.
    pub fn freeze(&self) {
        self.frozen.send_replace(true);
    }

    /// The processes run again: what is due is delivered.
    pub fn thaw(&self) {
        self.frozen.send_replace(false);
    }

    /// Delivers what has been recorded so far without waiting for batches to fill; returns whether
    /// every subscriber had acknowledged or lost all of it by the deadline.
    ///
    /// May be dropped at any time: what it has asked for goes on. At once when nothing is pending.
    pub async fn flush(&self, deadline: Instant) -> bool {
        let outboxes: Vec<_> = {
            let state = self.lock();
            let subscribers = state.subscribers.iter();
            subscribers
                .filter(|it| it.outbox.ask_flush())
                .map(|it| Arc::clone(&it.outbox))
                .collect()
        };
        let all = async {
            for outbox in &outboxes {
                outbox.flushed().await;
            }
        };
        tokio::time::timeout_at(deadline, all).await.is_ok()
    }

    /// What was lost since this was last asked, by subscriber, for the environment's log: a
    /// subscriber that did not ask for the platform's records cannot be told itself.
    pub fn take_lost(&self) -> Vec<Lost> {
        let mut state = self.lock();
        let mut lost = std::mem::take(&mut state.lost);
        for subscriber in &state.subscribers {
            lost.extend(subscriber.outbox.take_lost(&subscriber.name));
        }
        lost
    }

    fn update_wanted(&self, state: &State) {
        let wanted = match state.phase {
            Phase::Open => ALL.into_iter().fold(0, |all, it| all | bit(it)),
            Phase::Closed => {
                let filters = state.subscribers.iter().map(|it| it.filter.categories);
                filters.fold(0, |all, categories| all | categories)
            }
            Phase::Ended => 0,
        };
        self.wanted.store(wanted, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves whole records behind.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl History {
    fn push(&mut self, entry: Arc<Entry>, limits: Limits) {
        let (category, cost) = (entry.record.category(), entry.cost());
        if self.cost + cost > limits.of(limits.history, category) {
            // What came first tells most about an init, and is what subscribers count on.
            self.dropped[index(category)].add(&entry);
        } else {
            self.cost += cost;
            self.entries.push(entry);
        }
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        let subscribers: Vec<_> = state.subscribers.iter().map(|it| &it.name).collect();
        f.debug_struct("Telemetry")
            .field("phase", &state.phase)
            .field("subscribers", &subscribers)
            .finish_non_exhaustive()
    }
}

/// The record of a subscription.
pub fn subscribed(api: Api, extension: &str, types: &[Category]) -> Record {
    let (name, types) = (extension.to_owned(), types.to_vec());
    let state = SubscriptionState::Subscribed;
    match api {
        Api::Telemetry => Record::TelemetrySubscription { name, state, types },
        Api::Logs => Record::LogsSubscription { name, state, types },
    }
}

#[cfg(test)]
mod tests;
