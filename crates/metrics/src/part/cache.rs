//! Unpacked pages of parts, timestamps that series share, and groups of values that are asked for again, as many as a
//! limit allows, so that asking for the same series again is quick; and which series selectors found, as parts never
//! change. What is here was checked when it was read.

use super::SeriesPage;
use crate::head::selections::text_of;
use crate::locked;
use hashbrown::{DefaultHashBuilder, HashMap};
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use watchfire_disk::BlockError;
use watchfire_model::Matcher;

/// A place in the parts of a store: the part's number and the offset in its file.
type Key = (u64, u64);
/// No file is so long that an offset has this bit: keys that do are of selectors.
const OF_SELECTOR: u64 = 1 << 63;
/// Reading more series than this takes so long that finding them does not matter: they are not kept.
pub(super) const MAX_RANKS: u64 = 1024;

#[derive(Clone, Debug)]
enum Page {
    Series(Arc<SeriesPage>),
    Values(Arc<Vec<u8>>),
    Times(Arc<Vec<i64>>),
    Found(Arc<[u8]>, Arc<[u32]>),
}

/// A selector, as what it found is looked for in many parts.
#[derive(Debug)]
pub(crate) struct Asked {
    text: Arc<[u8]>,
    number: u64,
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
    hasher: DefaultHashBuilder,
    hits: AtomicU64,
    misses: AtomicU64,
}

impl PageCache {
    /// A cache of pages that take `max_bytes` together at most.
    pub(crate) fn new(max_bytes: usize) -> Arc<Self> {
        let (slots, hasher) = (Mutex::default(), DefaultHashBuilder::default());
        Arc::new(Self { slots, max_bytes, hasher, hits: AtomicU64::new(0), misses: AtomicU64::new(0) })
    }

    /// These matchers, to be looked for.
    pub(crate) fn asked(&self, matchers: &[Matcher]) -> Asked {
        let text = text_of(matchers);
        Asked { number: self.hasher.hash_one(&text) | OF_SELECTOR, text: text.into() }
    }

    /// The ranks of the series that a selector found in a part, in order.
    pub(super) fn found(&self, seq: u64, asked: &Asked) -> Option<Arc<[u32]>> {
        match self.get((seq, asked.number))? {
            Page::Found(text, ranks) if text == asked.text => Some(ranks),
            _ => None,
        }
    }

    /// Keeps what a selector found in a part.
    pub(super) fn keep_found(&self, seq: u64, asked: &Asked, ranks: Arc<[u32]>) {
        let bytes = asked.text.len() + size_of_val(&*ranks);
        self.put((seq, asked.number), Page::Found(Arc::clone(&asked.text), ranks), bytes);
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
