//! The records that need not be asked for again.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::record::{Record, Status};

/// Completed records, those used last.
#[derive(Debug)]
pub(super) struct Cache {
    most: usize,
    by_id: HashMap<String, (u64, Record)>,
    /// The ids by their last use, which is a number that grows.
    by_use: BTreeMap<u64, String>,
    uses: u64,
}

impl Cache {
    /// Of so many records; of none, it keeps none.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            by_id: HashMap::new(),
            by_use: BTreeMap::new(),
            uses: 0,
        }
    }

    /// The record, unless it has expired.
    pub(super) fn get(&mut self, id: &str, now: Duration) -> Option<Record> {
        let (used, record) = self.by_id.get_mut(id)?;
        let name = self.by_use.remove(used)?;
        if record.has_expired(now) {
            self.by_id.remove(id);
            return None;
        }
        self.uses += 1;
        *used = self.uses;
        self.by_use.insert(self.uses, name);
        Some(record.clone())
    }

    /// Keeps a completed record, and no other.
    pub(super) fn insert(&mut self, record: Record) {
        if self.most == 0 || record.status != Status::Completed {
            return;
        }
        self.remove(&record.id);
        if self.by_id.len() >= self.most
            && let Some((_, oldest)) = self.by_use.pop_first()
        {
            self.by_id.remove(&oldest);
        }
        self.uses += 1;
        self.by_use.insert(self.uses, record.id.clone());
        self.by_id.insert(record.id.clone(), (self.uses, record));
    }

    pub(super) fn remove(&mut self, id: &str) {
        if let Some((used, _)) = self.by_id.remove(id) {
            self.by_use.remove(&used);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(100);

    fn completed(id: &str, expiration: u64) -> Record {
        let mut record = Record::in_progress(id, expiration);
        record.status = Status::Completed;
        record
    }

    #[test]
    fn the_one_used_longest_ago_goes_first() {
        let mut cache = Cache::new(2);
        cache.insert(completed("a", 200));
        cache.insert(completed("b", 200));
        assert!(cache.get("a", NOW).is_some());
        cache.insert(completed("c", 200));
        let kept = ["a", "b", "c"].map(|id| cache.get(id, NOW).is_some());
        assert_eq!(kept, [true, false, true]);
        assert_eq!(cache.by_id.len(), cache.by_use.len());
    }

    #[test]
    fn what_expires_or_may_change_is_not_kept() {
        let mut cache = Cache::new(2);
        cache.insert(Record::in_progress("a", 200));
        cache.insert(completed("b", 99));
        assert!(cache.get("a", NOW).is_none());
        assert!(cache.get("b", NOW).is_none());
        assert!(cache.by_id.is_empty() && cache.by_use.is_empty());
        let mut none = Cache::new(0);
        none.insert(completed("a", 200));
        assert!(none.get("a", NOW).is_none());
    }
}
