//! Which tier answers for which days.

use super::set::{Column, Set};
use super::{Level, day_of};
use crate::part::Part;
use crate::parts::DAY_MS;
use std::collections::BTreeMap;
use std::sync::Arc;
use watchfire_model::{Coarse, TimeRange};

/// Days in a row that one tier answers for.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) resolution_ms: i64,
    /// The instant before its first.
    pub(super) after_ms: i64,
    /// Its last instant.
    pub(super) until_ms: i64,
    pub(super) sets: Vec<Arc<Set>>,
}

impl Run {
    /// The parts of one column.
    pub(super) fn parts(&self, column: Column) -> Vec<Arc<Part>> {
        self.sets.iter().filter_map(|set| set.part(column)).cloned().collect()
    }

    pub(super) fn coarse(&self) -> Coarse {
        Coarse { until_ms: self.until_ms, resolution_ms: self.resolution_ms }
    }

    pub(super) fn range(&self) -> TimeRange {
        TimeRange::new(self.after_ms.saturating_add(1), self.until_ms)
    }
}

/// Where a range is answered from tiers: for each day up to the seam the finest tier that has it. The last run ends at
/// the seam.
pub(super) fn runs(levels: &[Level], seam_ms: i64, range: TimeRange) -> Vec<Run> {
    let mut days: BTreeMap<i64, (usize, &Arc<Set>)> = BTreeMap::new();
    let (first_day, last_day) = (day_of(range.start_ms), day_of(range.end_ms.min(seam_ms)));
    if range.start_ms > seam_ms {
        return Vec::new();
    }
    // The finest last, so that it stays.
    for (index, level) in levels.iter().enumerate().rev() {
        for set in &level.sets {
            for day in set.start_day.max(first_day)..set.end_day().min(last_day.saturating_add(1)) {
                days.insert(day, (index, set));
            }
        }
    }
    let mut runs: Vec<(usize, Run)> = Vec::new();
    for (day, (index, set)) in days {
        let Some(level) = levels.get(index) else { continue };
        let after_ms = day.saturating_mul(DAY_MS);
        let end_ms = after_ms.saturating_add(DAY_MS);
        match runs.last_mut() {
            Some((last, run)) if *last == index => {
                run.until_ms = end_ms;
                if run.sets.last().is_none_or(|last| last.seq != set.seq) {
                    run.sets.push(Arc::clone(set));
                }
            }
            _ => runs.push((
                index,
                Run {
                    resolution_ms: level.options.resolution_ms,
                    after_ms,
                    until_ms: end_ms,
                    sets: vec![Arc::clone(set)],
                },
            )),
        }
    }
    // Days that no tier has belong to the run before them.
    let starts: Vec<i64> = runs.iter().skip(1).map(|(_, run)| run.after_ms).chain([seam_ms]).collect();
    for ((_, run), next_ms) in runs.iter_mut().zip(starts) {
        run.until_ms = next_ms;
    }
    runs.into_iter().map(|(_, run)| run).collect()
}
