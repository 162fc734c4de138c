//! Unpacked pages of parts, timestamps that series share, and groups of values that are asked for again, as many as a
//! limit allows, so that asking for the same series again is quick. What is here was checked when it was read.

use super::SeriesPage;
use crate::locked;
use hashbrown::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use watchfire_disk::BlockError;

/// A place in the parts of a store: the part's number and the offset in its file.
type Key = (u64, u64);

#[derive(Clone, Debug)]
enum Page {
    Series(Arc<SeriesPage>),
    Values(Arc<Vec<u8>>),
    Times(Arc<Vec<i64>>),
}

#[derive(Debug)]
struct Slot {
    key: Key,
    page: Page,
    bytes: usize,
    /// Asked for since the hand passed it last.
    used: bool,
}

#[derive(Debug, Default)]
struct Slots {
    by_key: HashMap<Key, usize>,
    /// A ring, round which the hand goes and takes out what was not used since its last round.
    ring: Vec<Slot>,
    hand: usize,
    bytes: usize,
}

/// How the cache does. Counters count since the store was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CacheStats {
    pub(crate) hits: u64,
    pub(crate) misses: u64,
    pub(crate) bytes: u64,
}

/// The cache of all parts of a store.
#[derive(Debug)]
pub(crate) struct PageCache {
    slots: Mutex<Slots>,
    max_bytes: usize,
    hits: AtomicU64,
    misses: AtomicU64,
}

impl PageCache {
    /// A cache of pages that take `max_bytes` together at most.
    pub(crate) fn new(max_bytes: usize) -> Arc<Self> {
        let (hits, misses) = (AtomicU64::new(0), AtomicU64::new(0));
        Arc::new(Self { slots: Mutex::default(), max_bytes, hits, misses })
    }

    pub(crate) fn stats(&self) -> CacheStats {
        CacheStats {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            bytes: locked(&self.slots).bytes as u64,
        }
    }

    /// The page of series at a place, made by `read` if it is not here.
    pub(super) fn series(
        &self,
        key: Key,
        read: impl FnOnce() -> Result<SeriesPage, BlockError>,
    ) -> Result<Arc<SeriesPage>, BlockError> {
        if let Some(Page::Series(page)) = self.get(key) {
            return Ok(page);
        }
        let page = Arc::new(read()?);
        self.put(key, Page::Series(Arc::clone(&page)), page.memory_bytes());
        Ok(page)
    }

    /// The timestamps of a column at a place, made by `read` if they are not here.
    pub(super) fn times(
        &self,
        key: Key,
        read: impl FnOnce() -> Result<Vec<i64>, BlockError>,
    ) -> Result<Arc<Vec<i64>>, BlockError> {
        if let Some(Page::Times(times)) = self.get(key) {
            return Ok(times);
        }
        let times = Arc::new(read()?);
        self.put(key, Page::Times(Arc::clone(&times)), times.capacity() * size_of::<i64>());
        Ok(times)
    }

    /// The bytes of a page of label values, or of a group, at a place, made by `read` if they are not here.
    pub(super) fn values(
        &self,
        key: Key,
        read: impl FnOnce() -> Result<Vec<u8>, BlockError>,
    ) -> Result<Arc<Vec<u8>>, BlockError> {
        if let Some(Page::Values(page)) = self.get(key) {
            return Ok(page);
        }
        let page = Arc::new(read()?);
        self.put(key, Page::Values(Arc::clone(&page)), page.capacity());
        Ok(page)
    }

    fn get(&self, key: Key) -> Option<Page> {
        let mut slots = locked(&self.slots);
        let index = slots.by_key.get(&key).copied();
        let found = index.and_then(|index| slots.ring.get_mut(index)).map(|slot| {
            slot.used = true;
            slot.page.clone()
        });
        let counter = if found.is_some() { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        found
    }

    fn put(&self, key: Key, page: Page, bytes: usize) {
        let bytes = bytes + size_of::<Slot>() + size_of::<(Key, usize)>();
        if bytes > self.max_bytes / 4 {
            return;
        }
        let mut slots = locked(&self.slots);
        if slots.by_key.contains_key(&key) {
            return;
        }
        while slots.bytes + bytes > self.max_bytes && slots.evict() {}
        let index = slots.ring.len();
        slots.by_key.insert(key, index);
        // Unused at first: what is read once, as by a query over everything, is the first to go.
        slots.ring.push(Slot { key, page, bytes, used: false });
        slots.bytes += bytes;
    }

    /// Forgets the pages of a part that is gone.
    pub(crate) fn forget(&self, seq: u64) {
        let mut slots = locked(&self.slots);
        let mut index = 0;
        while let Some(slot) = slots.ring.get(index) {
            if slot.key.0 == seq {
                slots.remove(index);
            } else {
                index += 1;
            }
        }
    }
}

impl Slots {
    /// Takes one page out; `false` when there is none.
    fn evict(&mut self) -> bool {
        loop {
            if self.hand >= self.ring.len() {
                self.hand = 0;
            }
            match self.ring.get_mut(self.hand) {
                None => return false,
                Some(slot) if slot.used => {
                    slot.used = false;
                    self.hand += 1;
                }
                Some(_) => {
                    self.remove(self.hand);
                    return true;
                }
            }
        }
    }

    fn remove(&mut self, index: usize) {
        let slot = self.ring.swap_remove(index);
        self.bytes -= slot.bytes;
        self.by_key.remove(&slot.key);
        if let Some(moved) = self.ring.get(index) {
            self.by_key.insert(moved.key, index);
        }
    }
}

#[cfg(test)]
mod tests;
