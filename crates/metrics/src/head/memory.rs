//! What the series in memory take, and the pools that their samples are in.

use crate::codec::chunk::Pieces;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

/// Writers rarely meet in one of so many.
const POOLS: usize = 64;
/// The series of one target, which have numbers in a row, share pools: what is scraped together lies together.
const POOL_SERIES: usize = 64;

/// An estimate of the bytes that series and their samples hold, kept up to date as they come and go; and the pools.
#[derive(Debug)]
pub(crate) struct Memory {
    series: AtomicI64,
    samples: AtomicI64,
    pools: [Mutex<Pieces>; POOLS],
}

impl Default for Memory {
    fn default() -> Self {
        let pools = std::array::from_fn(|_| Mutex::default());
        Self { series: AtomicI64::new(0), samples: AtomicI64::new(0), pools }
    }
}

impl Memory {
    /// Where the samples of the series of this number are.
    pub(crate) fn pool(&self, id: u32) -> &Mutex<Pieces> {
        let [first, ..] = &self.pools;
        self.pools.get(id as usize / POOL_SERIES % POOLS).unwrap_or(first)
    }

    /// Notes that a series which took `before` bytes without its samples now takes `after`.
    pub(crate) fn change(&self, before: usize, after: usize) {
        note(&self.series, before, after);
    }

    /// Notes that samples which took `before` bytes now take `after`.
    pub(crate) fn change_samples(&self, before: usize, after: usize) {
        note(&self.samples, before, after);
    }

    /// Bytes held now.
    pub(crate) fn bytes(&self) -> u64 {
        u64::try_from(self.series.load(Ordering::Relaxed)).unwrap_or(0) + self.sample_bytes()
    }

    /// Those of them that a flush frees.
    pub(crate) fn sample_bytes(&self) -> u64 {
        u64::try_from(self.samples.load(Ordering::Relaxed)).unwrap_or(0)
    }
}

fn note(bytes: &AtomicI64, before: usize, after: usize) {
    if before != after {
        bytes.fetch_add((after as i64).wrapping_sub(before as i64), Ordering::Relaxed);
    }
}
