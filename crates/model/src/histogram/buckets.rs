//! Buckets with their bounds.

use super::{Histogram, layout};
use std::sync::LazyLock;

/// One bucket with its bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bucket {
    /// Lower bound.
    pub lower: f64,
    /// Upper bound.
    pub upper: f64,
    /// Whether an observation equal to `lower` belongs to it.
    pub lower_inclusive: bool,
    /// Whether an observation equal to `upper` belongs to it.
    pub upper_inclusive: bool,
    /// Observations; a query may make it any number.
    pub count: f64,
    /// Its index among the buckets of its side; 0 for the zero bucket.
    pub index: i32,
}

impl Bucket {
    /// Whether zero lies inside or on a bound.
    pub fn touches_zero(&self) -> bool {
        self.lower <= 0.0 && self.upper >= 0.0
    }
}

/// From one bound to the next, by schema.
const FACTORS: [f64; 9] = [
    2.0,
    // The number itself would give other bounds than Prometheus's.
    std::f64::consts::SQRT_2.next_down(),
    1.189_207_115_002_721,
    1.090_507_732_665_257_7,
    1.044_273_782_427_413_8,
    1.021_897_148_654_116_6,
    1.010_889_286_051_700_5,
    1.005_429_901_112_802_7,
    1.002_711_275_050_202_5,
];

/// The bounds from 1 to 2 of the finest schema, to the last bit as Prometheus has them: each schema has those of the one
/// before, and between them such a bound times the factor.
static FINEST: LazyLock<Vec<f64>> = LazyLock::new(|| {
    FACTORS.iter().fold(Vec::new(), |coarser: Vec<f64>, factor| {
        if coarser.is_empty() {
            return vec![1.0];
        }
        coarser.iter().flat_map(|bound| [*bound, bound * factor]).collect()
    })
});

/// `2^(place / 2^schema)` for a place below `2^schema`.
fn fraction(place: i64, schema: u32) -> f64 {
    let finest = FACTORS.len() as u32 - 1;
    let known = finest.checked_sub(schema).and_then(|shift| usize::try_from(place << shift).ok());
    // No finer schema is in use; were one, its bounds would have no example to follow.
    known
        .and_then(|index| FINEST.get(index).copied())
        .unwrap_or_else(|| (place as f64 / (1_i64 << schema) as f64).exp2())
}

/// The upper bound of a positive exponential bucket: `2^(index * 2^-schema)`; the last one before the overflow ends
/// at the largest finite number.
pub(super) fn exponential_bound(index: i32, schema: i32) -> f64 {
    let (exponent, fraction) = if schema <= 0 {
        let factor = 1_i64 << schema.unsigned_abs().min(31);
        (i64::from(index) * factor, 1.0)
    } else {
        let shift = schema.unsigned_abs().min(31);
        let place = i64::from(index) & ((1_i64 << shift) - 1);
        (i64::from(index >> shift), fraction(place, shift))
    };
    if exponent == 1024 && fraction == 1.0 {
        return f64::MAX;
    }
    // Out of this range every product is 0 or infinite; inside, two exact factors keep subnormals right.
    let exponent = exponent.clamp(-1200, 1200) as i32;
    let half = exponent / 2;
    fraction * power_of_two(half) * power_of_two(exponent - half)
}

/// Two to a power that a float of full precision has: -1022 to 1023.
const fn power_of_two(exponent: i32) -> f64 {
    f64::from_bits(((exponent + f64::MAX_EXP - 1) as u64) << (f64::MANTISSA_DIGITS - 1))
}

impl Histogram {
    /// The upper bound of the positive bucket at `index`; -Inf before the first custom bucket.
    pub fn bound(&self, index: i32) -> f64 {
        if !self.is_custom() {
            return exponential_bound(index, self.schema);
        }
        match usize::try_from(index) {
            Err(_) => f64::NEG_INFINITY,
            Ok(index) => self.custom_values.get(index).copied().unwrap_or(f64::INFINITY),
        }
    }

    fn bucket(&self, index: i32, count: f64, positive: bool) -> Bucket {
        let (near, far) = (self.bound(index.saturating_sub(1)), self.bound(index));
        let (lower, upper) = if positive { (near, far) } else { (-far, -near) };
        let custom = self.is_custom();
        Bucket {
            lower,
            upper,
            lower_inclusive: if custom { index == 0 } else { lower < 0.0 },
            upper_inclusive: custom || upper > 0.0,
            count,
            index,
        }
    }

    /// The positive (or custom) buckets from low to high, empty ones included.
    pub fn positive_iter(&self) -> impl DoubleEndedIterator<Item = Bucket> + '_ {
        layout::unpack(&self.positive_spans, &self.positive_buckets)
            .into_iter()
            .map(|(index, count)| self.bucket(index, count, true))
    }

    /// The negative buckets from near zero to far, empty ones included.
    pub fn negative_iter(&self) -> impl DoubleEndedIterator<Item = Bucket> + '_ {
        layout::unpack(&self.negative_spans, &self.negative_buckets)
            .into_iter()
            .map(|(index, count)| self.bucket(index, count, false))
    }

    /// The bucket around zero.
    pub fn zero_bucket(&self) -> Bucket {
        Bucket {
            lower: -self.zero_threshold,
            upper: self.zero_threshold,
            lower_inclusive: true,
            upper_inclusive: true,
            count: self.zero_count,
            index: 0,
        }
    }

    /// All buckets in the order of their values, empty ones included; the zero bucket only if it is filled. Reversed
    /// with `rev()`.
    pub fn all_buckets(&self) -> impl DoubleEndedIterator<Item = Bucket> + '_ {
        let zero = (self.zero_count > 0.0).then(|| self.zero_bucket());
        self.negative_iter().rev().chain(zero).chain(self.positive_iter())
    }

    /// A bucket around zero as estimates see it: with observations on one side only, it holds none of the other side,
    /// and the first custom bucket starts at zero when it reaches above it.
    pub(super) fn one_sided(&self, mut bucket: Bucket) -> Bucket {
        if bucket.touches_zero() {
            match (self.negative_buckets.is_empty(), self.positive_buckets.is_empty()) {
                (true, false) => bucket.lower = 0.0,
                (false, true) => bucket.upper = 0.0,
                _ => {}
            }
        }
        bucket
    }
}
