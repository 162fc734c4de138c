//! The part of a histogram below or above a value: the operators `</` and `>/`.

use super::quantile::share_below;
use super::{Bucket, Histogram, layout};

/// Which part stays.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    Below,
    Above,
}

impl Histogram {
    /// Keeps the observations up to `value` (PromQL `</`). A bucket that holds `value` is divided as
    /// [`Histogram::fraction`] would; what lies above it in a bucket that never ends is dropped with that bucket.
    ///
    /// When anything is dropped, count and sum are estimated anew from what stays.
    pub fn trim_upper(&mut self, value: f64) {
        self.trim(value, Keep::Below);
    }

    /// Keeps the observations from `value` on (PromQL `>/`), as [`Histogram::trim_upper`] for the other end.
    pub fn trim_lower(&mut self, value: f64) {
        self.trim(value, Keep::Above);
    }

    fn trim(&mut self, value: f64, keep: Keep) {
        let mut kept = Kept::default();
        let mut zero = self.zero_bucket();
        // Only observations, not buckets, say here that there is another side.
        let populated = |counts: &[f64]| counts.iter().any(|count| *count != 0.0);
        match (populated(&self.negative_buckets), populated(&self.positive_buckets)) {
            (false, true) => zero.lower = 0.0,
            (true, false) => zero.upper = 0.0,
            _ => {}
        }
        let zero_part = match value.is_nan() && zero.count != 0.0 {
            true => (f64::NAN, f64::NAN),
            false => self.part(&zero, true, value, keep),
        };
        let zero_count = kept.take(zero_part, zero.count);
        let negative: Vec<f64> = self
            .negative_iter()
            .map(|bucket| kept.take(self.part(&bucket, false, value, keep), bucket.count))
            .collect();
        let linear = self.is_custom();
        let positive: Vec<f64> = self
            .positive_iter()
            .map(|bucket| {
                // What begins nowhere begins at zero for cuts above it; below it nothing is known of the bucket.
                let below_zero = keep == Keep::Above && value < 0.0;
                let bucket = if below_zero { bucket } else { self.starting_at_zero(bucket) };
                kept.take(self.part(&bucket, linear, value, keep), bucket.count)
            })
            .collect();
        if !kept.changed {
            return;
        }
        self.zero_count = zero_count;
        self.count = kept.count;
        self.sum = kept.sum;
        let positive_indexes = layout::indexes(&self.positive_spans, self.positive_buckets.len());
        let negative_indexes = layout::indexes(&self.negative_spans, self.negative_buckets.len());
        let pairs: Vec<_> = positive_indexes.into_iter().zip(positive).collect();
        (self.positive_spans, self.positive_buckets) = layout::pack_all(&pairs);
        let pairs: Vec<_> = negative_indexes.into_iter().zip(negative).collect();
        (self.negative_spans, self.negative_buckets) = layout::pack_all(&pairs);
        self.compact(0);
    }

    /// The first custom bucket starts at zero if it ends above zero at a known place.
    fn starting_at_zero(&self, mut bucket: Bucket) -> Bucket {
        if self.is_custom()
            && bucket.lower == f64::NEG_INFINITY
            && bucket.upper > 0.0
            && bucket.upper.is_finite()
        {
            bucket.lower = 0.0;
        }
        bucket
    }

    /// How many observations of a bucket stay, and the value each of them stands for.
    fn part(&self, bucket: &Bucket, linear: bool, value: f64, keep: Keep) -> (f64, f64) {
        let outermost = if keep == Keep::Below { f64::INFINITY } else { f64::NEG_INFINITY };
        let (lower, upper) = (bucket.lower, bucket.upper);
        let whole = match keep {
            Keep::Below => upper <= value,
            Keep::Above => lower >= value,
        };
        if whole || value == outermost {
            return (bucket.count, middle(lower, upper, linear));
        }
        let none = match keep {
            Keep::Below => lower >= value || upper == f64::INFINITY,
            Keep::Above => upper <= value || lower == f64::NEG_INFINITY,
        };
        if none || value.is_nan() || value.is_infinite() {
            return (0.0, 0.0);
        }
        // A bucket without an end on the side that is cut has its observations at the cut, for want of better.
        let below = if lower == f64::NEG_INFINITY { 1.0 } else { share_below(bucket, value, linear) };
        match keep {
            Keep::Below => (bucket.count * below, middle(lower, value, linear)),
            Keep::Above => (bucket.count * (1.0 - below), middle(value, upper, linear)),
        }
    }
}

/// The value that the observations between two bounds stand for.
fn middle(lower: f64, upper: f64, linear: bool) -> f64 {
    if lower == f64::NEG_INFINITY {
        upper
    } else if upper == f64::INFINITY {
        lower
    } else if linear {
        (lower + upper) / 2.0
    } else {
        (lower * upper).sqrt().copysign(upper)
    }
}

/// What stays of a histogram, summed up on the way.
#[derive(Default)]
struct Kept {
    count: f64,
    sum: f64,
    changed: bool,
}

impl Kept {
    fn take(&mut self, (count, value): (f64, f64), before: f64) -> f64 {
        self.changed |= count != before;
        self.count += count;
        // An empty part may stand at an infinity, which must not make a NaN.
        if count != 0.0 {
            self.sum += count * value;
        }
        count
    }
}
