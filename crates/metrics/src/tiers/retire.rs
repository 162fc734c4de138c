//! When samples may go because tiers have them, and when windows go.

use super::Level;
use super::build::{is_made_of, parts_of};
use super::set::Set;
use crate::locked;
use crate::parts::DAY_MS;
use crate::store::{CompactError, Core};
use std::sync::Arc;

impl Core {
    /// Whether samples of this UTC day may be dropped: without tiers always, with them once the seam has passed it.
    pub(crate) fn may_drop_day(&self, day: i64) -> bool {
        let end_ms = day.saturating_add(1).saturating_mul(DAY_MS);
        self.tiers.levels().is_empty() || end_ms <= self.tiers.seam_ms()
    }

    /// Moves the seam over the days that end before `oldest_ms` as far as they are made. The caller holds the upkeep and
    /// has made what can be made.
    pub(crate) fn move_seam(&self, oldest_ms: i64) -> Result<(), CompactError> {
        let levels = self.tiers.levels();
        if levels.is_empty() {
            return Ok(());
        }
        let seam_ms = self.tiers.seam_ms();
        let mut wanted_ms = seam_ms;
        let raw = self.parts.list();
        let mut days: Vec<i64> = raw.iter().map(|part| part.day).collect();
        days.sort_unstable();
        days.dedup();
        for day in days {
            let end_ms = day.saturating_add(1).saturating_mul(DAY_MS);
            if end_ms > oldest_ms {
                break;
            }
            if end_ms <= seam_ms {
                continue;
            }
            // The finest tier that keeps the day. A set that could not be made again does not have what came in since.
            let kept_ms = |level: &Level| self.clock.now_ms().saturating_sub(level.options.keep_ms);
            let keeps = levels.iter().position(|level| end_ms >= kept_ms(level));
            let made = keeps.is_none_or(|place| {
                let parts = parts_of(&raw, day);
                let is_whole = |set: &Arc<Set>| is_made_of(&set.sources, &parts, day);
                let mut sets = levels.iter().take(place + 1).rev().map_while(|level| level.set(day));
                let Some(mut set) = sets.next() else { return false };
                // It may be made of the one of the next finer tier.
                while !is_whole(set) {
                    match sets.next().filter(|finer| set.sources == [finer.seq]) {
                        Some(finer) => set = finer,
                        None => return false,
                    }
                }
                true
            });
            if !made || self.head_reaches(day) {
                tracing::debug!(day, "samples stay beyond their retention until their tier is made");
                break;
            }
            wanted_ms = end_ms;
        }
        if wanted_ms > seam_ms {
            self.tiers.move_seam(&self.disk, &self.path, wanted_ms).map_err(|error| self.fails(error))?;
        }
        Ok(())
    }

    /// Removes the files of sets that are not shown any more. What cannot be removed now is tried again with the strays.
    pub(super) fn remove_sets(&self, sets: &[Arc<Set>]) -> Result<(), CompactError> {
        locked(&self.tiers.removing).extend(sets.iter().cloned());
        self.remove_stray_sets()
    }

    /// Removes what earlier attempts left of tiers. The caller holds the upkeep.
    pub(crate) fn remove_stray_sets(&self) -> Result<(), CompactError> {
        let sets = locked(&self.tiers.removing).clone();
        for set in sets {
            set.remove(&*self.disk).map_err(|error| self.fails(error))?;
            locked(&self.tiers.removing).retain(|other| other.seq != set.seq);
        }
        Ok(())
    }

    /// Drops the windows that are older than their tier keeps, if the next tier has what it needs of them.
    pub(crate) fn drop_expired_tiers(&self) -> Result<(), CompactError> {
        let now_ms = self.clock.now_ms();
        let levels = self.tiers.levels();
        for (index, level) in levels.iter().enumerate() {
            let oldest_ms = now_ms.saturating_sub(level.options.keep_ms);
            for set in level.sets.iter().filter(|set| set.end_ms() < oldest_ms) {
                let coarser = levels.get(index + 1);
                let kept_ms = coarser.map(|coarser| now_ms.saturating_sub(coarser.options.keep_ms));
                let needed = |day: &i64| kept_ms.is_some_and(|kept_ms| (day + 1) * DAY_MS >= kept_ms);
                let mut days = (set.start_day..set.end_day()).filter(needed);
                let waits = days.any(|day| coarser.is_some_and(|coarser| coarser.set(day).is_none()));
                if waits && set.windows() > 0 {
                    continue;
                }
                self.tiers.replace(level.options.resolution_ms, None, &[set.seq]);
                self.remove_sets(std::slice::from_ref(set))?;
                tracing::info!(
                    resolution = level.options.name(),
                    start_day = set.start_day,
                    days = set.days,
                    "windows dropped by retention"
                );
            }
        }
        Ok(())
    }
}
