//! Small parts into larger ones.

use crate::locked;
use crate::part::Part;
use crate::read::selection::Selection;
use crate::store::{CompactError, Core};
use std::sync::Arc;
use watchfire_model::{Samples, TimeRange};

/// So many parts of one level and day become one of the next level.
const MERGE_PARTS: usize = 4;

impl Core {
    /// Merges the parts of a day when there are enough of one level, or `all` of them.
    pub(crate) fn merge(&self, all: bool) -> Result<(), CompactError> {
        for (day, parts) in self.parts.mergeable() {
            if all {
                if parts.len() > 1 {
                    self.merge_parts(day, &parts)?;
                }
                continue;
            }
            let neighbours = parts.chunk_by(|left, right| left.summary.level == right.summary.level);
            for parts in neighbours.filter(|parts| parts.len() >= MERGE_PARTS) {
                self.merge_parts(day, parts)?;
            }
        }
        Ok(())
    }

    fn merge_parts(&self, day: i64, parts: &[Arc<Part>]) -> Result<(), CompactError> {
        let seq = self.parts.next_seq();
        let replaces: Vec<u64> = parts.iter().map(|part| part.seq).collect();
        let order = parts.iter().map(|part| part.summary.order).min().unwrap_or(seq);
        let level = parts.iter().map(|part| part.summary.level).max().unwrap_or(0) + 1;
        let mut writer = self.start_part(day, seq, order, level, replaces.clone())?;
        let mut selection = Selection::from_parts(parts, &[], TimeRange::ALL);
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
        self.remove(day, parts)
    }
}
