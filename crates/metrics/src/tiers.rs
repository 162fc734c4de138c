//! Downsampled tiers: what is left of old samples, as windows of a fixed length.
//!
//! A tier has a folder `tiers/5m` of immutable files. Each closed UTC day becomes a *set*: one part for each *column*
//! (first and last sample of every window as they were measured, count, sum, smallest, largest, and what counter resets
//! took away), in which a series stands under its own labels, and a manifest that is written last and makes the set
//! exist. So reading, checksums and the sharing of timestamp columns are those of parts. Windows are open at their start
//! and closed at their end, as the ranges of PromQL are, so that a range of whole windows is answered exactly.
//!
//! Up to the *seam* queries read tiers, after it samples. The seam moves on by whole days, as they leave the retention
//! of samples, but never over a day that is not made.

mod build;
mod choose;
mod group;
mod read;
mod retire;
mod set;
mod stats;
mod window;

pub use read::{Downsampled, Split};
pub(crate) use stats::TierCounters;
pub use stats::{TierStats, TiersStats};

use crate::part::{PageCache, Part};
use crate::parts::DAY_MS;
use crate::{locked, reading, writing};
use set::Set;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;
use watchfire_disk::{BlockError, BlockReader, BlockWriter, Disk, FileKind};
use watchfire_model::duration;

/// The folder of the data directory.
pub(crate) const FOLDER: &str = "tiers";
/// The file in it that says where the seam is.
const SEAM_FILE: &str = "seam";
const SEAM_KIND: FileKind = FileKind { magic: *b"WFSEAM\r\n", version: 1 };

/// A downsampled tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TierOptions {
    /// The length of its windows in milliseconds; divides a day, and is a multiple of the finer tier's.
    pub resolution_ms: i64,
    /// How long they are kept, in milliseconds.
    pub keep_ms: i64,
}

impl TierOptions {
    /// The resolution as people write it, such as `5m`.
    pub(crate) fn name(&self) -> String {
        duration::format(Duration::from_millis(self.resolution_ms.unsigned_abs()))
    }
}

/// A tier and what there is of it.
#[derive(Clone, Debug)]
pub(crate) struct Level {
    pub(crate) options: TierOptions,
    /// By day; no two of them hold the same day.
    pub(crate) sets: Vec<Arc<Set>>,
}

impl Level {
    /// The set that holds this day.
    pub(crate) fn set(&self, day: i64) -> Option<&Arc<Set>> {
        let place = self.sets.partition_point(|set| set.end_day() <= day);
        self.sets.get(place).filter(|set| set.start_day <= day)
    }
}

/// All tiers, finest first, and the seam.
#[derive(Debug)]
pub(crate) struct Tiers {
    cache: Arc<PageCache>,
    levels: RwLock<Arc<Vec<Level>>>,
    seam_ms: AtomicI64,
    /// What cannot be read, and why.
    unreadable: Mutex<Vec<String>>,
    /// Sets that are not shown any more and whose files could not be removed: the next start would show them.
    removing: Mutex<Vec<Arc<Set>>>,
    /// The last closed day of which no sample was in memory only, when it was flushed last.
    pub(crate) flushed_day: AtomicI64,
    /// Set when the store is closing: a build under way ends early.
    pub(crate) closing: AtomicBool,
    pub(crate) counters: TierCounters,
}

pub(crate) fn root(path: &Path) -> PathBuf {
    path.join(FOLDER)
}

/// The files of all tiers, whether configured or not.
pub(crate) fn files(disk: &dyn Disk, path: &Path) -> io::Result<Vec<PathBuf>> {
    let root = root(path);
    let mut found = Vec::new();
    for entry in list(disk, &root)? {
        if entry.is_dir {
            let dir = root.join(&entry.name);
            found.extend(list(disk, &dir)?.into_iter().map(|file| dir.join(file.name)));
        } else {
            found.push(root.join(entry.name));
        }
    }
    Ok(found)
}

fn list(disk: &dyn Disk, dir: &Path) -> io::Result<Vec<watchfire_disk::Entry>> {
    match disk.list(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        other => other,
    }
}

/// The parts of all tiers: a day that does not matter, number, path.
pub(crate) fn part_files(disk: &dyn Disk, path: &Path) -> io::Result<Vec<(i64, u64, PathBuf)>> {
    let files = files(disk, path)?.into_iter();
    let parts = files.filter_map(|file| {
        let number = file.file_name()?.to_str()?.strip_suffix(".part")?.parse().ok()?;
        Some((0, number, file))
    });
    Ok(parts.collect())
}

/// Reads the files of all tiers that are no parts.
pub(crate) fn verify(disk: &dyn Disk, path: &Path) -> io::Result<Vec<(PathBuf, Result<(), BlockError>)>> {
    let mut verified = Vec::new();
    for file in files(disk, path)? {
        let outcome = match file.extension().and_then(|extension| extension.to_str()) {
            Some("set") => set::verify(disk, &file),
            _ if file.ends_with(SEAM_FILE) => {
                BlockReader::open(disk, &file, SEAM_KIND).and_then(|file| file.footer()).map(drop)
            }
            _ => continue,
        };
        verified.push((file, outcome));
    }
    Ok(verified)
}

/// An error when a newer release wrote a file of a tier. Changes nothing.
pub(crate) fn check(disk: &dyn Disk, path: &Path) -> Result<(), BlockError> {
    let io = |source| BlockError::Io { path: root(path), source };
    for file in files(disk, path).map_err(io)? {
        let kind = match file.extension().and_then(|extension| extension.to_str()) {
            Some("part") => crate::part::KIND,
            Some("set") => set::KIND,
            _ if file.ends_with(SEAM_FILE) => SEAM_KIND,
            _ => continue,
        };
        if let Err(error @ BlockError::UnknownVersion { .. }) = BlockReader::open(disk, &file, kind) {
            return Err(error);
        }
    }
    Ok(())
}

impl Tiers {
    /// Opens what there is of these tiers, and removes what a crash kept from being removed. Gives the largest number
    /// in use too.
    pub(crate) fn open(
        disk: &dyn Disk,
        cache: &Arc<PageCache>,
        path: &Path,
        options: &[TierOptions],
    ) -> io::Result<(Self, u64)> {
        let (mut levels, mut unreadable, mut last) = (Vec::new(), Vec::new(), 0);
        for options in options {
            let dir = root(path).join(options.name());
            let sets = set::open_all(disk, cache, &dir, &mut unreadable, &mut last)?;
            levels.push(Level { options: *options, sets });
        }
        let seam_ms = read_seam(disk, path, &mut unreadable);
        let tiers = Self {
            cache: Arc::clone(cache),
            levels: RwLock::new(Arc::new(levels)),
            seam_ms: AtomicI64::new(seam_ms),
            unreadable: Mutex::new(unreadable),
            removing: Mutex::default(),
            flushed_day: AtomicI64::new(i64::MIN),
            closing: AtomicBool::new(false),
            counters: TierCounters::default(),
        };
        Ok((tiers, last))
    }

    pub(crate) fn levels(&self) -> Arc<Vec<Level>> {
        Arc::clone(&reading(&self.levels))
    }

    /// The last instant that is read from tiers, the end of a UTC day.
    pub(crate) fn seam_ms(&self) -> i64 {
        self.seam_ms.load(Ordering::SeqCst)
    }

    /// The length of the longest windows.
    pub(crate) fn coarsest_ms(&self) -> i64 {
        self.levels().iter().map(|level| level.options.resolution_ms).max().unwrap_or(1)
    }

    /// The first instant of which samples are read, not windows: what is older and comes in now would not be seen.
    pub(crate) fn first_sample_ms(&self) -> i64 {
        if self.levels().is_empty() { i64::MIN } else { self.seam_ms().saturating_add(1) }
    }

    pub(crate) fn unreadable(&self) -> Vec<String> {
        locked(&self.unreadable).clone()
    }

    /// Moves the seam on, durably.
    fn move_seam(&self, disk: &Arc<dyn Disk>, path: &Path, seam_ms: i64) -> io::Result<()> {
        let dir = root(path);
        disk.create_dir_all(&dir)?;
        let footer = seam_ms.to_le_bytes();
        BlockWriter::create(Arc::clone(disk), &dir, SEAM_FILE, SEAM_KIND)?.finish(&footer)?;
        self.seam_ms.store(seam_ms, Ordering::SeqCst);
        Ok(())
    }

    /// Other tiers from now on; what there is of new ones on disk is opened. Gives the largest number in use.
    pub(crate) fn configure(&self, disk: &dyn Disk, path: &Path, options: &[TierOptions]) -> io::Result<u64> {
        let before = self.levels();
        let (mut levels, mut last) = (Vec::new(), 0);
        for options in options {
            let known = before.iter().find(|level| level.options.resolution_ms == options.resolution_ms);
            let sets = match known {
                Some(level) => level.sets.clone(),
                None => {
                    let dir = root(path).join(options.name());
                    set::open_all(disk, &self.cache, &dir, &mut locked(&self.unreadable), &mut last)?
                }
            };
            levels.push(Level { options: *options, sets });
        }
        *writing(&self.levels) = Arc::new(levels);
        Ok(last)
    }

    /// Shows a set, or shows it no longer.
    fn replace(&self, resolution_ms: i64, new: Option<Set>, gone: &[u64]) {
        let mut levels = writing(&self.levels);
        let mut changed = Vec::clone(&levels);
        for level in changed.iter_mut().filter(|level| level.options.resolution_ms == resolution_ms) {
            level.sets.retain(|set| !gone.contains(&set.seq));
        }
        let level = changed.iter_mut().find(|level| level.options.resolution_ms == resolution_ms);
        if let (Some(level), Some(new)) = (level, new) {
            level.sets.push(Arc::new(new));
            level.sets.sort_by_key(|set| set.start_day);
        }
        *levels = Arc::new(changed);
    }

    /// All parts of all tiers.
    pub(crate) fn parts(&self) -> Vec<Arc<Part>> {
        let levels = self.levels();
        let sets = levels.iter().flat_map(|level| &level.sets);
        sets.flat_map(|set| set.parts.iter().flatten().cloned()).collect()
    }

    /// The parts that know every series of the tiers about a range.
    pub(crate) fn series_parts(&self, range: watchfire_model::TimeRange) -> Vec<Arc<Part>> {
        let levels = self.levels();
        let runs = choose::runs(&levels, self.seam_ms(), range);
        runs.iter().flat_map(|run| run.parts(set::Column::Last)).collect()
    }
}

fn read_seam(disk: &dyn Disk, path: &Path, unreadable: &mut Vec<String>) -> i64 {
    let file = root(path).join(SEAM_FILE);
    match BlockReader::open(disk, &file, SEAM_KIND).and_then(|file| file.footer()) {
        Ok(bytes) => bytes.as_slice().try_into().map_or(i64::MIN, i64::from_le_bytes),
        Err(BlockError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => i64::MIN,
        Err(error) => {
            tracing::error!(%error, "where samples end and tiers begin is not known");
            unreadable.push(error.to_string());
            i64::MIN
        }
    }
}

/// The UTC day of a window by its last instant: midnight belongs to the day that it ends.
pub(crate) const fn day_of(time_ms: i64) -> i64 {
    time_ms.saturating_sub(1).div_euclid(DAY_MS)
}

#[cfg(test)]
mod tests;
