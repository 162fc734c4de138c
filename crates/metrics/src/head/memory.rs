//! What the series in memory take.

use std::sync::atomic::{AtomicI64, Ordering};

/// An estimate of the bytes that series and their samples hold, kept up to date as they come and go.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    series: AtomicI64,
    samples: AtomicI64,
}

impl Memory {
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
