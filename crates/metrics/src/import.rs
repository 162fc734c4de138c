//! Series from elsewhere written straight into parts, past memory and the log.
//!
//! A source is something that is imported once, such as a block of Prometheus. Its series come in label order and are
//! written to parts of their days, which appear together. A journal in the data directory says what of which source is
//! in parts, so that an import that was killed goes on where it was and none is done twice. Before parts are published
//! the journal names them as doubtful, afterwards as there: whatever a crash leaves in between is recognised by their
//! numbers, times and counts, and either confirmed or taken away.
//!
//! Samples that the store has already win over imported ones, as over any that come later.

mod journal;

pub(crate) use journal::{JOURNAL_FILE, check, verify};

use crate::locked;
use crate::part::PartWriter;
use crate::parts::DAY_MS;
use crate::store::{CompactError, Core, Store};
use journal::{Doubt, Journal, PartName};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use watchfire_model::{Labels, Samples};

/// Parts are published when they hold this many series together: what is known of them is in memory until then.
const MAX_OPEN_SERIES: u64 = 500_000;

/// The position of a source that was read to its end and of which something is missing.
const INCOMPLETE: u64 = u64::MAX;

/// What of a source is in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Imported {
    /// Nothing that is known of.
    Nothing,
    /// Everything up to the position given to [`Import::add`].
    UpTo(u64),
    /// All of it.
    All,
}

/// What became of the samples of a source, or of the part of it that this run imported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Series of which samples were kept.
    pub series: u64,
    /// Samples kept. Those that the store had already are among them; they go away when parts are merged.
    pub samples: u64,
    /// Samples left out because they are older than the retention.
    pub too_old: u64,
    /// Of the samples kept, those of days that a server answers from downsampled tiers: it will not show them.
    pub behind_tiers: u64,
    /// Samples left out because they lie further in the future than a clock may be wrong.
    pub too_far_ahead: u64,
    /// Series left out because they have no metric name.
    pub without_name: u64,
    /// The first of those.
    pub example_without_name: Option<String>,
}

/// An import of one source under way. Dropping it leaves out what was not published yet; a later run goes on there.
pub struct Import<'a> {
    core: &'a Core,
    source: String,
    writers: BTreeMap<i64, (u64, PartWriter)>,
    open_series: u64,
    last: Option<Labels>,
    position: u64,
    oldest_ms: i64,
    newest_ms: i64,
    report: ImportReport,
}

impl fmt::Debug for Import<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Import")
            .field("source", &self.source)
            .field("report", &self.report)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// What of a source is in the store, by what the journal says.
    pub fn imported(&self, source: &str) -> Imported {
        let journal = Journal::read(&self.core);
        match journal.sources.get(source) {
            Some(entry) if entry.done => Imported::All,
            Some(journal::Entry { position: Some(position), .. }) => Imported::UpTo(*position),
            _ => Imported::Nothing,
        }
    }

    /// Starts to import a source, or goes on with one that was not finished; [`Import::resume_after`] says where. With
    /// `from_start` what is there of an unfinished one is taken away first, as far as it was not merged.
    pub fn import(&self, source: &str, from_start: bool) -> Result<Import<'_>, CompactError> {
        let core = &*self.core;
        let _upkeep = locked(&core.upkeep);
        let mut journal = Journal::read(core);
        let entry = journal.sources.entry(source.to_owned()).or_default();
        if let Some(doubt) = entry.doubt.take() {
            if doubt.parts.iter().all(|part| core.has(part)) {
                entry.position = Some(doubt.position);
                entry.parts.extend(doubt.parts);
            } else {
                core.take_away(&doubt.parts)?;
            }
        }
        if from_start || entry.position == Some(INCOMPLETE) {
            core.take_away(&std::mem::take(&mut entry.parts))?;
            (entry.position, entry.done) = (None, false);
        }
        let position = entry.position;
        journal.write(core)?;
        let now_ms = core.clock.now_ms();
        Ok(Import {
            core,
            source: source.to_owned(),
            writers: BTreeMap::new(),
            open_series: 0,
            last: None,
            position: position.unwrap_or(0),
            oldest_ms: now_ms.saturating_sub(core.options.retention_ms),
            newest_ms: now_ms.saturating_add(core.options.max_ahead_ms),
            report: ImportReport::default(),
        })
    }

    /// Merges parts of days that have many, as the background of a server does.
    pub fn merge_some(&self) -> Result<(), CompactError> {
        let _upkeep = locked(&self.core.upkeep);
        self.core.merge(false)
    }
}

impl Core {
    fn has(&self, name: &PartName) -> bool {
        self.parts.list().iter().any(|part| *name == PartName::new(part.seq, part.day, &part.summary))
    }

    fn take_away(&self, names: &[PartName]) -> Result<(), CompactError> {
        for part in self.parts.list().iter() {
            if names.contains(&PartName::new(part.seq, part.day, &part.summary)) {
                self.parts.replace(Vec::new(), &[part.seq]);
                self.changes.all();
                self.remove(std::slice::from_ref(part))?;
            }
        }
        Ok(())
    }
}

impl Import<'_> {
    /// The position of the last series that an earlier run has imported; 0 where there was none.
    pub fn resume_after(&self) -> u64 {
        self.position
    }

    /// The oldest and the newest time that is kept, in milliseconds since the Unix epoch.
    pub fn kept_range_ms(&self) -> (i64, i64) {
        (self.oldest_ms, self.newest_ms)
    }

    /// Adds a series, with its samples ascending in time. `position` grows from series to series; after the import was
    /// cut short it says where to go on.
    ///
    /// Series usually come in label order. One that does not begins new parts, so that a source in no order at all is
    /// taken too, but slowly.
    pub fn add(&mut self, position: u64, labels: &Labels, samples: &Samples) -> Result<(), CompactError> {
        if self.open_series >= MAX_OPEN_SERIES || self.last.as_ref().is_some_and(|last| last >= labels) {
            self.publish(false)?;
        }
        self.position = position;
        if labels.metric_name().is_empty() {
            self.report.without_name += 1;
            self.report.example_without_name.get_or_insert_with(|| labels.to_string());
            return Ok(());
        }
        let kept = self.kept(samples);
        if kept.is_empty() {
            return Ok(());
        }
        self.report.series += 1;
        self.report.samples += kept.len() as u64;
        let times = &samples.timestamps_ms;
        let mut from = kept.start;
        while let Some(first) = times.get(from..kept.end).and_then(<[i64]>::first) {
            let day = first.div_euclid(DAY_MS);
            let to = times.partition_point(|at| at.div_euclid(DAY_MS) <= day).min(kept.end);
            let (_, writer) = match self.writers.entry(day) {
                std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::btree_map::Entry::Vacant(entry) => {
                    let seq = self.core.parts.next_seq();
                    entry.insert((seq, self.core.start_part(day, seq)?))
                }
            };
            writer.add(labels, samples, from..to).map_err(|error| self.core.fails(error))?;
            self.open_series += 1;
            from = to;
        }
        self.last = Some(labels.clone());
        Ok(())
    }

    fn kept(&mut self, samples: &Samples) -> Range<usize> {
        let times = &samples.timestamps_ms;
        let from = times.partition_point(|at| *at < self.oldest_ms);
        let to = times.partition_point(|at| *at <= self.newest_ms).max(from);
        self.report.too_old += from as u64;
        let seam = times.partition_point(|at| *at <= self.core.tiers.seam_ms()).clamp(from, to);
        self.report.behind_tiers += (seam - from) as u64;
        self.report.too_far_ahead += (times.len() - to) as u64;
        from..to
    }

    /// Publishes what was added, so that a later run goes on behind it.
    pub fn checkpoint(&mut self) -> Result<(), CompactError> {
        self.publish(false)
    }

    /// Publishes the rest and notes that the source is in the store as a whole.
    pub fn finish(mut self) -> Result<ImportReport, CompactError> {
        self.publish(true)?;
        Ok(self.report)
    }

    /// Publishes the rest of a source of which something could not be read: a later run takes it away and begins anew.
    pub fn finish_incomplete(mut self) -> Result<ImportReport, CompactError> {
        self.position = INCOMPLETE;
        self.publish(false)?;
        Ok(self.report)
    }

    /// Numbers of what was imported so far.
    pub fn report(&self) -> &ImportReport {
        &self.report
    }

    fn publish(&mut self, done: bool) -> Result<(), CompactError> {
        let core = self.core;
        let _upkeep = locked(&core.upkeep);
        let writers = std::mem::take(&mut self.writers);
        (self.open_series, self.last) = (0, None);
        let names: Vec<PartName> =
            writers.iter().map(|(day, (seq, writer))| PartName::new(*seq, *day, writer.summary())).collect();
        let mut journal = Journal::read(core);
        let entry = journal.sources.entry(self.source.clone()).or_default();
        if !names.is_empty() {
            entry.doubt = Some(Doubt { position: self.position, parts: names.clone() });
            journal.write(core)?;
            let mut parts = Vec::new();
            for (day, (seq, writer)) in writers {
                parts.extend(core.finish_part(day, seq, writer)?);
            }
            core.parts.replace(parts, &[]);
            core.changes.all();
        }
        let entry = journal.sources.entry(self.source.clone()).or_default();
        entry.doubt = None;
        entry.position = Some(self.position);
        entry.parts.extend(names);
        if done {
            entry.done = true;
            entry.parts.clear();
        }
        journal.write(core)
    }
}

#[cfg(test)]
mod tests;
