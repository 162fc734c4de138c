//! Upkeep: samples from memory into parts, small parts into larger ones, old parts away.

mod delete;
mod early;
mod flush;
mod merge;
pub(crate) mod metadata;
mod retention;
mod worker;

pub(crate) use worker::Worker;

use crate::locked;
use crate::part::{Part, PartWriter};
use crate::parts::{day_dir, file_name};
use crate::store::{CompactError, Core};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use watchfire_disk::BlockError;

/// As many days as usually have samples in memory; the rest of the share is for when there are more.
const OPEN_DAYS: usize = 4;

fn broken(error: &BlockError) -> io::Error {
    io::Error::other(error.to_string())
}

/// Whether a round of upkeep takes samples out of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flush {
    None,
    Usual,
    /// Because memory is short.
    Early,
}

/// What all kinds of upkeep do with files.
impl Core {
    /// One round of upkeep.
    pub(crate) fn tend(&self, flush: bool) -> Result<(), CompactError> {
        self.tend_with(if flush { Flush::Usual } else { Flush::None })
    }

    pub(crate) fn tend_with(&self, flush: Flush) -> Result<(), CompactError> {
        let _upkeep = locked(&self.upkeep);
        match flush {
            Flush::None if self.tiers_want_flush() => self.flush()?,
            Flush::None => {}
            Flush::Usual => self.flush()?,
            Flush::Early => self.flush_early()?,
        }
        self.tend_parts(false)
    }

    /// What is done with parts. Tiers come first: they see what came in before merging hides when it did.
    pub(crate) fn tend_parts(&self, merge_all: bool) -> Result<(), CompactError> {
        // What cannot be removed must not keep the rest from being done.
        let swept = self.remove_strays();
        let made = self.make_tiers();
        self.merge(merge_all)?;
        let oldest_ms = self.clock.now_ms().saturating_sub(self.retention().time_ms);
        self.move_seam(oldest_ms)?;
        self.drop_expired()?;
        self.drop_expired_tiers()?;
        self.drop_oversized()?;
        self.clean(false)?;
        self.forget_deletions()?;
        made.and(swept)
    }

    pub(crate) fn fails(&self, source: io::Error) -> CompactError {
        self.counters.flush_failures.fetch_add(1, Ordering::Relaxed);
        CompactError { path: self.path.clone(), source }
    }

    /// Starts a part of samples from memory or elsewhere, one of a few that are open at once.
    pub(crate) fn start_part(&self, day: i64, seq: u64) -> Result<PartWriter, CompactError> {
        self.start_part_of(day, seq, (seq, 0, Vec::new()), self.part_bytes() / OPEN_DAYS)
    }

    pub(crate) fn start_part_of(
        &self,
        day: i64,
        seq: u64,
        footer: (u64, u32, Vec<u64>),
        max_bytes: usize,
    ) -> Result<PartWriter, CompactError> {
        let dir = day_dir(&self.path, day);
        PartWriter::create(Arc::clone(&self.disk), &dir, &file_name(seq), footer, max_bytes)
            .map_err(|error| self.fails(error))
    }

    /// About how much memory the parts that are being written may take for their ends.
    pub(crate) fn part_bytes(&self) -> usize {
        self.ceiling.part_bytes(self.options.part_bytes)
    }

    pub(crate) fn open_part(&self, day: i64, seq: u64) -> Result<Part, CompactError> {
        let path = day_dir(&self.path, day).join(file_name(seq));
        Part::open(&*self.disk, &path, seq, day, &self.parts.cache)
            .map_err(|error| self.fails(broken(&error)))
    }
}
