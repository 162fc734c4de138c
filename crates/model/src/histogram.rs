//! Native histograms: exponential buckets, or custom bounds.
//!
//! The algebra follows Prometheus 3.14: what it computes, it computes in the same order of operations, so that
//! results agree to the last bit. Nothing here panics on a malformed histogram: buckets that the spans do not
//! place, or spans without buckets, are ignored.

mod arithmetic;
mod buckets;
mod codec;
mod compensated;
mod layout;
mod quantile;
mod reset;
mod text;
mod trim;

pub use buckets::Bucket;
pub use compensated::{HistogramMean, KahanHistogram, kahan_add};
pub use quantile::{NanEffect, Quantile};

/// Schema of a histogram whose bucket bounds are listed, not computed ("native histogram with custom buckets").
pub const CUSTOM_BUCKETS_SCHEMA: i32 = -53;

/// What is known about a counter reset between a histogram and the sample before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ResetHint {
    /// Nothing is known; compare to find out.
    #[default]
    Unknown,
    /// A reset happened just before this sample.
    Reset,
    /// No reset happened.
    NoReset,
    /// A gauge: it may go down without a reset.
    Gauge,
}

/// A run of consecutive buckets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// Gap to the end of the span before, or, in the first span, the index of its first bucket.
    pub offset: i32,
    /// How many buckets.
    pub length: u32,
}

/// A native histogram with float counts (Prometheus `FloatHistogram`). Bucket counts are absolute, not deltas.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    /// What is known about a counter reset before this sample.
    pub reset_hint: ResetHint,
    /// Resolution: bucket bounds grow by `2^(2^-schema)`, schema -4 to 8; or [`CUSTOM_BUCKETS_SCHEMA`].
    pub schema: i32,
    /// Width of the bucket around zero.
    pub zero_threshold: f64,
    /// Observations in the bucket around zero.
    pub zero_count: f64,
    /// Observations in all.
    pub count: f64,
    /// Sum of all observations.
    pub sum: f64,
    /// Where the positive buckets lie.
    pub positive_spans: Vec<Span>,
    /// Where the negative buckets lie.
    pub negative_spans: Vec<Span>,
    /// Counts of the positive buckets, one per place in the spans.
    pub positive_buckets: Vec<f64>,
    /// Counts of the negative buckets, one per place in the spans.
    pub negative_buckets: Vec<f64>,
    /// Upper bounds of the buckets, only for [`CUSTOM_BUCKETS_SCHEMA`]; the last bucket ends at +Inf.
    pub custom_values: Vec<f64>,
}

/// Why an operation on histograms is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HistogramError {
    /// Exponential and custom buckets have no common layout.
    #[error("cannot apply this operation on histograms with a mix of exponential and custom bucket schemas")]
    IncompatibleSchema,
    /// A resolution that does not exist, or that is finer than the histogram's.
    #[error("cannot bring a histogram of schema {from} to schema {to}")]
    UnreachableSchema {
        /// The schema it has.
        from: i32,
        /// The schema asked for.
        to: i32,
    },
    /// The histogram contradicts itself.
    #[error("invalid histogram: {0}")]
    Invalid(&'static str),
}

/// What adding or subtracting had to do besides the arithmetic. A query turns each into an annotation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ArithmeticNotes {
    /// One side said "reset", the other "no reset"; the result knows nothing.
    pub reset_conflict: bool,
    /// The custom bounds differed, so that only those of both sides remain.
    pub bounds_reconciled: bool,
}

impl ArithmeticNotes {
    /// The remarks of both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            reset_conflict: self.reset_conflict | other.reset_conflict,
            bounds_reconciled: self.bounds_reconciled | other.bounds_reconciled,
        }
    }
}

impl Histogram {
    /// Whether the bucket bounds are listed, not computed.
    pub const fn is_custom(&self) -> bool {
        self.schema == CUSTOM_BUCKETS_SCHEMA
    }

    /// Whether `schema` is one of the exponential resolutions this crate computes, -4 to 8.
    pub const fn is_exponential_schema(schema: i32) -> bool {
        matches!(schema, -4..=8)
    }

    /// The same histogram with another hint.
    #[must_use]
    pub fn with_hint(mut self, hint: ResetHint) -> Self {
        self.reset_hint = hint;
        self
    }

    /// Drops empty buckets, except runs of at most `max_empty_buckets` between filled ones; 0 drops them all.
    ///
    /// The shape every query result has (Prometheus `FloatHistogram.Compact`).
    pub fn compact(&mut self, max_empty_buckets: u32) {
        for (spans, buckets) in [
            (&mut self.positive_spans, &mut self.positive_buckets),
            (&mut self.negative_spans, &mut self.negative_buckets),
        ] {
            // The common case: nothing to do.
            if !buckets.contains(&0.0) && spans.len() <= 1 && spans.iter().all(|span| span.length > 0) {
                continue;
            }
            if max_empty_buckets == 0 {
                (*spans, *buckets) = layout::filled(spans, buckets);
                continue;
            }
            let filled: Vec<(i32, f64)> =
                layout::unpack(spans, buckets).into_iter().filter(|(_, count)| *count != 0.0).collect();
            (*spans, *buckets) = layout::pack(&filled, max_empty_buckets);
        }
    }

    /// About the bytes it takes in memory.
    pub fn memory_bytes(&self) -> usize {
        let spans = self.positive_spans.len() + self.negative_spans.len();
        let numbers = self.positive_buckets.len() + self.negative_buckets.len() + self.custom_values.len();
        size_of::<Self>() + 8 * (spans + numbers)
    }

    /// Whether any count or the sum has overflowed to an infinity.
    pub fn has_overflow(&self) -> bool {
        self.count.is_infinite()
            || self.sum.is_infinite()
            || self.zero_count.is_infinite()
            || self.positive_buckets.iter().chain(&self.negative_buckets).any(|count| count.is_infinite())
    }

    /// Whether both are the same, bit for bit, hints aside; how the buckets are cut into spans does not matter
    /// (the `==` of PromQL, Prometheus `FloatHistogram.Equals`).
    pub fn equals(&self, other: &Self) -> bool {
        let same = |left: f64, right: f64| left.to_bits() == right.to_bits();
        let same_all = |left: &[f64], right: &[f64]| {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(*left, *right))
        };
        let same_side = |spans: &[Span], buckets: &[f64], other_spans: &[Span], other_buckets: &[f64]| {
            same_all(buckets, other_buckets)
                && (spans == other_spans
                    || layout::indexes(spans, buckets.len())
                        == layout::indexes(other_spans, other_buckets.len()))
        };
        self.schema == other.schema
            && same(self.count, other.count)
            && same(self.sum, other.sum)
            && same(self.zero_threshold, other.zero_threshold)
            && same(self.zero_count, other.zero_count)
            && (!self.is_custom() || same_all(&self.custom_values, &other.custom_values))
            && same_side(
                &self.positive_spans,
                &self.positive_buckets,
                &other.positive_spans,
                &other.positive_buckets,
            )
            && same_side(
                &self.negative_spans,
                &self.negative_buckets,
                &other.negative_spans,
                &other.negative_buckets,
            )
    }

    /// Brings the exponential buckets to a coarser resolution by merging neighbours.
    ///
    /// # Errors
    /// [`HistogramError::UnreachableSchema`] for custom buckets, an unknown schema, or a finer one.
    pub fn reduce_resolution(&mut self, schema: i32) -> Result<(), HistogramError> {
        let known = Self::is_exponential_schema(schema) && Self::is_exponential_schema(self.schema);
        if !known || schema > self.schema {
            return Err(HistogramError::UnreachableSchema { from: self.schema, to: schema });
        }
        if schema == self.schema {
            return Ok(());
        }
        let by = self.schema.abs_diff(schema);
        for (spans, buckets) in [
            (&mut self.positive_spans, &mut self.positive_buckets),
            (&mut self.negative_spans, &mut self.negative_buckets),
        ] {
            (*spans, *buckets) = layout::pack_all(&layout::coarser(layout::unpack(spans, buckets), by));
        }
        self.schema = schema;
        Ok(())
    }

    /// Whether the histogram is one that an honest source could have sent (Prometheus `FloatHistogram.Validate`).
    ///
    /// # Errors
    /// [`HistogramError::Invalid`] with the first contradiction found. Counts below zero are one of them: a query may
    /// compute such a histogram, but nobody can have observed it.
    pub fn validate(&self) -> Result<(), HistogramError> {
        let invalid = |what| Err(HistogramError::Invalid(what));
        if self.is_custom() {
            if self.zero_count != 0.0 || self.zero_threshold != 0.0 {
                return invalid("custom buckets: must not have a zero bucket");
            }
            if !self.negative_spans.is_empty() || !self.negative_buckets.is_empty() {
                return invalid("custom buckets: must not have negative buckets");
            }
            if self.custom_values.iter().any(|bound| !bound.is_finite()) {
                return invalid("custom buckets: bounds must be finite");
            }
            if self.custom_values.windows(2).any(|pair| matches!(pair, [low, high] if low >= high)) {
                return invalid("custom buckets: bounds must increase");
            }
            let beyond = |index: &i32| usize::try_from(*index).is_ok_and(|at| at > self.custom_values.len());
            let indexes = layout::indexes(&self.positive_spans, self.positive_buckets.len());
            if indexes.iter().any(|index| *index < 0 || beyond(index)) {
                return invalid("custom buckets: a bucket lies beyond the bounds");
            }
        } else if !Self::is_exponential_schema(self.schema) {
            return invalid("unknown schema");
        } else if !self.custom_values.is_empty() {
            return invalid("exponential buckets must not have custom bounds");
        }
        if !(self.zero_threshold >= 0.0 && self.zero_threshold.is_finite()) {
            return invalid("the zero threshold must not be negative");
        }
        for (spans, buckets) in
            [(&self.positive_spans, &self.positive_buckets), (&self.negative_spans, &self.negative_buckets)]
        {
            if spans.iter().skip(1).any(|span| span.offset < 0) {
                return invalid("only the first span may have a negative offset");
            }
            if spans.iter().map(|span| u64::from(span.length)).sum::<u64>() != buckets.len() as u64 {
                return invalid("the spans do not describe as many buckets as there are");
            }
            let reach = spans.iter().try_fold(0_i32, |at, span| {
                at.checked_add(span.offset)?.checked_add(i32::try_from(span.length).ok()?)
            });
            if reach.is_none() {
                return invalid("a bucket index is too large");
            }
            if buckets.iter().any(|count| *count < 0.0) {
                return invalid("a bucket counts fewer than zero observations");
            }
        }
        if self.count < 0.0 || self.zero_count < 0.0 {
            return invalid("fewer than zero observations");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
