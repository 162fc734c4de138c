//! What is in the log of a data directory and in no block yet: the last two or three hours.
//!
//! The chunks that Prometheus's head puts aside (`chunks_head`) are copies of what the log holds and are not needed.

use super::{numbered, read_small};
use crate::accumulate::Accumulator;
use crate::selection::retain;
use crate::{Choice, ImportError, Stop, Watch};
use hashbrown::HashMap;
use std::hash::{BuildHasher, Hasher};
use std::path::{Path, PathBuf};
use watchfire_disk::Disk;
use watchfire_metrics::{ImportReport, Imported, Store};
use watchfire_model::ingest::MetricSink;
use watchfire_model::{Histogram, Labels, Metadata, MetricType, TimeRange};
use watchfire_wire::prometheus_block::FormatError;
use watchfire_wire::prometheus_block::wal::{PAGE_BYTES, RecordSink, Records, decode};

/// Samples are held in memory up to about so much; a larger log is read several times, each time for other series.
const BUDGET_BYTES: u64 = 1 << 30;
/// A compressed byte of the log becomes so many bytes held, at most.
const EXPANSION: u64 = 4;
/// A segment larger than this is damage.
const MAX_SEGMENT_BYTES: u64 = 4 << 30;

/// The write-ahead log of a data directory.
#[derive(Debug)]
pub struct Head {
    dir: PathBuf,
    /// Segments of samples in order: first those of the checkpoint.
    in_order: Vec<PathBuf>,
    /// Segments of the log of samples out of order.
    out_of_order: Vec<PathBuf>,
    bytes: u64,
    /// Older samples are in blocks.
    from_ms: i64,
    newest_segment: u64,
}

impl Head {
    pub(super) fn find(disk: &dyn Disk, dir: &Path, from_ms: i64) -> Result<Option<Self>, ImportError> {
        let wal = dir.join("wal");
        let segments = list(disk, &wal)?;
        let mut in_order = Vec::new();
        let mut checkpoint = None;
        if let Ok(entries) = disk.list(&wal) {
            let numbers = entries.iter().filter(|entry| entry.is_dir).filter_map(|entry| {
                let number = entry.name.strip_prefix("checkpoint.")?.parse::<u64>().ok()?;
                Some((number, wal.join(&entry.name)))
            });
            checkpoint = numbers.max();
        }
        let covered = checkpoint.as_ref().map(|(number, _)| *number);
        if let Some((_, path)) = &checkpoint {
            in_order.extend(list(disk, path)?.into_iter().map(|(_, path)| path));
        }
        let newest_segment = segments.last().map_or(0, |(number, _)| *number);
        let later =
            segments.into_iter().filter(|(number, _)| covered.is_none_or(|covered| *number > covered));
        in_order.extend(later.map(|(_, path)| path));
        let out_of_order: Vec<PathBuf> =
            list(disk, &dir.join("wbl"))?.into_iter().map(|(_, path)| path).collect();
        if in_order.is_empty() && out_of_order.is_empty() {
            return Ok(None);
        }
        let mut bytes = 0;
        for path in in_order.iter().chain(&out_of_order) {
            let length = disk.open(path).and_then(|file| file.len());
            bytes += length.map_err(|source| ImportError::Io { path: path.clone(), source })?;
        }
        let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
        Ok(Some(Self { dir, in_order, out_of_order, bytes, from_ms, newest_segment }))
    }

    /// How many bytes of log there are.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Samples that are older stand in blocks, and are left out here; in milliseconds since the Unix epoch.
    pub fn from_ms(&self) -> i64 {
        self.from_ms
    }

    /// What the store's journal knows it by: a log that grew is another source.
    pub fn source(&self, choice: &Choice) -> String {
        let (dir, segment, bytes) = (self.dir.display(), self.newest_segment, self.bytes);
        format!("prometheus head {dir} up to segment {segment}, {bytes} bytes{}", choice.key())
    }

    /// Imports what was chosen of it; `None` when it was imported before.
    pub fn import(
        &self,
        disk: &dyn Disk,
        store: &Store,
        choice: &Choice,
        stop: &Stop,
        watch: &mut dyn Watch,
    ) -> Result<Option<ImportReport>, ImportError> {
        let source = self.source(choice);
        if store.imported(&source) == Imported::All {
            return Ok(None);
        }
        let mut import = store.import(&source, true)?;
        let passes = (self.bytes.saturating_mul(EXPANSION)).div_ceil(BUDGET_BYTES).max(1);
        let mut damage = 0;
        let mut position = 0;
        for pass in 0..passes {
            let mut replay = Replay::new(choice, passes, pass, self.from_ms);
            for (path, out_of_order) in self.segments() {
                replay.out_of_order = out_of_order;
                let mut told = Vec::new();
                self.segment(disk, path, &mut replay, &mut told)?;
                // Every pass finds the same damage.
                if pass == 0 {
                    damage += told.len();
                    told.into_iter().for_each(|text| watch.damaged(text));
                }
                if stop.is_asked() {
                    return Err(ImportError::Stopped);
                }
            }
            if pass == 0 {
                damage += replay.remarks(watch);
            }
            for (family, metadata) in replay.metadata.drain() {
                store.describe(&Labels::empty(), &family, metadata);
            }
            let deleted = std::mem::take(&mut replay.deleted);
            replay.held.drain(|labels, samples| {
                if let Some(ranges) = deleted.get(labels) {
                    retain(samples, |at| !ranges.iter().any(|range| range.contains(at)));
                }
                position += 1;
                if stop.is_asked() {
                    return Err(ImportError::Stopped);
                }
                import.add(position, labels, samples)?;
                if position.is_multiple_of(64) {
                    watch.progress(pass as f64 / passes as f64, import.report());
                }
                Ok(())
            })?;
        }
        let report = if damage == 0 { import.finish()? } else { import.finish_incomplete()? };
        watch.progress(1.0, &report);
        Ok(Some(report))
    }

    fn segments(&self) -> impl Iterator<Item = (&Path, bool)> {
        let in_order = self.in_order.iter().map(|path| (path.as_path(), false));
        in_order.chain(self.out_of_order.iter().map(|path| (path.as_path(), true)))
    }

    fn is_last(&self, path: &Path) -> bool {
        [&self.in_order, &self.out_of_order].iter().any(|list| list.last().is_some_and(|last| last == path))
    }

    fn segment(
        &self,
        disk: &dyn Disk,
        path: &Path,
        replay: &mut Replay<'_>,
        told: &mut Vec<String>,
    ) -> Result<(), ImportError> {
        let bytes = read_small(disk, path, MAX_SEGMENT_BYTES)
            .map_err(|source| ImportError::Io { path: path.to_owned(), source })?
            .unwrap_or_default();
        let mut records = Records::new();
        let mut offset = 0;
        let mut failed: Vec<FormatError> = Vec::new();
        for page in bytes.chunks(PAGE_BYTES) {
            records.page(page, offset, |record| {
                let read = record.and_then(|record| decode(record, offset, replay));
                failed.extend(read.err());
            });
            offset += page.len() as u64;
        }
        // A crash, or a server that is writing, leaves the newest segment torn at its end.
        let torn = records.finish().err();
        if !self.is_last(path) {
            failed.extend(torn);
        } else if torn.is_none()
            && failed.last().is_some_and(|error| error.offset + PAGE_BYTES as u64 >= bytes.len() as u64)
        {
            failed.pop();
        }
        told.extend(
            failed
                .into_iter()
                .map(|error| format!("{} at {error}; the samples in it are left out", path.display())),
        );
        Ok(())
    }
}

fn list(disk: &dyn Disk, dir: &Path) -> Result<Vec<(u64, PathBuf)>, ImportError> {
    match numbered(disk, dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        other => other.map_err(|source| ImportError::Io { path: dir.to_owned(), source }),
    }
}

/// Holds the samples of those series that are of this pass.
struct Replay<'a> {
    choice: &'a Choice,
    passes: u64,
    pass: u64,
    from_ms: i64,
    out_of_order: bool,
    held: Accumulator,
    /// What the log's numbers stand for; nothing for series that are not wanted here.
    numbers: HashMap<u64, Option<(u32, Labels)>>,
    deleted: HashMap<Labels, Vec<TimeRange>>,
    metadata: HashMap<String, Metadata>,
    hasher: std::hash::BuildHasherDefault<std::hash::DefaultHasher>,
    exemplars: u64,
    orphans: u64,
    unknown: HashMap<u8, u64>,
}

impl<'a> Replay<'a> {
    fn new(choice: &'a Choice, passes: u64, pass: u64, from_ms: i64) -> Self {
        Self {
            choice,
            passes,
            pass,
            from_ms,
            out_of_order: false,
            held: Accumulator::default(),
            numbers: HashMap::new(),
            deleted: HashMap::new(),
            metadata: HashMap::new(),
            hasher: Default::default(),
            exemplars: 0,
            orphans: 0,
            unknown: HashMap::new(),
        }
    }

    /// Tells what of the log was not imported; how much of it is damage.
    fn remarks(&self, watch: &mut dyn Watch) -> usize {
        let mut damage = 0;
        if self.exemplars > 0 {
            watch.note(format!("{} exemplars in the log are not imported", self.exemplars));
        }
        if self.orphans > 0 {
            let text = format!(
                "{} samples of the log are left out, as their series was in a damaged place",
                self.orphans
            );
            watch.damaged(text);
            damage += 1;
        }
        for (kind, count) in &self.unknown {
            watch.damaged(format!(
                "{count} records of the log are of kind {kind}, which is not known here; import this Prometheus \
                 through its URL instead, or from a snapshot"
            ));
            damage += 1;
        }
        damage
    }

    /// The series to hold a sample for.
    fn wanted(&mut self, series: u64, timestamp_ms: i64) -> Option<u32> {
        // As when Prometheus reads its log: what is in blocks is left out, and so is what came out of order.
        let in_blocks = !self.out_of_order && timestamp_ms < self.from_ms;
        if in_blocks || !self.choice.range.contains(timestamp_ms) {
            return None;
        }
        let number = match self.numbers.get(&series) {
            Some(Some((number, _))) => *number,
            Some(None) => return None,
            None => {
                self.orphans += 1;
                return None;
            }
        };
        let late = || self.held.last_ms(number).is_some_and(|last| timestamp_ms <= last);
        (self.out_of_order || !late()).then_some(number)
    }
}

impl RecordSink for Replay<'_> {
    fn series(&mut self, number: u64, labels: &[(&str, &str)]) {
        let labels = Labels::from_pairs(labels.iter().copied());
        let mut hasher = self.hasher.build_hasher();
        hasher.write(labels.as_bytes());
        let ours = hasher.finish() % self.passes == self.pass && self.choice.wants(&labels);
        let held = ours.then(|| (self.held.series(&labels), labels));
        self.numbers.insert(number, held);
    }

    fn float(&mut self, series: u64, timestamp_ms: i64, value: f64) {
        if let Some(number) = self.wanted(series, timestamp_ms) {
            self.held.push_float(number, timestamp_ms, value);
        }
    }

    fn histogram(&mut self, series: u64, timestamp_ms: i64, histogram: Histogram) {
        if let Some(number) = self.wanted(series, timestamp_ms) {
            self.held.push_histogram(number, timestamp_ms, &histogram);
        }
    }

    fn deleted(&mut self, series: u64, min_ms: i64, max_ms: i64) {
        if let Some(Some((_, labels))) = self.numbers.get(&series) {
            self.deleted.entry(labels.clone()).or_default().push(TimeRange::new(min_ms, max_ms));
        }
    }

    fn metadata(&mut self, series: u64, metadata: Metadata) {
        if let Some(Some((_, labels))) = self.numbers.get(&series) {
            let name = labels.metric_name();
            let in_pieces = matches!(metadata.kind, MetricType::Histogram | MetricType::Summary);
            let piece =
                ["_bucket", "_sum", "_count"].into_iter().find_map(|suffix| name.strip_suffix(suffix));
            let family = piece.filter(|_| in_pieces).unwrap_or(name);
            self.metadata.insert(family.to_owned(), metadata);
        }
    }

    fn exemplars(&mut self, count: usize) {
        self.exemplars += count as u64;
    }

    fn unknown(&mut self, kind: u8) {
        *self.unknown.entry(kind).or_default() += 1;
    }
}
