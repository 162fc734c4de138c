//! The store as a whole: opening, asking, counting.

mod snapshot;
mod stats;

pub use snapshot::{SNAPSHOTS, Snapshot};
pub use stats::StoreStats;

use crate::ceiling::{Ceiling, MemoryProbe};
use crate::changes::Changes;
use crate::exemplars::{self, Exemplars};
use crate::head::Head;
use crate::head::admission::SeriesLimits;
use crate::head::index::Index;
use crate::head::pairs::Pairs;
use crate::import;
use crate::ingest::Introduced;
use crate::masks::deletions::{self, Deletion};
use crate::part::Part;
use crate::parts::PartList;
use crate::read::selection::Selection;
use crate::read::texts::Texts;
use crate::record;
use crate::recovery::{Recovery, ReplayProgress, Replayer};
use crate::retention::{KeepRule, Retention};
use crate::tiers::{self, TierOptions, Tiers};
use crate::upkeep::{Worker, metadata};
use crate::{locked, reading, writing};
use hashbrown::HashMap;
use roaring::RoaringBitmap;
use stats::Counters;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;
use watchfire_disk::{BlockError, Commit, DirLock, Disk, Log, LogError, LogOptions};
use watchfire_model::labels::{LabelLimits, LabelPair};
use watchfire_model::time::Clock;
use watchfire_model::{Labels, Matcher, Metadata, TimeRange};

/// How a store behaves.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Samples older than this, in milliseconds, are refused, and dropped once kept. 15 days.
    pub retention_ms: i64,
    /// When the store takes more bytes than this, its oldest days are dropped. No bound.
    pub retention_bytes: Option<u64>,
    /// Series that are kept for another time than the rest; [`Store::set_retention`] changes it all. None.
    pub retention_rules: Vec<KeepRule>,
    /// Samples further in the future than this, in milliseconds, are refused. 10 minutes.
    pub max_ahead_ms: i64,
    /// New series with more or longer labels are refused; [`Store::set_label_limits`] changes it. 512 labels, names of
    /// 4 KiB, values of 1 MiB.
    pub label_limits: LabelLimits,
    /// How many series there may be. [`Store::set_limits`] changes it.
    pub limits: SeriesLimits,
    /// Above this use of memory new series are refused; 0 for no ceiling, as without a probe. [`Store::set_limits`]
    /// changes it.
    pub memory_ceiling_bytes: u64,
    /// Measures the process for the memory ceiling.
    pub memory_probe: Option<Arc<dyn MemoryProbe>>,
    /// Downsampled tiers, finest first; [`Store::set_retention_and_tiers`] changes them. None.
    pub tiers: Vec<TierOptions>,
    /// At most so many exemplars are kept; [`Store::set_max_exemplars`] changes it. 100 thousand.
    pub max_exemplars: usize,
    /// Acknowledge before the sync; a power cut may lose the last second.
    pub relaxed: bool,
    /// Writes are refused when the file system has less room than this. 64 MiB.
    pub min_free_bytes: u64,
    /// Batches wait while more bytes than this wait for the disk. 64 MiB.
    pub max_queued_bytes: usize,
    /// How often a disk that failed is tried again. 1 second.
    pub retry_every: Duration,
    /// Commits that come within this time share a sync. 5 milliseconds.
    pub group_window: Duration,
    /// How often the samples in memory become a part. 2 hours.
    pub flush_every: Duration,
    /// They become one earlier when there are this many. 100 million.
    pub flush_samples: u64,
    /// Or when they take more than this, and more than [`flush_bytes_per_series`](Self::flush_bytes_per_series). 64 MiB.
    pub flush_bytes: u64,
    /// The other bound: with many series a flush costs more than the memory that it frees. 192 bytes.
    pub flush_bytes_per_series: u64,
    /// Pages of parts that are kept unpacked in memory take this much at most. 64 MiB.
    pub page_cache_bytes: usize,
    /// About how much memory the ends of parts, their indexes mostly, take while they are written. More goes to files
    /// until the part is finished. It is less under a small memory ceiling.
    pub part_bytes: usize,
    /// Flush, merge and drop in the background; without, only [`Store::compact_now`] and [`Store::tend`] do.
    pub background: bool,
    /// No threads at all and no look at any clock but the injected one: what the background would do is done when
    /// [`Store::step_log`] and [`Store::tend`] are called, so that a simulation runs the same way from the same seed.
    pub stepped: bool,
}

impl Default for StoreOptions {
    fn default() -> Self {
        let log = LogOptions::default();
        Self {
            retention_ms: 15 * 24 * 3_600_000,
            retention_bytes: None,
            retention_rules: Vec::new(),
            max_ahead_ms: 600_000,
            label_limits: LabelLimits::default(),
            limits: SeriesLimits::default(),
            memory_ceiling_bytes: 0,
            memory_probe: None,
            tiers: Vec::new(),
            max_exemplars: 100_000,
            relaxed: false,
            min_free_bytes: log.min_free_bytes,
            max_queued_bytes: log.max_queued_bytes,
            retry_every: log.check_every,
            group_window: log.group_window,
            flush_every: Duration::from_secs(7200),
            flush_samples: 100_000_000,
            flush_bytes: 64 << 20,
            flush_bytes_per_series: 192,
            page_cache_bytes: 64 << 20,
            part_bytes: 64 << 20,
            background: true,
            stepped: false,
        }
    }
}

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The operating system says no.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// Another process has it open.
    #[error("{}: another process holds this data directory; stop it, or choose another --storage.tsdb.path", path.display())]
    Locked {
        /// The data directory.
        path: PathBuf,
    },
    /// The log cannot be opened, or is of a newer release.
    #[error(transparent)]
    Log(#[from] Arc<LogError>),
    /// A part is of a newer release.
    #[error(transparent)]
    Part(#[from] BlockError),
}

/// Why a question cannot be answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The operating system says no.
    #[error("{0}")]
    Io(String),
}

pub(crate) struct Core {
    pub(crate) options: StoreOptions,
    retention: RwLock<Arc<Retention>>,
    label_limits: RwLock<LabelLimits>,
    pub(crate) deletions: RwLock<Arc<Vec<Arc<Deletion>>>>,
    /// Whether the file of deletions may hold others.
    pub(crate) deletions_unsure: AtomicBool,
    /// When parts were last looked through for series that are hidden.
    pub(crate) cleaned_ms: AtomicI64,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ceiling: Arc<Ceiling>,
    pub(crate) head: Head,
    pub(crate) log: Log,
    pub(crate) recovery: Recovery,
    pub(crate) introduced: Mutex<Introduced>,
    pub(crate) metadata: Mutex<HashMap<String, Metadata>>,
    /// Families described whose record is not known to be in the log, each with its last commit.
    pub(crate) described: Mutex<Vec<(String, Commit)>>,
    pub(crate) exemplars: Mutex<Exemplars>,
    pub(crate) counters: Counters,
    /// Held shared by batches; held alone where none may be under way.
    pub(crate) gate: RwLock<()>,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) path: PathBuf,
    pub(crate) parts: PartList,
    pub(crate) tiers: Tiers,
    /// Held by the one flush or merge under way.
    pub(crate) upkeep: Mutex<()>,
    /// The store is being closed: what can be done again later is not finished.
    pub(crate) stopping: Arc<AtomicBool>,
    /// For whoever keeps answers, see [`Store::changes`].
    pub(crate) changes: Changes,
    /// Flushes that took samples out of memory.
    pub(crate) flushes: AtomicU32,
    _lock: Box<dyn DirLock>,
}

/// An open store. Closing or dropping it loses nothing that was acknowledged.
pub struct Store {
    pub(crate) core: Arc<Core>,
    worker: Worker,
    replayer: Replayer,
}

impl Core {
    /// What is kept at this moment.
    pub(crate) fn retention(&self) -> Arc<Retention> {
        Arc::clone(&reading(&self.retention))
    }

    /// What labels a new series may have at this moment.
    pub(crate) fn label_limits(&self) -> LabelLimits {
        *reading(&self.label_limits)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("series", &self.core.head.len()).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the store in `path`, making it if it is not there, and reads its log back. Nothing is touched when a
    /// newer release wrote any file of it.
    pub fn open(
        path: &Path,
        options: StoreOptions,
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        let store = Self::open_serving(path, options, disk, clock)?;
        store.wait_until_ready()?;
        Ok(store)
    }

    /// As [`Store::open`], but returns before the log is read back. Until that is done, see [`Store::wait_until_ready`],
    /// answers come from the parts and from what has been read, with a warning that says so, and writes are refused.
    pub fn open_serving(
        path: &Path,
        options: StoreOptions,
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        let io = |source| OpenError::Io { path: path.to_owned(), source };
        let wal = path.join("wal");
        Log::check(&*disk, &wal, record::FORMAT).map_err(Arc::new)?;
        PartList::check(&*disk, path)?;
        metadata::check(&*disk, path)?;
        exemplars::file::check(&*disk, path)?;
        import::check(&*disk, path)?;
        deletions::check(&*disk, path)?;
        tiers::check(&*disk, path)?;
        disk.create_dir_all(path).map_err(io)?;
        let locked = disk.lock(&path.join("LOCK")).map_err(io)?;
        let lock = locked.ok_or_else(|| OpenError::Locked { path: path.to_owned() })?;
        let mut parts = PartList::open(&*disk, path, options.page_cache_bytes).map_err(io)?;
        let (tiers, last_seq) = Tiers::open(&*disk, &parts.cache, path, &options.tiers).map_err(io)?;
        parts.skip_to(last_seq);
        let read = match deletions::read(&*disk, path) {
            // Merges would make it impossible to delete it again; what cannot be read now may be the next time.
            Err(error @ BlockError::Io { .. }) => return Err(error.into()),
            read => read,
        };
        let deletions = read.unwrap_or_else(|error| {
            tracing::error!(%error, "what was deleted may be seen again");
            parts.unreadable.push(format!("{error}; what was deleted may be seen again"));
            Vec::new()
        });
        // No new part may have a number for which a deletion holds.
        parts.skip_to(
            deletions.iter().filter_map(|deletion| deletion.parts.last()).copied().max().unwrap_or(0),
        );
        let mut damaged = Vec::new();
        let metadata = metadata::read(&*disk, path, &mut damaged);
        let exemplars = exemplars::file::read(&*disk, path, options.max_exemplars, &mut damaged);
        let ceiling = Arc::new(Ceiling::new(options.memory_probe.clone()));
        ceiling.limit(options.memory_ceiling_bytes);
        let head = Head::new(Arc::clone(&ceiling));
        head.admission.limit(&options.limits, std::iter::empty());
        head.admission.at(clock.now_ms());
        let retention = Retention {
            time_ms: options.retention_ms,
            size_bytes: options.retention_bytes,
            rules: options.retention_rules.clone(),
        };
        let log_options = LogOptions {
            format: record::FORMAT,
            group_window: options.group_window,
            relaxed: options.relaxed,
            min_free_bytes: options.min_free_bytes,
            max_queued_bytes: options.max_queued_bytes,
            check_every: options.retry_every,
            stepped: options.stepped,
            ..LogOptions::default()
        };
        let (log, backlog) = Log::begin(Arc::clone(&disk), &wal, log_options).map_err(Arc::new)?;
        let core = Core {
            label_limits: RwLock::new(options.label_limits),
            options,
            retention: RwLock::new(Arc::new(retention)),
            deletions: RwLock::new(Arc::new(deletions)),
            deletions_unsure: AtomicBool::new(false),
            cleaned_ms: AtomicI64::new(i64::MIN),
            clock,
            ceiling,
            head,
            log,
            recovery: Recovery::of(&backlog),
            introduced: Mutex::default(),
            metadata: Mutex::new(metadata),
            described: Mutex::default(),
            exemplars: Mutex::new(exemplars),
            counters: Counters::default(),
            gate: RwLock::new(()),
            disk,
            path: path.to_owned(),
            parts,
            tiers,
            upkeep: Mutex::new(()),
            stopping: Arc::default(),
            changes: Changes::default(),
            flushes: AtomicU32::new(0),
            _lock: lock,
        };
        let unreadable = core.parts.unreadable.len() as u64;
        core.counters.corruptions.fetch_add(unreadable, std::sync::atomic::Ordering::Relaxed);
        core.counters.damaged(&damaged);
        let core = Arc::new(core);
        let replayer = Replayer::start(&core, backlog).map_err(io)?;
        let worker = Worker::start(&core).map_err(io)?;
        Ok(Self { core, worker, replayer })
    }

    /// Blocks until the log is read back and writes are taken; an error when it cannot be read.
    pub fn wait_until_ready(&self) -> Result<(), OpenError> {
        Ok(self.core.recovery.wait()?)
    }

    /// How far the log has been read back.
    pub fn replay_progress(&self) -> ReplayProgress {
        self.core.recovery.progress()
    }

    /// The series that satisfy all matchers and have samples in the range, in label order.
    pub fn select(&self, matchers: &[Matcher], range: TimeRange) -> Result<Selection, ReadError> {
        Ok(Selection::new(&self.core, matchers, range))
    }

    /// The names of labels on series that satisfy all matchers and have samples about the range, sorted.
    pub fn label_names(&self, matchers: &[Matcher], range: TimeRange) -> Result<Vec<String>, ReadError> {
        let mut names = BTreeSet::new();
        self.ask_head(matchers, |ids, index, pairs| index.label_names(pairs, ids, &mut names));
        self.ask_parts(matchers, range, |part, ids, damage| part.label_names(ids, damage, &mut names));
        Ok(names.into_iter().collect())
    }

    /// The values of one label, as [`Store::label_names`].
    pub fn label_values(
        &self,
        name: &str,
        matchers: &[Matcher],
        range: TimeRange,
    ) -> Result<Vec<String>, ReadError> {
        let in_memory = self.ask_head(matchers, |ids, index, pairs| index.label_pairs(pairs, name, ids));
        let mut values = Texts::default();
        values.add_all(in_memory.iter().map(LabelPair::value));
        self.ask_parts(matchers, range, |part, ids, damage| {
            values.next_place();
            part.label_values(name, ids, damage, &mut values);
        });
        Ok(values.into_sorted())
    }

    /// What is in memory is recent enough for any range: its series are not told apart by time here.
    fn ask_head<T>(
        &self,
        matchers: &[Matcher],
        ask: impl FnOnce(Option<&RoaringBitmap>, &Index, &Pairs) -> T,
    ) -> T {
        let tried = self.core.head.tried(matchers);
        let (index, registry) = (self.core.head.index(), self.core.head.registry());
        let ids = (!matchers.is_empty()).then(|| index.select(&registry.pairs, matchers, &tried));
        ask(ids.as_ref(), &index, &registry.pairs)
    }

    fn ask_parts(
        &self,
        matchers: &[Matcher],
        range: TimeRange,
        mut ask: impl FnMut(&Part, Option<&RoaringBitmap>, &mut Vec<String>),
    ) {
        let mut damage = Vec::new();
        let (raw, tiers) = (self.core.parts.list(), self.core.tiers.series_parts(range));
        let masks = (self.core.masks(range), self.core.tier_masks(range, self.core.tiers.coarsest_ms()));
        let raw = raw.iter().map(|part| (part, &masks.0));
        let all = raw.chain(tiers.iter().map(|part| (part, &masks.1)));
        for (part, masks) in all.filter(|(part, _)| part.range().overlaps(range)) {
            let mut ids = (!matchers.is_empty()).then(|| part.select(matchers, &mut damage));
            if let Some(masks) = masks {
                let hidden = masks.hidden_in(part, range, &mut damage);
                if !hidden.is_empty() {
                    let ids = ids.get_or_insert_with(|| part.all());
                    *ids -= hidden;
                }
            }
            ask(part, ids.as_ref(), &mut damage);
        }
        self.core.counters.damaged(&damage);
    }

    /// The label sets of series that satisfy all matchers and have samples about the range, in order.
    pub fn series(&self, matchers: &[Matcher], range: TimeRange) -> Result<Vec<Labels>, ReadError> {
        let mut selection = Selection::new(&self.core, matchers, range);
        let mut found: Vec<Labels> = std::iter::from_fn(|| selection.next_labels()).collect();
        let tiers = self.core.tiers.series_parts(range);
        if !tiers.is_empty() {
            let mut selection = Selection::from_parts(&tiers, matchers, range)
                .masked(self.core.tier_masks(range, self.core.tiers.coarsest_ms()));
            found.extend(std::iter::from_fn(|| selection.next_labels()));
            self.core.counters.damaged(selection.warnings());
            found.sort_unstable();
            found.dedup();
        }
        Ok(found)
    }

    /// A number that is another one whenever what the store gives for a range may be: samples came, were deleted, or went.
    /// `None` where samples go by themselves, or while the log is read back.
    pub fn changes(&self, range: TimeRange) -> Option<u64> {
        let core = &self.core;
        let seen = core.changes.seen(range);
        let shortest_ms = core.retention().shortest_ms();
        let oldest_ms = core.clock.now_ms().saturating_sub(shortest_ms).max(core.tiers.first_sample_ms());
        (core.recovery.is_done() && range.start_ms >= oldest_ms).then_some(seen)
    }

    /// Keeps more or less from now on.
    pub fn set_retention(&self, retention: Retention) {
        *writing(&self.core.retention) = Arc::new(retention);
        self.core.changes.all();
    }

    /// What is kept.
    pub fn retention(&self) -> Arc<Retention> {
        self.core.retention()
    }

    /// Keeps more or less from now on, in other downsampled tiers. New ones are made from what there is; one that is not
    /// wanted any more is read no longer, and its files stay where they are. Both change at once, so that no sample goes
    /// before its tier is made; after an error both are as they were.
    pub fn set_retention_and_tiers(
        &self,
        retention: Retention,
        tiers: &[TierOptions],
    ) -> Result<(), CompactError> {
        let core = &self.core;
        let _upkeep = locked(&core.upkeep);
        let last_seq =
            core.tiers.configure(&*core.disk, &core.path, tiers).map_err(|error| core.fails(error))?;
        core.parts.skip_to(last_seq);
        // New tiers included.
        self.set_retention(retention);
        Ok(())
    }

    /// What metric families say about themselves, by name.
    pub fn metadata(&self) -> BTreeMap<String, Metadata> {
        locked(&self.core.metadata).iter().map(|(family, kept)| (family.clone(), kept.clone())).collect()
    }

    /// Puts the samples in memory into parts, merges the parts of each day into one, and drops what is older than
    /// the retention. Returns when it is done.
    pub fn compact_now(&self) -> Result<(), CompactError> {
        let _upkeep = locked(&self.core.upkeep);
        self.core.flush()?;
        self.core.tend_parts(true)
    }

    /// Deletes the samples in the range of all series that satisfy any of the selectors, each a conjunction. They are
    /// gone from every answer when it returns, and a crash does not bring them back; the disk has their room back when
    /// their parts are written again. Samples written later are kept, whatever time they are of.
    pub fn delete(&self, selectors: Vec<Vec<Matcher>>, range: TimeRange) -> Result<(), CompactError> {
        let deleted = self.core.delete(selectors, range);
        // Also after an error: a part of it may have been done.
        self.core.changes.all();
        deleted
    }

    /// Writes all parts again that hold samples which are deleted, or past the time of their series. Returns when it is
    /// done.
    pub fn clean_now(&self) -> Result<(), CompactError> {
        let _upkeep = locked(&self.core.upkeep);
        self.core.changes.all();
        self.core.clean(true)?;
        self.core.forget_deletions()
    }

    /// Puts the samples in memory into parts. Returns when it is done.
    pub fn flush_now(&self) -> Result<(), CompactError> {
        let _upkeep = locked(&self.core.upkeep);
        self.core.flush()
    }

    /// One round of the upkeep that otherwise runs in the background: puts the samples in memory into parts if `flush`,
    /// merges where a day has enough parts, and drops what is older than the retention.
    pub fn tend(&self, flush: bool) -> Result<(), CompactError> {
        self.core.tend(flush)
    }

    /// With [`StoreOptions::stepped`], does what the log's thread would do next: puts the oldest group of batches on
    /// disk, or, when none waits, looks after the disk. Otherwise there is a thread for that, and this does nothing.
    pub fn step_log(&self) {
        self.core.log.step();
    }

    /// Puts the samples in memory into parts, so that the next start is quick, and refuses later writes; reads go on.
    pub fn close(&self) {
        self.core.tiers.closing.store(true, Ordering::Relaxed);
        self.worker.stop();
        self.replayer.stop();
        let _upkeep = locked(&self.core.upkeep);
        if !self.core.recovery.is_done() {
            tracing::info!("the log was not read back to its end, it stays as it is");
        } else if let Err(error) = self.core.flush() {
            tracing::warn!(%error, "samples stay in the log until the next start");
        }
        self.core.log.close();
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.core.tiers.closing.store(true, Ordering::Relaxed);
    }
}

/// Why samples could not be put into parts, or parts not merged. Nothing is lost; it is tried again.
#[derive(Debug, thiserror::Error)]
#[error("cannot write parts in {}: {source}", path.display())]
pub struct CompactError {
    /// The data directory.
    pub path: PathBuf,
    /// What the operating system said.
    pub source: io::Error,
}

#[cfg(test)]
mod kinds;
#[cfg(test)]
mod tests;
