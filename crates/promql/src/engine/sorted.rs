//! The values of a sliding window, kept sorted: what leaves is taken out and what enters is put in, where few do.

use std::cmp::Ordering;
use std::collections::VecDeque;

/// NaN first, then by size.
#[inline]
pub(crate) fn nan_first(left: &f64, right: &f64) -> Ordering {
    right.is_nan().cmp(&left.is_nan()).then_with(|| left.partial_cmp(right).unwrap_or(Ordering::Equal))
}

/// The window of one series. It only ever moves forward.
#[derive(Debug, Default)]
pub(crate) struct SortedWindow {
    sorted: Vec<f64>,
    /// The same values in time order, and the place of the first of them in the series.
    inside: VecDeque<f64>,
    first: usize,
}

impl SortedWindow {
    /// Forgets the series.
    pub(crate) fn clear(&mut self) {
        self.sorted.clear();
        self.inside.clear();
        self.first = 0;
    }

    /// Moves to these values, of which the first is at the place `first` of its series; gives them sorted.
    pub(crate) fn slide(&mut self, first: usize, values: &[f64]) -> &[f64] {
        let leaving = first.saturating_sub(self.first);
        let staying = self.inside.len().saturating_sub(leaving);
        let entering = values.get(staying..).unwrap_or(&[]);
        let moves = leaving + entering.len();
        if moves.saturating_mul(4) > values.len() || staying + entering.len() != values.len() {
            self.sorted.clear();
            self.sorted.extend_from_slice(values);
            self.sorted.sort_unstable_by(nan_first);
            self.inside.clear();
            self.inside.extend(values);
        } else {
            for gone in self.inside.drain(..leaving) {
                if let Ok(place) = self.sorted.binary_search_by(|value| nan_first(value, &gone)) {
                    self.sorted.remove(place);
                }
            }
            for new in entering {
                let place = self.sorted.partition_point(|value| nan_first(value, new) == Ordering::Less);
                self.sorted.insert(place, *new);
                self.inside.push_back(*new);
            }
        }
        self.first = first;
        &self.sorted
    }
}

#[cfg(test)]
mod tests;
