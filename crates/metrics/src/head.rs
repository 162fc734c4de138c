//! The series in memory: found by the hash of their labels, and by what their labels say.

pub(crate) mod admission;
pub(crate) mod index;
pub(crate) mod memory;
pub(crate) mod pairs;
pub(crate) mod series;
pub(crate) mod tried;

use crate::ceiling::Ceiling;
use crate::store::StoreOptions;
use crate::{locked, reading, writing};
use admission::{Admission, Admitted, Refused, is_ordered};
use hashbrown::{DefaultHashBuilder, HashTable};
use index::Index;
use memory::Memory;
use pairs::{Pairs, Ranks};
use series::HeadSeries;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, RwLock};
use tried::Tried;
use watchfire_model::labels::LabelProblem;
use watchfire_model::{Labels, METRIC_NAME, Matcher};

/// Writers rarely meet in one of so many.
const SHARDS: usize = 64;
/// Questions wait while so many series are put into the index: about half a millisecond.
const INDEXED_AT_ONCE: usize = 512;

#[derive(Debug)]
pub(crate) struct Head {
    hasher: DefaultHashBuilder,
    /// Where more than one lock is needed, it is a shard's first, then the index's, then the registry's.
    shards: Vec<RwLock<HashTable<Place>>>,
    registry: RwLock<Registry>,
    index: RwLock<Index>,
    /// While the log is read back, new series go to the index through here, on a thread of its own.
    unindexed: Mutex<Option<Sender<Arc<HeadSeries>>>>,
    count: AtomicUsize,
    pub(crate) admission: Admission,
    pub(crate) memory: Memory,
}

/// Where a series is found by its hash.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// The half of the hash that does not say which shard.
    hash: u32,
    id: u32,
}

impl Place {
    fn new(hash: u64, id: u32) -> Self {
        Self { hash: hash as u32, id }
    }

    /// The hash as a table wants it, which looks at both of its ends.
    fn spread(self) -> u64 {
        u64::from(self.hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

/// The series by number, and what their labels are.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    pub(crate) pairs: Pairs,
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

    fn shard(&self, hash: u64) -> Option<&RwLock<HashTable<Place>>> {
        self.shards.get((hash >> 40) as usize % SHARDS)
    }

    /// Calls `with` with the series of these packed labels. Those of a series not known yet are put in order and
    /// checked by `labels`. The caller holds no lock of the head.
    pub(crate) fn with_series<'a, T>(
        &self,
        packed: &'a [u8],
        labels: impl FnOnce() -> Result<Labels, LabelProblem>,
        with: impl FnOnce(&Arc<HeadSeries>) -> T,
    ) -> Result<T, NotMade<'a>> {
        let hash = self.hasher.hash_one(packed);
        let shard = self.shard(hash).ok_or(NotMade::NoNumber)?;
        {
            let (table, registry) = (reading(shard), self.registry());
            if let Some(series) = registry.find(&table, hash, packed) {
                return Ok(with(series));
            }
        }
        // Before anything is made or locked: what is refused must cost little. In another order the labels may be those
        // of a series that is known.
        let admitted = if is_ordered(packed) { Some(self.admit(packed)?) } else { None };
        let labels = labels().map_err(NotMade::Invalid)?;
        if labels.get(METRIC_NAME).is_none() {
            return Err(NotMade::NoMetricName);
        }
        match admitted {
            Some(admitted) => self.make(hash, &labels, admitted, with),
            None => self.with_ordered(packed, &labels, with),
        }
    }

    /// As [`Head::with_series`], for labels that were sent in another order.
    fn with_ordered<'a, T>(
        &self,
        packed: &'a [u8],
        labels: &Labels,
        with: impl FnOnce(&Arc<HeadSeries>) -> T,
    ) -> Result<T, NotMade<'a>> {
        let hash = self.hasher.hash_one(labels.as_bytes());
        let known = self.shard(hash).and_then(|shard| {
            let (table, registry) = (reading(shard), self.registry());
            registry.find(&table, hash, labels.as_bytes()).cloned()
        });
        match known {
            Some(series) => Ok(with(&series)),
            None => self.make(hash, labels, self.admit(packed)?, with),
        }
    }

    /// Whether a series of these labels is in memory.
    pub(crate) fn knows(&self, labels: &Labels) -> bool {
        let hash = self.hasher.hash_one(labels.as_bytes());
        self.shard(hash).is_some_and(|shard| {
            let (table, registry) = (reading(shard), self.registry());
            registry.find(&table, hash, labels.as_bytes()).is_some()
        })
    }

    fn admit<'a>(&self, packed: &'a [u8]) -> Result<Admitted<'_, 'a>, NotMade<'a>> {
        self.admission.admit(packed).map_err(NotMade::Refused)
    }

    fn make<'a, T>(
        &self,
        hash: u64,
        labels: &Labels,
        admitted: Admitted<'_, 'a>,
        with: impl FnOnce(&Arc<HeadSeries>) -> T,
    ) -> Result<T, NotMade<'a>> {
        let shard = self.shard(hash).ok_or(NotMade::NoNumber)?;
        let mut table = writing(shard);
        let mut registry = writing(&self.registry);
        if let Some(series) = registry.find(&table, hash, labels.as_bytes()) {
            return Ok(with(series));
        }
        let before = registry.pairs.bytes();
        let series = registry.add(labels).ok_or(NotMade::NoNumber)?;
        self.memory.change(before, registry.pairs.bytes() + series.own_bytes());
        drop(registry);
        admitted.keep();
        self.put_in_index(&series);
        self.count.fetch_add(1, Ordering::Relaxed);
        let done = with(&series);
        let place = Place::new(hash, series.id);
        table.insert_unique(place.spread(), place, |place| place.spread());
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
        writing(&self.index).insert(series.id, &series.pairs);
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
                index.insert(series.id, &series.pairs);
            }
        }
    }

    /// New series are put into the index at once again; what waits still goes there.
    pub(crate) fn index_at_once(&self) {
        *locked(&self.unindexed) = None;
    }

    /// What each matcher says about the values there are, for [`Index::select`]. The caller holds no lock of the head.
    pub(crate) fn tried(&self, matchers: &[Matcher]) -> Vec<Tried> {
        Tried::each(matchers, &self.registry)
    }

    /// The series that satisfy all matchers, in label order.
    pub(crate) fn select(&self, matchers: &[Matcher]) -> Vec<(Labels, Arc<HeadSeries>)> {
        let tried = self.tried(matchers);
        let (index, registry) = (self.index(), self.registry());
        let ids = index.select(&registry.pairs, matchers, &tried);
        let found = ids.iter().filter_map(|id| registry.get(id));
        let mut found: Vec<_> =
            found.map(|series| (registry.pairs.labels(&series.pairs), Arc::clone(series))).collect();
        drop((registry, index));
        found.sort_unstable_by(|(left, _), (right, _)| left.cmp(right));
        found
    }

    /// All series, in label order.
    pub(crate) fn sorted(&self) -> Vec<Arc<HeadSeries>> {
        let registry = self.registry();
        let (mut series, pairs) = (registry.iter().cloned().collect::<Vec<_>>(), registry.pairs.all());
        drop(registry);
        let ranks = Ranks::new(pairs);
        series.sort_unstable_by(|left, right| ranks.compare(&left.pairs, &right.pairs));
        series
    }

    /// The labels of a series that is not forgotten.
    pub(crate) fn labels(&self, series: &HeadSeries) -> Labels {
        self.registry().pairs.labels(&series.pairs)
    }

    /// The series without samples now that had their newest before `ended_ms`, or a marker of their end.
    pub(crate) fn ended_series(&self, ended_ms: i64) -> Vec<Arc<HeadSeries>> {
        self.registry().iter().filter(|series| series.has_ended(ended_ms)).cloned().collect()
    }

    /// Forgets those of the given series that are still without samples. The caller keeps writers out. Their numbers
    /// rest until [`Head::release_numbers`].
    pub(crate) fn forget(&self, empty: &[Arc<HeadSeries>]) {
        for series in empty.iter().filter(|series| series.is_empty()) {
            let labels = {
                let registry = self.registry();
                match registry.get(series.id) {
                    Some(known) if Arc::ptr_eq(known, series) => registry.pairs.labels(&series.pairs),
                    // It was forgotten before.
                    _ => continue,
                }
            };
            let hash = self.hasher.hash_one(labels.as_bytes());
            let Some(shard) = self.shard(hash) else { continue };
            let mut table = writing(shard);
            let place = Place::new(hash, series.id);
            if let Ok(entry) = table.find_entry(place.spread(), |other| other.id == series.id) {
                entry.remove();
            }
            writing(&self.index).remove(series.id, &series.pairs);
            let mut registry = writing(&self.registry);
            let before = registry.pairs.bytes();
            registry.remove(series);
            self.memory.change(before + series.own_bytes(), registry.pairs.bytes());
            drop(registry);
            self.count.fetch_sub(1, Ordering::Relaxed);
            self.admission.forget(labels.as_bytes());
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
    fn find(&self, table: &HashTable<Place>, hash: u64, packed: &[u8]) -> Option<&Arc<HeadSeries>> {
        let wanted = Place::new(hash, 0);
        let is_it = |place: &Place| place.hash == wanted.hash && self.is(place.id, packed);
        self.get(table.find(wanted.spread(), is_it)?.id)
    }

    /// Whether the series of this number has these packed labels.
    pub(crate) fn is(&self, id: u32, packed: &[u8]) -> bool {
        self.get(id).is_some_and(|series| self.pairs.are(&series.pairs, packed))
    }

    /// Makes a series; `None` when there are no numbers left.
    fn add(&mut self, labels: &Labels) -> Option<Arc<HeadSeries>> {
        let id = match self.free.pop() {
            Some(id) => id,
            None => {
                let id = u32::try_from(self.by_id.len()).ok()?;
                self.by_id.push(None);
                id
            }
        };
        let Some(pairs) = self.pairs.take(labels) else {
            self.free.push(id);
            return None;
        };
        let series = Arc::new(HeadSeries::new(pairs, id));
        if let Some(slot) = self.by_id.get_mut(id as usize) {
            *slot = Some(Arc::clone(&series));
        }
        Some(series)
    }

    /// Forgets a series. Its number rests.
    fn remove(&mut self, series: &HeadSeries) {
        if let Some(slot) = self.by_id.get_mut(series.id as usize) {
            *slot = None;
        }
        self.pairs.give_back(&series.pairs);
        self.resting.push(series.id);
    }

    pub(crate) fn get(&self, id: u32) -> Option<&Arc<HeadSeries>> {
        self.by_id.get(id as usize).and_then(Option::as_ref)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<HeadSeries>> {
        self.by_id.iter().flatten()
    }
}
