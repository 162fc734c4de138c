//! The store as a whole: opening, asking, counting.

mod stats;

pub use stats::StoreStats;

use crate::head::Head;
use crate::ingest::{IncomingValue, Introduced};
use crate::locked;
use crate::record::{self, RecordSink, RecordValue};
use crate::selection::Selection;
use hashbrown::HashMap;
use stats::Counters;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;
use watchfire_disk::{DirLock, Disk, Log, LogError, LogOptions};
use watchfire_model::time::Clock;
use watchfire_model::{Labels, Matcher, Metadata, TimeRange};

/// How a store behaves.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Samples older than this, in milliseconds, are refused, and dropped once kept. 15 days.
    pub retention_ms: i64,
    /// Samples further in the future than this, in milliseconds, are refused. 10 minutes.
    pub max_ahead_ms: i64,
    /// New series above this many in memory are refused. 5 million.
    pub max_series: usize,
    /// Acknowledge before the sync; a power cut may lose the last second.
    pub relaxed: bool,
    /// Writes are refused when the file system has less room than this. 64 MiB.
    pub min_free_bytes: u64,
    /// How often a disk that failed is tried again. 1 second.
    pub retry_every: Duration,
    /// Commits that come within this time share a sync. 5 milliseconds.
    pub group_window: Duration,
}

impl Default for StoreOptions {
    fn default() -> Self {
        let log = LogOptions::default();
        Self {
            retention_ms: 15 * 24 * 3_600_000,
            max_ahead_ms: 600_000,
            max_series: 5_000_000,
            relaxed: false,
            min_free_bytes: log.min_free_bytes,
            retry_every: log.check_every,
            group_window: log.group_window,
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
    Log(#[from] LogError),
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
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) head: Head,
    pub(crate) log: Log,
    pub(crate) introduced: Mutex<Introduced>,
    pub(crate) metadata: Mutex<HashMap<String, Metadata>>,
    pub(crate) counters: Counters,
    /// Held shared by batches; held alone where none may be under way.
    pub(crate) gate: RwLock<()>,
    _lock: Box<dyn DirLock>,
}

/// An open store. Closing or dropping it loses nothing that was acknowledged.
pub struct Store {
    pub(crate) core: Arc<Core>,
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
        let io = |source| OpenError::Io { path: path.to_owned(), source };
        let wal = path.join("wal");
        Log::check(&*disk, &wal, record::FORMAT)?;
        disk.create_dir_all(path).map_err(io)?;
        let locked = disk.lock(&path.join("LOCK")).map_err(io)?;
        let lock = locked.ok_or_else(|| OpenError::Locked { path: path.to_owned() })?;
        let head = Head::new(options.max_series);
        let mut replay = Replay {
            head: &head,
            series: HashMap::new(),
            metadata: HashMap::new(),
            segment: 0,
            samples: 0,
            orphans: 0,
            unreadable: 0,
            oldest_ms: clock.now_ms().saturating_sub(options.retention_ms),
        };
        let log_options = LogOptions {
            format: record::FORMAT,
            group_window: options.group_window,
            relaxed: options.relaxed,
            min_free_bytes: options.min_free_bytes,
            check_every: options.retry_every,
            ..LogOptions::default()
        };
        let (log, recovery) = Log::open(Arc::clone(&disk), &wal, log_options, |segment, record| {
            replay.record(segment, record);
        })?;
        let damage = recovery.damage.len() as u64 + replay.unreadable;
        tracing::info!(
            samples = replay.samples,
            series = head.len(),
            segments = recovery.segments,
            damaged = damage,
            orphans = replay.orphans,
            "metric log read back"
        );
        let metadata = Mutex::new(std::mem::take(&mut replay.metadata));
        let counters = Counters::default();
        counters.corruptions.fetch_add(damage, std::sync::atomic::Ordering::Relaxed);
        let core = Core {
            options,
            clock,
            head,
            log,
            introduced: Mutex::default(),
            metadata,
            counters,
            gate: RwLock::new(()),
            _lock: lock,
        };
        Ok(Self { core: Arc::new(core) })
    }

    /// The series that satisfy all matchers and have samples in the range, in label order.
    pub fn select(&self, matchers: &[Matcher], range: TimeRange) -> Result<Selection, ReadError> {
        Ok(Selection::new(range, self.core.head.select(matchers)))
    }

    /// The names of labels on series that satisfy all matchers and have samples about the range, sorted.
    pub fn label_names(&self, matchers: &[Matcher], range: TimeRange) -> Result<Vec<String>, ReadError> {
        let mut names = BTreeSet::new();
        for labels in self.series(matchers, range)? {
            for (name, _) in &labels {
                if !names.contains(name) {
                    names.insert(name.to_owned());
                }
            }
        }
        Ok(names.into_iter().collect())
    }

    /// The values of one label, as [`Store::label_names`].
    pub fn label_values(
        &self,
        name: &str,
        matchers: &[Matcher],
        range: TimeRange,
    ) -> Result<Vec<String>, ReadError> {
        let mut values = BTreeSet::new();
        for labels in self.series(matchers, range)? {
            if let Some(value) = labels.get(name).filter(|value| !values.contains(*value)) {
                values.insert(value.to_owned());
            }
        }
        Ok(values.into_iter().collect())
    }

    /// The label sets of series that satisfy all matchers and have samples about the range, in order.
    pub fn series(&self, matchers: &[Matcher], range: TimeRange) -> Result<Vec<Labels>, ReadError> {
        let found = self.core.head.select(matchers);
        Ok(found
            .into_iter()
            .filter(|series| series.overlaps(range))
            .map(|series| series.labels.clone())
            .collect())
    }

    /// What metric families say about themselves, by name.
    pub fn metadata(&self) -> BTreeMap<String, Metadata> {
        locked(&self.core.metadata).iter().map(|(family, kept)| (family.clone(), kept.clone())).collect()
    }

    /// Puts everything appended on disk and refuses what comes later; reads go on.
    pub fn close(&self) {
        self.core.log.close();
    }
}

/// Puts the log's records back into the head.
struct Replay<'a> {
    head: &'a Head,
    /// What a number stands for in this segment.
    series: HashMap<u32, Labels>,
    metadata: HashMap<String, Metadata>,
    segment: u64,
    samples: u64,
    /// Samples whose series was lost to damage.
    orphans: u64,
    unreadable: u64,
    oldest_ms: i64,
}

impl Replay<'_> {
    fn record(&mut self, segment: u64, record: &[u8]) {
        if segment != self.segment {
            self.series.clear();
            self.segment = segment;
        }
        if record::decode(record, self).is_none() {
            self.unreadable += 1;
        }
    }
}

impl RecordSink for Replay<'_> {
    fn define(&mut self, id: u32, labels: &[u8]) {
        match Labels::from_bytes(labels) {
            Some(labels) => self.series.insert(id, labels),
            None => self.series.remove(&id),
        };
    }

    fn sample(&mut self, id: u32, timestamp_ms: i64, start_ms: i64, value: RecordValue) {
        let Some(labels) = self.series.get(&id) else {
            self.orphans += 1;
            return;
        };
        if timestamp_ms < self.oldest_ms {
            return;
        }
        let value = match &value {
            RecordValue::Float(value) => IncomingValue::Float(*value),
            RecordValue::Histogram(histogram) => IncomingValue::Histogram(histogram),
        };
        let append = |series: &crate::series::HeadSeries| series.append(timestamp_ms, start_ms, value);
        if self.head.with_series(labels.as_bytes(), || Some(labels.clone()), append).is_ok() {
            self.samples += 1;
        } else {
            self.orphans += 1;
        }
    }

    fn metadata(&mut self, family: String, metadata: Metadata) {
        self.metadata.insert(family, metadata);
    }
}

#[cfg(test)]
mod tests;
