//! When what is kept has changed: for whoever keeps answers made of it.
//!
//! Time is cut into stretches, and each has a counter; far away stretches share one, which at worst throws away an answer
//! that is still right. What changes everywhere, or nobody knows where, counts for all.

use std::sync::atomic::{AtomicU64, Ordering};
use watchfire_model::TimeRange;

const STRETCH_MS: i64 = 10 * 60 * 1_000;
/// Four weeks of stretches.
const COUNTERS: usize = 4_096;

/// Counters of changes by time.
#[derive(Debug)]
pub(crate) struct Changes {
    everywhere: AtomicU64,
    by_time: Box<[AtomicU64]>,
}

impl Default for Changes {
    fn default() -> Self {
        Self { everywhere: AtomicU64::new(0), by_time: (0..COUNTERS).map(|_| AtomicU64::new(0)).collect() }
    }
}

impl Changes {
    /// Samples between these times were added. To be called when they can be seen, and before anybody is told that they
    /// are kept: an answer that was made meanwhile, with or without them, is then not taken for a present one.
    pub(crate) fn between(&self, range: TimeRange) {
        match self.counters(range) {
            Some(counters) => counters.for_each(|counter| {
                counter.fetch_add(1, Ordering::SeqCst);
            }),
            None => self.all(),
        }
    }

    /// Anything may have changed.
    pub(crate) fn all(&self) {
        self.everywhere.fetch_add(1, Ordering::SeqCst);
    }

    /// Another number whenever anything in the range has changed. No counter ever falls, so their sum tells.
    pub(crate) fn seen(&self, range: TimeRange) -> u64 {
        let everywhere = self.everywhere.load(Ordering::SeqCst);
        let sum = |sum: u64, counter: &AtomicU64| sum.wrapping_add(counter.load(Ordering::SeqCst));
        match self.counters(range) {
            Some(counters) => counters.fold(everywhere, sum),
            None => self.by_time.iter().fold(everywhere, sum),
        }
    }

    /// The counters of a range; `None` if it has more stretches than there are counters.
    fn counters(&self, range: TimeRange) -> Option<impl Iterator<Item = &AtomicU64>> {
        let first = range.start_ms.div_euclid(STRETCH_MS);
        let stretches = range.end_ms.div_euclid(STRETCH_MS).saturating_sub(first);
        let stretches = usize::try_from(stretches).ok().filter(|stretches| *stretches < COUNTERS)?;
        let start = usize::try_from(first.rem_euclid(COUNTERS as i64)).unwrap_or(0);
        Some(self.by_time.iter().cycle().skip(start).take(stretches + 1))
    }
}

#[cfg(test)]
mod tests;
