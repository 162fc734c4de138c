//! The memory ceiling: how much there is, how much is used, and how pressing that is.
//!
//! The program measures, by [`MemoryProbe`]: the bytes its allocator has handed out (the live heap: series, samples,
//! index, log queue, caches, queries, everything) and what the system says is resident. What is resident beyond the
//! live heap is fragmentation, freed memory that was not given back, code and stacks: the overhead. It is taken off the
//! ceiling, so that a heap that fragments gets a smaller share; the rest is the budget. Against it stands the live heap
//! and what the next flush will need, for a flush is what frees memory and must always be possible:
//!
//! | live heap and next flush, of the budget | then |
//! |---|---|
//! | below [`SOFT`] | all is well |
//! | from there | samples leave memory early; who makes the most new series makes no more |
//! | from [`HARD`] | new series are refused, but for the first few of a target |
//! | from [`LAST`] | those too |
//!
//! What is left above is for queries, merges and the rest of the program. Memory that was freed counts as free at
//! once, whether or not the allocator gave it back: it will be used again first.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};

/// Shares of the budget in percent.
const SOFT: u64 = 60;
const HARD: u64 = 75;
const LAST: u64 = 80;
/// The overhead is never taken to be less than this share of the live heap, in percent.
const LEAST_OVERHEAD: u64 = 5;
/// What a flush needs for each series in memory while it writes their part: 52 bytes to put it in order, where it has a
/// label value of its own, then 44 to know what was copied of it. `tests/flush_memory.rs` holds it to this.
const FLUSH_BYTES_PER_SERIES: u64 = 64;
/// The share of the ceiling, one in so many, that the ends of parts may take while they are written.
const PART_SHARE: u64 = 32;
/// How many new series are asked for between two measurements.
const MEASURE_EVERY: u32 = 256;

/// What a process uses, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryUse {
    /// Bytes handed out by the allocator and not given back.
    pub live_bytes: u64,
    /// Bytes of the process that are in physical memory, 0 where unknown.
    pub resident_bytes: u64,
}

/// Measures the process. It is asked some thousand times a second at most.
pub trait MemoryProbe: Send + Sync + fmt::Debug {
    /// What is used now.
    fn measure(&self) -> MemoryUse;
}

/// How pressing it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Pressure {
    /// All is well.
    #[default]
    Calm,
    /// Samples leave memory early, and the greediest makes no new series.
    Tight,
    /// New series are refused, but for the first few of a target.
    Full,
    /// New series are refused.
    Over,
}

impl Pressure {
    /// A word for metrics and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Tight => "tight",
            Self::Full => "full",
            Self::Over => "over",
        }
    }
}

/// Memory against its ceiling, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryStats {
    /// The ceiling, 0 for none.
    pub ceiling_bytes: u64,
    /// The live heap, the overhead, and what the next flush will need.
    pub used_bytes: u64,
    /// What the next flush will need.
    pub flush_bytes: u64,
    /// The live heap.
    pub live_bytes: u64,
    /// What the system says is resident, 0 where unknown.
    pub resident_bytes: u64,
    /// What is taken off the ceiling for fragmentation and what is no heap.
    pub overhead_bytes: u64,
    /// From this use on, samples leave memory early.
    pub soft_bytes: u64,
    /// From this use on, new series are refused.
    pub hard_bytes: u64,
    /// How pressing it is.
    pub pressure: Pressure,
}

/// Watches the ceiling.
#[derive(Debug, Default)]
pub(crate) struct Ceiling {
    probe: Option<Arc<dyn MemoryProbe>>,
    ceiling_bytes: AtomicU64,
    live_bytes: AtomicU64,
    resident_bytes: AtomicU64,
    overhead_bytes: AtomicU64,
    /// The most that was ever live: so much the allocator may keep without it being overhead.
    peak_bytes: AtomicU64,
    /// Series that a flush has to write.
    to_flush: AtomicU64,
    is_flushing: AtomicBool,
    /// The live heap when the flush under way began.
    before_flush: AtomicU64,
    pressure: AtomicU8,
    asked: AtomicU32,
}

impl Ceiling {
    /// Without a probe there is no ceiling.
    pub(crate) fn new(probe: Option<Arc<dyn MemoryProbe>>) -> Self {
        Self { probe, ..Self::default() }
    }

    /// From now on, so much; 0 for any amount.
    pub(crate) fn limit(&self, ceiling_bytes: u64) {
        self.ceiling_bytes.store(ceiling_bytes, Ordering::Relaxed);
        self.measure();
    }

    /// How pressing it was at most a few hundred questions ago, with so many series in memory.
    pub(crate) fn pressure(&self, series: u64) -> Pressure {
        self.to_flush.store(series, Ordering::Relaxed);
        if self.asked.fetch_add(1, Ordering::Relaxed).is_multiple_of(MEASURE_EVERY) {
            self.measure();
        }
        self.last()
    }

    fn last(&self) -> Pressure {
        match self.pressure.load(Ordering::Relaxed) {
            0 => Pressure::Calm,
            1 => Pressure::Tight,
            2 => Pressure::Full,
            _ => Pressure::Over,
        }
    }

    /// A flush begins or ends, with so many series in memory.
    pub(crate) fn flushing(&self, is_flushing: bool, series: u64) {
        let live = self.probe.as_ref().map_or(0, |probe| probe.measure().live_bytes);
        self.before_flush.store(live, Ordering::Relaxed);
        self.to_flush.store(series, Ordering::Relaxed);
        self.is_flushing.store(is_flushing, Ordering::Relaxed);
    }

    /// What the next flush will need, or the one under way still may: what it has taken already is live.
    fn flush_bytes(&self, live: u64) -> u64 {
        let series = self.to_flush.load(Ordering::Relaxed);
        if series == 0 {
            return 0;
        }
        let parts = self.ceiling_bytes.load(Ordering::Relaxed) / PART_SHARE;
        let needed = series * FLUSH_BYTES_PER_SERIES + parts;
        if self.is_flushing.load(Ordering::Relaxed) {
            return (self.before_flush.load(Ordering::Relaxed) + needed).saturating_sub(live);
        }
        needed
    }

    /// How much of `most` the ends of parts may take while they are written.
    pub(crate) fn part_bytes(&self, most: usize) -> usize {
        match self.ceiling_bytes.load(Ordering::Relaxed) {
            0 => most,
            ceiling => usize::try_from(ceiling / PART_SHARE).unwrap_or(most).min(most),
        }
    }

    /// How pressing it is now.
    pub(crate) fn measure(&self) -> Pressure {
        let Some(probe) = &self.probe else { return Pressure::Calm };
        let MemoryUse { live_bytes: live, resident_bytes: resident } = probe.measure();
        let peak = self.peak_bytes.fetch_max(live, Ordering::Relaxed).max(live);
        let overhead = resident.saturating_sub(peak).max(live / 100 * LEAST_OVERHEAD);
        self.live_bytes.store(live, Ordering::Relaxed);
        self.resident_bytes.store(resident, Ordering::Relaxed);
        self.overhead_bytes.store(overhead, Ordering::Relaxed);
        let ceiling = self.ceiling_bytes.load(Ordering::Relaxed);
        let budget = ceiling.saturating_sub(overhead);
        let needed = live + self.flush_bytes(live);
        let is_above = |share: u64| needed >= budget / 100 * share;
        let pressure = match () {
            () if ceiling == 0 || !is_above(SOFT) => Pressure::Calm,
            () if !is_above(HARD) => Pressure::Tight,
            () if !is_above(LAST) => Pressure::Full,
            () => Pressure::Over,
        };
        let before = self.pressure.swap(pressure as u8, Ordering::Relaxed);
        if (before >= Pressure::Full as u8) != (pressure >= Pressure::Full) {
            let (live_bytes, ceiling_bytes) = (live, ceiling);
            if pressure >= Pressure::Full {
                tracing::warn!(
                    live_bytes,
                    resident_bytes = resident,
                    ceiling_bytes,
                    "memory is short, new series are refused"
                );
            } else {
                tracing::info!(
                    live_bytes,
                    resident_bytes = resident,
                    ceiling_bytes,
                    "there is memory for new series again"
                );
            }
        }
        pressure
    }

    /// As last measured.
    pub(crate) fn stats(&self) -> MemoryStats {
        let ceiling_bytes = self.ceiling_bytes.load(Ordering::Relaxed);
        let live_bytes = self.live_bytes.load(Ordering::Relaxed);
        let overhead_bytes = self.overhead_bytes.load(Ordering::Relaxed);
        let flush_bytes = self.flush_bytes(live_bytes);
        let budget = ceiling_bytes.saturating_sub(overhead_bytes);
        let mark = |share: u64| if ceiling_bytes == 0 { 0 } else { budget / 100 * share + overhead_bytes };
        MemoryStats {
            ceiling_bytes,
            used_bytes: live_bytes + overhead_bytes + flush_bytes,
            flush_bytes,
            live_bytes,
            resident_bytes: self.resident_bytes.load(Ordering::Relaxed),
            overhead_bytes,
            soft_bytes: mark(SOFT),
            hard_bytes: mark(HARD),
            pressure: self.last(),
        }
    }
}

#[cfg(test)]
mod tests;
