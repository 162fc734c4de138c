//! Small parts into larger ones.
//!
//! Four parts of a level become one of the next, so that a sample is written again once for every fourfold: a day of
//! flushes every two hours is written about three times. A day that is over and has been left alone for as long as
//! flushes are apart becomes one part. Only neighbours by age are merged, so that of two values for one time the one
//! written first stays.

use crate::part::Part;
use crate::parts::DAY_MS;
use crate::read::selection::Selection;
use crate::store::{CompactError, Core};
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use watchfire_disk::BlockError;
use watchfire_model::{Samples, TimeRange};

/// So many parts of one level and day become one of the next level.
const MERGE_PARTS: usize = 4;

/// Neighbours by age, to become one part of a day.
type Neighbours = Vec<Arc<Part>>;

impl Core {
    /// Merges the parts of a day when there are enough of one level, or it is over, or `all` of them. Returns early,
    /// with what is not finished thrown away, when the store is being closed.
    pub(crate) fn merge(&self, all: bool) -> Result<(), CompactError> {
        loop {
            let quarantined = self.quarantined();
            for (day, parts) in self.merge_plan(all) {
                if self.is_stopping() {
                    return Ok(());
                }
                self.merge_parts(day, parts)?;
            }
            // Without the parts just found damaged, the others may be merged.
            if self.quarantined() == quarantined {
                return Ok(());
            }
        }
    }

    fn quarantined(&self) -> usize {
        self.parts.list().iter().filter(|part| self.parts.is_quarantined(part.seq)).count()
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    fn merge_plan(&self, all: bool) -> Vec<(i64, Neighbours)> {
        let now_ms = self.clock.now_ms();
        let flush_ms = i64::try_from(self.options.flush_every.as_millis()).unwrap_or(i64::MAX);
        let mut plan = Vec::new();
        for (day, parts) in self.parts.mergeable() {
            let over = now_ms > day.saturating_add(1).saturating_mul(DAY_MS).saturating_add(flush_ms);
            let whole = all || over && self.parts.quiet_ms(day, now_ms) >= flush_ms;
            let enough = if whole { 2 } else { MERGE_PARTS };
            let neighbours = parts.chunk_by(|left, right| whole || left.summary.level == right.summary.level);
            plan.extend(neighbours.filter(|run| run.len() >= enough).map(|run| (day, run.to_vec())));
        }
        plan
    }

    /// Makes one part of several, or writes one again, without what is hidden.
    pub(crate) fn merge_parts(&self, day: i64, parts: Neighbours) -> Result<(), CompactError> {
        let seq = self.parts.next_seq();
        let replaces: Vec<u64> = parts.iter().map(|part| part.seq).collect();
        let order = parts.iter().map(|part| part.summary.order).min().unwrap_or(seq);
        let level =
            parts.iter().map(|part| part.summary.level).max().unwrap_or(0) + u32::from(parts.len() > 1);
        let mut writer = self.start_part_of(day, seq, (order, level, replaces.clone()), self.part_bytes())?;
        let ranges = parts.iter().map(|part| part.range());
        let range = ranges.reduce(|left, right| {
            TimeRange::new(left.start_ms.min(right.start_ms), left.end_ms.max(right.end_ms))
        });
        let range = range.unwrap_or(TimeRange::ALL);
        let mut selection = Selection::from_parts(&parts, &[], range).masked(self.masks(range));
        let mut samples = Samples::default();
        while let Ok(Some(labels)) = selection.next(&mut samples) {
            if self.is_stopping() {
                return Ok(());
            }
            if !selection.blamed().is_empty() {
                break;
            }
            writer.add(&labels, &samples, 0..samples.len()).map_err(|error| self.fails(error))?;
        }
        if !selection.blamed().is_empty() {
            // What cannot be read now might be with better tools; merging would lose it for good.
            self.counters.damaged(selection.warnings());
            drop(writer);
            return selection.blamed().iter().try_for_each(|(seq, place)| {
                let part = parts.iter().find(|part| part.seq == *seq);
                part.map_or(Ok(()), |part| self.quarantine(part, place))
            });
        }
        let merged = self.finish_part(day, seq, writer)?.into_iter().collect();
        self.counters.conflicts(selection.conflicts());
        self.parts.replace(merged, &replaces);
        self.remove(&parts)
    }

    /// Looks at all of a part and takes it out of merging if it is damaged. An error when it is not, and reading it was
    /// what failed: then it is tried again.
    pub(crate) fn quarantine(&self, part: &Part, place: &str) -> Result<(), CompactError> {
        let mut places = Vec::new();
        part.verify(
            &mut |error| {
                if !matches!(error, BlockError::Io { .. }) {
                    places.push(error.to_string());
                }
            },
            &mut |_| ControlFlow::Continue(()),
        );
        if places.is_empty() {
            return Err(self.fails(io::Error::other(format!("{place}; read again, it is not damaged"))));
        }
        tracing::error!(
            part = %part.path().display(),
            places = places.len(),
            "a part is damaged: it stays as it is, and what can be read of it answers; \
             watchfire verify names every place"
        );
        self.parts.quarantine(part.seq, places);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
