//! Samples deleted: hidden at once, and gone for good when their parts are written again.

use super::flush::FORGET_AT_ONCE;
use crate::locked;
use crate::masks::Masks;
use crate::masks::deletions::{self, Deletion};
use crate::parts::DAY_MS;
use crate::retention::Retention;
use crate::store::{CompactError, Core};
use crate::{reading, writing};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use watchfire_model::{Matcher, TimeRange};

/// How often parts are looked through for series that are hidden.
const CLEAN_EVERY_MS: i64 = 3_600_000;
/// A part is written again when this share of its series, one in so many, is hidden.
const HIDDEN_SHARE: u64 = 4;

/// The end of the last window that is over at this time.
fn before_window(at_ms: i64, resolution_ms: i64) -> i64 {
    at_ms.div_euclid(resolution_ms).saturating_mul(resolution_ms)
}

/// What of a range are whole windows, which are open at their start and closed at their end.
fn whole_windows(range: TimeRange, resolution_ms: i64) -> Option<TimeRange> {
    let after_ms = match range.start_ms {
        i64::MIN => i64::MIN,
        start_ms => before_window(start_ms.saturating_add(resolution_ms).saturating_sub(2), resolution_ms),
    };
    let end_ms = if range.end_ms == i64::MAX { i64::MAX } else { before_window(range.end_ms, resolution_ms) };
    (after_ms < end_ms).then(|| TimeRange::new(after_ms.saturating_add(1), end_ms))
}

impl Core {
    /// What is hidden in a range at this moment; `None` when nothing is.
    pub(crate) fn masks(&self, range: TimeRange) -> Option<Arc<Masks>> {
        let deletions = reading(&self.deletions);
        let (mut retention, now_ms) = (self.retention(), self.clock.now_ms());
        if !retention.rules.is_empty() && !self.tiers.levels().is_empty() {
            // What no window stands for yet is shown, and kept, beyond its time.
            let shown_ms = now_ms.saturating_sub(self.tiers.first_sample_ms());
            retention =
                Arc::new(Retention { time_ms: retention.time_ms.max(shown_ms), ..(*retention).clone() });
        }
        Masks::new(&deletions, retention, now_ms, range).map(Arc::new)
    }

    /// The same for the windows of a tier, which the retention time of samples does not end: whole windows are hidden or
    /// shown, so that a window has all its columns or none.
    pub(crate) fn tier_masks(&self, range: TimeRange, resolution_ms: i64) -> Option<Arc<Masks>> {
        let mut retention = Retention { time_ms: i64::MAX, ..(*self.retention()).clone() };
        for rule in &mut retention.rules {
            let longer_ms = rule.keep_ms.saturating_add(resolution_ms - 1);
            rule.keep_ms = before_window(longer_ms, resolution_ms);
        }
        let whole = |deletion: &Arc<Deletion>| {
            let range = whole_windows(deletion.range, resolution_ms)?;
            Some(Arc::new(Deletion { range, ..(**deletion).clone() }))
        };
        let deletions: Vec<_> = reading(&self.deletions).iter().filter_map(whole).collect();
        let now_ms = before_window(self.clock.now_ms(), resolution_ms).saturating_add(1);
        Masks::new(&deletions, Arc::new(retention), now_ms, range).map(Arc::new)
    }

    /// Deletes the samples in the range of all series that satisfy any of the selectors. On disk when it returns.
    pub(crate) fn delete(&self, selectors: Vec<Vec<Matcher>>, range: TimeRange) -> Result<(), CompactError> {
        let _upkeep = locked(&self.upkeep);
        let in_memory = || selectors.iter().flat_map(|matchers| self.head.select(matchers));
        // What is in memory does not know when it came, so that it has to be in parts, of which that is known. The log
        // must not bring any of it back: a batch may be in a part while its record is still on its way to a segment that
        // a flush has left behind. So the log is waited for, and a flush drops all of it that came before.
        if !self.options.stepped
            && let Ok(written) = self.log.barrier()
        {
            // A log that cannot be written holds nothing that is still on its way.
            let _ = written.wait();
        }
        self.delete_exemplars(&selectors, range);
        self.flush()?;
        // What no list shows now, and the next start would, may hold what is to be deleted.
        self.remove_strays()?;
        self.settle_removals()?;
        // A series that is forgotten is in no list of labels, and does not compare what comes with what is deleted.
        let empty: Vec<_> =
            in_memory().filter(|(_, series)| series.is_empty()).map(|(_, series)| series.id).collect();
        for empty in empty.chunks(FORGET_AT_ONCE) {
            let _alone = writing(&self.gate);
            self.head.forget(empty);
        }
        let mut deletion = Deletion { selectors, range, parts: BTreeSet::new() };
        let all = self.parts.list().iter().cloned().chain(self.tiers.parts()).collect::<Vec<_>>();
        for part in all.iter().filter(|part| part.range().overlaps(range)) {
            let mut damage = Vec::new();
            // Where the index cannot be read, the series may be there.
            if !deletion.selected_in(part, &mut damage).is_empty() || !damage.is_empty() {
                deletion.parts.insert(part.seq);
            }
        }
        for (day, seq) in self.parts.unopened() {
            let start_ms = day.saturating_mul(DAY_MS);
            if range.overlaps(TimeRange::new(start_ms, start_ms.saturating_add(DAY_MS - 1))) {
                deletion.parts.insert(*seq);
            }
        }
        if deletion.parts.is_empty() {
            return Ok(());
        }
        let before = self.deletions();
        let others = before.iter().filter(|other| !deletion.covers(other)).cloned();
        let mut all: Vec<Arc<Deletion>> = others.collect();
        all.push(Arc::new(deletion));
        self.keep_deletions(all)
    }

    /// The deletions that are not physical yet.
    pub(crate) fn deletions(&self) -> Arc<Vec<Arc<Deletion>>> {
        Arc::clone(&reading(&self.deletions))
    }

    fn keep_deletions(&self, all: Vec<Arc<Deletion>>) -> Result<(), CompactError> {
        // An attempt that failed may be on disk all the same.
        self.deletions_unsure.store(true, Ordering::Relaxed);
        deletions::write(&self.disk, &self.path, &all).map_err(|error| self.fails(error))?;
        self.deletions_unsure.store(false, Ordering::Relaxed);
        *writing(&self.deletions) = Arc::new(all);
        Ok(())
    }

    /// Forgets deletions of which nothing is left in any part.
    pub(crate) fn forget_deletions(&self) -> Result<(), CompactError> {
        let before = self.deletions();
        let unsure = self.deletions_unsure.load(Ordering::Relaxed);
        if before.is_empty() && !unsure {
            return Ok(());
        }
        let mut parts: BTreeSet<u64> = self.parts.list().iter().map(|part| part.seq).collect();
        parts.extend(self.tiers.parts().iter().map(|part| part.seq));
        parts.extend(self.parts.may_return());
        let left = before.iter().filter(|deletion| !deletion.parts.is_disjoint(&parts));
        let left: Vec<_> = left.cloned().collect();
        if unsure || left.len() < before.len() { self.keep_deletions(left) } else { Ok(()) }
    }

    /// Writes parts again without what is hidden: `all` that have any, or, once in an hour, those that have much.
    pub(crate) fn clean(&self, all: bool) -> Result<(), CompactError> {
        let now_ms = self.clock.now_ms();
        if !all {
            let last_ms = self.cleaned_ms.load(Ordering::Relaxed);
            if (0..CLEAN_EVERY_MS).contains(&now_ms.saturating_sub(last_ms)) {
                return Ok(());
            }
        }
        self.cleaned_ms.store(now_ms, Ordering::Relaxed);
        for part in self.parts.list().iter().filter(|part| !self.parts.is_quarantined(part.seq)) {
            let Some(masks) = self.masks(part.range()) else { continue };
            let mut damage = Vec::new();
            let worth_it = if all {
                masks.touches(part, &mut damage)
            } else {
                let hidden = masks.hidden_in(part, part.range(), &mut damage).len();
                hidden > 0 && hidden * HIDDEN_SHARE >= u64::from(part.summary.series)
            };
            if worth_it {
                self.merge_parts(part.day, vec![Arc::clone(part)])?;
            }
        }
        Ok(())
    }
}
