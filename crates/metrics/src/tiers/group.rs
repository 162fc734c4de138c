//! Days whose samples are gone into larger sets: a coarse tier has few windows in a day.

use super::build::{ColumnReader, Folder, folder};
use super::set::Set;
use crate::parts::DAY_MS;
use crate::store::{CompactError, Core};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use watchfire_model::TimeRange;

/// A set should have about so many windows of each series.
const WINDOWS: i64 = 512;
/// But no more days than this, as a set is dropped as a whole.
const MAX_DAYS: i64 = 32;

/// How many days of a tier become one set: a power of two.
fn days_in_group(resolution_ms: i64) -> i64 {
    let wanted = (WINDOWS.saturating_mul(resolution_ms) / DAY_MS).clamp(1, MAX_DAYS);
    1 << wanted.ilog2()
}

impl Core {
    /// Puts the days of a group into one set once no sample of them can change any more.
    pub(super) fn group_tiers(&self) -> Result<(), CompactError> {
        let seam_ms = self.tiers.seam_ms();
        let oldest_ms = self.clock.now_ms().saturating_sub(self.retention().time_ms);
        // Whether no sample of these days can come or is still there to be made into windows.
        let is_over = |start_day: i64, end_day: i64| {
            let end_ms = end_day.saturating_mul(DAY_MS);
            let held = |day: i64| (start_day..end_day).contains(&day) && (day + 1) * DAY_MS > seam_ms;
            end_ms <= seam_ms || end_ms <= oldest_ms && !self.parts.list().iter().any(|part| held(part.day))
        };
        for level in self.tiers.levels().iter() {
            let days = days_in_group(level.options.resolution_ms);
            let mut groups: BTreeMap<i64, Vec<Arc<Set>>> = BTreeMap::new();
            for set in level.sets.iter().filter(|set| set.days < days) {
                groups.entry(set.start_day.div_euclid(days)).or_default().push(Arc::clone(set));
            }
            for (group, sets) in groups {
                let (start_day, end_day) = (group.saturating_mul(days), (group + 1).saturating_mul(days));
                if !is_over(start_day, end_day)
                    || sets.len() < 2
                    || self.tiers.closing.load(Ordering::Relaxed)
                {
                    continue;
                }
                let mut columns = ColumnReader::new(self, &sets, TimeRange::ALL, level.options.resolution_ms);
                let target = Folder { core: self, dir: folder(&self.path, level) };
                let sources = sets.iter().map(|set| set.seq).collect();
                let written = target.write(start_day, days, sources, |samples| columns.next(samples));
                let Some(manifest) = written.map_err(|error| self.fails(error))? else { return Ok(()) };
                if !columns.is_whole(self) {
                    // What cannot be read now might be with better tools.
                    target.discard(&manifest).map_err(|error| self.fails(error))?;
                    tracing::warn!(resolution = level.options.name(), "damaged days are not grouped");
                    continue;
                }
                let set = target.publish(&manifest).map_err(|error| self.fails(error))?;
                self.show_set(level.options.resolution_ms, set, &sets)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_powers_of_two_of_about_five_hundred_windows() {
        let minutes = |minutes: i64| days_in_group(minutes * 60_000);
        let groups = [1, 5, 15, 60, 360, 1440].map(minutes);
        assert_eq!(groups, [1, 1, 4, 16, 32, 32]);
    }
}
