//! What waits for one subscriber, between whoever records and the task that delivers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use kiln_protocol::telemetry_api::Subscription;
use kiln_protocol::telemetry_record::{Category, Record, Schema};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::{Filter, Limits, Lost};

/// Something that happened.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) time: SystemTime,
    pub(super) record: Record,
}

impl Entry {
    /// The memory that keeping it takes, roughly, and never too little for the queue's limit to hold.
    pub(super) fn cost(&self) -> usize {
        let content = match &self.record {
            Record::FunctionLine(line) | Record::ExtensionLine(line) => line.text.len(),
            // Their strings are identifiers and the like; the longest, ARNs and trace headers.
            Record::Fault(text) => text.len(),
            _ => 1_024,
        };
        content + size_of::<Self>() + size_of::<Item>()
    }

    /// What it counts as when it is dropped. Cheap for lines, of which there may be a flood.
    fn count(&self) -> Count {
        let bytes = match &self.record {
            Record::FunctionLine(line) | Record::ExtensionLine(line) => line.text.len(),
            record => [Schema::Telemetry20250129, Schema::Logs20210318]
                .into_iter()
                .find_map(|schema| record.json("", schema))
                .map_or(0, |json| json.len()),
        };
        Count {
            records: 1,
            bytes: bytes as u64,
        }
    }
}

/// A number of records and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) records: u64,
    pub(super) bytes: u64,
}

impl Count {
    pub(super) fn add(&mut self, entry: &Entry) {
        *self += entry.count();
    }

    fn is_none(self) -> bool {
        self.records == 0
    }
}

impl std::ops::AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.records += other.records;
        self.bytes += other.bytes;
    }
}

/// What a subscriber is told, in order.
#[derive(Clone, Debug)]
pub(super) enum Told {
    /// A record.
    Entry(Arc<Entry>),
    /// Records that were dropped in this place, since the time.
    Gap(Count, SystemTime),
}

#[derive(Debug)]
pub(super) struct Item {
    pub(super) told: Told,
    /// When it began to wait.
    pub(super) since: Instant,
}

/// What the task finds when it looks.
#[derive(Debug)]
pub(super) enum Found {
    /// The next item.
    Item(Item),
    /// The subscription was replaced; comes before any item that is meant for the new one.
    Replaced,
    /// Nothing; the task is woken when there is enough for it. `flushing`: somebody waits for what
    /// it has.
    Nothing { flushing: bool },
}

/// When a task that has found nothing is to be woken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Enough {
    /// At so many items,
    pub(super) items: usize,
    /// or so many bytes in memory.
    pub(super) cost: usize,
}

/// A bounded queue with one reader.
#[derive(Debug)]
pub(super) struct Outbox {
    queue: Mutex<Queue>,
    wake: Notify,
    /// Tells those who wait for a flush to look again.
    progress: watch::Sender<()>,
    limits: Limits,
}

#[derive(Debug)]
struct Queue {
    subscription: Arc<Subscription>,
    filter: Filter,
    replaced: bool,
    items: VecDeque<Item>,
    /// Memory of the items.
    cost: usize,
    /// What the task has taken and not settled.
    taken: VecDeque<Told>,
    /// What was in a batch that failed, to be told before the next item. Not alone, unless it is
    /// asked for: a subscriber that is dead would be tried for ever.
    owed: Option<(Count, SystemTime)>,
    /// `None` while the task is at work and looks by itself.
    enough: Option<Enough>,
    /// How many items there have ever been, what is owed included,
    pushed: u64,
    /// how many of them the subscriber has acknowledged or lost,
    settled: u64,
    /// and up to which one a flush was asked for.
    flush_to: u64,
    lost: Count,
    /// What the last failed delivery came to.
    failure: Option<String>,
}

impl Outbox {
    pub(super) fn new(subscription: Subscription, limits: Limits) -> Self {
        let queue = Queue {
            filter: Filter::of(&subscription),
            subscription: Arc::new(subscription),
            replaced: false,
            items: VecDeque::new(),
            cost: 0,
            taken: VecDeque::new(),
            owed: None,
            enough: None,
            pushed: 0,
            settled: 0,
            flush_to: 0,
            lost: Count::default(),
            failure: None,
        };
        Self {
            queue: Mutex::new(queue),
            wake: Notify::new(),
            progress: watch::Sender::new(()),
            limits,
        }
    }

    /// Adds a record, or counts it where there is no room.
    pub(super) fn push(&self, entry: &Arc<Entry>, now: Instant) {
        let mut queue = self.lock();
        let cost = entry.cost();
        let limit = self.limits.of(self.limits.queue, entry.record.category());
        if queue.cost + cost > limit {
            self.gap(&mut queue, entry.count(), entry.time, now);
        } else {
            queue.cost += cost;
            let told = Told::Entry(Arc::clone(entry));
            self.append(&mut queue, Item { told, since: now });
        }
    }

    /// Counts records that were dropped before there was a subscriber.
    pub(super) fn push_gap(&self, count: Count) {
        if !count.is_none() {
            self.gap(&mut self.lock(), count, SystemTime::now(), Instant::now());
        }
    }

    fn gap(&self, queue: &mut Queue, count: Count, time: SystemTime, now: Instant) {
        queue.lost += count;
        if !queue.filter.has(Category::Platform) {
            return;
        }
        // Gaps alternate with records, of which there is a bounded number.
        if let Some(Item {
            told: Told::Gap(gap, _),
            ..
        }) = queue.items.back_mut()
        {
            *gap += count;
            return;
        }
        let told = Told::Gap(count, time);
        self.append(queue, Item { told, since: now });
    }

    fn append(&self, queue: &mut Queue, item: Item) {
        queue.items.push_back(item);
        queue.pushed += 1;
        if queue
            .enough
            .is_some_and(|it| queue.items.len() >= it.items || queue.cost >= it.cost)
        {
            self.wake(queue);
        }
    }

    fn wake(&self, queue: &mut Queue) {
        queue.enough = None;
        self.wake.notify_one();
    }

    /// What the task does next. Whoever pushes wakes it from [`woken`](Self::woken) at `enough`.
    pub(super) fn look(&self, enough: Enough) -> Found {
        let mut queue = self.lock();
        if std::mem::take(&mut queue.replaced) {
            return Found::Replaced;
        }
        let flushing = queue.flush_to > queue.settled;
        let item = if (flushing || !queue.items.is_empty())
            && let Some((count, since)) = queue.owed.take()
        {
            let told = Told::Gap(count, since);
            let since = Instant::now();
            Some(Item { told, since })
        } else {
            queue.items.pop_front()
        };
        let Some(item) = item else {
            queue.enough = Some(enough);
            return Found::Nothing { flushing };
        };
        queue.enough = None;
        if let Told::Entry(entry) = &item.told {
            queue.cost -= entry.cost();
        }
        queue.taken.push_back(item.told.clone());
        Found::Item(item)
    }

    /// Returns when there is reason to [look](Self::look).
    pub(super) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// The subscription as it is now.
    pub(super) fn subscription(&self) -> Arc<Subscription> {
        Arc::clone(&self.lock().subscription)
    }

    /// Replaces the subscription: what the task has not taken is for the new one.
    pub(super) fn replace(&self, subscription: Subscription) {
        let mut queue = self.lock();
        let filter = Filter::of(&subscription);
        queue.filter = filter;
        queue.subscription = Arc::new(subscription);
        queue.replaced = true;
        let before = queue.items.len();
        queue.items.retain(|item| match &item.told {
            Told::Entry(entry) => filter.wants(&entry.record),
            Told::Gap(..) => filter.has(Category::Platform),
        });
        queue.cost = queue.items.iter().map(Item::cost).sum();
        queue.settled += (before - queue.items.len()) as u64;
        if !filter.has(Category::Platform) && queue.owed.take().is_some() {
            queue.settled += 1;
        }
        self.wake(&mut queue);
    }

    /// The subscriber has acknowledged so many of the items taken from here.
    pub(super) fn acknowledged(&self, items: usize) {
        let mut queue = self.lock();
        queue.taken.drain(..items);
        queue.settled += items as u64;
        drop(queue);
        self.progress.send_replace(());
    }

    /// So many of the items taken from here will not be delivered.
    pub(super) fn failed(&self, items: usize, failure: String) {
        let mut queue = self.lock();
        let mut untold = Count::default();
        let mut lost = Count::default();
        let mut since = None;
        for told in queue.taken.drain(..items) {
            let time = match told {
                Told::Entry(entry) => {
                    lost.add(&entry);
                    entry.time
                }
                // Lost already, and still not told.
                Told::Gap(count, time) => {
                    untold += count;
                    time
                }
            };
            since.get_or_insert(time);
        }
        queue.lost += lost;
        queue.failure = Some(failure);
        queue.settled += items as u64;
        untold += lost;
        if let Some(since) = since
            && queue.filter.has(Category::Platform)
        {
            if let Some((owed, _)) = &mut queue.owed {
                *owed += untold;
            } else {
                queue.owed = Some((untold, since));
                queue.pushed += 1;
                // It stands before what is being flushed, and must not be counted in its place.
                if queue.flush_to > queue.settled {
                    queue.flush_to += 1;
                }
            }
        }
        drop(queue);
        self.progress.send_replace(());
    }

    /// Nobody delivers any more: whatever is here is lost.
    pub(super) fn abandon(&self) {
        let mut queue = self.lock();
        let mut lost = Count::default();
        let queued = std::mem::take(&mut queue.items);
        let taken = std::mem::take(&mut queue.taken);
        for told in taken
            .into_iter()
            .chain(queued.into_iter().map(|it| it.told))
        {
            if let Told::Entry(entry) = told {
                lost.add(&entry);
            }
        }
        queue.lost += lost;
        queue.cost = 0;
        queue.settled = queue.pushed;
        if !lost.is_none() {
            let ended = || "its environment ended first".to_owned();
            queue.failure.get_or_insert_with(ended);
        }
        drop(queue);
        self.progress.send_replace(());
    }

    /// Asks for everything up to here; `false` when there is nothing.
    pub(super) fn ask_flush(&self) -> bool {
        let mut queue = self.lock();
        if queue.settled == queue.pushed {
            return false;
        }
        queue.flush_to = queue.pushed;
        self.wake(&mut queue);
        true
    }

    /// Returns when what was asked for is settled.
    pub(super) async fn flushed(&self) {
        let mut progress = self.progress.subscribe();
        let done = || {
            let queue = self.lock();
            queue.settled >= queue.flush_to
        };
        // The sender lives as long as `self`.
        let _ = progress.wait_for(|()| done()).await;
    }

    pub(super) fn take_lost(&self, subscriber: &str) -> Option<Lost> {
        let mut queue = self.lock();
        let Count { records, bytes } = std::mem::take(&mut queue.lost);
        let failure = queue.failure.take();
        (records > 0).then(|| Lost {
            subscriber: subscriber.to_owned(),
            records,
            bytes,
            reason: failure.unwrap_or_else(|| "they came faster than it took them".to_owned()),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Item {
    fn cost(&self) -> usize {
        match &self.told {
            Told::Entry(entry) => entry.cost(),
            Told::Gap(..) => 0,
        }
    }
}
