//! What of the samples on disk is not to be seen any more: deleted, or past the time for which their series are kept.
//!
//! Reads leave it out at once; merges and rewrites write parts without it. A deletion holds for the parts that were there
//! when it was made, and for no others: samples that come later are seen, also those of a deleted time.

pub(crate) mod deletions;

use crate::part::Part;
use crate::retention::{Retention, fits_any};
use deletions::Deletion;
use roaring::RoaringBitmap;
use std::sync::Arc;
use watchfire_model::{Labels, TimeRange};

/// What is hidden at one moment, as far as it may lie in the range it was made for.
#[derive(Debug)]
pub(crate) struct Masks {
    deletions: Vec<Arc<Deletion>>,
    retention: Arc<Retention>,
    now_ms: i64,
}

/// What is hidden of one series.
#[derive(Debug)]
pub(crate) struct SeriesMask<'a> {
    /// All before this instant.
    pub(crate) oldest_ms: i64,
    deletions: Vec<&'a Deletion>,
}

impl Masks {
    /// `None` when nothing in the range is hidden, so that whoever asks need not look at any series.
    pub(crate) fn new(
        deletions: &[Arc<Deletion>],
        retention: Arc<Retention>,
        now_ms: i64,
        range: TimeRange,
    ) -> Option<Self> {
        let deletions = deletions.iter().filter(|deletion| deletion.range.overlaps(range));
        let masks = Self { deletions: deletions.cloned().collect(), retention, now_ms };
        (!masks.deletions.is_empty() || masks.rules_reach(range.start_ms)).then_some(masks)
    }

    /// Whether a rule may hide samples as old as this. Without rules old days are dropped as a whole, and shown till then.
    fn rules_reach(&self, at_ms: i64) -> bool {
        !self.retention.rules.is_empty() && at_ms < self.oldest_ms(self.retention.shortest_ms())
    }

    fn oldest_ms(&self, keep_ms: i64) -> i64 {
        self.now_ms.saturating_sub(keep_ms)
    }

    /// What is hidden of a series.
    pub(crate) fn of(&self, labels: &Labels) -> SeriesMask<'_> {
        let oldest_ms = match self.retention.rules.is_empty() {
            true => i64::MIN,
            false => self.oldest_ms(self.retention.keep_ms(labels)),
        };
        let deletions = self.deletions.iter().map(|deletion| &**deletion);
        let deletions = deletions.filter(|deletion| fits_any(&deletion.selectors, labels)).collect();
        SeriesMask { oldest_ms, deletions }
    }

    /// The series of a part of which nothing in the range can be seen. Those that several deletions hide piece by piece
    /// may be missing: finding them would mean to read their pages.
    pub(crate) fn hidden_in(&self, part: &Part, range: TimeRange, damage: &mut Vec<String>) -> RoaringBitmap {
        let own = part.range();
        let seen = TimeRange::new(own.start_ms.max(range.start_ms), own.end_ms.min(range.end_ms));
        let mut hidden = RoaringBitmap::new();
        for deletion in self.deletions.iter().filter(|deletion| deletion.parts.contains(&part.seq)) {
            if deletion.range.start_ms <= seen.start_ms && seen.end_ms <= deletion.range.end_ms {
                hidden |= deletion.selected_in(part, damage);
            }
        }
        if self.rules_reach(seen.end_ms) {
            self.each_keep(part, damage, |ids, keep_ms| {
                if seen.end_ms < self.oldest_ms(keep_ms) {
                    hidden |= ids;
                }
            });
        }
        hidden
    }

    /// Whether a part may hold samples that are hidden.
    pub(crate) fn touches(&self, part: &Part, damage: &mut Vec<String>) -> bool {
        let mut touches = self.deletions.iter().any(|deletion| deletion.parts.contains(&part.seq));
        let start_ms = part.range().start_ms;
        if !touches && self.rules_reach(start_ms) {
            self.each_keep(part, damage, |ids, keep_ms| {
                touches |= !ids.is_empty() && start_ms < self.oldest_ms(keep_ms);
            });
        }
        touches
    }

    /// Calls `each` with the series of a part by how long they are kept.
    fn each_keep(&self, part: &Part, damage: &mut Vec<String>, mut each: impl FnMut(RoaringBitmap, i64)) {
        let mut left = part.all();
        for rule in &self.retention.rules {
            let mut ids = RoaringBitmap::new();
            for matchers in &rule.selectors {
                ids |= part.select(matchers, damage);
            }
            ids &= &left;
            left -= &ids;
            each(ids, rule.keep_ms);
        }
        each(left, self.retention.time_ms);
    }
}

impl SeriesMask<'_> {
    /// Whether anything can be seen in the range of a series whose blocks in the part with this number lie in `blocks`.
    pub(crate) fn shows_any(
        &self,
        seq: u64,
        range: TimeRange,
        mut blocks: impl Iterator<Item = TimeRange>,
    ) -> bool {
        let deleted = self.deleted_in(seq);
        let shows = |block: TimeRange| {
            let (start_ms, end_ms) = (block.start_ms.max(range.start_ms), block.end_ms.min(range.end_ms));
            let within = |deleted: &TimeRange| deleted.start_ms <= start_ms && end_ms <= deleted.end_ms;
            start_ms <= end_ms && !deleted.iter().any(within)
        };
        blocks.any(shows)
    }

    /// What of the series is deleted in the part with this number: in order, and apart from each other.
    pub(crate) fn deleted_in(&self, seq: u64) -> Vec<TimeRange> {
        let deletions = self.deletions.iter().filter(|deletion| deletion.parts.contains(&seq));
        let mut ranges: Vec<TimeRange> = deletions.map(|deletion| deletion.range).collect();
        ranges.sort_unstable_by_key(|range| range.start_ms);
        let mut apart: Vec<TimeRange> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match apart.last_mut() {
                Some(last) if range.start_ms <= last.end_ms.saturating_add(1) => {
                    last.end_ms = last.end_ms.max(range.end_ms);
                }
                _ => apart.push(range),
            }
        }
        apart
    }
}

#[cfg(test)]
mod tests;
