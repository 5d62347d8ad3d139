//! Records written for one subscriber, until there are enough of them to send.

use std::time::SystemTime;

use bytes::Bytes;
use kiln_protocol::telemetry_api::{Destination, Subscription};
use kiln_protocol::telemetry_record::Record;
use tokio::time::Instant;

use super::outbox::{Enough, Item, Told};
use crate::timestamp::timestamp;

/// `reason` of a gap: AWS's, in the documentation of both APIs.
const REASON: &str =
    "Consumer seems to have fallen behind as it has not acknowledged receipt of logs.";
/// What a byte of a line becomes at most: a control character is `\u0000` in JSON.
const WORST_CASE: usize = 6;

/// A batch being filled.
#[derive(Debug, Default)]
pub(super) struct Batch {
    body: Vec<u8>,
    records: usize,
    /// How many items of the outbox are in it.
    pub(super) items: usize,
    /// When its first record began to wait.
    since: Option<Instant>,
    /// What did not fit, and begins the next.
    next: Option<(String, Instant)>,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.items == 0
    }

    /// There is no room for another item.
    pub(super) fn is_full(&self, subscription: &Subscription) -> bool {
        self.next.is_some() || self.records >= subscription.buffering.max_items
    }

    /// When it is to be sent, full or not.
    pub(super) fn deadline(&self, subscription: &Subscription) -> Option<Instant> {
        self.since
            .map(|since| since + subscription.buffering.timeout)
    }

    /// What it takes to fill the batch: never too much, so that a full batch does not wait.
    pub(super) fn enough(&self, subscription: &Subscription) -> Enough {
        let Some(room) = self.room(subscription) else {
            // The first item begins the time the batch may wait.
            return Enough { items: 1, cost: 0 };
        };
        Enough {
            items: subscription.buffering.max_items - self.records,
            cost: room / WORST_CASE,
        }
    }

    /// Bytes left; `None` as long as it is empty.
    fn room(&self, subscription: &Subscription) -> Option<usize> {
        let used = self.body.len();
        (used > 0).then(|| subscription.buffering.max_bytes.saturating_sub(used))
    }

    /// Adds an item, unless the batch is full.
    pub(super) fn add(&mut self, item: Item, subscription: &Subscription) {
        let schema = subscription.schema;
        let json = match item.told {
            Told::Entry(entry) => entry.record.json(&timestamp(entry.time), schema),
            Told::Gap(count, since) => {
                let gap = Record::LogsDropped {
                    reason: REASON.to_owned(),
                    dropped_records: count.records,
                    dropped_bytes: count.bytes,
                };
                gap.json(&timestamp(since.max(SystemTime::UNIX_EPOCH)), schema)
            }
        };
        let Some(json) = json else {
            // Filtered out where it was queued; nothing is left to say about it.
            self.items += 1;
            return;
        };
        // A separator before and a bracket behind.
        let fits = self
            .room(subscription)
            .is_none_or(|room| json.len() + 2 <= room);
        if fits {
            self.append(&json, item.since, subscription);
        } else {
            self.next = Some((json, item.since));
        }
    }

    fn append(&mut self, json: &str, since: Instant, subscription: &Subscription) {
        match subscription.destination {
            Destination::Http { .. } => {
                let before = if self.body.is_empty() { b'[' } else { b',' };
                self.body.push(before);
                self.body.extend_from_slice(json.as_bytes());
            }
            Destination::Tcp { .. } => {
                self.body.extend_from_slice(json.as_bytes());
                self.body.push(b'\n');
            }
        }
        self.records += 1;
        self.items += 1;
        self.since.get_or_insert(since);
    }

    /// Takes the batch as it is sent, and begins the next; `None` where nothing is to be sent.
    pub(super) fn take(&mut self, subscription: &Subscription) -> (usize, Option<Bytes>) {
        let Self {
            mut body,
            items,
            next,
            ..
        } = std::mem::take(self);
        if let Some((json, since)) = next {
            self.append(&json, since, subscription);
        }
        if let Destination::Http { .. } = subscription.destination
            && !body.is_empty()
        {
            body.push(b']');
        }
        (items, (!body.is_empty()).then(|| Bytes::from(body)))
    }
}
