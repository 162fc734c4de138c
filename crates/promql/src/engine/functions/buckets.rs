//! Quantiles and fractions of classic histograms: cumulative counts by upper bound.

use crate::engine::annotations::Repair;

/// One `le` series at one step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    pub(crate) upper: f64,
    /// Observations up to `upper`, all smaller buckets included.
    pub(crate) count: f64,
}

/// Counts that differ by less than this part are taken to be equal.
const TOLERANCE: f64 = 1e-12;

/// Sorts, merges equal bounds and makes counts monotonic. `None` without a bucket up to +Inf.
fn prepare(buckets: &mut Vec<Bucket>) -> Option<Option<Repair>> {
    // A total order, whatever a hostile `le` says: NaN comes behind +Inf, and then the histogram is not complete.
    buckets.sort_by(|left, right| left.upper.total_cmp(&right.upper));
    if buckets.last().is_none_or(|last| last.upper != f64::INFINITY) {
        return None;
    }
    buckets.dedup_by(|next, kept| {
        let same = next.upper == kept.upper;
        if same {
            kept.count += next.count;
        }
        same
    });
    Some(make_monotonic(buckets))
}

/// Counts that fall are lifted to the count before; tiny differences are rounding and not worth a word.
fn make_monotonic(buckets: &mut [Bucket]) -> Option<Repair> {
    let mut repair: Option<Repair> = None;
    let mut before = buckets.first()?.count;
    for bucket in buckets.iter_mut().skip(1) {
        let (count, upper) = (bucket.count, bucket.upper);
        if count == before {
            continue;
        }
        if nearly_equal(before, count) {
            bucket.count = before;
        } else if count < before {
            bucket.count = before;
            let fall = before - count;
            let known = repair.get_or_insert(Repair { min_bucket: upper, max_bucket: upper, max_diff: fall });
            known.min_bucket = known.min_bucket.min(upper);
            known.max_bucket = known.max_bucket.max(upper);
            known.max_diff = known.max_diff.max(fall);
        } else {
            before = count;
        }
    }
    repair
}

fn nearly_equal(left: f64, right: f64) -> bool {
    if left.is_nan() && right.is_nan() {
        return true;
    }
    let difference = (left - right).abs();
    let sum = left.abs() + right.abs();
    if left == 0.0 || right == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < TOLERANCE * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < TOLERANCE
}

/// Buckets made ready once, asked many times.
#[derive(Debug)]
pub(crate) struct Cumulative {
    buckets: Vec<Bucket>,
    /// What had to be repaired.
    pub(crate) repair: Option<Repair>,
    complete: bool,
}

impl Cumulative {
    pub(crate) fn new(mut buckets: Vec<Bucket>) -> Self {
        let prepared = prepare(&mut buckets);
        Self { buckets, repair: prepared.flatten(), complete: prepared.is_some() }
    }

    /// The value below which the fraction `quantile` of the observations lies, spread evenly inside a bucket.
    pub(crate) fn quantile(&self, quantile: f64) -> f64 {
        if quantile.is_nan() {
            return f64::NAN;
        }
        if quantile < 0.0 {
            return f64::NEG_INFINITY;
        }
        if quantile > 1.0 {
            return f64::INFINITY;
        }
        let buckets = self.buckets.as_slice();
        let [.., highest_finite, last] = buckets else { return f64::NAN };
        if !self.complete || last.count == 0.0 || last.count.is_nan() {
            return f64::NAN;
        }
        let rank = quantile * last.count;
        let finite = buckets.len() - 1;
        let place = buckets.iter().take(finite).position(|bucket| bucket.count >= rank).unwrap_or(finite);
        if place == finite {
            return highest_finite.upper;
        }
        let Some(bucket) = buckets.get(place) else { return f64::NAN };
        match place.checked_sub(1).and_then(|before| buckets.get(before)) {
            None if bucket.upper <= 0.0 => bucket.upper,
            None => bucket.upper * (rank / bucket.count),
            Some(before) => {
                let share = (rank - before.count) / (bucket.count - before.count);
                before.upper + (bucket.upper - before.upper) * share
            }
        }
    }

    /// The share of observations between two values.
    pub(crate) fn fraction(&self, lower: f64, upper: f64) -> f64 {
        let Some(last) = self.buckets.last() else { return f64::NAN };
        if !self.complete || self.buckets.len() < 2 || last.count == 0.0 || lower.is_nan() || upper.is_nan() {
            return f64::NAN;
        }
        if lower >= upper {
            return 0.0;
        }
        (self.rank(upper) - self.rank(lower)) / last.count
    }

    /// How many observations lie below a value.
    fn rank(&self, value: f64) -> f64 {
        let mut rank = 0.0;
        let first_begins = match self.buckets.first() {
            Some(first) if first.upper > 0.0 => 0.0,
            _ => f64::NEG_INFINITY,
        };
        let mut lower = first_begins;
        for bucket in &self.buckets {
            if lower >= value {
                return rank;
            }
            if bucket.upper > value {
                if lower == f64::NEG_INFINITY || bucket.upper == f64::INFINITY {
                    return rank;
                }
                return rank + (bucket.count - rank) * (value - lower) / (bucket.upper - lower);
            }
            rank = bucket.count;
            lower = bucket.upper;
        }
        rank
    }
}

#[cfg(test)]
mod tests;
