//! Where series lie in memory: in rows of those with numbers in a row, which were scraped together.
//!
//! An allocation for each series would cost what the allocator keeps beside it, a count and a pointer to it, together a
//! fourth of what the series itself takes, and would leave holes.

use super::pairs::PairIds;
use super::series::HeadSeries;
use std::ops::Deref;
use std::sync::Arc;

const SERIES: usize = 64;

/// The row that a series of this number is in.
pub(super) fn row_of(id: u32) -> usize {
    id as usize / SERIES
}

fn place_of(id: u32) -> usize {
    id as usize % SERIES
}

/// Series with numbers in a row.
#[derive(Debug)]
pub(super) struct Row {
    series: Arc<[HeadSeries; SERIES]>,
    /// None for who is not there.
    pairs: Box<[Option<PairIds>; SERIES]>,
    filled: u32,
}

/// A series, also after it was forgotten.
#[derive(Clone, Debug)]
pub(crate) struct SeriesHandle {
    row: Arc<[HeadSeries; SERIES]>,
    place: u8,
}

impl Deref for SeriesHandle {
    type Target = HeadSeries;

    fn deref(&self) -> &HeadSeries {
        in_row(&self.row, usize::from(self.place))
    }
}

fn in_row(row: &[HeadSeries; SERIES], place: usize) -> &HeadSeries {
    let [first, ..] = row;
    row.get(place).unwrap_or(first)
}

impl Row {
    /// The row of this number, with nobody in it.
    pub(super) fn new(id: u32) -> Self {
        let first = row_of(id) * SERIES;
        let series = std::array::from_fn(|place| HeadSeries::new((first + place) as u32));
        Self { series: Arc::new(series), pairs: Box::new([const { None }; SERIES]), filled: 0 }
    }

    pub(super) fn pairs(&self, id: u32) -> Option<&PairIds> {
        self.pairs.get(place_of(id))?.as_ref()
    }

    pub(super) fn series(&self, id: u32) -> &HeadSeries {
        in_row(&self.series, place_of(id))
    }

    pub(super) fn hold(&self, id: u32) -> SeriesHandle {
        SeriesHandle { row: Arc::clone(&self.series), place: place_of(id) as u8 }
    }

    /// Makes sure that nothing is left of who was at this place. Says no while anybody holds any of the row.
    pub(super) fn empty(&mut self, id: u32) -> bool {
        let Some(series) = Arc::get_mut(&mut self.series).and_then(|row| row.get_mut(place_of(id))) else {
            return false;
        };
        *series = HeadSeries::new(id);
        true
    }

    /// Puts a series at its place, which is empty.
    pub(super) fn fill(&mut self, id: u32, pairs: PairIds) {
        if let Some(slot) = self.pairs.get_mut(place_of(id)) {
            debug_assert!(slot.is_none(), "one series in one place");
            *slot = Some(pairs);
            self.filled += 1;
        }
    }

    /// Takes the labels of a series away; its samples are left to who holds it.
    pub(super) fn clear(&mut self, id: u32) -> Option<PairIds> {
        let pairs = self.pairs.get_mut(place_of(id))?.take()?;
        self.filled -= 1;
        Some(pairs)
    }

    /// Whether nobody is there any more.
    pub(super) fn is_empty(&self) -> bool {
        self.filled == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_not_there_takes_no_room_for_being_told_apart() {
        assert_eq!(size_of::<Option<PairIds>>(), size_of::<PairIds>());
    }
}
