//! The store of metrics.
//!
//! Flows in: batches of samples through [`Store::write`] or [`Store::append`]. Flows out: series in label order through [`Store::select`]. A sample can be queried as
//! soon as the call returns and is on disk when its future resolves; then no crash loses it. Late samples need no
//! special mode: any age within the retention is taken. Every bit of a value is kept, stale markers and NaN payloads
//! included. What is damaged is left out, counted and named in the answer; the rest keeps serving.
//! Memory and series have limits: above them only new series are refused, and the refusal names the label that exploded.
//! This crate never evaluates a query and never touches a file but through `watchfire-disk`.
//!
//! Two values for one series and time: the first one written wins. Where the store sees it at once (the newest sample
//! of a series) the second is refused, else it is dropped when read or merged, the older part winning.
//!
//! A batch whose log write failed was refused as a whole, but stays in memory: it can be queried, a flush keeps it, and
//! a crash may lose it, as with any write whose answer never came. Sent again it is logged again, so that trying until
//! it is acknowledged is safe. Taking it back out would unsay what rules and dashboards have already seen.

#![deny(clippy::unwrap_used, clippy::indexing_slicing)]

mod ceiling;
mod changes;
mod codec;
mod describe;
mod exemplars;
#[cfg(feature = "fuzz")]
pub mod fuzz;
mod head;
mod import;
mod ingest;
mod masks;
mod part;
mod parts;
mod read;
mod record;
mod recovery;
mod retention;
mod store;
#[cfg(test)]
mod testing;
mod tiers;
mod upkeep;
mod verify;

pub use ceiling::{MemoryProbe, MemoryStats, MemoryUse, Pressure};
pub use exemplars::{Exemplar, ExemplarStats};
pub use head::admission::SeriesLimits;
pub use head::admission::report::{AdmissionCounters, Cardinality, Holder, RefusedCount};
pub use head::admission::scope::LimitScope;
pub use head::admission::tracker::Culprit;
pub use import::{Import, ImportReport, Imported};
pub use parts::DamagedPart;
pub use read::reader::Batch;
pub use read::selection::Selection;
pub use recovery::ReplayProgress;
pub use retention::{KeepRule, Retention};
pub use store::{CompactError, OpenError, ReadError, SNAPSHOTS, Snapshot, Store, StoreOptions, StoreStats};
pub use tiers::{Downsampled, Split, TierOptions, TierStats, TiersStats};
pub use verify::{Problem, Progress, Report, verify};

use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Every critical section leaves its data whole, so a panic elsewhere is no reason to stop.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn reading<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn writing<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
