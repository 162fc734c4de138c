//! The exemplars in memory: those of a series by time, and all of them by age.

use super::Exemplar;
use hashbrown::HashMap;
use std::collections::{BTreeMap, VecDeque};
use watchfire_model::{Labels, TimeRange};

/// What became of an exemplar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Added {
    Kept,
    /// It is there already.
    Duplicate,
    /// Its series has a newer one.
    OutOfOrder,
    /// None are kept.
    NotWanted,
}

#[derive(Debug)]
struct Held {
    exemplar: Exemplar,
    number: u64,
}

/// At most so many exemplars, the newest.
#[derive(Debug)]
pub(super) struct Kept {
    max: usize,
    /// By time, and those of one moment by number.
    series: HashMap<Labels, VecDeque<Held>>,
    /// By time and number, so that the first is also the first of its series.
    by_age: BTreeMap<(i64, u64), Labels>,
    next_number: u64,
    changes: u64,
    dropped: u64,
}

impl Kept {
    pub(super) fn new(max: usize) -> Self {
        let (series, by_age) = (HashMap::new(), BTreeMap::new());
        Self { max, series, by_age, next_number: 0, changes: 0, dropped: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.by_age.len()
    }

    pub(super) fn series_len(&self) -> usize {
        self.series.len()
    }

    pub(super) fn max(&self) -> usize {
        self.max
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Rises whenever other exemplars are kept than before.
    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    pub(super) fn oldest_ms(&self) -> Option<i64> {
        self.by_age.keys().next().map(|(at, _)| *at)
    }

    /// Takes a new one, unless its series has a newer one. Of one moment the one with the greater value counts as newer,
    /// and then the one with the later labels: targets are read in that order.
    pub(super) fn add(&mut self, series: &Labels, exemplar: Exemplar) -> Added {
        if self.max == 0 {
            self.dropped += 1;
            return Added::NotWanted;
        }
        if self.holds(series, &exemplar) {
            return Added::Duplicate;
        }
        let newest = self.series.get(series).and_then(VecDeque::back);
        if newest.is_some_and(|newest| is_before(&exemplar, &newest.exemplar)) {
            return Added::OutOfOrder;
        }
        self.insert(series, exemplar);
        Added::Kept
    }

    /// Takes one that was there before, unless it is there again already.
    pub(super) fn restore(&mut self, series: &Labels, exemplar: Exemplar) {
        if self.max > 0 && !self.holds(series, &exemplar) {
            self.insert(series, exemplar);
        }
    }

    fn holds(&self, series: &Labels, exemplar: &Exemplar) -> bool {
        let at = exemplar.timestamp_ms;
        self.series.get(series).is_some_and(|held| {
            let from = held.partition_point(|held| held.exemplar.timestamp_ms < at);
            let moment = held.range(from..).take_while(|held| held.exemplar.timestamp_ms == at);
            moment.into_iter().any(|held| {
                held.exemplar.value.to_bits() == exemplar.value.to_bits()
                    && held.exemplar.labels == exemplar.labels
            })
        })
    }

    fn insert(&mut self, series: &Labels, exemplar: Exemplar) {
        let (at, number) = (exemplar.timestamp_ms, self.next_number);
        self.next_number += 1;
        let held = self.series.entry(series.clone()).or_default();
        let place = held.partition_point(|held| held.exemplar.timestamp_ms <= at);
        held.insert(place, Held { exemplar, number });
        self.by_age.insert((at, number), series.clone());
        self.changes += 1;
        self.shrink();
    }

    /// Keeps at most `max`.
    pub(super) fn limit(&mut self, max: usize) {
        self.max = max;
        self.shrink();
    }

    fn shrink(&mut self) {
        while self.by_age.len() > self.max {
            self.drop_oldest();
            self.dropped += 1;
        }
    }

    fn drop_oldest(&mut self) {
        let Some(((_, number), series)) = self.by_age.pop_first() else { return };
        self.changes += 1;
        if let Some(held) = self.series.get_mut(&series) {
            let first = held.pop_front();
            debug_assert_eq!(first.map(|first| first.number), Some(number), "the oldest is the first");
            if held.is_empty() {
                self.series.remove(&series);
            }
        }
    }

    /// Drops those of each series that are from before the time that `oldest_ms` gives for it.
    pub(super) fn expire(&mut self, oldest_ms: impl Fn(&Labels) -> i64) {
        let (by_age, changes) = (&mut self.by_age, &mut self.changes);
        self.series.retain(|labels, held| {
            let oldest_ms = oldest_ms(labels);
            let expired = held.partition_point(|held| held.exemplar.timestamp_ms < oldest_ms);
            for held in held.drain(..expired) {
                by_age.remove(&(held.exemplar.timestamp_ms, held.number));
                *changes += 1;
            }
            !held.is_empty()
        });
    }

    /// Drops those in the range of the series that are `meant`.
    pub(super) fn delete(&mut self, meant: impl Fn(&Labels) -> bool, range: TimeRange) {
        let (by_age, changes) = (&mut self.by_age, &mut self.changes);
        self.series.retain(|labels, held| {
            if meant(labels) {
                held.retain(|held| {
                    let stays = !range.contains(held.exemplar.timestamp_ms);
                    if !stays {
                        by_age.remove(&(held.exemplar.timestamp_ms, held.number));
                        *changes += 1;
                    }
                    stays
                });
            }
            !held.is_empty()
        });
    }

    /// The labels of all series that have any.
    pub(super) fn series(&self) -> Vec<Labels> {
        self.series.keys().cloned().collect()
    }

    /// The exemplars of a series in the range, by time.
    pub(super) fn of(&self, series: &Labels, range: TimeRange) -> Vec<Exemplar> {
        let held = self.series.get(series).into_iter().flatten().map(|held| &held.exemplar);
        let from = held.skip_while(|exemplar| exemplar.timestamp_ms < range.start_ms);
        from.take_while(|exemplar| exemplar.timestamp_ms <= range.end_ms).cloned().collect()
    }

    /// All of them, series in label order.
    pub(super) fn groups(&self) -> impl Iterator<Item = (&Labels, impl ExactSizeIterator<Item = &Exemplar>)> {
        let mut series: Vec<_> = self.series.iter().collect();
        series.sort_unstable_by_key(|(labels, _)| *labels);
        series.into_iter().map(|(labels, held)| (labels, held.iter().map(|held| &held.exemplar)))
    }
}

fn is_before(left: &Exemplar, right: &Exemplar) -> bool {
    if left.timestamp_ms != right.timestamp_ms {
        return left.timestamp_ms < right.timestamp_ms;
    }
    left.value < right.value || (left.value == right.value && left.labels < right.labels)
}

#[cfg(test)]
mod tests;
