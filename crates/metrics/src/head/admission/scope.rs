//! One holder of series that may have a limit: a target, a job, a tenant, or the whole store.

use super::labels::HashedSeries;
use super::rate::Rate;
use super::tracker::{Culprit, Tracker};
use crate::locked;
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, AtomicUsize, Ordering};

/// What a limit on series is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum LimitScope {
    /// One job and instance.
    Target,
    /// One job.
    Job,
    /// One value of the tenant label.
    Tenant,
    /// All series.
    Total,
    /// The memory ceiling.
    Memory,
}

impl LimitScope {
    pub(super) const ALL: [Self; 5] = [Self::Target, Self::Job, Self::Tenant, Self::Total, Self::Memory];

    /// A word for metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Target => "target",
            Self::Job => "job",
            Self::Tenant => "tenant",
            Self::Total => "total",
            Self::Memory => "memory",
        }
    }

    /// The key of the limit in the configuration.
    pub const fn setting(self) -> &'static str {
        match self {
            Self::Target => "metrics.limits.series_per_target",
            Self::Job => "metrics.limits.series_per_job",
            Self::Tenant => "metrics.limits.series_per_tenant",
            Self::Total => "metrics.limits.series",
            Self::Memory => "metrics.limits.memory",
        }
    }
}

/// Trackers begin when a scope made so many series within about an hour: who makes few is nobody's culprit.
const TRACKED_FROM: u64 = 32;
/// Trackers of scopes that were refused nothing begin while all trackers take less than this.
const MAKERS_BYTES: usize = 8 << 20;
/// No tracker begins above this.
const TRACKER_BYTES: usize = 16 << 20;
/// How many series are noted between two looks at what a tracker takes.
const WEIGH_EVERY: u64 = 64;
/// The count of a scope that was removed.
const GONE: i64 = i64::MIN / 2;

/// What became of an attempt to count one more series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reserved {
    Counted,
    OverLimit,
    /// The scope was removed meanwhile; there may be a new one.
    Gone,
}

#[derive(Debug, Default)]
struct Tracked {
    tracker: Tracker,
    fed: u64,
    bytes: usize,
}

pub(super) struct Scope {
    pub(super) kind: LimitScope,
    /// The job, or the tenant.
    pub(super) first: Box<[u8]>,
    /// The instance of a target.
    pub(super) second: Box<[u8]>,
    series: AtomicI64,
    pub(super) made: Rate,
    pub(super) forgotten: Rate,
    refused: Rate,
    /// Which limit refused last.
    refused_by: AtomicU8,
    pub(super) refused_total: AtomicU64,
    pub(super) last_refused_ms: AtomicI64,
    /// When the log last told of a refusal.
    pub(super) told_ms: AtomicI64,
    is_tracked: AtomicBool,
    tracked: Mutex<Option<Box<Tracked>>>,
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("name", &self.to_string()).field("series", &self.series()).finish()
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |bytes| super::text::shortened(bytes);
        match self.kind {
            LimitScope::Target => {
                write!(f, "job {:?} target {:?}", text(&self.first), text(&self.second))
            }
            LimitScope::Job => write!(f, "job {:?}", text(&self.first)),
            LimitScope::Tenant => write!(f, "tenant {:?}", text(&self.first)),
            LimitScope::Total | LimitScope::Memory => f.write_str("all jobs"),
        }
    }
}

impl Scope {
    pub(super) fn new(kind: LimitScope, first: &[u8], second: &[u8]) -> Self {
        Self {
            kind,
            first: first.into(),
            second: second.into(),
            series: AtomicI64::new(0),
            made: Rate::default(),
            forgotten: Rate::default(),
            refused: Rate::default(),
            refused_by: AtomicU8::new(0),
            refused_total: AtomicU64::new(0),
            last_refused_ms: AtomicI64::new(i64::MIN),
            told_ms: AtomicI64::new(i64::MIN),
            is_tracked: AtomicBool::new(false),
            tracked: Mutex::default(),
        }
    }

    pub(super) fn is(&self, first: &[u8], second: &[u8]) -> bool {
        *self.first == *first && *self.second == *second
    }

    /// Series in memory.
    pub(super) fn series(&self) -> u64 {
        u64::try_from(self.series.load(Ordering::Relaxed)).unwrap_or(0)
    }

    /// Counts one series more unless that is above the limit, 0 being none.
    pub(super) fn reserve(&self, limit: u64) -> Reserved {
        let limit = if limit == 0 { i64::MAX } else { i64::try_from(limit).unwrap_or(i64::MAX) };
        let more = |series: i64| (0..limit).contains(&series).then_some(series + 1);
        match self.series.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more) {
            Ok(_) => Reserved::Counted,
            Err(series) if series < 0 => Reserved::Gone,
            Err(_) => Reserved::OverLimit,
        }
    }

    /// Counts one series less; returns whether none is left.
    pub(super) fn release(&self) -> bool {
        let before = self.series.fetch_sub(1, Ordering::Relaxed);
        debug_assert!(before > 0, "{self} counted fewer series than it had");
        before == 1
    }

    /// Whether the scope has no series and nothing worth telling, and from now on takes none.
    pub(super) fn retire(&self) -> bool {
        !self.is_tracked.load(Ordering::Relaxed)
            && self.series.compare_exchange(0, GONE, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Counts an attempt to make a series that a limit, this scope's or a wider one, refused.
    pub(super) fn refuse(&self, by: LimitScope, now_ms: i64) {
        self.refused.count(now_ms);
        self.refused_total.fetch_add(1, Ordering::Relaxed);
        self.refused_by.store(by as u8, Ordering::Relaxed);
        self.last_refused_ms.store(now_ms, Ordering::Relaxed);
    }

    /// Refused attempts within about an hour.
    pub(super) fn refused_per_hour(&self, now_ms: i64) -> u64 {
        self.refused.per_hour(now_ms)
    }

    /// Which limit refused last.
    pub(super) fn refused_by(&self) -> LimitScope {
        let by = self.refused_by.load(Ordering::Relaxed);
        LimitScope::ALL.into_iter().find(|scope| *scope as u8 == by).unwrap_or(self.kind)
    }

    /// Notes what a series that was made or refused looks like. Returns whether the scope is tracked from now on.
    /// Who is busy here already makes this one be left out: nobody waits for statistics.
    pub(super) fn feed<'a>(
        &self,
        now_ms: i64,
        labels: impl FnOnce() -> &'a HashedSeries<'a>,
        all_bytes: &AtomicUsize,
    ) -> bool {
        let is_refusing = self.refused.per_hour(now_ms) > 0;
        if !self.is_tracked.load(Ordering::Relaxed) {
            let allowed = if is_refusing { TRACKER_BYTES } else { MAKERS_BYTES };
            let is_busy = is_refusing || self.made.per_hour(now_ms) >= TRACKED_FROM;
            if !is_busy || all_bytes.load(Ordering::Relaxed) >= allowed {
                return false;
            }
        }
        let Ok(mut tracked) = self.tracked.try_lock() else { return false };
        let begins = tracked.is_none();
        let tracked = tracked.get_or_insert_default();
        tracked.tracker.feed(labels());
        tracked.fed += 1;
        if tracked.fed % WEIGH_EVERY == 1 {
            tracked.weigh(all_bytes);
        }
        self.is_tracked.store(true, Ordering::Relaxed);
        begins
    }

    /// Begins a new hour; returns whether the scope is still tracked.
    pub(super) fn turn(&self, all_bytes: &AtomicUsize) -> bool {
        let mut tracked = locked(&self.tracked);
        if let Some(kept) = tracked.as_mut()
            && kept.tracker.turn()
        {
            kept.weigh(all_bytes);
            return true;
        }
        if let Some(ended) = tracked.take() {
            all_bytes.fetch_sub(ended.bytes, Ordering::Relaxed);
        }
        self.is_tracked.store(false, Ordering::Relaxed);
        false
    }

    pub(super) fn culprit(&self) -> Option<Culprit> {
        locked(&self.tracked).as_ref().and_then(|tracked| tracked.tracker.culprit())
    }
}

impl Tracked {
    fn weigh(&mut self, all_bytes: &AtomicUsize) {
        let bytes = self.tracker.bytes();
        all_bytes.fetch_add(bytes, Ordering::Relaxed);
        all_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        self.bytes = bytes;
    }
}
