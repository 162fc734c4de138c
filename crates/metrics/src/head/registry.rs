//! The series by number, and what their labels are.

use super::pairs::{PairIds, Pairs};
use super::rows::{Row, SeriesHandle, row_of};
use super::series::HeadSeries;
use hashbrown::HashTable;
use std::ops::Deref;
use watchfire_model::Labels;

/// About what a series takes in the table by hash and the postings of its labels.
const INDEXED_BYTES: usize = 16;

/// The series by number, and what their labels are.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    pub(crate) pairs: Pairs,
    rows: Vec<Option<Row>>,
    /// The first number that was never given.
    fresh: u32,
    /// Numbers that may be given again.
    free: Vec<u32>,
    /// Numbers of forgotten series, which the log's current segment may still use.
    resting: Vec<u32>,
}

/// A series as long as the registry is locked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known<'a> {
    pub(crate) id: u32,
    pub(crate) pairs: &'a PairIds,
    series: &'a HeadSeries,
    row: &'a Row,
}

impl Deref for Known<'_> {
    type Target = HeadSeries;

    fn deref(&self) -> &HeadSeries {
        self.series
    }
}

impl Known<'_> {
    /// The series for when the registry is not locked any more.
    pub(crate) fn hold(&self) -> SeriesHandle {
        self.row.hold(self.id)
    }

    /// About the bytes that the series takes without its samples, its place in tables and index included.
    pub(crate) fn own_bytes(&self) -> usize {
        size_of::<HeadSeries>() + size_of::<PairIds>() + self.pairs.held_bytes() + INDEXED_BYTES
    }
}

impl Registry {
    /// The series of these packed labels, of which `hash` is the hash in that table.
    pub(super) fn find(&self, table: &HashTable<u32>, hash: u64, packed: &[u8]) -> Option<Known<'_>> {
        self.get(*table.find(hash, |id| self.is(*id, packed))?)
    }

    /// Whether the series of this number has these packed labels.
    pub(crate) fn is(&self, id: u32, packed: &[u8]) -> bool {
        let row = self.rows.get(row_of(id)).and_then(Option::as_ref);
        row.and_then(|row| row.pairs(id)).is_some_and(|pairs| self.pairs.are(pairs, packed))
    }

    /// Makes a series; `None` when there are no numbers left.
    pub(super) fn add(&mut self, labels: &Labels) -> Option<Known<'_>> {
        let id = self.free_number()?;
        let Some(pairs) = self.pairs.take(labels) else {
            self.free.push(id);
            return None;
        };
        self.rows.get_mut(row_of(id))?.get_or_insert_with(|| Row::new(id)).fill(id, pairs);
        self.get(id)
    }

    /// A number that nothing stands for, in or outside of memory.
    fn free_number(&mut self) -> Option<u32> {
        if let Some(id) = self.free.last().copied() {
            let row = self.rows.get_mut(row_of(id))?;
            // Who still reads the series that had the number before must not find another one there. It is left for
            // later.
            if row.as_mut().is_none_or(|row| row.empty(id)) {
                self.free.pop();
                return Some(id);
            }
        }
        let id = self.fresh;
        self.fresh = id.checked_add(1)?;
        if row_of(id) >= self.rows.len() {
            self.rows.push(None);
        }
        Some(id)
    }

    /// Forgets a series. Its number rests.
    pub(super) fn remove(&mut self, id: u32) {
        let Some(slot) = self.rows.get_mut(row_of(id)) else { return };
        let Some(pairs) = slot.as_mut().and_then(|row| row.clear(id)) else { return };
        if slot.as_ref().is_some_and(Row::is_empty) {
            *slot = None;
        }
        self.pairs.give_back(&pairs);
        self.resting.push(id);
    }

    /// Lets the numbers of forgotten series be used again.
    pub(super) fn release_numbers(&mut self) {
        self.free.append(&mut self.resting);
    }

    pub(crate) fn get(&self, id: u32) -> Option<Known<'_>> {
        let row = self.rows.get(row_of(id))?.as_ref()?;
        Some(Known { id, pairs: row.pairs(id)?, series: row.series(id), row })
    }

    /// The first number that no series ever had.
    pub(super) fn end(&self) -> u32 {
        self.fresh
    }

    /// All series, by number.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Known<'_>> {
        (0..self.fresh).filter_map(|id| self.get(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(number: usize) -> Labels {
        Labels::from_pairs([("__name__", "up"), ("instance", &number.to_string())])
    }

    #[test]
    fn a_number_is_not_given_again_while_its_series_is_still_read() {
        let mut registry = Registry::default();
        let ids: Vec<u32> = (0..100).map(|number| registry.add(&labels(number)).unwrap().id).collect();
        assert_eq!(ids, (0..100).collect::<Vec<_>>());
        let held = registry.get(7).unwrap().hold();
        registry.remove(7);
        assert!(registry.get(7).is_none() && !registry.is(7, labels(7).as_bytes()));
        assert_eq!(registry.add(&labels(100)).unwrap().id, 100, "the number rests");
        registry.release_numbers();
        assert_eq!(registry.add(&labels(101)).unwrap().id, 101, "the series is read");
        drop(held);
        assert_eq!(registry.add(&labels(102)).unwrap().id, 7);
        assert!(registry.is(7, labels(102).as_bytes()));
        assert_eq!(registry.iter().count(), 102);
    }

    #[test]
    fn a_row_of_forgotten_series_is_given_back_and_made_anew() {
        let mut registry = Registry::default();
        for number in 0..130 {
            registry.add(&labels(number)).unwrap();
        }
        let held = registry.get(3).unwrap().hold();
        (0..64).for_each(|id| registry.remove(id));
        assert!(registry.rows[0].is_none());
        registry.release_numbers();
        // The row that is still read is not this one.
        let again = registry.add(&labels(200)).unwrap();
        assert_eq!(again.id, 63);
        assert!(!std::ptr::eq(again.series, &raw const *held));
        assert_eq!(registry.pairs.find("instance", "3"), None);
    }
}
