//! The series in memory: found by the hash of their labels, and by what their labels say.

pub(crate) mod admission;
pub(crate) mod index;
pub(crate) mod memory;
pub(crate) mod series;

use crate::ceiling::Ceiling;
use crate::store::StoreOptions;
use crate::{locked, reading, writing};
use admission::{Admission, Admitted, Refused, is_ordered};
use hashbrown::{DefaultHashBuilder, HashTable};
use index::Index;
use memory::Memory;
use series::HeadSeries;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, RwLock};
use watchfire_model::labels::LabelProblem;
use watchfire_model::{Labels, METRIC_NAME, Matcher};

/// Writers rarely meet in one of so many.
const SHARDS: usize = 64;
/// Questions wait while so many series are put into the index: about half a millisecond.
const INDEXED_AT_ONCE: usize = 512;

#[derive(Debug)]
pub(crate) struct Head {
    hasher: DefaultHashBuilder,
    shards: Vec<RwLock<HashTable<Arc<HeadSeries>>>>,
    registry: RwLock<Registry>,
    /// Where both are needed, this is locked before the registry.
    index: RwLock<Index>,
    /// While the log is read back, new series go to the index through here, on a thread of its own.
    unindexed: Mutex<Option<Sender<Arc<HeadSeries>>>>,
    count: AtomicUsize,
    pub(crate) admission: Admission,
    pub(crate) memory: Memory,
}

#[derive(Debug, Default)]
pub(crate) struct Registry {
    by_id: Vec<Option<Arc<HeadSeries>>>,
    free: Vec<u32>,
    /// Numbers of forgotten series, which the log's current segment may still use.
    resting: Vec<u32>,
}

/// Why a new series was not made.
#[derive(Debug)]
pub(crate) enum NotMade<'a> {
    /// There are as many series as there are numbers for them.
    NoNumber,
    NoMetricName,
    Invalid(LabelProblem),
    /// A limit.
    Refused(Refused<'a>),
}

impl Head {
    /// An empty head. It takes every series until its admission is told to enforce limits: what the log gives back was
    /// admitted before.
    pub(crate) fn new(ceiling: Arc<Ceiling>) -> Self {
        Self {
            hasher: DefaultHashBuilder::default(),
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
            registry: RwLock::default(),
            index: RwLock::default(),
            unindexed: Mutex::default(),
            count: AtomicUsize::new(0),
            admission: Admission::new(ceiling),
            memory: Memory::default(),
        }
    }

    /// Series in memory.
    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// About the bytes that the series and their samples take.
    pub(crate) fn bytes(&self) -> u64 {
        self.memory.bytes()
    }

    /// Whether the samples take so much that they are better off in parts.
    pub(crate) fn holds_much(&self, options: &StoreOptions) -> bool {
        let by_series = options.flush_bytes_per_series.saturating_mul(self.len() as u64);
        self.memory.sample_bytes() > options.flush_bytes.max(by_series)
    }

    fn shard(&self, hash: u64) -> Option<&RwLock<HashTable<Arc<HeadSeries>>>> {
        // The table itself uses the other end of the hash.
        self.shards.get((hash >> 40) as usize % SHARDS)
    }

    /// Calls `with` with the series of these packed labels. Those of a series not known yet are put in order and
    /// checked by `labels`.
    pub(crate) fn with_series<'a, T>(
        &self,
        packed: &'a [u8],
        labels: impl FnOnce() -> Result<Labels, LabelProblem>,
        with: impl FnOnce(&Arc<HeadSeries>) -> T,
    ) -> Result<T, NotMade<'a>> {
        let hash = self.hasher.hash_one(packed);
        let same = |series: &Arc<HeadSeries>| series.labels.as_bytes() == packed;
        let shard = self.shard(hash).ok_or(NotMade::NoNumber)?;
        if let Some(series) = reading(shard).find(hash, same) {
            return Ok(with(series));
        }
        // Before anything is made or locked: what is refused must cost little. In another order the labels may be those
        // of a series that is known.
        let admitted = if is_ordered(packed) { Some(self.admit(packed)?) } else { None };
        let labels = labels().map_err(NotMade::Invalid)?;
        if labels.get(METRIC_NAME).is_none() {
            return Err(NotMade::NoMetricName);
        }
        match admitted {
            Some(admitted) => self.make(hash, labels, admitted, with),
            None => self.with_ordered(packed, labels, with),
        }
    }

    /// As [`Head::with_series`], for labels that were sent in another order.
    fn with_ordered<'a, T>(
        &self,
        packed: &'a [u8],
        labels: Labels,
        with: impl FnOnce(&Arc<HeadSeries>) -> T,
    ) -> Result<T, NotMade<'a>> {
        let hash = self.hasher.hash_one(labels.as_bytes());
        let same = |series: &Arc<HeadSeries>| series.labels == labels;
        if let Some(series) = self.shard(hash).and_then(|shard| reading(shard).find(hash, same).cloned()) {
            return Ok(with(&series));
        }
        self.make(hash, labels, self.admit(packed)?, with)
    }

    /// The labels of a series as they are in memory; `None` when it is not there.
    pub(crate) fn known(&self, labels: &Labels) -> Option<Labels> {
        let hash = self.hasher.hash_one(labels.as_bytes());
        let table = reading(self.shard(hash)?);
        table.find(hash, |series| series.labels == *labels).map(|series| series.labels.clone())
    }

    fn admit<'a>(&self, packed: &'a [u8]) -> Result<Admitted<'_, 'a>, NotMade<'a>> {
        self.admission.admit(packed).map_err(NotMade::Refused)
    }

    fn make<'a, T>(
        &self,
        hash: u64,
        labels: Labels,
        admitted: Admitted<'_, 'a>,
        with: impl FnOnce(&Arc<HeadSeries>) -> T,
    ) -> Result<T, NotMade<'a>> {
        let shard = self.shard(hash).ok_or(NotMade::NoNumber)?;
        let same = |series: &Arc<HeadSeries>| series.labels == labels;
        let mut table = writing(shard);
        if let Some(series) = table.find(hash, same) {
            return Ok(with(series));
        }
        let mut registry = writing(&self.registry);
        let id = match registry.free.pop() {
            Some(id) => id,
            None => {
                registry.by_id.push(None);
                u32::try_from(registry.by_id.len() - 1).map_err(|_| NotMade::NoNumber)?
            }
        };
        let series = Arc::new(HeadSeries::new(labels, id));
        if let Some(slot) = registry.by_id.get_mut(id as usize) {
            *slot = Some(Arc::clone(&series));
        }
        drop(registry);
        admitted.keep();
        self.put_in_index(&series);
        self.count.fetch_add(1, Ordering::Relaxed);
        self.memory.change(0, series.own_bytes());
        let done = with(&series);
        table.insert_unique(hash, series, |series| self.hasher.hash_one(series.labels.as_bytes()));
        Ok(done)
    }

    pub(crate) fn registry(&self) -> std::sync::RwLockReadGuard<'_, Registry> {
        reading(&self.registry)
    }

    pub(crate) fn index(&self) -> std::sync::RwLockReadGuard<'_, Index> {
        reading(&self.index)
    }

    fn put_in_index(&self, series: &Arc<HeadSeries>) {
        if let Some(later) = &*locked(&self.unindexed) {
            // The other end outlives this one, see `index_at_once`.
            let _ = later.send(Arc::clone(series));
            return;
        }
        writing(&self.index).insert(series.id, &series.labels);
    }

    /// From now on, new series wait to be put in the index by [`Head::index_all`].
    pub(crate) fn index_later(&self) -> Receiver<Arc<HeadSeries>> {
        let (sender, receiver) = channel();
        *locked(&self.unindexed) = Some(sender);
        receiver
    }

    /// Puts into the index what comes, until [`Head::index_at_once`].
    pub(crate) fn index_all(&self, new: &Receiver<Arc<HeadSeries>>) {
        while let Ok(first) = new.recv() {
            // Many for one lock, but not so many that a question waits.
            let mut index = writing(&self.index);
            for series in std::iter::once(first).chain(new.try_iter().take(INDEXED_AT_ONCE)) {
                index.insert(series.id, &series.labels);
            }
        }
    }

    /// New series are put into the index at once again; what waits still goes there.
    pub(crate) fn index_at_once(&self) {
        *locked(&self.unindexed) = None;
    }

    /// The series that satisfy all matchers, in label order.
    pub(crate) fn select(&self, matchers: &[Matcher]) -> Vec<Arc<HeadSeries>> {
        let index = self.index();
        let ids = index.select(matchers);
        let registry = self.registry();
        let mut found: Vec<_> = ids.iter().filter_map(|id| registry.get(id).cloned()).collect();
        drop((registry, index));
        found.sort_unstable_by(|left, right| left.labels.cmp(&right.labels));
        found
    }

    /// The series without samples now that had their newest before `ended_ms`, or a marker of their end.
    pub(crate) fn ended_series(&self, ended_ms: i64) -> Vec<Arc<HeadSeries>> {
        self.registry().iter().filter(|series| series.has_ended(ended_ms)).cloned().collect()
    }

    /// Forgets those of the given series that are still without samples. The caller keeps writers out. Their numbers
    /// rest until [`Head::release_numbers`].
    pub(crate) fn forget(&self, empty: &[Arc<HeadSeries>]) {
        for series in empty.iter().filter(|series| series.is_empty()) {
            let hash = self.hasher.hash_one(series.labels.as_bytes());
            let Some(shard) = self.shard(hash) else { continue };
            let mut table = writing(shard);
            if let Ok(entry) = table.find_entry(hash, |other| Arc::ptr_eq(other, series)) {
                entry.remove();
                writing(&self.index).remove(series.id, &series.labels);
                let mut registry = writing(&self.registry);
                if let Some(slot) = registry.by_id.get_mut(series.id as usize) {
                    *slot = None;
                }
                registry.resting.push(series.id);
                self.count.fetch_sub(1, Ordering::Relaxed);
                self.admission.forget(series.labels.as_bytes());
                self.memory.change(series.own_bytes(), 0);
            }
        }
    }

    /// Lets the numbers of forgotten series be used again. The caller keeps writers out and starts a new log segment.
    pub(crate) fn release_numbers(&self) {
        let mut registry = writing(&self.registry);
        let resting = std::mem::take(&mut registry.resting);
        registry.free.extend(resting);
    }
}

impl Registry {
    pub(crate) fn get(&self, id: u32) -> Option<&Arc<HeadSeries>> {
        self.by_id.get(id as usize).and_then(Option::as_ref)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<HeadSeries>> {
        self.by_id.iter().flatten()
    }
}
