//! Estimates: quantiles, fractions, standard deviation.

use super::{Bucket, Histogram, kahan_add};

/// What observations of NaN did to a quantile. They are in `count` but in no bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NanEffect {
    /// There were none.
    #[default]
    None,
    /// They count as larger than all others and so skew the quantile upwards.
    Skewed,
    /// The quantile lies among them.
    Result,
}

/// A quantile, and what is to be said about it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantile {
    /// The estimate.
    pub value: f64,
    /// What NaN observations did.
    pub nan_effect: NanEffect,
}

impl Histogram {
    /// The value below which the fraction `q` of the observations lies (PromQL `histogram_quantile`).
    ///
    /// Inside a bucket observations are spread evenly over the logarithm, in the zero bucket and in custom buckets
    /// evenly over the value. `q` below 0 gives -Inf, above 1 +Inf; no observations, or `q` NaN, give NaN.
    pub fn quantile(&self, q: f64) -> Quantile {
        let plain = |value| Quantile { value, nan_effect: NanEffect::None };
        if q < 0.0 {
            return plain(f64::NEG_INFINITY);
        }
        if q > 1.0 {
            return plain(f64::INFINITY);
        }
        if self.count == 0.0 || q.is_nan() {
            return plain(f64::NAN);
        }
        // NaN observations are above everything else, so only counting from below is right with them. Otherwise the
        // nearer end loses less to rounding.
        let has_nan = self.sum.is_nan();
        let from_below = has_nan || q < 0.5;
        let (rank, (mut bucket, mut count)) = if from_below {
            let rank = q * self.count;
            (rank, bucket_at_rank(self.all_buckets(), rank))
        } else {
            let rank = (1.0 - q) * self.count;
            (rank, bucket_at_rank(self.all_buckets().rev(), rank))
        };
        let nan_effect = if has_nan { NanEffect::Skewed } else { NanEffect::None };
        if self.is_custom() {
            if bucket.lower == f64::NEG_INFINITY {
                if bucket.upper <= 0.0 {
                    return Quantile { value: bucket.upper, nan_effect };
                }
                bucket.lower = 0.0;
            } else if bucket.upper == f64::INFINITY {
                return Quantile { value: bucket.lower, nan_effect };
            }
        } else if bucket.lower < 0.0 && bucket.upper > 0.0 {
            bucket = self.one_sided(bucket);
        }
        // Rounding may have counted more than there are.
        count = count.min(self.count);
        if count < rank {
            if has_nan {
                return Quantile { value: f64::NAN, nan_effect: NanEffect::Result };
            }
            return plain(bucket.upper);
        }
        let rank_inside = if from_below { rank - (count - bucket.count) } else { count - rank };
        let fraction = rank_inside / bucket.count;
        let value = if self.is_custom() || bucket.touches_zero() {
            bucket.lower + (bucket.upper - bucket.lower) * fraction
        } else {
            let (log_lower, log_upper) = (bucket.lower.abs().log2(), bucket.upper.abs().log2());
            if bucket.lower > 0.0 {
                (log_lower + (log_upper - log_lower) * fraction).exp2()
            } else {
                -(log_upper + (log_lower - log_upper) * (1.0 - fraction)).exp2()
            }
        };
        Quantile { value, nan_effect }
    }

    /// The share of observations between two values (PromQL `histogram_fraction`), with the interpolation of
    /// [`Histogram::quantile`]. NaN observations are in no range; they only count in the whole, see
    /// [`Histogram::has_nan_observations`].
    pub fn fraction(&self, lower: f64, upper: f64) -> f64 {
        if self.count == 0.0 || lower.is_nan() || upper.is_nan() {
            return f64::NAN;
        }
        if lower >= upper {
            return 0.0;
        }
        let total = if self.sum.is_nan() {
            self.all_buckets().fold(0.0, |sum, bucket| sum + bucket.count)
        } else {
            self.count
        };
        let mut rank = 0.0;
        let (mut lower_rank, mut upper_rank) = (None, None);
        for bucket in self.all_buckets() {
            let linear = self.is_custom() || bucket.touches_zero();
            let bucket = self.one_sided(bucket);
            for (value, found) in [(lower, &mut lower_rank), (upper, &mut upper_rank)] {
                if found.is_some() {
                    continue;
                }
                if bucket.lower >= value {
                    *found = Some(rank);
                } else if bucket.upper > value {
                    *found = Some(rank + bucket.count * share_below(&bucket, value, linear));
                }
            }
            if lower_rank.is_some() && upper_rank.is_some() {
                break;
            }
            rank += bucket.count;
        }
        // Rounding may have counted more than there are.
        let bounded = |rank: Option<f64>| rank.filter(|rank| *rank <= total).unwrap_or(total);
        (bounded(upper_rank) - bounded(lower_rank)) / self.count
    }

    /// Whether observations of NaN are among the others: the sum is NaN then.
    pub const fn has_nan_observations(&self) -> bool {
        self.sum.is_nan()
    }

    /// The estimated variance (PromQL `histogram_stdvar`): each bucket stands for its geometric middle, a custom one
    /// for its arithmetic middle, the zero bucket for 0.
    pub fn stdvar(&self) -> f64 {
        let mean = self.sum / self.count;
        let (mut variance, mut compensation) = (0.0, 0.0);
        for bucket in self.all_buckets().filter(|bucket| bucket.count != 0.0) {
            let middle = if self.is_custom() {
                (bucket.upper + bucket.lower) / 2.0
            } else if bucket.touches_zero() {
                0.0
            } else {
                (bucket.upper * bucket.lower).sqrt().copysign(bucket.upper)
            };
            let delta = middle - mean;
            kahan_add(bucket.count * delta * delta, &mut variance, &mut compensation);
        }
        (variance + compensation) / self.count
    }

    /// The estimated standard deviation (PromQL `histogram_stddev`), the root of [`Histogram::stdvar`].
    pub fn stddev(&self) -> f64 {
        self.stdvar().sqrt()
    }
}

/// The first bucket at which the running count reaches `rank`, and that count; the last bucket if none does.
fn bucket_at_rank(buckets: impl Iterator<Item = Bucket>, rank: f64) -> (Bucket, f64) {
    let mut reached = Bucket::default();
    let mut count = 0.0;
    for bucket in buckets {
        reached = bucket;
        if bucket.count == 0.0 {
            continue;
        }
        count += bucket.count;
        if count >= rank {
            break;
        }
    }
    (reached, count)
}

/// Which share of a bucket's observations lies below `value`, strictly inside the bucket.
///
/// A bucket that begins at -Inf has all of them below, one that ends at +Inf none: nothing better can be said.
pub(super) fn share_below(bucket: &Bucket, value: f64, linear: bool) -> f64 {
    if bucket.lower == f64::NEG_INFINITY {
        return 1.0;
    }
    if linear {
        return (value - bucket.lower) / (bucket.upper - bucket.lower);
    }
    let (log_lower, log_upper, log_value) =
        (bucket.lower.abs().log2(), bucket.upper.abs().log2(), value.abs().log2());
    if value > 0.0 {
        (log_value - log_lower) / (log_upper - log_lower)
    } else {
        1.0 - (log_value - log_upper) / (log_lower - log_upper)
    }
}
