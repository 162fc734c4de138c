//! Closed days into sets.

use super::set::{self, COLUMNS, Manifest, Set};
use super::window::Windows;
use super::{Level, root};
use crate::part::{Part, PartWriter};
use crate::parts::{DAY_MS, file_name};
use crate::read::selection::Selection;
use crate::store::{CompactError, Core};
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use watchfire_model::{Labels, Samples, TimeRange};

/// A day is made when it has been over for this long: what comes in later makes it be made again.
pub(crate) const LATENESS_MS: i64 = 3_600_000;

/// How often a build looks whether the store is closing.
const SERIES_BETWEEN_LOOKS: u64 = 256;

/// The instants of a day's windows.
fn range_of(day: i64) -> TimeRange {
    let start_ms = day.saturating_mul(DAY_MS);
    TimeRange::new(start_ms.saturating_add(1), start_ms.saturating_add(DAY_MS))
}

/// The parts that hold samples of a day's windows: those of the day, and of the next day the very first instant.
pub(super) fn parts_of(parts: &[Arc<Part>], day: i64) -> Vec<Arc<Part>> {
    let range = range_of(day);
    let near = |part: &&Arc<Part>| part.day == day || part.day == day.saturating_add(1);
    parts.iter().filter(near).filter(|part| part.range().overlaps(range)).cloned().collect()
}

/// Whether all that these parts hold is in a set made of `sources`.
pub(super) fn is_made_of(sources: &[u64], parts: &[Arc<Part>], day: i64) -> bool {
    let (mut known, mut late) = (BTreeSet::from_iter(sources.iter().copied()), true);
    while late {
        late = false;
        for part in parts {
            let replaces = &part.summary.replaces;
            let merged = !replaces.is_empty() && replaces.iter().all(|seq| known.contains(seq));
            late |= merged && known.insert(part.seq);
        }
    }
    parts.iter().all(|part| {
        // Of the next day only midnight counts, which merges carry on from part to part.
        let merged_later = part.day != day && !part.summary.replaces.is_empty();
        known.contains(&part.seq) || merged_later
    })
}

impl Core {
    /// The last UTC day that is closed.
    pub(crate) fn last_closed_day(&self) -> i64 {
        self.clock.now_ms().saturating_sub(LATENESS_MS).div_euclid(DAY_MS).saturating_sub(1)
    }

    /// Whether a day has closed since the last flush and has samples in memory only.
    pub(crate) fn tiers_want_flush(&self) -> bool {
        let (closed, flushed) = (self.last_closed_day(), &self.tiers.flushed_day);
        // Until the log is read back it is not known what is in memory.
        if self.tiers.levels().is_empty()
            || !self.recovery.is_done()
            || closed <= flushed.load(Ordering::Relaxed)
        {
            return false;
        }
        let reaches = self.head_reaches(closed);
        if !reaches {
            flushed.store(closed, Ordering::Relaxed);
        }
        reaches
    }

    /// Whether samples of this day or an earlier one are in memory only.
    pub(super) fn head_reaches(&self, day: i64) -> bool {
        let end_ms = range_of(day).end_ms;
        let registry = self.head.registry();
        registry.iter().filter_map(|series| series.range()).any(|range| range.start_ms <= end_ms)
    }

    /// Makes every closed day that is not made yet, or of which samples came in since; the finest tier first. The
    /// caller holds the upkeep.
    pub(crate) fn make_tiers(&self) -> Result<(), CompactError> {
        let levels = self.tiers.levels();
        if levels.is_empty() {
            return Ok(());
        }
        let closed = self.last_closed_day().min(self.tiers.flushed_day.load(Ordering::Relaxed));
        let raw = self.parts.list();
        let seam_ms = self.tiers.seam_ms();
        let raw_days: BTreeSet<i64> = raw.iter().map(|part| part.day).filter(|day| *day <= closed).collect();
        for index in 0..levels.len() {
            // The level as it stands after the finer ones were made.
            let levels = self.tiers.levels();
            let Some(level) = levels.get(index) else { break };
            let finer = index.checked_sub(1).and_then(|index| levels.get(index));
            let mut days: BTreeSet<i64> =
                raw_days.iter().copied().filter(|day| range_of(*day).end_ms > seam_ms).collect();
            let finer_sets = finer.map_or(&[][..], |finer| finer.sets.as_slice());
            days.extend(finer_sets.iter().flat_map(|set| set.start_day..set.end_day()));
            for day in days {
                if self.tiers.closing.load(Ordering::Relaxed) {
                    return Ok(());
                }
                self.make_day(level, finer, &raw, day)?;
            }
        }
        self.group_tiers()
    }

    /// Whether a deletion holds for a set: made again of the samples, it loses what was deleted to the millisecond.
    fn is_deleted_from(&self, set: &Set) -> bool {
        let deletions = self.deletions();
        let mut parts = set.parts.iter().flatten();
        parts.any(|part| deletions.iter().any(|deletion| deletion.parts.contains(&part.seq)))
    }

    /// Makes one day of a tier, if it is not made of what there is now.
    fn make_day(
        &self,
        level: &Level,
        finer: Option<&Level>,
        raw: &[Arc<Part>],
        day: i64,
    ) -> Result<(), CompactError> {
        let made = level.set(day);
        if made.is_some_and(|set| set.days > 1) {
            // Only days whose samples are gone are grouped.
            return Ok(());
        }
        let oldest_ms = self.clock.now_ms().saturating_sub(level.options.keep_ms);
        if range_of(day).end_ms < oldest_ms {
            return Ok(());
        }
        let parts = parts_of(raw, day);
        // A finer tier is no longer brought up to date for days that it keeps no more; samples that came in late are not
        // in it. Up to the seam there is nothing else.
        let is_raw = range_of(day).end_ms > self.tiers.seam_ms() && parts.iter().any(|part| part.day == day);
        let kept_ms =
            finer.map_or(i64::MIN, |finer| self.clock.now_ms().saturating_sub(finer.options.keep_ms));
        let finer_set = finer.and_then(|finer| finer.set(day)).filter(|set| {
            !is_raw || range_of(day).end_ms >= kept_ms || is_made_of(&set.sources, &parts, day)
        });
        let sources: Vec<u64> = match finer_set {
            Some(set) => vec![set.seq],
            None => parts.iter().map(|part| part.seq).collect(),
        };
        let fresh = made.is_some_and(|set| match finer_set {
            // Days are grouped when nothing of them can change any more.
            Some(finer) => set.sources == sources || finer.days > 1,
            None => is_made_of(&set.sources, &parts, day) && !self.is_deleted_from(set),
        });
        // A day of the next one's midnight alone is none.
        let any = finer_set.is_some() || parts.iter().any(|part| part.day == day);
        if fresh || !any {
            return Ok(());
        }
        let folder = Folder { core: self, dir: root(&self.path).join(level.options.name()) };
        let mut windows = Windows::new(level.options.resolution_ms);
        let mut blamed = Vec::new();
        let (written, damaged) = match finer_set {
            Some(set) => {
                let resolution_ms =
                    finer.map_or(level.options.resolution_ms, |finer| finer.options.resolution_ms);
                let mut columns =
                    ColumnReader::new(self, std::slice::from_ref(set), range_of(day), resolution_ms);
                let written = folder.write(day, 1, sources, |samples| {
                    let labels = columns.next(samples)?;
                    windows.of_columns(samples);
                    samples.swap_with_slice(&mut windows.columns);
                    Some(labels)
                });
                (written, !columns.is_whole(self))
            }
            None => {
                let mut selection =
                    Selection::from_parts(&parts, &[], range_of(day)).masked(self.masks(range_of(day)));
                let mut buffer = Samples::default();
                let written = folder.write(day, 1, sources, |samples| {
                    let labels = selection.next(&mut buffer).ok().flatten()?;
                    windows.of_samples(&buffer);
                    samples.swap_with_slice(&mut windows.columns);
                    Some(labels)
                });
                self.counters.damaged(selection.warnings());
                blamed.extend_from_slice(selection.blamed());
                (written, !selection.warnings().is_empty())
            }
        };
        let Some(manifest) = written.map_err(|error| self.fails(error))? else { return Ok(()) };
        // What cannot be read now might be next time; but damage must not keep old samples for ever.
        let patience_ms = self.retention().time_ms.saturating_add(DAY_MS);
        let waits = range_of(day).end_ms >= self.clock.now_ms().saturating_sub(patience_ms);
        if damaged && waits {
            folder.discard(&manifest).map_err(|error| self.fails(error))?;
            tracing::warn!(day, "a downsampled tier is not made of a day that cannot be read whole");
            return Ok(());
        }
        for (part, place) in blamed
            .iter()
            .filter_map(|(seq, place)| Some((parts.iter().find(|part| part.seq == *seq)?, place)))
        {
            // A disk that could not be read may be the next time.
            if let Err(error) = self.quarantine(part, place) {
                folder.discard(&manifest).map_err(|error| self.fails(error))?;
                return Err(error);
            }
        }
        let set = folder.publish(&manifest).map_err(|error| self.fails(error))?;
        self.tiers.counters.made(&set);
        tracing::info!(
            resolution = level.options.name(),
            day,
            series = set.series(),
            windows = set.windows(),
            bytes = set.bytes,
            "a day of a downsampled tier is made"
        );
        let old: Vec<Arc<Set>> = made.cloned().into_iter().collect();
        self.show_set(level.options.resolution_ms, set, &old)
    }

    /// Shows a new set in place of old ones, whose files are removed.
    pub(super) fn show_set(
        &self,
        resolution_ms: i64,
        set: Set,
        old: &[Arc<Set>],
    ) -> Result<(), CompactError> {
        let gone: Vec<u64> = old.iter().map(|set| set.seq).collect();
        self.tiers.replace(resolution_ms, Some(set), &gone);
        self.remove_sets(old)
    }
}

/// Where the sets of a tier are written.
pub(super) struct Folder<'a> {
    pub(super) core: &'a Core,
    pub(super) dir: PathBuf,
}

impl Folder<'_> {
    /// Writes the parts of a set of all the series that `next` gives, in label order, column by column; `None` when the
    /// store is closing before it is done. The set does not exist until it is published.
    pub(super) fn write(
        &self,
        start_day: i64,
        days: i64,
        sources: Vec<u64>,
        mut next: impl FnMut(&mut Vec<Samples>) -> Option<Labels>,
    ) -> io::Result<Option<Manifest>> {
        let core = self.core;
        let mut writers: Vec<Option<(u64, PartWriter)>> = COLUMNS.iter().map(|_| None).collect();
        let mut samples: Vec<Samples> = COLUMNS.iter().map(|_| Samples::default()).collect();
        let mut series = 0_u64;
        while let Some(labels) = next(&mut samples) {
            series += 1;
            if series.is_multiple_of(SERIES_BETWEEN_LOOKS) && core.tiers.closing.load(Ordering::Relaxed) {
                return Ok(None);
            }
            for (slot, samples) in writers.iter_mut().zip(&samples) {
                if samples.is_empty() {
                    continue;
                }
                let (_, writer) = match slot {
                    Some(writer) => writer,
                    None => slot.insert(self.start(core.parts.next_seq())?),
                };
                writer.add(&labels, samples, 0..samples.len())?;
            }
        }
        let mut manifest = Manifest { start_day, days, sources, parts: Vec::new() };
        for writer in writers {
            let finished = match writer {
                None => Ok(0),
                Some((seq, writer)) => writer.finish().map(|written| written.map_or(0, |_| seq)),
            };
            match finished {
                Ok(seq) => manifest.parts.push(seq),
                Err(error) => {
                    // The next attempt writes other files.
                    let _ = self.discard(&manifest);
                    return Err(error);
                }
            }
        }
        Ok(Some(manifest))
    }

    /// Makes the set exist.
    pub(super) fn publish(&self, manifest: &Manifest) -> io::Result<Set> {
        let core = self.core;
        let seq = core.parts.next_seq();
        let published = set::publish(&core.disk, &core.parts.cache, &self.dir, seq, manifest);
        if published.is_err() && set::remove_manifest(&*core.disk, &self.dir, seq).is_ok() {
            let _ = self.discard(manifest);
        }
        published
    }

    /// Removes what was written for a set that is not to be.
    pub(super) fn discard(&self, manifest: &Manifest) -> io::Result<()> {
        for seq in manifest.parts.iter().filter(|seq| **seq != 0) {
            self.core.disk.remove_file(&self.dir.join(file_name(*seq)))?;
        }
        Ok(())
    }

    fn start(&self, seq: u64) -> io::Result<(u64, PartWriter)> {
        let disk = Arc::clone(&self.core.disk);
        // All columns are written at once.
        let max_bytes = self.core.part_bytes() / COLUMNS.len();
        let writer = PartWriter::create(disk, &self.dir, &file_name(seq), (seq, 0, Vec::new()), max_bytes)?;
        Ok((seq, writer))
    }
}

/// All columns of the series of some sets, series by series in label order.
pub(super) struct ColumnReader {
    columns: Vec<(Selection, Option<Labels>, Samples)>,
}

impl ColumnReader {
    pub(super) fn new(core: &Core, sets: &[Arc<Set>], range: TimeRange, resolution_ms: i64) -> Self {
        let masks = core.tier_masks(range, resolution_ms);
        let columns = COLUMNS.iter().map(|column| {
            let parts: Vec<Arc<Part>> = sets.iter().filter_map(|set| set.part(*column)).cloned().collect();
            let mut selection = Selection::from_parts(&parts, &[], range).masked(masks.clone());
            let mut samples = Samples::default();
            let labels = selection.next(&mut samples).ok().flatten();
            (selection, labels, samples)
        });
        Self { columns: columns.collect() }
    }

    /// The next series; a column that it is not in is empty.
    pub(super) fn next(&mut self, out: &mut [Samples]) -> Option<Labels> {
        let smallest = self.columns.iter().filter_map(|(_, labels, _)| labels.as_ref()).min()?.clone();
        for ((selection, labels, samples), out) in self.columns.iter_mut().zip(out) {
            out.clear();
            if labels.as_ref() == Some(&smallest) {
                std::mem::swap(out, samples);
                *labels = selection.next(samples).ok().flatten();
            }
        }
        Some(smallest)
    }

    /// Whether all of it could be read so far; damage is counted.
    pub(super) fn is_whole(&self, core: &Core) -> bool {
        let mut whole = true;
        for (selection, ..) in &self.columns {
            core.counters.damaged(selection.warnings());
            whole &= selection.warnings().is_empty();
        }
        whole
    }
}

/// The folder of a tier.
pub(super) fn folder(path: &Path, level: &Level) -> PathBuf {
    root(path).join(level.options.name())
}
