//! The only code that touches data files.
//!
//! Flows in: bytes from a store. Flows out: the same bytes, checked, after any crash. [`Log`] takes small records
//! and promises that a resolved [`Commit`] survives a power cut; [`BlockWriter`] and [`publish()`] make immutable
//! files that either exist whole or not at all; [`BlockReader`] hands out no byte whose checksum is wrong.
//! Every call to the operating system goes through the injected [`Disk`], so that [`SimDisk`] can tear, lose, fill
//! and flip at a chosen call. A damaged byte is an error value with its place, never a panic.
//! This crate never knows what it stores.

#![deny(clippy::unwrap_used, clippy::indexing_slicing)]

mod blocks;
mod fs;
mod log;
mod mutation;
mod publish;
mod real;
mod sim;

pub use blocks::{BlockError, BlockReader, BlockRef, BlockWriter, FileKind};
pub use fs::{DirLock, Disk, Entry, ReadFile, WriteFile};
pub use log::{
    AppendError, Backlog, Commit, CommitError, Damage, Log, LogError, LogOptions, LogState, LogStats,
    Recovery, SYNC_BUCKETS_SECONDS,
};
pub use mutation::mutated;
pub use publish::{is_leftover, publish, remove_leftovers};
pub use real::RealDisk;
pub use sim::{Fault, SimDisk};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Whether a checksum is the one expected. In fuzzing builds every one is, so that mutated bytes reach the decoders
/// behind.
#[expect(unexpected_cfgs, reason = "cargo-fuzz sets it")]
fn sums_match(got: u32, expected: u32) -> bool {
    got == expected || cfg!(fuzzing)
}

/// A panic elsewhere does not make the bytes behind a lock worse: every critical section here leaves them whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
