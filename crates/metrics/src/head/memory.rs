//! What the series in memory take.

use std::sync::atomic::{AtomicI64, Ordering};

/// An estimate of the bytes that series and their samples hold, kept up to date as they come and go.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    bytes: AtomicI64,
}

impl Memory {
    /// Notes that something which took `before` bytes now takes `after`.
    pub(crate) fn change(&self, before: usize, after: usize) {
        if before != after {
            let change = (after as i64).wrapping_sub(before as i64);
            self.bytes.fetch_add(change, Ordering::Relaxed);
        }
    }

    /// Bytes held now.
    pub(crate) fn bytes(&self) -> u64 {
        u64::try_from(self.bytes.load(Ordering::Relaxed)).unwrap_or(0)
    }
}
