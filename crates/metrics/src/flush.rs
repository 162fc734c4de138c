//! Upkeep: samples from memory into parts, small parts into larger ones, old parts away.

use crate::part::{Part, PartWriter};
use crate::parts::{DAY_MS, day_dir, file_name};
use crate::record::{put_metadata, take_metadata};
use crate::selection::Selection;
use crate::store::{CompactError, Core};
use crate::{bytes::Reader, locked, writing};
use hashbrown::HashMap;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use watchfire_disk::{BlockError, BlockReader, BlockWriter, Disk, FileKind};
use watchfire_model::{Metadata, Samples, TimeRange};

/// So many parts of one level and day become one of the next level.
const MERGE_PARTS: usize = 4;
/// How often the background looks whether there is something to do.
const TICK: Duration = Duration::from_secs(5);
/// Writers wait while series are forgotten, so only so many are at once: about two milliseconds' worth.
const FORGET_AT_ONCE: usize = 4096;
const METADATA_FILE: &str = "metadata";
const METADATA_KIND: FileKind = FileKind { magic: *b"WFMETA\r\n", version: 1 };

fn broken(error: &BlockError) -> io::Error {
    io::Error::other(error.to_string())
}

impl Core {
    fn fails(&self, source: io::Error) -> CompactError {
        self.counters.flush_failures.fetch_add(1, Ordering::Relaxed);
        CompactError { path: self.path.clone(), source }
    }

    /// Makes parts of the samples in memory and then frees that memory and the log that held them.
    pub(crate) fn flush(&self) -> Result<(), CompactError> {
        for empty in self.head.empty_series().chunks(FORGET_AT_ONCE) {
            let _alone = writing(&self.gate);
            self.head.forget(empty);
        }
        let segment = {
            let _alone = writing(&self.gate);
            self.head.release_numbers();
            // Every batch logged before this segment is in memory, and no number of a forgotten series is in it.
            self.log.roll()
        };
        let mut series: Vec<_> = self.head.registry().iter().cloned().collect();
        series.sort_unstable_by(|left, right| left.labels.cmp(&right.labels));
        let mut writers: BTreeMap<i64, (u64, PartWriter)> = BTreeMap::new();
        let mut samples = Samples::default();
        let mut copied = Vec::with_capacity(series.len());
        for series in series {
            copied.push((Arc::clone(&series), series.copy(&mut samples)));
            let times = &samples.timestamps_ms;
            let mut from = 0;
            while let Some(first) = times.get(from) {
                let day = first.div_euclid(DAY_MS);
                let to = times.partition_point(|at| at.div_euclid(DAY_MS) <= day);
                let (_, writer) = match writers.entry(day) {
                    std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                    std::collections::btree_map::Entry::Vacant(entry) => {
                        let seq = self.parts.next_seq();
                        entry.insert((seq, self.start_part(day, seq, seq, 0, Vec::new())?))
                    }
                };
                writer.add(&series.labels, &samples, from..to).map_err(|error| self.fails(error))?;
                from = to;
            }
        }
        let mut parts = Vec::new();
        for (day, (seq, writer)) in writers {
            if writer.finish().map_err(|error| self.fails(error))?.is_some() {
                parts.push(self.open_part(day, seq)?);
            }
        }
        self.write_metadata().map_err(|error| self.fails(error))?;
        self.parts.replace(parts, &[]);
        let flush = self.flushes.fetch_add(1, Ordering::SeqCst) + 1;
        for (series, copied) in copied {
            series.drain(copied, flush);
        }
        self.log.drop_before(segment).map_err(|error| self.fails(io::Error::other(error.to_string())))
    }

    fn start_part(
        &self,
        day: i64,
        seq: u64,
        order: u64,
        level: u32,
        replaces: Vec<u64>,
    ) -> Result<PartWriter, CompactError> {
        let dir = day_dir(&self.path, day);
        PartWriter::create(Arc::clone(&self.disk), &dir, &file_name(seq), order, level, replaces)
            .map_err(|error| self.fails(error))
    }

    fn open_part(&self, day: i64, seq: u64) -> Result<Part, CompactError> {
        let path = day_dir(&self.path, day).join(file_name(seq));
        Part::open(&*self.disk, &path, seq, day).map_err(|error| self.fails(broken(&error)))
    }

    /// Merges the parts of a day when there are enough of one level, or `all` of them.
    pub(crate) fn merge(&self, all: bool) -> Result<(), CompactError> {
        let mut days: BTreeMap<i64, Vec<Arc<Part>>> = BTreeMap::new();
        let damaged = locked(&self.parts.damaged).clone();
        for part in self.parts.list().iter().filter(|part| !damaged.contains(&part.seq)) {
            days.entry(part.day).or_default().push(Arc::clone(part));
        }
        for (day, parts) in days {
            if all {
                if parts.len() > 1 {
                    self.merge_parts(day, parts)?;
                }
                continue;
            }
            let mut levels: BTreeMap<u32, Vec<Arc<Part>>> = BTreeMap::new();
            for part in parts {
                levels.entry(part.summary.level).or_default().push(part);
            }
            for parts in levels.into_values().filter(|parts| parts.len() >= MERGE_PARTS) {
                self.merge_parts(day, parts)?;
            }
        }
        Ok(())
    }

    fn merge_parts(&self, day: i64, parts: Vec<Arc<Part>>) -> Result<(), CompactError> {
        let seq = self.parts.next_seq();
        let replaces: Vec<u64> = parts.iter().map(|part| part.seq).collect();
        let order = parts.iter().map(|part| part.summary.order).min().unwrap_or(seq);
        let level = parts.iter().map(|part| part.summary.level).max().unwrap_or(0) + 1;
        let mut writer = self.start_part(day, seq, order, level, replaces.clone())?;
        let mut selection = Selection::from_parts(&parts, &[], TimeRange::ALL);
        let mut samples = Samples::default();
        while let Ok(Some(labels)) = selection.next(&mut samples) {
            writer.add(&labels, &samples, 0..samples.len()).map_err(|error| self.fails(error))?;
        }
        if !selection.warnings().is_empty() {
            // What cannot be read now might be with better tools; merging would lose it for good.
            self.counters.damaged(selection.warnings());
            locked(&self.parts.damaged).extend(replaces);
            tracing::warn!(day, "parts are not merged because some are damaged");
            return Ok(());
        }
        let merged = match writer.finish().map_err(|error| self.fails(error))? {
            Some(_) => vec![self.open_part(day, seq)?],
            None => Vec::new(),
        };
        self.parts.replace(merged, &replaces);
        self.remove(day, &parts)
    }

    /// Drops the parts whose newest sample is older than the retention.
    pub(crate) fn drop_expired(&self) -> Result<(), CompactError> {
        let oldest_ms = self.clock.now_ms().saturating_sub(self.options.retention_ms);
        for part in self.parts.list().iter().filter(|part| part.summary.max_ms < oldest_ms) {
            self.parts.replace(Vec::new(), &[part.seq]);
            self.remove(part.day, std::slice::from_ref(part))?;
            tracing::info!(part = %part.path().display(), "dropped by retention");
        }
        Ok(())
    }

    fn remove(&self, day: i64, parts: &[Arc<Part>]) -> Result<(), CompactError> {
        for part in parts {
            self.disk.remove_file(part.path()).map_err(|error| self.fails(error))?;
        }
        self.disk.sync_dir(&day_dir(&self.path, day)).map_err(|error| self.fails(error))
    }

    fn write_metadata(&self) -> io::Result<()> {
        let mut bytes = Vec::new();
        for (family, metadata) in locked(&self.metadata).iter() {
            put_metadata(&mut bytes, family, metadata);
        }
        let disk = Arc::clone(&self.disk);
        BlockWriter::create(disk, &self.path, METADATA_FILE, METADATA_KIND)?.finish(&bytes)?;
        Ok(())
    }
}

/// An error when a newer release wrote the metadata.
pub(crate) fn check_metadata(disk: &dyn Disk, path: &Path) -> Result<(), BlockError> {
    match BlockReader::open(disk, &path.join(METADATA_FILE), METADATA_KIND) {
        Err(error @ BlockError::UnknownVersion { .. }) => Err(error),
        _ => Ok(()),
    }
}

/// The metadata kept; what cannot be read will be told again by the sources.
pub(crate) fn read_metadata(disk: &dyn Disk, path: &Path) -> HashMap<String, Metadata> {
    let mut found = HashMap::new();
    let file = BlockReader::open(disk, &path.join(METADATA_FILE), METADATA_KIND);
    if let Ok(bytes) = file.and_then(|file| file.footer()) {
        let mut input = Reader::new(&bytes);
        while let Some((family, metadata)) = take_metadata(&mut input) {
            found.insert(family, metadata);
        }
    }
    found
}

/// The thread that does the upkeep.
#[derive(Debug)]
pub(crate) struct Worker {
    stop: Arc<(Mutex<bool>, Condvar)>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Worker {
    pub(crate) fn start(core: &Arc<Core>) -> io::Result<Self> {
        let stop = Arc::new((Mutex::new(false), Condvar::new()));
        let mut thread = None;
        if core.options.background {
            let (core, stop) = (Arc::clone(core), Arc::clone(&stop));
            let run = move || work(&core, &stop);
            thread = Some(std::thread::Builder::new().name("metrics-upkeep".to_owned()).spawn(run)?);
        }
        Ok(Self { stop, thread: Mutex::new(thread) })
    }

    /// Lets the thread finish what it is doing and end.
    pub(crate) fn stop(&self) {
        *locked(&self.stop.0) = true;
        self.stop.1.notify_all();
        if let Some(thread) = locked(&self.thread).take() {
            // If it panicked there is nothing left to wait for.
            let _ = thread.join();
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop();
    }
}

fn work(core: &Core, stop: &(Mutex<bool>, Condvar)) {
    // What the log gave back at the start need not wait for a whole period: the next start would read it again.
    let early = core.options.flush_every * 3 / 4;
    let mut last_flush = Instant::now().checked_sub(early).unwrap_or_else(Instant::now);
    let flushed_at = AtomicU64::new(0);
    loop {
        let stopped = locked(&stop.0);
        let (stopped, _) = stop
            .1
            .wait_timeout_while(stopped, TICK, |stopped| !*stopped)
            .unwrap_or_else(PoisonError::into_inner);
        if *stopped {
            return;
        }
        drop(stopped);
        let appended = core.counters.appended.load(Ordering::Relaxed);
        let waiting = appended.saturating_sub(flushed_at.load(Ordering::Relaxed));
        let due = last_flush.elapsed() >= core.options.flush_every || waiting >= core.options.flush_samples;
        let _upkeep = locked(&core.upkeep);
        let mut done = Ok(());
        if due {
            done = core.flush();
            last_flush = Instant::now();
            flushed_at.store(appended, Ordering::Relaxed);
        }
        let done = done.and_then(|()| core.merge(false)).and_then(|()| core.drop_expired());
        if let Err(error) = done {
            tracing::error!(%error, "upkeep of the metric store failed, it is tried again");
        }
    }
}
