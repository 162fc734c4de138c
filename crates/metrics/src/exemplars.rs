//! Exemplars: single observations with labels of their own, usually a trace's id, kept beside the samples of a series.
//!
//! There is a bound on how many are kept, and the oldest goes first: of all that were ever taken, the newest are there,
//! in whatever order a crash gives them back. They are logged before the samples that they came with, so that one
//! answer promises both, and every flush writes all of them to a file of their own.

pub(crate) mod file;
mod kept;
pub(crate) mod record;

use crate::locked;
use crate::retention::fits_any;
use crate::store::{Core, Store};
use kept::{Added, Kept};
use std::collections::{BTreeMap, BTreeSet};
use watchfire_disk::{AppendError, Commit};
use watchfire_model::ingest::{Batch, Exemplar as Sent, Refusal, RefusalReason, WriteReport};
use watchfire_model::labels::RawLabels;
use watchfire_model::{Labels, Matcher, TimeRange};

/// How many characters the names and values of an exemplar's labels may have together, as OpenMetrics says.
const MAX_LABEL_CHARACTERS: usize = 128;

/// An exemplar that is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar {
    /// Its own labels, not those of its series.
    pub labels: Labels,
    /// The observed value.
    pub value: f64,
    /// When it was observed, in milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
}

/// Exemplars in numbers, at one moment. Counters count since the store was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExemplarStats {
    /// How many are kept.
    pub kept: u64,
    /// Of how many series.
    pub series: u64,
    /// How many may be kept.
    pub max: u64,
    /// When the oldest was observed, in milliseconds since the Unix epoch; `None` without any.
    pub oldest_ms: Option<i64>,
    /// How many were taken.
    pub appended: u64,
    /// How many had to go because there were more than may be kept.
    pub dropped: u64,
    /// How many were refused, by reason.
    pub refused: Vec<(RefusalReason, u64)>,
}

/// What the store knows of exemplars.
#[derive(Debug)]
pub(crate) struct Exemplars {
    kept: Kept,
    /// Records that are not known to be in the log, each with its last commit.
    unlogged: Vec<(Vec<u8>, Commit)>,
    /// What [`Kept::changes`] was when the file was last written.
    written: u64,
    appended: u64,
    refused: BTreeMap<&'static str, (RefusalReason, u64)>,
}

impl Exemplars {
    pub(crate) fn new(max: usize) -> Self {
        let (unlogged, refused) = (Vec::new(), BTreeMap::new());
        Self { kept: Kept::new(max), unlogged, written: 0, appended: 0, refused }
    }

    /// Takes one that was kept before.
    pub(crate) fn restore(&mut self, series: &Labels, exemplar: Exemplar) {
        // Its place goes by its time: what the log brings may be older than what the file brought.
        self.kept.restore(series, exemplar);
    }

    /// Takes those in the range of the series that are `meant` out of the records that may be logged again.
    fn delete_unlogged(&mut self, meant: impl Fn(&Labels) -> bool, range: TimeRange) {
        for (record, _) in &mut self.unlogged {
            let mut left = record::begin();
            record::each_group(record, &mut |series, exemplars| {
                let gone = meant(series);
                let stays =
                    exemplars.iter().filter(|exemplar| !gone || !range.contains(exemplar.timestamp_ms));
                let stays: Vec<&Exemplar> = stays.collect();
                if !stays.is_empty() {
                    record::put_group(&mut left, series, stays.into_iter());
                }
            });
            *record = left;
        }
    }

    /// Logs again what failed, and returns whether the answer for any is still to come.
    fn settle(&mut self, core: &Core) -> bool {
        self.unlogged.retain_mut(|(record, commit)| match commit.outcome() {
            None => true,
            Some(Ok(())) => false,
            Some(Err(_)) => {
                *commit = core.log_exemplars(record);
                true
            }
        });
        !self.unlogged.is_empty()
    }
}

impl Core {
    /// Takes the exemplars of a batch whose samples are in memory already. Returns whether there are some that the log
    /// has not promised yet.
    pub(crate) fn take_exemplars(&self, batch: &Batch, now_ms: i64, report: &mut WriteReport) -> bool {
        if batch.exemplar_count() == 0 {
            return false;
        }
        let retention = self.retention();
        let newest_ms = now_ms.saturating_add(self.options.max_ahead_ms);
        // Held until they are in the log, so that it has them in the order of memory.
        let mut exemplars = locked(&self.exemplars);
        let mut record = record::begin();
        let mut taken = Vec::new();
        let refused = &mut report.refused_exemplars;
        for series in batch.series() {
            let count = series.exemplars().count();
            if count == 0 {
                continue;
            }
            let Ok(labels) = series.checked_labels() else {
                Refusal::note(refused, RefusalReason::InvalidLabels, count, || {
                    format!("an exemplar of {}: its labels are not valid", RawLabels(series.packed_labels()))
                });
                continue;
            };
            // Only the exemplars of series that are admitted take room.
            if !self.head.knows(&labels) {
                Refusal::note(refused, RefusalReason::UnknownSeries, count, || {
                    format!("an exemplar of {labels}: the series has no recent sample")
                });
                continue;
            }
            let oldest_ms = now_ms.saturating_sub(retention.keep_ms(&labels));
            taken.clear();
            for sent in series.exemplars() {
                let exemplar = match check(sent, oldest_ms, newest_ms) {
                    Ok(exemplar) => exemplar,
                    Err((reason, problem)) => {
                        Refusal::note(refused, reason, 1, || format!("an exemplar of {labels}: {problem}"));
                        continue;
                    }
                };
                match exemplars.kept.add(&labels, exemplar.clone()) {
                    Added::Kept => {
                        report.exemplars += 1;
                        exemplars.appended += 1;
                        taken.push(exemplar);
                    }
                    Added::Duplicate => report.exemplars += 1,
                    Added::NotWanted => {}
                    Added::OutOfOrder => {
                        Refusal::note(refused, RefusalReason::OutOfOrder, 1, || {
                            let at = exemplar.timestamp_ms;
                            format!("an exemplar of {labels} at {at} ms is older than its newest one")
                        });
                    }
                }
            }
            if !taken.is_empty() {
                record::put_group(&mut record, &labels, taken.iter());
            }
        }
        for refusal in &*refused {
            let counted = exemplars.refused.entry(refusal.reason.as_str()).or_insert((refusal.reason, 0));
            counted.1 += refusal.rows as u64;
        }
        // First what failed before, among it perhaps what came again here and was known already.
        exemplars.settle(self);
        if !record::is_empty(&record) {
            let commit = self.log_exemplars(&record);
            exemplars.unlogged.push((record, commit));
        }
        !exemplars.unlogged.is_empty()
    }

    /// Deletes the exemplars in the range of all series that satisfy any of the selectors. The flush that follows puts
    /// the others into their file and drops the log that has them all.
    pub(crate) fn delete_exemplars(&self, selectors: &[Vec<Matcher>], range: TimeRange) {
        // Patterns are matched without the lock, which writers want. Series that come meanwhile are written later.
        let mut series = locked(&self.exemplars).kept.series();
        series.retain(|labels| fits_any(selectors, labels));
        let series: BTreeSet<Labels> = series.into_iter().collect();
        let mut exemplars = locked(&self.exemplars);
        exemplars.kept.delete(|labels| series.contains(labels), range);
        exemplars.delete_unlogged(|labels| fits_any(selectors, labels), range);
    }

    fn log_exemplars(&self, record: &[u8]) -> Commit {
        loop {
            match self.log.append(self.log.segment(), &[record]) {
                Ok(commit) => return commit,
                Err(AppendError::SegmentChanged(_)) => {}
                Err(error) => return Commit::failed(error.to_string()),
            }
        }
    }
}

/// An exemplar as it is kept, or why it is not.
fn check(sent: Sent<'_>, oldest_ms: i64, newest_ms: i64) -> Result<Exemplar, (RefusalReason, String)> {
    let Sent { packed_labels, value, timestamp_ms } = sent;
    let labels = Labels::from_raw(packed_labels)
        .map_err(|problem| (RefusalReason::InvalidLabels, format!("its own labels: {problem}")))?;
    let characters: usize =
        labels.iter().map(|(name, value)| name.chars().count() + value.chars().count()).sum();
    if characters > MAX_LABEL_CHARACTERS {
        let problem = format!(
            "its own labels have {characters} characters, at most {MAX_LABEL_CHARACTERS} are allowed"
        );
        return Err((RefusalReason::LabelLimit, problem));
    }
    if timestamp_ms < oldest_ms {
        let problem = format!("it is from {timestamp_ms} ms, older than the retention keeps");
        return Err((RefusalReason::TooOld, problem));
    }
    if timestamp_ms > newest_ms {
        let problem = format!("it is from {timestamp_ms} ms, in the future; check the clocks");
        return Err((RefusalReason::TooFarAhead, problem));
    }
    Ok(Exemplar { labels, value, timestamp_ms })
}

impl Store {
    /// The exemplars in the range, both ends included, of the series that satisfy any of the selectors, each a
    /// conjunction: series in label order, the exemplars of each by time. Series without any are left out.
    pub fn exemplars(&self, selectors: &[Vec<Matcher>], range: TimeRange) -> Vec<(Labels, Vec<Exemplar>)> {
        let core = &self.core;
        // Patterns are matched without the lock, which writers want.
        let mut series = locked(&core.exemplars).kept.series();
        series.retain(|labels| fits_any(selectors, labels));
        series.sort_unstable();
        let (now_ms, retention) = (core.clock.now_ms(), core.retention());
        let exemplars = locked(&core.exemplars);
        let found = series.into_iter().map(|labels| {
            let oldest_ms = now_ms.saturating_sub(retention.keep_ms(&labels));
            let range = TimeRange { start_ms: range.start_ms.max(oldest_ms), ..range };
            let found = exemplars.kept.of(&labels, range);
            (labels, found)
        });
        found.filter(|(_, found)| !found.is_empty()).collect()
    }

    /// Keeps at most so many exemplars from now on, the newest; 0 keeps none.
    pub fn set_max_exemplars(&self, max: usize) {
        locked(&self.core.exemplars).kept.limit(max);
    }

    /// Exemplars in numbers; cheap.
    pub fn exemplar_stats(&self) -> ExemplarStats {
        let exemplars = locked(&self.core.exemplars);
        let kept = &exemplars.kept;
        ExemplarStats {
            kept: kept.len() as u64,
            series: kept.series_len() as u64,
            max: kept.max() as u64,
            oldest_ms: kept.oldest_ms(),
            appended: exemplars.appended,
            dropped: kept.dropped(),
            refused: exemplars.refused.values().copied().collect(),
        }
    }
}

#[cfg(test)]
mod tests;
