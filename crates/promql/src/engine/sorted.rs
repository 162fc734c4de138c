//! The values of a sliding window, kept sorted: what leaves is taken out and what enters is put in, where few do.

use std::cmp::Ordering;

/// NaN first, then by size.
#[inline]
pub(crate) fn nan_first(left: &f64, right: &f64) -> Ordering {
    right.is_nan().cmp(&left.is_nan()).then_with(|| left.partial_cmp(right).unwrap_or(Ordering::Equal))
}

/// A float as a number that is ordered as [`nan_first`] orders floats, which is quicker to compare. Zeros keep their signs.
#[inline]
fn rank(value: f64) -> i64 {
    if value.is_nan() { i64::MIN } else { flipped(value.to_bits().cast_signed()) }
}

/// The float of a rank.
#[inline]
fn value_of(rank: i64) -> f64 {
    if rank == i64::MIN { f64::NAN } else { f64::from_bits(flipped(rank).cast_unsigned()) }
}

/// Turns the order of negative floats round; its own reverse.
#[inline]
const fn flipped(bits: i64) -> i64 {
    bits ^ ((bits >> 63).cast_unsigned() >> 1).cast_signed()
}

/// The window of one series. It only ever moves forward.
#[derive(Debug, Default)]
pub(crate) struct SortedWindow {
    /// The ranks of the values of the window, sorted if `in_order`.
    ranks: Vec<i64>,
    in_order: bool,
    /// The ranks of the whole series.
    series: Vec<i64>,
    /// The window in the series.
    first: usize,
    behind: usize,
}

impl SortedWindow {
    /// Moves on to another series.
    pub(crate) fn begin(&mut self, values: &[f64]) {
        self.ranks.clear();
        self.in_order = false;
        self.series.clear();
        self.series.extend(values.iter().map(|value| rank(*value)));
        (self.first, self.behind) = (0, 0);
    }

    /// Moves to `len` values, of which the first is at the place `first` of the series, and gives the quantile of them.
    pub(crate) fn quantile(&mut self, quantile: f64, first: usize, len: usize) -> f64 {
        let behind = first + len;
        let moves = first.saturating_sub(self.first) + behind.saturating_sub(self.behind);
        let few = moves.saturating_mul(8) <= len;
        if few && self.in_order && self.first <= first && first < self.behind && self.behind <= behind {
            self.slide(first, behind);
        } else {
            let Some(inside) = self.series.get(first..behind) else { return f64::NAN };
            self.ranks.clear();
            self.ranks.extend_from_slice(inside);
            self.in_order = false;
        }
        (self.first, self.behind) = (first, behind);
        let Some((lower, upper, weight)) = between(quantile, len) else {
            return super::aggregate::quantile_of_sorted(quantile, if len == 0 { &[] } else { &[0.0] });
        };
        if few && !self.in_order {
            // The next window most likely has most of these values, too.
            self.ranks.sort_unstable();
            self.in_order = true;
        }
        let at = |place: usize| self.ranks.get(place).copied().map_or(f64::NAN, value_of);
        if self.in_order {
            return at(lower) * (1.0 - weight) + at(upper) * weight;
        }
        // Where most values change, looking for the two that matter is quicker than sorting.
        let (_, low, above) = self.ranks.select_nth_unstable(lower);
        let high = if upper > lower { above.iter().min().copied().unwrap_or(*low) } else { *low };
        value_of(*low) * (1.0 - weight) + value_of(high) * weight
    }

    fn slide(&mut self, first: usize, behind: usize) {
        for gone in self.series.get(self.first..first).unwrap_or_default() {
            if let Ok(place) = self.ranks.binary_search(gone) {
                self.ranks.remove(place);
            }
        }
        for new in self.series.get(self.behind..behind).unwrap_or_default() {
            let place = self.ranks.partition_point(|rank| rank < new);
            self.ranks.insert(place, *new);
        }
    }
}

/// Between which two of so many sorted values a quantile lies, and how near to the upper; `None` where the quantile is
/// none, or there are no values.
pub(crate) fn between(quantile: f64, len: usize) -> Option<(usize, usize, f64)> {
    let last = len.checked_sub(1)?;
    if !(0.0..=1.0).contains(&quantile) {
        return None;
    }
    let rank = quantile * last as f64;
    let lower = (rank.floor() as usize).min(last);
    Some((lower, (lower + 1).min(last), rank - rank.floor()))
}

#[cfg(test)]
mod tests;
