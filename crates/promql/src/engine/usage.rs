//! What a query holds and has read, seen from outside while it runs.

use super::QueryError;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// About what a sample takes in memory. A histogram counts as so many samples as it takes more.
pub const SAMPLE_BYTES: usize = 16;

/// The account of a query, on all its threads.
#[derive(Debug, Default)]
pub struct QueryUsage {
    held: AtomicUsize,
    peak: AtomicUsize,
    read: AtomicU64,
    looked_at: AtomicU64,
}

impl QueryUsage {
    /// Samples read so far.
    pub fn samples_read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Samples looked at, summed over all steps, see [`QueryResult::queried`](crate::QueryResult::queried): known when the
    /// query has its answer, if it was to count them.
    pub fn samples_looked_at(&self) -> u64 {
        self.looked_at.load(Ordering::Relaxed)
    }

    /// About how many bytes the samples take that it holds now.
    pub fn held_bytes(&self) -> usize {
        self.held.load(Ordering::Relaxed).saturating_mul(SAMPLE_BYTES)
    }

    /// The most that [`QueryUsage::held_bytes`] ever was.
    pub fn peak_bytes(&self) -> usize {
        self.peak.load(Ordering::Relaxed).saturating_mul(SAMPLE_BYTES)
    }

    /// Begins anew, for a query that was given up and is evaluated again.
    pub fn forget(&self) {
        self.held.store(0, Ordering::Relaxed);
        self.peak.store(0, Ordering::Relaxed);
        self.read.store(0, Ordering::Relaxed);
        self.looked_at.store(0, Ordering::Relaxed);
    }

    pub(crate) fn looked_at(&self, by_step: &[u64]) {
        self.looked_at.fetch_add(by_step.iter().sum(), Ordering::Relaxed);
    }

    pub(crate) fn read(&self, samples: usize) {
        self.read.fetch_add(samples as u64, Ordering::Relaxed);
    }
}

/// A query's account with its limits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account<'a> {
    pub(crate) usage: &'a QueryUsage,
    pub(crate) max_samples: usize,
    pub(crate) max_bytes: usize,
}

impl Account<'_> {
    /// Puts samples on the account.
    pub(crate) fn hold(&self, samples: usize) -> Result<(), QueryError> {
        let held = self.usage.held.fetch_add(samples, Ordering::Relaxed).saturating_add(samples);
        self.usage.peak.fetch_max(held, Ordering::Relaxed);
        if held > self.max_samples {
            return Err(QueryError::TooManySamples);
        }
        if held.saturating_mul(SAMPLE_BYTES) > self.max_bytes {
            return Err(QueryError::TooMuchMemory(self.max_bytes));
        }
        Ok(())
    }

    /// Puts samples on the account if not more than a quarter of it is used then; whether it did.
    pub(crate) fn hold_gladly(&self, samples: usize) -> bool {
        let most = (self.max_samples / 4).min(self.max_bytes / SAMPLE_BYTES / 4);
        let fits = self.usage.held.load(Ordering::Relaxed).saturating_add(samples) <= most;
        fits && self.hold(samples).is_ok()
    }

    /// Takes samples off the account.
    pub(crate) fn release(&self, samples: usize) {
        let less = |held: usize| Some(held.saturating_sub(samples));
        let _ = self.usage.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }
}
