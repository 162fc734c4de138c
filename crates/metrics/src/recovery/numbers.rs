//! What the numbers in a segment of the log stand for.

use crate::head::rows::SeriesHandle;
use hashbrown::HashMap;

/// Numbers are given in a row, and used in that order nearly always: so many are looked up at once.
const ROW: usize = 64;

/// The row that a number is in. All of a row belong to one worker.
pub(super) fn row(number: u32) -> u32 {
    number / ROW as u32
}

type Row = Box<[Option<SeriesHandle>; ROW]>;

/// Series by their numbers in one segment. A row is found by its hash: damage may make a number of any size, which must
/// not take memory accordingly.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    rows: HashMap<u32, Row>,
}

impl Numbers {
    pub(super) fn get(&self, number: u32) -> Option<&SeriesHandle> {
        self.rows.get(&row(number))?.get(number as usize % ROW)?.as_ref()
    }

    /// From now on the number stands for this series, or for none.
    pub(super) fn set(&mut self, number: u32, series: Option<SeriesHandle>) {
        let row = self.rows.entry(row(number)).or_insert_with(|| Box::new([const { None }; ROW]));
        if let Some(slot) = row.get_mut(number as usize % ROW) {
            *slot = series;
        }
    }

    pub(super) fn clear(&mut self) {
        self.rows.clear();
    }
}
