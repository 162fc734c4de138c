//! Tiers in numbers.

use super::set::Set;
use crate::store::Store;
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug, Default)]
pub(crate) struct TierCounters {
    windows_made: AtomicU64,
    days_made: AtomicU64,
    pub(super) selections: AtomicU64,
}

impl TierCounters {
    pub(super) fn made(&self, set: &Set) {
        self.days_made.fetch_add(1, Ordering::Relaxed);
        self.windows_made.fetch_add(set.windows(), Ordering::Relaxed);
    }
}

/// A tier in numbers, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TierStats {
    /// The resolution as people write it, such as `5m`.
    pub resolution: String,
    /// Windows on disk, over all series.
    pub windows: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// UTC days there are.
    pub days: u64,
    /// The end of the newest day that is made, in milliseconds since the Unix epoch.
    pub made_until_ms: Option<i64>,
    /// Closed days of samples that are not made yet.
    pub waiting_days: u64,
}

/// All tiers in numbers, at one moment. Counters count since the store was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TiersStats {
    /// Each tier, finest first.
    pub tiers: Vec<TierStats>,
    /// Windows made.
    pub windows_made: u64,
    /// Days made, those made again included.
    pub days_made: u64,
    /// Selections of series that read windows.
    pub selections: u64,
    /// The last instant that is read from tiers, in milliseconds since the Unix epoch; `None` before any is.
    pub seam_ms: Option<i64>,
}

impl Store {
    /// The downsampled tiers in numbers.
    pub fn tier_stats(&self) -> TiersStats {
        let core = &self.core;
        let (levels, counters) = (core.tiers.levels(), &core.tiers.counters);
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let closed = core.last_closed_day();
        let seam_ms = core.tiers.seam_ms();
        let mut raw_days: Vec<i64> = core.parts.list().iter().map(|part| part.day).collect();
        raw_days.sort_unstable();
        raw_days.dedup();
        raw_days.retain(|day| *day <= closed && (day + 1) * crate::parts::DAY_MS > seam_ms);
        let tiers = levels.iter().map(|level| TierStats {
            resolution: level.options.name(),
            windows: level.sets.iter().map(|set| set.windows()).sum(),
            bytes: level.sets.iter().map(|set| set.bytes).sum(),
            days: level.sets.iter().map(|set| set.days.unsigned_abs()).sum(),
            made_until_ms: level.sets.iter().map(|set| set.end_ms()).max(),
            waiting_days: raw_days.iter().filter(|day| level.set(**day).is_none()).count() as u64,
        });
        TiersStats {
            tiers: tiers.collect(),
            windows_made: count(&counters.windows_made),
            days_made: count(&counters.days_made),
            selections: count(&counters.selections),
            seam_ms: (seam_ms != i64::MIN).then_some(seam_ms),
        }
    }
}
