//! The series in memory: found by the hash of their labels, and by what their labels say.

pub(crate) mod admission;
pub(crate) mod index;
pub(crate) mod memory;
pub(crate) mod pairs;
pub(crate) mod registry;
pub(crate) mod rows;
pub(crate) mod selections;
pub(crate) mod series;
pub(crate) mod tried;

use crate::ceiling::Ceiling;
use crate::store::StoreOptions;
use crate::{locked, reading, writing};
use admission::{Admission, Admitted, Refused, is_ordered};
use hashbrown::{DefaultHashBuilder, HashTable};
use index::Index;
use memory::Memory;
use pairs::{PairIds, Ranks};
use registry::{Known, Registry};
use rows::SeriesHandle;
use selections::{Leans, Selections, Selector};
use series::HeadSeries;
use std::cell::RefCell;
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
/// New series wait while so many are looked at: well below a millisecond.
const WALKED_AT_ONCE: u32 = 4096;

#[derive(Debug)]
pub(crate) struct Head {
    hasher: DefaultHashBuilder,
    /// Numbers of series by the hash of their labels. Where more than one lock is needed, it is a shard's first, then
    /// the index's, then the registry's.
    shards: Vec<RwLock<HashTable<u32>>>,
    registry: RwLock<Registry>,
    index: RwLock<Index>,
    /// While the log is read back, new series go to the index through here, on a thread of its own.
    unindexed: Mutex<Option<Sender<(u32, PairIds)>>>,
    count: AtomicUsize,
    selections: Selections,
    pub(crate) admission: Admission,
    pub(crate) memory: Memory,
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
            selections: Selections::default(),
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

    fn shard(&self, hash: u64) -> Option<&RwLock<HashTable<u32>>> {
        self.shards.get((hash >> 40) as usize % SHARDS)
    }

    /// Calls `with` with the series of these packed labels. Those of a series not known yet are put in order and
    /// checked by `labels`. The caller holds no lock of the head.
    pub(crate) fn with_series<'a, T>(
        &self,
        packed: &'a [u8],
        labels: impl FnOnce() -> Result<Labels, LabelProblem>,
        with: impl FnOnce(Known<'_>) -> T,
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
        with: impl FnOnce(Known<'_>) -> T,
    ) -> Result<T, NotMade<'a>> {
        let hash = self.hasher.hash_one(labels.as_bytes());
        let shard = self.shard(hash).ok_or(NotMade::NoNumber)?;
        {
            let (table, registry) = (reading(shard), self.registry());
            if let Some(series) = registry.find(&table, hash, labels.as_bytes()) {
                return Ok(with(series));
            }
        }
        self.make(hash, labels, self.admit(packed)?, with)
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
        with: impl FnOnce(Known<'_>) -> T,
    ) -> Result<T, NotMade<'a>> {
        let shard = self.shard(hash).ok_or(NotMade::NoNumber)?;
        let mut table = writing(shard);
        let mut registry = writing(&self.registry);
        if let Some(series) = registry.find(&table, hash, labels.as_bytes()) {
            return Ok(with(series));
        }
        let before = registry.pairs.bytes();
        let made = registry.add(labels).ok_or(NotMade::NoNumber)?;
        let (id, pairs, own_bytes) = (made.id, made.pairs.clone(), made.own_bytes());
        self.memory.change(before, registry.pairs.bytes() + own_bytes);
        drop(registry);
        admitted.keep();
        self.put_in_index(id, pairs);
        self.count.fetch_add(1, Ordering::Relaxed);
        let registry = self.registry();
        table.insert_unique(hash, id, self.hashes(&registry));
        registry.get(id).map(with).ok_or(NotMade::NoNumber)
    }

    /// The hash of a series by its number, for a table that grows: none is kept.
    fn hashes<'a>(&self, registry: &'a Registry) -> impl Fn(&u32) -> u64 + use<'_, 'a> {
        let packed = RefCell::new(Vec::new());
        move |id| {
            let mut packed = packed.borrow_mut();
            packed.clear();
            if let Some(known) = registry.get(*id) {
                registry.pairs.pack(known.pairs, &mut packed);
            }
            self.hasher.hash_one(packed.as_slice())
        }
    }

    pub(crate) fn registry(&self) -> std::sync::RwLockReadGuard<'_, Registry> {
        reading(&self.registry)
    }

    pub(crate) fn index(&self) -> std::sync::RwLockReadGuard<'_, Index> {
        reading(&self.index)
    }

    fn put_in_index(&self, id: u32, pairs: PairIds) {
        if let Some(later) = &*locked(&self.unindexed) {
            // The other end outlives this one, see `index_at_once`.
            let _ = later.send((id, pairs));
            return;
        }
        writing(&self.index).insert(id, &pairs);
    }

    /// From now on, new series wait to be put in the index by [`Head::index_all`].
    pub(crate) fn index_later(&self) -> Receiver<(u32, PairIds)> {
        let (sender, receiver) = channel();
        *locked(&self.unindexed) = Some(sender);
        receiver
    }

    /// Puts into the index what comes, until [`Head::index_at_once`].
    pub(crate) fn index_all(&self, new: &Receiver<(u32, PairIds)>) {
        while let Ok(first) = new.recv() {
            // Many for one lock, but not so many that a question waits.
            let mut index = writing(&self.index);
            for (id, pairs) in std::iter::once(first).chain(new.try_iter().take(INDEXED_AT_ONCE)) {
                index.insert(id, &pairs);
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
    pub(crate) fn select(&self, matchers: &[Matcher]) -> Vec<(Labels, SeriesHandle)> {
        let selector = Selector::new(matchers);
        if let Some(selector) = &selector
            && let Some(found) = self.select_again(selector)
        {
            return found;
        }
        let tried = self.tried(matchers);
        let (index, registry) = (self.index(), self.registry());
        let ids = index.select(&registry.pairs, matchers, &tried);
        let found = ids.iter().filter_map(|id| registry.get(id));
        let mut found: Vec<_> =
            found.map(|known| (registry.pairs.labels(known.pairs), known.hold())).collect();
        let leans = selector.as_ref().and_then(|_| Leans::on(matchers, &registry.pairs, &index.changes));
        drop((registry, index));
        found.sort_unstable_by(|(left, _), (right, _)| left.cmp(right));
        if let (Some(selector), Some(leans)) = (selector, leans) {
            let ids: Vec<u32> = found.iter().map(|(_, series)| series.id).collect();
            let (before, after) = self.selections.keep(selector, &ids, leans, self.len());
            self.memory.change(before, after);
        }
        found
    }

    /// What a selector found that was asked lately, if that is still so.
    fn select_again(&self, selector: &Selector) -> Option<Vec<(Labels, SeriesHandle)>> {
        // A selection is good as long as the index does not change, and the series of the index are in the registry.
        let index = self.index();
        let ids = self.selections.find(selector, &index.changes)?;
        let registry = self.registry();
        let known = ids.iter().filter_map(|id| registry.get(*id));
        Some(known.map(|known| (registry.pairs.labels(known.pairs), known.hold())).collect())
    }

    /// Calls `each` with all series, by number. Those that are made meanwhile may be left out.
    fn walk(&self, mut each: impl FnMut(Known<'_>)) {
        let mut first: u32 = 0;
        loop {
            let registry = self.registry();
            let end = registry.end();
            let last = first.saturating_add(WALKED_AT_ONCE).min(end);
            (first..last).filter_map(|id| registry.get(id)).for_each(&mut each);
            first = last;
            if first == end {
                return;
            }
        }
    }

    /// The numbers of all series, in label order.
    pub(crate) fn sorted(&self) -> Vec<u32> {
        let mut series = Vec::with_capacity(self.len());
        self.walk(|known| series.push((known.pairs.clone(), known.id)));
        let ranks = Ranks::new(&self.registry);
        series.sort_unstable_by(|(left, _), (right, _)| ranks.compare(left, right));
        series.into_iter().map(|(_, id)| id).collect()
    }

    /// The labels of a series, and what `with` makes of it; `None` of one that is forgotten.
    pub(crate) fn with_labels<T>(&self, id: u32, with: impl FnOnce(&HeadSeries) -> T) -> Option<(Labels, T)> {
        let registry = self.registry();
        let known = registry.get(id)?;
        let (labels, series) = (registry.pairs.labels(known.pairs), known.hold());
        drop(registry);
        Some((labels, with(&series)))
    }

    /// The series without samples now that had their newest before `ended_ms`, or a marker of their end.
    pub(crate) fn ended_series(&self, ended_ms: i64) -> Vec<u32> {
        let mut ended = Vec::new();
        self.walk(|known| ended.extend(known.has_ended(ended_ms).then_some(known.id)));
        ended
    }

    /// Forgets those of the given series that are still without samples. The caller keeps writers out. Their numbers
    /// rest until [`Head::release_numbers`].
    pub(crate) fn forget(&self, empty: &[u32]) {
        for id in empty {
            let (labels, pairs) = {
                let registry = self.registry();
                match registry.get(*id) {
                    Some(known) if known.is_empty() => {
                        (registry.pairs.labels(known.pairs), known.pairs.clone())
                    }
                    _ => continue,
                }
            };
            let hash = self.hasher.hash_one(labels.as_bytes());
            let Some(shard) = self.shard(hash) else { continue };
            let mut table = writing(shard);
            if let Ok(entry) = table.find_entry(hash, |other| other == id) {
                entry.remove();
            }
            writing(&self.index).remove(*id, &pairs);
            let mut registry = writing(&self.registry);
            let before = registry.pairs.bytes();
            let own_bytes = registry.get(*id).map_or(0, |known| known.own_bytes());
            registry.remove(*id);
            self.memory.change(before + own_bytes, registry.pairs.bytes());
            drop(registry);
            self.count.fetch_sub(1, Ordering::Relaxed);
            self.admission.forget(labels.as_bytes());
        }
    }

    /// Lets the numbers of forgotten series be used again. The caller keeps writers out and starts a new log segment.
    pub(crate) fn release_numbers(&self) {
        writing(&self.registry).release_numbers();
    }
}
